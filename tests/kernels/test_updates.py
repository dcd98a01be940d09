"""The update of every backend against the reference in float64: optimisers, clipping, decay and penalties."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Stage, both, draw, network
from tolerance import assert_close

from fastnn import optimizers
from fastnn.layers import Dense
from fastnn.optimizers import SGD, Adam, Ftrl, RMSprop
from fastnn.regularizers import L1L2

OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop",
    RMSprop(momentum=0.5),
    RMSprop(centered=True),
    RMSprop(centered=True, momentum=0.8),
    "adagrad",
    "adadelta",
    "adam",
    Adam(form="paper"),
    Adam(amsgrad=True),
    Ftrl(beta=0.5, l1_regularization_strength=0.01, l2_regularization_strength=0.02),
    "adamw",
    "nadam",
    "adamax",
    "lion",
]
CLIPS = [{}, {"clipvalue": 0.03}, {"clipnorm": 0.1}, {"global_clipnorm": 0.2}, {"global_clipnorm": 1e6}]


def optimizer_with(record, **more):
    return optimizers.get(optimizers.get(record).config() | more)


def compare_updates(backend, dtype, rng, optimizer, layers=None, steps=4):
    net = network(rng, layers or [Dense(7, "tanh"), Dense(5)], (3,), loss="mse", optimizer=optimizer)
    ours, right = both(backend, net, dtype)
    for step in range(1, steps + 1):
        gradient = draw(rng, len(net.params), 0.1)
        gradient[net.params == 0] = 0
        penalties = []
        for stage in (ours, right):
            stage.arenas.grads[...] = gradient
            penalties.append(stage.update(step, 0.01 * step))
        assert_close(penalties[0], penalties[1], dtype, len(net.params))
    k = len(net.params) + steps
    assert_close(ours.params(), right.params(), dtype, k)
    for got, expected in zip(ours.arenas.slots, right.arenas.slots, strict=True):
        assert_close(got, expected, dtype, k)
    assert not np.array_equal(ours.params(), net.params)
    ours.check()


@pytest.mark.covering
@pytest.mark.parametrize("clip", CLIPS, ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_update_equals_reference(backend, dtype, rng, optimizer, clip):
    compare_updates(backend, dtype, rng, optimizer_with(optimizer, **clip))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_update_with_decay_equals_reference(backend, dtype, rng, optimizer):
    compare_updates(backend, dtype, rng, optimizer_with(optimizer, weight_decay=0.05))


@pytest.mark.covering
@pytest.mark.parametrize(("l1", "l2"), [(0.03, 0.0), (0.0, 0.02), (0.05, 0.01)])
@pytest.mark.parametrize("clip", CLIPS[:3], ids=str)
def test_update_with_penalties_equals_reference(backend, dtype, rng, l1, l2, clip):
    layers = [Dense(7, kernel_regularizer=L1L2(l1, l2)), Dense(9), Dense(3, bias_regularizer=L1L2(l2, l1))]
    compare_updates(backend, dtype, rng, SGD(0.1, momentum=0.5, **clip), layers)


def norm(values):
    return float(np.sqrt((values**2).sum()))


def clipped(gradients, clip):
    """Gradients of each variable as Keras clips them."""
    whole = norm(np.concatenate([g.ravel() for g in gradients]))
    if "clipvalue" in clip:
        return [np.clip(g, -clip["clipvalue"], clip["clipvalue"]) for g in gradients]
    if "clipnorm" in clip:
        return [g * min(1.0, clip["clipnorm"] / norm(g)) for g in gradients]
    return [g * min(1.0, clip.get("global_clipnorm", whole) / whole) for g in gradients]


@pytest.mark.covering
@pytest.mark.parametrize("clip", CLIPS, ids=str)
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.03, 0.0), (0.0, 0.02), (0.05, 0.01)])
def test_descent_follows_the_formula_of_penalties_and_clipping(backend, dtype, rng, clip, l1, l2):
    layers = [Dense(7, kernel_regularizer=L1L2(l1, l2)), Dense(3, bias_regularizer=L1L2(l2, l1))]
    net = network(rng, layers, (5,), loss="mse", optimizer=SGD(0.5, **clip))
    stage, rates = Stage(backend, net, dtype), [(l1, l2), (0, 0), (0, 0), (l2, l1)]
    places = [slice(v.offset, v.offset + v.size) for v in net.plan.layout.variables]
    weights = [net.params[place] for place in places]
    gradients = [draw(rng, w.shape, 0.1) for w in weights]
    for place, gradient in zip(places, gradients, strict=True):
        stage.arenas.grads[place] = gradient
    penalty = stage.update(1, 0.5)
    penalized = [g + a * np.sign(w) + 2 * b * w for g, w, (a, b) in zip(gradients, weights, rates, strict=True)]
    for place, w, gradient in zip(places, weights, clipped(penalized, clip), strict=True):
        assert_close(stage.params()[place], w - 0.5 * gradient, dtype, len(net.params))
    owed = sum(a * np.abs(w).sum() + b * (w**2).sum() for w, (a, b) in zip(weights, rates, strict=True))
    assert_close(penalty, owed, dtype, len(net.params))
    stage.check()


def test_the_penalty_is_part_of_the_loss_of_every_batch(backend, dtype, rng):
    layers = [Dense(3, kernel_regularizer=L1L2(0.1, 0.2))]
    sums = []
    for stack in (layers, [Dense(3)]):
        net = network(np.random.default_rng(1), stack, (4,), loss="mse", optimizer=SGD(0.0), batch_size=8)
        data = draw(np.random.default_rng(2), (20, 4)), draw(np.random.default_rng(3), (20, 3))
        sums.append(Stage(backend, net, dtype).train(*data, epochs=1, rate=0.0)[0][0, 0])
    kernel = net.params[:12]
    owed = 20 * (0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum())
    assert_close(sums[0] - sums[1], owed, dtype, 20 + net.depth, magnitude=sums[0])


@pytest.mark.covering
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip", CLIPS[:4], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_gradients_that_are_not_finite_spoil_the_same_parameters(backend, dtype, rng, optimizer, clip, bad):
    net = network(rng, [Dense(7), Dense(5)], (3,), loss="mse", optimizer=optimizer_with(optimizer, **clip))
    gradient = draw(rng, len(net.params), 0.1) * (net.params != 0)
    gradient[np.flatnonzero(net.params)[[4, 40]]] = bad
    results = []
    for stage in both(backend, net, dtype):
        stage.arenas.grads[...] = gradient
        with np.errstate(all="ignore"):
            stage.update(1, 0.01)
        results.append([stage.params(), *stage.arenas.slots])
    for got, right in zip(*results, strict=True):
        np.testing.assert_array_equal(np.isnan(got), np.isnan(right))
        np.testing.assert_array_equal(np.isinf(got), np.isinf(right))
