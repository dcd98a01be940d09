"""Graphs for the tests: layers with several inputs and outputs, compiled, and run on a backend forward and back."""

from __future__ import annotations

import numpy as np
from networks import Network, Stage, draw

from fastnn import _plan as plan
from fastnn import losses
from fastnn._plan.layout import lay_out_graph


def graph(rng, layers, nodes, shapes, outputs, *, frozen=(), loss="mse", batch_size=64, **compiled) -> Network:
    """Lay out and compile with a loss for each output; ``nodes`` as in ``lay_out_graph``, parameters are normal."""
    laid = lay_out_graph(layers, nodes, shapes, outputs, frozen)
    made = plan.compile_plan(
        laid,
        batch_size=batch_size,
        losses=[losses.get(loss) for _ in outputs],
        n_samples=batch_size,
        **({"input_gradients": True} | compiled),
    )
    params = np.zeros(laid.n_params)
    for variable in laid.variables:
        params[variable.offset : variable.offset + variable.size] = draw(rng, variable.size, 0.7)
    return Network(made, params)


def joined(rng, layer, shapes, **compiled) -> Network:
    """One layer that reads all inputs."""
    return graph(rng, [layer], [(0, tuple(range(len(shapes))))], shapes, [len(shapes)], **compiled)


class GraphStage(Stage):
    """A network with several inputs and outputs on one backend in one dtype."""

    def push(self, xs, **more):
        """Outputs of a block."""
        self.xs = tuple(self.place(x) for x in xs)
        return [y.astype(np.float64) for y in self.backend.forward(self.plan, self.arenas, self.xs, **more)]

    def pull(self, accumulate=False):
        """Gradients of parameters and of inputs; those of the outputs are there."""
        self.backend.backward(self.plan, self.arenas, self.xs, accumulate, 0.0)
        rows = len(self.xs[0])
        return self.arenas.grads.astype(np.float64), [self._gradient(value, rows) for value in self.plan.inputs]

    def run(self, xs, dys, **more):
        """Outputs, gradients of parameters and of inputs, from gradients of the outputs."""
        ys = self.push(xs, **more)
        for value, dy in zip(self.plan.outputs, dys, strict=True):
            self.arenas.workspace[int(value["grad"]) :][: dy.size] = dy.ravel()
        return ys, *self.pull()

    def step(self, xs, targets):
        """Loss, gradients of parameters and of inputs."""
        self.push(xs, training=True)
        placed = tuple(self.place(target) for target in targets)
        self.sums[...] = 0
        self.backend.loss(self.plan, self.arenas, placed, (None,) * len(placed), self.sums, 1 / len(xs[0]))
        return self.sums[0] / len(xs[0]), *self.pull()

    def _gradient(self, value, rows):
        size = int(value["size"])
        return self.arenas.workspace[int(value["grad"]) :][: rows * size].reshape(rows, size).astype(np.float64)
