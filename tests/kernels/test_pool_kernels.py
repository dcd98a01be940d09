"""The op kind of pooling in every backend: against the reference, differences and bits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from graphs import GraphStage, graph, joined
from networks import draw
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import case_id, data, differences, flat
from tolerance import assert_close, difference_limit

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn._plan.records import POOLED_BEFORE, POOLED_NEXT
from fastnn.layers import (
    Add,
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    MaxPooling1D,
    MaxPooling2D,
)

DOUBLE = np.dtype("float64")
CHANNELS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67, 130)  # around lanes, and around four vectors of them
FORMS = (
    ((4, 6), 2, None, "valid"),
    ((5, 7), 2, None, "valid"),
    ((5, 7), 2, None, "same"),
    ((5, 6), 3, 2, "valid"),
    ((6, 5), 3, 2, "same"),
    ((4, 4), 2, 1, "same"),
    ((7, 5), (2, 3), (3, 4), "valid"),
    ((3, 4), (3, 4), 1, "valid"),
    ((3, 5), (2, 2), (5, 5), "same"),
    ((1, 1), 2, 1, "same"),
    ((4, 9), (4, 2), None, "same"),
)
CASES = [
    *((kind(*form[1:]), (*form[0], 2 + i % 3)) for i, form in enumerate(FORMS) for kind in (MaxPooling2D,)),
    *((kind(*form[1:]), (*form[0], 1 + i % 3)) for i, form in enumerate(FORMS) for kind in (AveragePooling2D,)),
    (MaxPooling1D(3, 2, "same"), (8, 3)),
    (AveragePooling1D(2), (7, 2)),
    (GlobalMaxPooling1D(), (6, 3)),
    (GlobalAveragePooling2D(), (3, 3, 5)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_gradients_equal_differences(rng, layer, shape):
    net = joined(rng, layer, [shape])
    xs, dys = data(rng, net, 2)
    _, _, (dx,) = GraphStage(reference, net, DOUBLE).run(xs, dys)
    _, (numeric,) = differences(net, xs, dys)
    assert (np.abs(dx - numeric) <= difference_limit(numeric)).all()
    assert numeric.any()


@pytest.mark.covering("rows", "dtype")
@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
@pytest.mark.parametrize("rows", [1, 37])
def test_pooling_equals_the_reference(backend, dtype, rng, layer, shape, rows):
    net = joined(rng, layer, [shape])
    xs, dys = data(rng, net, rows)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, math.prod(shape[:-1]))
    ours.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_whole_numbers_give_equal_bits(backend, dtype, rng, kind, channels):
    """Multiples of all numbers of places that a window can have: their means are whole, and so are their shares."""
    for i, (shape, size, strides, padding) in enumerate(FORMS):
        net = joined(rng, kind(size, strides, padding), [(*shape, channels)])
        xs, dys = data(rng, net, 1 + i % 4, whole=True)
        if kind is AveragePooling2D:
            xs, dys = ([72 * array for array in arrays] for arrays in (xs, dys))
        ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
        for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
            np.testing.assert_array_equal(got, expected, case_id((shape, size, strides, padding)))
        ours.check()


@pytest.mark.parametrize("channels", [1, 6, 8, 19])
@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_a_gradient_that_is_there_is_added_to(backend, dtype, rng, kind, channels):
    """Two poolings read one image: the way back of the second sets its gradient, that of the first adds."""
    made = [kind(2, padding="same"), MaxPooling2D(3, 2, "same"), Add()]
    net = graph(rng, made, [(0, (0,)), (1, (0,)), (2, (1, 2))], [(5, 6, channels)], [3])
    xs, dys = data(rng, net, 3, whole=True)
    dys = [16 * dy for dy in dys]
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    (got,), (expected,) = ours.run(xs, dys)[2], right.run(xs, dys)[2]
    np.testing.assert_array_equal(got, expected)
    ours.check()


@pytest.mark.parametrize("channels", [1, 3, 8, 21])
def test_a_missing_number_is_the_largest_and_spoils_its_windows_alone(backend, dtype, rng, channels):
    for layer in (MaxPooling2D(2, 1, "same"), MaxPooling2D(), AveragePooling2D(2), GlobalMaxPooling1D()):
        shape = (4, 5, channels)[layer.rank == 1 :]
        net = joined(rng, layer, [shape])
        (x,), dys = data(rng, net, 3)
        x.reshape(3, -1, channels)[1, (0, 2), channels // 2] = np.nan
        x.reshape(3, -1, channels)[2, 3, 0] = np.inf
        with np.errstate(invalid="ignore"):
            results = [
                flat(GraphStage(*how).run([x], dys)) for how in ((backend, net, dtype), (reference, net, DOUBLE))
            ]
        assert np.isnan(results[1][0]).any()
        assert not np.isnan(results[1][0][0]).any()
        for got, expected in zip(*results, strict=True):
            assert_close(got, expected, dtype, 20)


def test_the_first_missing_number_of_a_window_has_the_gradient(backend, dtype, rng):
    net = joined(rng, MaxPooling2D(), [(2, 2, 1)])
    x = np.array([[1.0, np.nan, np.nan, 5.0]])
    (y,), _, (dx,) = GraphStage(backend, net, dtype).run([x], [np.array([[3.0]])])
    assert np.isnan(y).all()
    assert dx.tolist() == [[0, 3, 0, 0]]


@pytest.mark.parametrize("channels", [1, 9])
def test_padding_wins_over_no_infinity(backend, dtype, rng, channels):
    net = joined(rng, MaxPooling2D(2, padding="same"), [(3, 3, channels)])
    x, dy = np.full((1, 9 * channels), -np.inf), np.arange(1.0, 1 + 4 * channels)[None]
    (y,), _, (dx,) = GraphStage(backend, net, dtype).run([x], [dy])
    assert np.isneginf(y).all()
    assert dx.sum() == dy.sum()


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    made = [
        Conv2D(19, 2, activation="tanh"),
        AveragePooling2D(3, 2, "same"),
        MaxPooling2D(2, 1),
        GlobalAveragePooling2D(),
    ]
    net = graph(rng, made, [(i, (i,)) for i in range(4)], [(9, 8, 3)], [4], batch_size=90)
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
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, channels):
    for layer in (MaxPooling2D(2, padding="same"), AveragePooling2D(3, 1), GlobalAveragePooling2D()):
        net = joined(rng, layer, [(5, 7, channels)], batch_size=3)
        x = draw(rng, (3, 35 * channels))

        def work(net=net, x=x):
            stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
            stage.push([edge.copy(x, dtype)])
            out = edge.array((3, int(net.plan.outputs[0]["size"])), dtype)
            backend.predict(net.plan, stage.arenas, (edge.copy(x, dtype),), (out,))

        assert killed_by(work) == 0


@pytest.mark.parametrize("channels", [1, 3, 5, 9])
@pytest.mark.parametrize("layer", [MaxPooling2D(), MaxPooling2D(3, 1, "same"), MaxPooling2D(2, 3)], ids=case_id)
def test_the_sign_of_a_zero_is_the_same_on_all_instruction_sets(rng, dtype, layer, channels):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    net = graph(rng, [layer, MaxPooling2D()], [(0, (0,)), (1, (0,))], [(6, 6, channels)], [1, 2])
    xs, dys = data(rng, net, 2, whole=True)
    dys = [-np.abs(dy) for dy in dys]  # -0.0 is among them
    found, before = [], native.isa()
    try:
        for isa in [name for name, _, runs in native.isas() if runs]:
            native.use_isa(isa)
            found.append([np.signbit(result) for result in flat(GraphStage(native, net, dtype).run(xs, dys))])
    finally:
        native.use_isa(before)
    for signs in found[1:]:
        for got, expected in zip(signs, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


POOLED = [
    (Conv2D(1, 3, activation="relu"), MaxPooling2D(), (8, 9, 2)),
    (Conv2D(6, 3, padding="same", activation="tanh"), MaxPooling2D(padding="same"), (7, 5, 1)),
    (Conv2D(19, 2, activation="relu"), MaxPooling2D((2, 1)), (6, 4, 3)),
    (Conv2D(9, (1, 2), use_bias=False), MaxPooling2D(2, 3), (5, 9, 4)),
    (Conv2D(33, 2, activation="elu", groups=1), MaxPooling2D((3, 2)), (4, 7, 2)),
    (Conv2D(8, 2, groups=2), MaxPooling2D(), (5, 5, 4)),
    (DepthwiseConv2D(2, activation="leaky_relu"), MaxPooling2D(), (6, 5, 11)),
    (Conv1D(5, 3, padding="causal", activation="relu"), MaxPooling1D(), (9, 3)),
    # maxima that stand for their windows in the kernel's gradient: lines and vectors of all numbers
    (Conv2D(10, 5, activation="relu"), MaxPooling2D(), (10, 11, 6)),
    (Conv2D(5, (7, 2), activation="relu"), MaxPooling2D(), (12, 8, 25)),
    (Conv2D(9, (4, 3), strides=(2, 1), padding="same"), MaxPooling2D((3, 2)), (13, 6, 7)),
    (Conv1D(12, 4, strides=3, activation="relu"), MaxPooling1D(4), (26, 3)),
    # and that are taken along a line, before numbers are turned to channels
    (Conv2D(6, 5, padding="same", activation="relu"), MaxPooling2D(), (6, 35, 1)),
    (Conv2D(3, 3, activation="tanh", use_bias=False), MaxPooling2D(), (7, 72, 1)),
    (Conv2D(2, (3, 2), strides=(2, 1)), MaxPooling2D(), (9, 18, 1)),
]


def pooled(rng, conv, pool, shape, **compiled):
    """Both in the middle, where gradients of the input are wanted, too."""
    made = graph(rng, [conv, pool], [(0, (0,)), (1, (1,))], [shape], [2], **compiled)
    assert made.plan.ops["pooled"].tolist() == [POOLED_NEXT, POOLED_BEFORE]
    return made


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("rows", [1, 19])
@pytest.mark.parametrize(("conv", "pool", "shape"), POOLED, ids=case_id)
def test_convolutions_and_their_maxima_equal_the_reference(backend, dtype, rng, conv, pool, shape, rows):
    net = pooled(rng, conv, pool, shape)
    xs, dys = data(rng, net, rows)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, rows * math.prod(shape) * 4)
    ours.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("conv", "pool", "shape"), [case for case in POOLED if case[0].activation.name == "relu"])
def test_maxima_of_whole_numbers_have_equal_bits(backend, dtype, rng, conv, pool, shape):
    """Whole numbers are equal often: the first of a window has the gradient."""
    net = pooled(rng, conv, pool, shape)
    net.params[...] = np.round(net.params)
    xs, dys = data(rng, net, 5, whole=True)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_missing_number_among_convolved_ones_is_the_largest(backend, dtype, rng):
    net = pooled(rng, Conv2D(3, 1), MaxPooling2D(), (4, 4, 3))
    xs, dys = data(rng, net, 2)
    xs[0][1, 7] = np.nan
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    (got,), _, (dx,) = ours.run(xs, dys)
    (expected,), _, (right_dx,) = right.run(xs, dys)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    assert_close(dx, right_dx, dtype, 12)


def bits_of_pooled(native, net, dtype, rows, isa, n_threads):
    xs, dys = data(np.random.default_rng(3), net, rows)
    before, flops = native.isa(), native.flop_a_thread(1.0)
    try:
        native.use_isa(isa)
        with threads.limited(n_threads):
            return flat(GraphStage(native, net, dtype).run(xs, dys))
    finally:
        native.use_isa(before)
        native.flop_a_thread(flops)


@pytest.mark.parametrize("rows", [5, 90])  # threads share a kernel's rows, or a batch's shards
@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (Conv2D(6, 3, activation="relu"), (9, 8, 3)),
        (Conv2D(10, 5, activation="relu"), (10, 11, 6)),
        (Conv1D(5, 23), (40, 7)),  # one line of many numbers
        (Conv2D(6, 5, padding="same", activation="relu"), (6, 35, 1)),
    ],
    ids=case_id,
)
def test_pooled_convolutions_have_the_same_bits_on_all_threads_and_instruction_sets(rng, dtype, conv, shape, rows):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    net = pooled(rng, conv, MaxPooling1D(4) if len(shape) == 2 else MaxPooling2D(), shape, batch_size=rows)
    isas = [name for name, _, runs in native.isas() if runs and name != "portable"] or [native.isa()]
    expected = bits_of_pooled(native, net, dtype, rows, isas[0], 1)
    for isa, n_threads in itertools.product(isas, (1, 2, 5)):
        for got, right in zip(bits_of_pooled(native, net, dtype, rows, isa, n_threads), expected, strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize(
    "layers",
    [
        [Conv2D(4, 3), MaxPooling2D(3, 2)],
        [Conv2D(4, 3), AveragePooling2D()],
        [Conv2D(4, 3, activation="gelu"), MaxPooling2D()],
        [Conv2D(4, 3, activation="softmax"), MaxPooling2D()],
        [Conv2D(4, 3, activity_regularizer="l2"), MaxPooling2D()],
        [Conv2D(4, 3), Dropout(0.5), MaxPooling2D()],
    ],
    ids=case_id,
)
def test_other_convolutions_are_not_marked_as_pooled(rng, layers):
    net = graph(rng, layers, [(i, (i,)) for i in range(len(layers))], [(8, 8, 2)], [len(layers)])
    assert not net.plan.ops["pooled"].any()


def test_a_convolution_that_others_read_is_not_marked_as_pooled(rng):
    layers, nodes = [Conv2D(4, 3), MaxPooling2D()], [(0, (0,)), (1, (1,))]
    assert not graph(rng, layers, nodes, [(8, 8, 2)], [1, 2]).plan.ops["pooled"].any()
    twice = graph(rng, [*layers, MaxPooling2D()], [*nodes, (2, (1,))], [(8, 8, 2)], [2, 3])
    assert not twice.plan.ops["pooled"].any()
