"""Layers of one operation for the tests, so that a kernel meets sizes and masks that no layer of the package makes."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

import numpy as np
import pytest
from graphs import GraphStage, graph
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import DOUBLE, data, flat
from tolerance import assert_close

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn._ops import Operation, attention, blank, embedding, mask, masked_mean, position
from fastnn._ops.base import NO_PENALTY
from fastnn.initializers import RandomNormal
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter


@described
class Single(Described):
    """One operation, whatever comes."""

    operation: Any
    shape: Any
    table: Any = None
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    n_inputs = None

    def output_shape(self, *shapes):
        return self.shape

    def parameters(self, *shapes):
        return () if self.table is None else (self.table,)

    def operations(self, *shapes):
        return (self.operation,)


def looked_up(rows, n, steps, penalty=NO_PENALTY):
    operation = Operation(embedding.OP, 1, n, steps, w=0, geometry=(rows,))
    return Single(operation, (steps, n), Parameter("table", (rows, n), RandomNormal(), penalty)), [(steps,)]


def masked(n, steps, value=0.0):
    return Single(Operation(mask.OP, n, 1, steps, numbers=(value,)), (steps,)), [(steps, n)]


def blanked(n, steps):
    return Single(Operation(blank.OP, n, n, steps), (steps, n)), [(steps, n), (steps,)]


def averaged(n, steps):
    return Single(Operation(masked_mean.OP, n, n, geometry=(steps,)), (n,)), [(steps, n), (steps,)]


def placed(n, steps, longest):
    operation = Operation(position.OP, steps * n, steps * n, w=0, geometry=(longest * n,))
    return Single(operation, (steps, n), Parameter("places", (longest, n), RandomNormal())), [(steps, n)]


def attending(heads, queries, keys, d, e, *, mask_rows=0, causal=0, gives_weights=0, rate=0.0, scale=0.5):
    geometry = heads, queries, keys, d, e, mask_rows, causal, gives_weights
    size = queries * heads * e + gives_weights * heads * queries * keys
    operation = Operation(
        attention.OP, heads * d, heads * e, queries, rate=rate, geometry=geometry, numbers=(scale,), size=size
    )
    shapes = [(queries, heads * d), (keys, heads * d), (keys, heads * e)]
    return Single(operation, (size,)), shapes + [(mask_rows, keys)] * bool(mask_rows)


def alone(rng, made, **more):
    """A network of one layer that reads all inputs."""
    layer, shapes = made
    return graph(rng, [layer], [(0, tuple(range(len(shapes))))], shapes, [len(shapes)], **more)


def with_masks(rng, net, rows, count, whole=False):
    """Inputs, the last of them a mask of zeros and ones when there are more than ``count``; gradients of outputs."""
    xs, dys = data(rng, net, rows, whole)
    for x in xs[count:]:
        x[...] = rng.random(x.shape) < 0.6
        x[rng.random(rows) < 0.3] = 0
    return xs, dys


def agree(backend, dtype, net, xs, dys, k, **more):
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys, **more)), flat(right.run(xs, dys, **more)), strict=True):
        assert_close(got, expected, dtype, k)
    ours.check()


def same(backend, dtype, net, xs, dys, **more):
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys, **more)), flat(right.run(xs, dys, **more)), strict=True):
        np.testing.assert_array_equal(got, expected)
    ours.check()


def on_threads(work):
    """What ``work`` gives on the native backend with 1, 2 and 5 threads."""
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    before, found = native.flop_a_thread(1.0), []
    try:
        for n in (1, 2, 5):
            with threads.limited(n):
                found.append(work(native))
    finally:
        native.flop_a_thread(before)
    return found


def check_same(found):
    for results in found[1:]:
        for got, expected in zip(results, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


def signal_at_the_edge(backend, dtype, net, xs):
    """What kills a process that runs forward and back with inputs and parameters before a forbidden page."""

    def run(edge=None):
        stage = GraphStage(backend, net, dtype)
        if edge:
            stage.place = lambda values: edge.copy(values, dtype)
            stage.arenas = replace(stage.arenas, params=edge.copy(net.params, dtype))
        stage.push(xs)
        stage.pull()

    run()  # Numba compiles here, not in a child
    return killed_by(lambda: run(AtTheEdge()))
