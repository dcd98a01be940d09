"""The op kinds of graphs (joins, products, factors) in every backend: against the reference, differences and bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from graphs import GraphStage, graph, joined
from networks import Memory, draw
from test_guard_pages import AtTheEdge, killed_by
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

from fastnn import _kernels, layers
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn.layers import Add, Average, Concatenate, Dense, Dot, Maximum, Minimum, Multiply, Scale, Subtract

DOUBLE = np.dtype("float64")
SEVERAL = (Add(), Multiply(), Average(), Maximum(), Minimum())
WIDTHS = (1, 2, 7, 8, 9, 16, 17, 33, 67)
ROWS = (1, 2, 5, 8, 13, 37)
CASES = [
    *((layer, [(9,), (9,), (9,)]) for layer in SEVERAL),
    *((layer, [(9,), (1,), (9,), (1,)]) for layer in SEVERAL),
    *((layer, [(3, 1), (3, 5)]) for layer in (*SEVERAL, Subtract())),
    (Subtract(), [(9,), (9,)]),
    (Subtract(), [(9,), (1,)]),
    (Concatenate(), [(3,), (1,), (17,)]),
    (Concatenate(), [(4, 3), (4, 6)]),
    (Concatenate(axis=1), [(4, 3), (2, 3), (1, 3)]),
    (Concatenate(axis=-2), [(2, 4, 3), (2, 1, 3)]),
    (Dot(1), [(9,), (9,)]),
    (Dot(1, normalize=True), [(9,), (9,)]),
    (Dot((2, 1)), [(3, 5), (5, 7)]),
    (Dot(2, normalize=True), [(3, 5), (7, 5)]),
    (Dot(1), [(5, 3), (5, 7)]),
    (Dot((1, 2), normalize=True), [(5, 3), (7, 5)]),
    (Dot((1, 2)), [(5,), (7, 5)]),
    (Dot((2, 1)), [(3, 5), (5,)]),
    (Scale(), [(9,)]),
    (Scale(), [(4, 5)]),
]


def case_id(value):
    return repr(value).replace(" ", "")


def data(rng, net, rows, whole=False):
    """Inputs and gradients of outputs; whole ones are small, so that float32 adds them exactly."""
    sizes = [[int(value["size"]) for value in values] for values in (net.plan.inputs, net.plan.outputs)]
    if whole:
        return [[rng.integers(-2, 3, (rows, size)).astype(float) for size in some] for some in sizes]
    return [[draw(rng, (rows, size)) for size in some] for some in sizes]


def flat(results):
    """All arrays of outputs, gradients of parameters and of inputs."""
    ys, parameters, inputs = results
    return [*ys, parameters, *inputs]


def differences(net, xs, dys):
    """Gradients of ``sum(dy * y)`` by parameters and inputs, from central differences of the reference."""

    def value(params, inputs):
        stage = GraphStage(reference, type(net)(net.plan, params), DOUBLE)
        return sum(float((y * dy).sum()) for y, dy in zip(stage.push(inputs), dys, strict=True))

    def of(array, vary):
        found = np.zeros(array.size)
        for i in np.flatnonzero(array):
            moved = [array.copy(), array.copy()]
            for sign, other in zip((1, -1), moved, strict=True):
                other.flat[i] += sign * DIFFERENCE_STEP
            found[i] = (vary(moved[0]) - vary(moved[1])) / (2 * DIFFERENCE_STEP)
        return found.reshape(array.shape)

    inputs = [
        of(x, lambda moved, i=i: value(net.params, [moved if j == i else x for j, x in enumerate(xs)]))
        for i, x in enumerate(xs)
    ]
    return of(net.params, lambda params: value(params, xs)), inputs


@pytest.mark.parametrize(("layer", "shapes"), CASES, ids=case_id)
def test_gradients_equal_differences(rng, layer, shapes):
    net = joined(rng, layer, shapes)
    xs, dys = data(rng, net, 3)
    _, parameters, inputs = GraphStage(reference, net, DOUBLE).run(xs, dys)
    numeric, of_inputs = differences(net, xs, dys)
    for got, expected in zip([parameters, *inputs], [numeric, *of_inputs], strict=True):
        assert (np.abs(got - expected) <= difference_limit(expected)).all()


@pytest.mark.covering
@pytest.mark.parametrize(("layer", "shapes"), CASES, ids=case_id)
@pytest.mark.parametrize("rows", [1, 37])
def test_joins_equal_the_reference(backend, dtype, rng, layer, shapes, rows):
    net = joined(rng, layer, shapes)
    xs, dys = data(rng, net, rows)
    ours = GraphStage(backend, net, dtype)
    right = GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, net.depth + rows)
    ours.check()


def exact_cases(width):
    wide, narrow = (width,), (1,)
    for layer in (Add(), Subtract(), Multiply(), Maximum(), Minimum()):
        yield layer, [wide, wide]
        yield layer, [narrow, wide]
    for layer in (Add(), Multiply(), Average(), Maximum(), Minimum()):
        yield layer, [wide, wide, narrow, wide]
    yield from ((Concatenate(), [wide, narrow, (3,)]), (Concatenate(axis=1), [(2, width), (1, width)]))
    yield from ((Dot(1), [wide, wide]), (Dot((2, 1)), [(3, width), (width, 2)]), (Dot(2), [(width, 3), (width, 3)]))
    yield from ((Dot(1), [(3, width), (3, width)]), (Scale(), [wide]), (Scale(), [(2, width)]))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", WIDTHS)
def test_whole_numbers_give_equal_bits(backend, dtype, rng, width):
    for i, (layer, shapes) in enumerate(exact_cases(width)):
        net = joined(rng, layer, shapes)
        net.params[net.params != 0] = rng.integers(1, 4, np.count_nonzero(net.params))
        xs, dys = data(rng, net, ROWS[i % len(ROWS)], whole=True)
        ours = GraphStage(backend, net, dtype)
        right = GraphStage(reference, net, DOUBLE)
        for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
            np.testing.assert_array_equal(got, expected, case_id(layer))
        ours.check()


@pytest.mark.parametrize("layer", [Maximum(), Minimum()], ids=case_id)
def test_gradient_of_a_tie_is_shared_two_at_a_time(backend, dtype, rng, layer):
    net = joined(rng, layer, [(2,), (2,), (2,)])
    side = 1.0 if isinstance(layer, Maximum) else -1.0
    xs = [side * np.array(row) for row in ([[3.0, 5.0]], [[3.0, 5.0]], [[3.0, 1.0]])]
    _, _, inputs = GraphStage(backend, net, dtype).run(xs, [np.array([[8.0, 6.0]])])
    np.testing.assert_array_equal(inputs, [[[2.0, 3.0]], [[2.0, 3.0]], [[4.0, 0.0]]])


@pytest.mark.parametrize("layer", [Maximum(), Minimum()], ids=case_id)
def test_a_missing_number_goes_through_a_maximum(backend, dtype, rng, layer):
    net = joined(rng, layer, [(2,), (2,)])
    xs = np.array([[np.nan, 1.0]]), np.array([[2.0, np.nan]])
    (y,) = GraphStage(backend, net, dtype).push(xs)
    assert np.isnan(y).all()


def test_a_norm_of_zero_gives_zero_and_a_finite_gradient(backend, dtype, rng):
    net = joined(rng, Dot(1, normalize=True), [(5,), (5,)])
    xs, dys = [np.zeros((2, 5)), np.ones((2, 5))], [np.ones((2, 1))]
    (y,), _, inputs = GraphStage(backend, net, dtype).run(xs, dys)
    assert not y.any()
    assert_close(inputs[0], np.full((2, 5), 1e7 / math.sqrt(5)), dtype, 5)


@pytest.mark.parametrize("layer", [Add(), Multiply(), Subtract(), Average(), Maximum(), Concatenate()], ids=case_id)
def test_an_edge_read_twice_has_the_sum_of_both_gradients(backend, dtype, rng, layer):
    net = graph(rng, [layer], [(0, (0, 0))], [(9,)], [1])
    xs, dys = data(rng, net, 7)
    _, _, (dx,) = GraphStage(backend, net, dtype).run(xs, dys)
    x, dy = xs[0], dys[0]
    expected = {
        "Add": lambda: 2 * dy,
        "Multiply": lambda: 2 * x * dy,
        "Subtract": lambda: 0 * dy,
        "Average": lambda: dy,
        "Maximum": lambda: dy,
        "Concatenate": lambda: dy[:, :9] + dy[:, 9:],
    }
    assert_close(dx, expected[type(layer).__name__](), dtype, 2, np.abs(dy).max())


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("width", "n_out"), [(9, 4), (67, 33), (300, 129), (130, 301)])
def test_gradient_past_a_dense_layer_is_added(backend, dtype, rng, width, n_out):
    """``x`` reaches the output beside a Dense layer, whose product then adds to a gradient that is there."""
    nodes = [(0, (0,)), (1, (1,)), (2, (0, 2))]
    net = graph(rng, [Dense(n_out, "tanh"), Dense(width), Add()], nodes, [(width,)], [3])
    net.params *= width**-0.5
    xs, dys = data(rng, net, 23)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, net.depth)
    ours.check()


def many_joins(rng, **compiled):
    """A graph with every kind, and parameters that are used twice."""
    made = [Dense(33, "tanh"), Scale(), Maximum(), Multiply(), Dense(1), Add(), Concatenate(), Dot(1, normalize=True)]
    nodes = [
        *((0, (0,)), (0, (1,)), (1, (2,)), (1, (3,)), (2, (2, 4, 5)), (4, (6,)), (3, (5, 7, 6)), (5, (8, 7))),
        *((6, (9, 7, 3)), (7, (9, 8)), (6, (10, 11))),
    ]
    return graph(rng, made, nodes, [(17,), (17,)], [12, 9], **compiled)


def test_any_number_of_threads_gives_the_same_bits(rng, dtype, monkeypatch):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    net = many_joins(rng, batch_size=200)
    xs, dys = data(rng, net, 200)
    found = []
    before = native.flop_a_thread(1.0)
    try:
        for n in (1, 2, 5):
            with threads.limited(n):
                found.append(flat(GraphStage(native, net, dtype).run(xs, dys)))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        for got, expected in zip(results, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_graph_of_all_kinds_equals_the_reference(backend, dtype, rng):
    net = many_joins(rng)
    xs, dys = data(rng, net, 29)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, net.depth)
    ours.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("rows", [1, 13])
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, rows):
    net = many_joins(rng, batch_size=rows)
    xs, dys = data(rng, net, rows)

    def work():
        stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
        stage.place = lambda values: edge.copy(values, dtype)
        stage.run(xs, dys)
        out = [edge.array((rows, int(value["size"])), dtype) for value in net.plan.outputs]
        backend.predict(net.plan, stage.arenas, stage.xs, tuple(out))

    assert killed_by(work) == 0


def test_every_joining_layer_has_cases():
    others = {"Lambda", "SimpleRNN", "LSTM", "GRU", "Bidirectional", "MultiHeadAttention", "Attention", "WithMask"}
    joining = {name for name, layer in layers.LAYERS.items() if layer.n_inputs not in (0, 1)} - others
    assert joining == {type(layer).__name__ for layer, _ in CASES} - {"Scale"}
    Memory().check()
