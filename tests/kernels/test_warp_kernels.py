"""The op kind of augmentation in every backend: the same bits everywhere, and gradients that equal differences."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph, joined
from networks import draw
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import case_id, data, differences, flat
from tolerance import difference_limit

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn.layers import (
    Add,
    Conv2D,
    Dense,
    Flatten,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)

DOUBLE = np.dtype("float64")
FILLS, WHERE = ("constant", "reflect", "wrap", "nearest"), {"training": True, "step": 2**33 + 5, "first_row": 3}
CASES = [
    *(RandomTranslation(1.0, (-0.6, 0.9), fill, fill_value=1.5) for fill in FILLS),
    *(RandomRotation(0.7, fill, fill_value=-2.5) for fill in FILLS),
    *(RandomZoom((0.3, 0.9), (-0.7, 0.1), fill) for fill in FILLS),
    *(RandomRotation(0.5, fill, "nearest", fill_value=1.5) for fill in FILLS),
    RandomTranslation((1.0, 1.0), -1.0, "wrap", "nearest"),
    RandomZoom(0.5),
    RandomZoom(1.0, (1.0, 1.0), "constant", "nearest", fill_value=3.0),
    *(RandomFlip(mode) for mode in ("horizontal", "vertical", "horizontal_and_vertical")),
    RandomCrop(1, 1),
]
SHAPES = ((1, 1), (1, 7), (6, 1), (5, 4), (3, 11))
FORMS = [(layer, (*SHAPES[i % len(SHAPES)], (1, 3, 5)[i % 3])) for i, layer in enumerate(CASES)]
FORMS += [(layer, (9, 35, channels)) for layer, channels in zip(CASES[1::5], (1, 2, 3, 5, 8, 17), strict=False)]
FORMS += [(RandomCrop(4, 3), (7, 3, 3)), (RandomCrop(2, 33), (2, 40, 1)), (RandomCrop(3, 3), (3, 3, 5))]


@pytest.fixture(params=["cython", "numba"])
def compiled(request):
    """Each backend but the reference."""
    reason = _kernels.why_not(request.param)
    if reason:
        pytest.skip(str(reason))
    return _kernels.load(request.param)


def assert_bits(found, right):
    """Equal, signs of zeros included."""
    for got, expected in zip(flat(found), flat(right), strict=True):
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


@pytest.mark.covering
@pytest.mark.parametrize(("layer", "shape"), FORMS, ids=case_id)
def test_outputs_and_gradients_have_the_bits_of_the_reference(compiled, dtype, rng, layer, shape):
    net = joined(rng, layer, [shape])
    for rows in (1, 6):
        xs, dys = data(rng, net, rows)
        ours, right = GraphStage(compiled, net, dtype), GraphStage(reference, net, dtype)
        assert_bits(ours.run(xs, dys, **WHERE), right.run(xs, dys, **WHERE))
        ours.check()


def each_isa(native, run):
    """What ``run`` gives on each instruction set of this machine."""
    before = native.isa()
    try:
        for isa in [name for name, _, runs in native.isas() if runs]:
            native.use_isa(isa)
            yield run()
    finally:
        native.use_isa(before)


@pytest.mark.parametrize("channels", [1, 3, 5, 16])
def test_all_instruction_sets_give_the_bits_of_the_reference(rng, dtype, channels):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    for layer in CASES[:: 2 if channels < 5 else 5]:
        net = joined(rng, layer, [(6, 35, channels)])
        xs, dys = data(rng, net, 3)
        right = GraphStage(reference, net, dtype).run(xs, dys, **WHERE)
        for found in each_isa(native, lambda net=net, a=(xs, dys): GraphStage(native, net, dtype).run(*a, **WHERE)):
            assert_bits(found, right)


@pytest.mark.parametrize(("layer", "shape"), FORMS[: len(CASES)], ids=case_id)
def test_gradients_equal_differences(backend, rng, layer, shape):
    """The map is the same for every input, so the differences are exact but for rounding."""
    net = joined(rng, layer, [shape])
    xs, dys = data(rng, net, 2)
    _, _, (dx,) = GraphStage(backend, net, DOUBLE).run(xs, dys, **WHERE)
    basis = np.eye(xs[0].shape[1])
    numeric = np.zeros_like(dx)
    for k, moved in enumerate(basis):
        above, below = (GraphStage(reference, net, DOUBLE).push([xs[0] + sign * moved], **WHERE)[0] for sign in (1, -1))
        numeric[:, k] = ((above - below) / 2 * dys[0].reshape(above.shape)).reshape(2, -1).sum(axis=1)
    assert (np.abs(dx - numeric) <= difference_limit(numeric)).all()


def test_without_training_the_gradient_is_that_of_the_copy(backend, dtype, rng):
    net = joined(rng, RandomCrop(2, 3), [(5, 4, 2)], drops=False)
    xs, dys = data(rng, net, 3)
    (y,), _, (dx,) = GraphStage(backend, net, dtype).run(xs, dys, **WHERE)
    middle = (slice(None), slice(1, 3), slice(0, 3))
    np.testing.assert_array_equal(y.reshape(3, 2, 3, 2), xs[0].reshape(3, 5, 4, 2)[middle])
    right = np.zeros((3, 5, 4, 2))
    right[middle] = dys[0].reshape(3, 2, 3, 2)
    np.testing.assert_array_equal(dx, right.reshape(3, -1))
    assert differences(net, xs, dys)[1][0].any()


@pytest.mark.parametrize("channels", [1, 6])
def test_a_gradient_that_is_there_is_added_to(backend, dtype, rng, channels):
    """Two layers read one image: the way back of the second sets its gradient, that of the first adds."""
    made = [RandomRotation(0.4), RandomFlip(), Add()]
    net = graph(rng, made, [(0, (0,)), (1, (0,)), (2, (1, 2))], [(5, 6, channels)], [3])
    xs, dys = data(rng, net, 3)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, dtype)
    assert_bits(ours.run(xs, dys, **WHERE), right.run(xs, dys, **WHERE))
    ours.check()


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    made = [
        Conv2D(5, 2, activation="tanh"),
        RandomRotation(0.3),
        RandomZoom(0.4, fill_mode="wrap"),
        Flatten(),
        Dense(3),
    ]
    net = graph(rng, made, [(i, (i,)) for i in range(5)], [(9, 8, 3)], [5], batch_size=90)
    xs, dys = data(rng, net, 90)
    found, before = [], native.flop_a_thread(1.0)
    try:
        for n in (1, 2, 5):
            with threads.limited(n):
                found.append(GraphStage(native, net, dtype).run(xs, dys, **WHERE))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        assert_bits(results, found[0])


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    "layer", [RandomTranslation(1.0, 1.0), RandomRotation(0.5, "wrap"), RandomFlip(), RandomCrop(2, 2)]
)
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, layer, channels):
    net = joined(rng, layer, [(5, 7, channels)], batch_size=3)
    x = draw(rng, (3, 35 * channels))

    def work():
        stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
        placed = edge.copy(x, dtype)
        backend.forward(net.plan, stage.arenas, (placed,), **WHERE)
        out = edge.array((3, int(net.plan.outputs[0]["size"])), dtype)
        backend.predict(net.plan, stage.arenas, (placed,), (out,))

    assert killed_by(work) == 0


def test_the_same_place_step_and_seed_give_the_same_map_and_others_do_not(backend, rng):
    net = joined(rng, RandomRotation(0.5), [(6, 5, 2)])
    (x,), _ = data(rng, net, 5)
    x[:] = x[0]
    whole = GraphStage(backend, net, DOUBLE).push([x], training=True, step=4)[0].reshape(5, -1)
    assert len(np.unique(whole, axis=0)) == 5
    part = GraphStage(backend, net, DOUBLE).push([x[2:]], training=True, step=4, first_row=2)[0].reshape(3, -1)
    np.testing.assert_array_equal(part, whole[2:])
    for other in ({"step": 5}, {"step": 4 + 2**32}):
        again = GraphStage(backend, net, DOUBLE).push([x], training=True, **other)[0].reshape(5, -1)
        assert not (again == whole).all(axis=1).any()
