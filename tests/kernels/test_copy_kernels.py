"""The op kind that moves numbers in every backend: against the reference, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph, joined
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import case_id, data, differences, flat
from tolerance import difference_limit

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn.layers import (
    Concatenate,
    Cropping1D,
    Cropping2D,
    Flatten,
    Permute,
    RepeatVector,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

DOUBLE = np.dtype("float64")
CASES = [
    (ZeroPadding1D((2, 1)), (3, 5)),
    (ZeroPadding2D(((1, 0), (2, 3))), (4, 3, 2)),
    (ZeroPadding2D((0, 1)), (3, 9, 17)),
    (Cropping1D((1, 2)), (6, 3)),
    (Cropping2D(((1, 0), (0, 2))), (4, 5, 3)),
    (Cropping2D(((0, 2), (0, 0))), (4, 5, 3)),
    (UpSampling1D(3), (4, 7)),
    (UpSampling2D((2, 3)), (3, 2, 1)),
    (UpSampling2D(2), (2, 3, 19)),
    (RepeatVector(5), (9,)),
    (RepeatVector(3), (1,)),
    (Permute((2, 1)), (17, 35)),
    (Permute((2, 1)), (3, 8)),
    (Permute((3, 1, 2)), (4, 5, 9)),
    (Permute((2, 1, 3)), (4, 5, 9)),
    (Permute((3, 2, 1)), (9, 4, 17)),
    (Permute((1, 3, 2)), (3, 33, 7)),
    (Permute((5, 3, 4, 2, 1)), (2, 3, 2, 2, 3)),
]
LARGE = ((Permute((2, 1)), (67, 129)), (UpSampling2D(2), (9, 8, 33)), (ZeroPadding2D(3), (17, 16, 5)))


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_gradients_equal_differences(rng, layer, shape):
    net = joined(rng, layer, [shape])
    xs, dys = data(rng, net, 1)
    _, _, (dx,) = GraphStage(reference, net, DOUBLE).run(xs, dys)
    _, (numeric,) = differences(net, xs, dys)
    assert (np.abs(dx - numeric) <= difference_limit(numeric)).all()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.long) for case in LARGE)],
    ids=case_id,
)
def test_whole_numbers_give_equal_bits(backend, dtype, rng, layer, shape):
    net = joined(rng, layer, [shape])
    for rows in (1, 9):
        xs, dys = data(rng, net, rows, whole=True)
        ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
        for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
            np.testing.assert_array_equal(got, expected)
        ours.check()


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_a_gradient_that_is_there_is_added_to(backend, dtype, rng, layer, shape):
    """The input is read twice: the way back of the second reader sets its gradient, that of the first adds."""
    made = [layer, Flatten(), Concatenate()]
    net = graph(rng, made, [(0, (0,)), (1, (1,)), (1, (0,)), (2, (2, 3))], [shape], [4])
    xs, dys = data(rng, net, 3, whole=True)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    (got,), (expected,) = ours.run(xs, dys)[2], right.run(xs, dys)[2]
    np.testing.assert_array_equal(got, expected)
    ours.check()


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_what_is_no_number_is_moved_as_it_is(backend, dtype, rng, layer, shape):
    net = joined(rng, layer, [shape])
    (x,), _ = data(rng, net, 2)
    x[0, ::3], x[1, 1::4] = np.nan, -np.inf
    (got,), (expected,) = GraphStage(backend, net, dtype).push([x]), GraphStage(reference, net, DOUBLE).push([x])
    np.testing.assert_array_equal(got, expected)


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    made = [UpSampling2D(3), Permute((2, 1, 3)), ZeroPadding2D(2), Cropping2D(1)]
    net = graph(rng, made, [(i, (i,)) for i in range(4)], [(3, 4, 5)], [4], batch_size=90)
    xs, dys = data(rng, net, 90)
    found, before = [], native.flop_a_thread(1.0)
    try:
        for n in (1, 2, 5):
            with threads.limited(n):
                found.append(flat(GraphStage(native, net, dtype).run(xs, dys)))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        for got, expected in zip(results, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, layer, shape):
    net = joined(rng, layer, [shape], batch_size=3)
    (x,), _ = data(rng, net, 3)

    def work():
        stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
        stage.push([edge.copy(x, dtype)])
        out = edge.array((3, int(net.plan.outputs[0]["size"])), dtype)
        backend.predict(net.plan, stage.arenas, (edge.copy(x, dtype),), (out,))

    assert killed_by(work) == 0
