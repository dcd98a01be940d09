"""Op kinds that change numbers one by one, in every backend: noise and dropout in training, fixed scales, PReLU."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph, joined
from norms import positive
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import case_id, data, differences, flat
from tolerance import assert_close, difference_limit

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn.layers import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Normalization,
    PReLU,
    Rescaling,
    SpatialDropout1D,
    SpatialDropout2D,
)

DOUBLE = np.dtype("float64")
DRAWN = [
    (Dropout(0.3), (7,)),
    (Dropout(0.9), (3, 5)),
    (SpatialDropout1D(0.5), (4, 19)),
    (SpatialDropout1D(0.2), (3, 1)),
    (SpatialDropout2D(0.4), (3, 2, 9)),
    (AlphaDropout(0.25), (5,)),
    (AlphaDropout(0.6), (3, 4, 7)),
    (GaussianNoise(0.5), (3,)),
    (GaussianNoise(2.0), (5, 33)),
    (GaussianDropout(0.3), (9,)),
    (GaussianDropout(0.7), (2, 3, 5)),
]
FIXED = [
    (Rescaling(0.5, -2.0), (5,)),
    (Rescaling(4.0), (3, 2, 7)),
    (Normalization(), (5,)),
    (Normalization(), (4, 3, 35)),
    (Normalization(axis=None), (3, 4)),
    (Normalization(axis=(1, 2)), (3, 4)),
    (Normalization(invert=True), (2, 9)),
    (PReLU(), (7,)),
    (PReLU(), (3, 19)),
    (PReLU(shared_axes=[1]), (3, 19)),
    (PReLU(shared_axes=[1, 2]), (4, 3, 2)),
]
TRAINING = {"training": True, "step": 5, "first_row": 3}
EVERY = [*((*case, {}) for case in FIXED), *((*case, TRAINING) for case in DRAWN)]


def net_of(rng, layer, shape, **compiled):
    return positive(joined(rng, layer, [shape], **compiled))


@pytest.mark.parametrize(("layer", "shape"), FIXED, ids=case_id)
def test_gradients_equal_differences(rng, layer, shape):
    net = net_of(rng, layer, shape)
    xs, dys = data(rng, net, 2)
    _, grads, (dx,) = GraphStage(reference, net, DOUBLE).run(xs, dys)
    by_params, (by_inputs,) = differences(net, xs, dys)
    assert (np.abs(dx - by_inputs) <= difference_limit(by_inputs)).all()
    if isinstance(layer, PReLU):
        assert (np.abs(grads - by_params) <= difference_limit(by_params)).all()


@pytest.mark.parametrize(("layer", "shape", "more"), EVERY, ids=case_id)
def test_every_backend_equals_the_reference(backend, dtype, rng, layer, shape, more):
    net = net_of(rng, layer, shape)
    for rows in (1, 6):
        xs, dys = data(rng, net, rows)
        ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, dtype)
        for got, expected in zip(flat(ours.run(xs, dys, **more)), flat(right.run(xs, dys, **more)), strict=True):
            assert_close(got, expected, dtype, rows * 12, 10)
        ours.check()


@pytest.mark.parametrize(("layer", "shape"), DRAWN, ids=case_id)
def test_what_is_drawn_has_the_same_bits_in_every_backend(backend, dtype, rng, layer, shape):
    net = net_of(rng, layer, shape)
    (x,), _ = data(rng, net, 7)
    x[...] = 1
    (got,), (right,) = (GraphStage(each, net, dtype).push([x], **TRAINING) for each in (backend, reference))
    assert len(np.unique(right)) > 1
    np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize(("layer", "shape"), DRAWN, ids=case_id)
def test_rows_draw_by_their_place_in_the_batch(backend, dtype, rng, layer, shape):
    net = net_of(rng, layer, shape)
    (x,), _ = data(rng, net, 7)
    stage = GraphStage(backend, net, dtype)
    (whole,) = stage.push([x], training=True, step=2, first_row=0)
    (last,) = stage.push([x[4:]], training=True, step=2, first_row=4)
    np.testing.assert_array_equal(last, whole[4:])
    (other,) = stage.push([x], training=True, step=3, first_row=0)
    assert (other != whole).any()


@pytest.mark.parametrize(("layer", "shape"), DRAWN, ids=case_id)
def test_in_prediction_numbers_stay(backend, dtype, rng, layer, shape):
    net = net_of(rng, layer, shape)
    (x,), _ = data(rng, net, 3)
    (got,) = GraphStage(backend, net, dtype).push([x])
    np.testing.assert_array_equal(got, x.astype(dtype))


@pytest.mark.parametrize("layer", [PReLU(), PReLU(shared_axes=[1])], ids=repr)
def test_slopes_of_whole_numbers_have_equal_bits(backend, dtype, rng, layer):
    net = net_of(rng, layer, (3, 37))
    net.params[...] = np.round(net.params)
    xs, dys = data(rng, net, 9, whole=True)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert ours.pull(accumulate=True)[0].any()


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    made = [PReLU(), SpatialDropout1D(0.4), GaussianNoise(0.5), AlphaDropout(0.1), GaussianDropout(0.3), Rescaling(0.5)]
    net = graph(rng, made, [(i, (i,)) for i in range(6)], [(3, 5)], [6], batch_size=90)
    xs, dys = data(rng, net, 90)
    found, before = [], native.flop_a_thread(1.0)
    try:
        for n in (1, 2, 5):
            with threads.limited(n):
                found.append(flat(GraphStage(native, net, dtype).run(xs, dys, **TRAINING)))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        for got, expected in zip(results, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("layer", "shape"), FIXED, ids=case_id)
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, layer, shape):
    net = net_of(rng, layer, shape, batch_size=3)
    (x,), _ = data(rng, net, 3)

    def work():
        stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
        stage.push([edge.copy(x, dtype)])
        out = edge.array((3, int(net.plan.outputs[0]["size"])), dtype)
        backend.predict(net.plan, stage.arenas, (edge.copy(x, dtype),), (out,))

    assert killed_by(work) == 0
