"""Recurrent layers for the tests as one op each: a mask is an input, and outputs and last states are one row."""

from __future__ import annotations

import numpy as np
from graphs import joined
from networks import Network, draw

from fastnn.layers import GRU, LSTM, SimpleRNN

KINDS = {
    "simple_rnn": (SimpleRNN, {}),
    "lstm": (LSTM, {}),
    "gru": (GRU, {}),
    "gru-before": (GRU, {"reset_after": False}),
}
WEIGHT = 0.25  # of normal parameters, so that no step blows up what came before


def bare(kind: str, units: int, *, masked: bool = False, flips: bool = False, **arguments):
    """The layer, whose inputs are the sequence, maybe a mask, and maybe the states before the first step."""
    base, more = KINDS[kind]

    class Bare(base):
        n_outputs = 1

        def _n_written(self, steps):
            states = self.cell.n_states if self.return_state else 0
            return ((steps if self.return_sequences else 1) + states) * self.units

        def output_shapes(self, *shapes):
            return [(self._n_written(shapes[0][0]),)]

        def output_shape(self, *shapes):
            return self.output_shapes(*shapes)[0]

        def operations(self, *shapes, masks=()):
            n_starts = len(shapes) - 1 - masked
            return (self.recurrence(shapes[0], tuple(range(len(shapes))), int(masked), n_starts, flips=int(flips)),)

    return Bare(units, **more, **arguments)


def shapes_of(layer, features: int, steps: int, masked: bool = False, started: bool = False):
    """Shapes of its inputs."""
    states = layer.cell.n_states if started else 0
    return [(steps, features), *[(steps,)] * masked, *[(layer.units,)] * states]


def cell_network(
    rng, kind, units, features, steps, *, masked=False, started=False, flips=False, compiled=None, **arguments
) -> Network:
    """A network of one such layer."""
    layer = bare(kind, units, masked=masked, flips=flips, **arguments)
    net = joined(rng, layer, shapes_of(layer, features, steps, masked, started), **(compiled or {}))
    net.params *= WEIGHT
    return net


def cell_data(rng, net: Network, rows: int, masked: bool = False):
    """Inputs, of which the second may be a mask with a sequence of no step, and the output's gradient."""
    xs = [draw(rng, (rows, int(value["size"]))) for value in net.plan.inputs]
    if masked:
        xs[1] = np.asarray(rng.random(xs[1].shape) < 0.7, float)
        xs[1][-1] = 0
    return xs, [draw(rng, (rows, int(net.plan.outputs[0]["size"])))]
