"""Losses under Keras' names and arguments: classes, functions on arrays, reductions, weights; numbers of Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest
from tolerance import assert_close

from fastnn import Model, Sequential, losses
from fastnn.layers import Dense, GlobalAveragePooling1D, Input, Masking
from fastnn.losses import classes, known, of_classes
from fastnn.optimizers import SGD

MADE = [made for module in (classes, of_classes) for made in vars(module).values() if known.is_ours(made)]
BITS = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
HOT = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
Y = np.array([[0.2, 0.7, 0.4], [0.6, 0.1, 0.9]])


def test_focal_losses_count_classes_by_alpha():
    p_t = np.where(BITS == 1, Y, 1 - Y)
    focal = (1 - p_t) ** 2 * -np.log(p_t)
    assert_close(losses.binary_focal_crossentropy(BITS, Y), focal.mean(axis=1), np.float64, 3)
    balance = np.where(BITS == 1, 0.3, 0.7)
    got = losses.binary_focal_crossentropy(BITS, Y, apply_class_balancing=True, alpha=0.3)
    assert_close(got, (balance * focal).mean(axis=1), np.float64, 3)
    share = Y / Y.sum(axis=1, keepdims=True)
    parts = HOT * (1 - share) ** 2 * -np.log(share)
    assert_close(losses.categorical_focal_crossentropy(HOT, Y), 0.25 * parts.sum(axis=1), np.float64, 3)
    each = np.array([0.1, 0.2, 0.7])
    assert_close(losses.categorical_focal_crossentropy(HOT, Y, alpha=each), (each * parts).sum(axis=1), np.float64, 3)
    with pytest.raises(ValueError, match="2 values of alpha for 3 classes"):
        losses.categorical_focal_crossentropy(HOT, Y, alpha=[0.1, 0.2])


def test_functions_give_the_loss_of_each_row():
    assert losses.mae(BITS, Y).shape == (2,)
    np.testing.assert_array_equal(losses.mse(BITS[:, 0], Y[:, :1]), losses.mse(BITS[:, :1], Y[:, 0]))
    assert float(losses.mse(BITS[0], Y[0])) == losses.MeanSquaredError()(BITS[:1], Y[:1])
    np.testing.assert_array_equal(losses.hinge(BITS, Y), losses.hinge(2 * BITS - 1, Y))
    labels = HOT.argmax(axis=1)
    assert_close(
        losses.sparse_categorical_crossentropy(labels[:, None], Y), losses.categorical_crossentropy(HOT, Y), np.float64
    )
    assert losses.sparse_categorical_crossentropy([1, -1], Y, ignore_class=-1)[1] == 0
    with pytest.raises(ValueError, match=r"same shape, got \(2, 2\) and \(2, 3\)"):
        losses.mse(BITS[:, :2], Y)
    with pytest.raises(ValueError, match="class indices from 0 to 2"):
        losses.sparse_categorical_crossentropy([1, 3], Y)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_function_or_class_handed_over_is_the_loss(name):
    function = getattr(losses, name)
    assert losses.get(function) is losses.LOSSES[name]
    made = next(made for made in MADE if made() == losses.LOSSES[name])
    assert losses.get(made) == losses.LOSSES[name]
    assert losses.get({"class_name": made.__name__, "config": {"name": "mine"}}).name == "mine"


WEIGHT = np.array([0.5, -2.0])


@pytest.mark.parametrize(
    ("reduction", "plain", "weighted"),
    [
        ("sum_over_batch_size", lambda v: v.mean(), lambda v: (v * WEIGHT).sum() / 2),
        ("mean", lambda v: v.mean(), lambda v: (v * WEIGHT).sum() / 2),
        ("sum", lambda v: v.sum(), lambda v: (v * WEIGHT).sum()),
        ("mean_with_sample_weight", lambda v: v.mean(), lambda v: (v * WEIGHT).sum() / WEIGHT.sum()),
        (None, lambda v: v, lambda v: v * WEIGHT),
        ("none", lambda v: v, lambda v: v * WEIGHT),
    ],
)
def test_reductions_of_arrays(reduction, plain, weighted):
    loss, values = losses.MeanSquaredError(reduction=reduction), losses.mse(BITS, Y)
    assert_close(loss(BITS, Y), plain(values), np.float64, 6)
    for weight in (WEIGHT, WEIGHT[:, None]):
        assert_close(loss(BITS, Y, weight), weighted(values), np.float64, 6)
    assert_close(loss(BITS, Y, np.zeros(2)), np.zeros_like(plain(values)), np.float64)


def model_of(loss, backend=None, **more):
    model = Sequential([Dense(2, input_shape=(3,))], seed=3, dtype="float64", backend=backend)
    model.compile("sgd", loss, **more)
    return model


X, T = np.random.default_rng(1).normal(size=(10, 3)), np.random.default_rng(2).normal(size=(10, 2))
W = np.linspace(-1, 2, 10)


@pytest.mark.parametrize("name", ["numpy", "numba", "cython"])
def test_a_sum_trains_with_as_many_times_the_rate(name):
    one, other = model_of(losses.MeanSquaredError(reduction="sum"), name), model_of("mse", name)
    other.optimizer.learning_rate = 0.01 * 5
    ran = [model.fit(X, T, batch_size=5, epochs=2, verbose=0).history["loss"] for model in (one, other)]
    assert_close(one.params, other.params, np.float64, 50)
    assert_close(ran[0], 5 * np.array(ran[1]), np.float64, 50)
    assert_close(one.evaluate(X, T, batch_size=5), 5 * other.evaluate(X, T), np.float64, 50)
    assert_close(one.evaluate(X, T), 10 * other.evaluate(X, T), np.float64, 50)


STEPS = 4  # of sequences, whose sums are over all of them


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["numpy", "numba", "cython"])
def test_a_sum_is_over_the_positions_of_a_row_too(name, masked):
    x, t = np.stack([X[:5]] * STEPS, axis=1), np.stack([T[:5] * k for k in range(STEPS)], axis=1)
    x[:3, 2:] = 0
    counting, ran = (14 if masked else 20), []
    for loss, rate in ((losses.MeanSquaredError(reduction="sum"), 0.01), ("mse", 0.01 * counting)):
        stack = [Input((STEPS, 3)), *([Masking()] if masked else []), Dense(2)]
        model = Sequential(stack, seed=3, dtype="float64", backend=name)
        model.compile(SGD(rate), loss)
        history = model.fit(x, t, batch_size=5, epochs=3, verbose=0).history["loss"]
        ran.append((model, [*history, model.evaluate(x, t), model.gradients(x, t)[0]], model.gradients(x, t)[1]))
    (one, summed, slopes), (other, means, others) = ran
    assert_close(one.params, other.params, np.float64, 200)
    assert_close(summed, counting * np.array(means), np.float64, 200)
    assert_close(slopes.flat, counting * others.flat, np.float64, 200)


def test_the_total_of_several_sums_is_over_all_positions():
    inside = Input((STEPS, 3))
    outputs = {"words": Dense(2)(inside), "text": Dense(2)(GlobalAveragePooling1D()(inside))}
    model, x = Model(inside, outputs, seed=1, dtype="float64"), np.stack([X] * STEPS, axis=1)
    model.compile("sgd", losses.MeanSquaredError(reduction="sum"), loss_weights={"words": 0.5, "text": 1.0})
    targets = {"words": np.stack([T] * STEPS, axis=1), "text": T}
    made, told = model.predict(x), model.evaluate(x, targets, batch_size=10, return_dict=True)
    words, text = (np.square(made[name] - targets[name]).mean(axis=-1).sum() for name in targets)
    assert_close(told["loss"], 0.5 * words + text, np.float64, 100)


@pytest.mark.parametrize("name", ["numpy", "numba", "cython"])
def test_a_mean_by_weight_divides_by_the_weights_of_the_batch(name):
    one, other = model_of(losses.MeanSquaredError(reduction="mean_with_sample_weight"), name), model_of("mse", name)
    one.fit(X, T, sample_weight=W, batch_size=10, verbose=0)
    other.fit(X, T, sample_weight=W * 10 / W.sum(), batch_size=10, verbose=0)
    assert_close(one.params, other.params, np.float64, 50)
    assert_close(
        one.evaluate(X, T, sample_weight=W), 10 / W.sum() * other.evaluate(X, T, sample_weight=W), np.float64, 50
    )
    before = one.params.copy()
    assert one.fit(X, T, sample_weight=np.zeros(10), verbose=0).history["loss"] == [0.0]
    np.testing.assert_array_equal(one.params, before)


def test_a_loss_for_each_row_cannot_be_trained_with():
    model = model_of("mse")
    with pytest.raises(ValueError, match=r"reduction=None.*'sum_over_batch_size', 'sum'"):
        model.compile("sgd", losses.MeanAbsoluteError(reduction="none"))
    assert model.loss is losses.LOSSES["mean_squared_error"]


@pytest.mark.parametrize("given", [0.5, [0.5], {"dense": 0.5}])
def test_loss_weights_scale_the_loss_and_its_gradient(given, tmp_path):
    one, other = model_of("mse", loss_weights=given), model_of("mse")
    other.optimizer.learning_rate = 0.005
    ran = [model.fit(X, T, epochs=2, verbose=0).history["loss"] for model in (one, other)]
    assert_close(one.params, other.params, np.float64, 50)
    assert_close(2 * np.array(ran[0]), ran[1], np.float64, 50)
    assert_close(2 * one.evaluate(X, T), other.evaluate(X, T), np.float64, 50)


def test_loss_weights_of_several_outputs_are_refused():
    with pytest.raises(ValueError, match="one number for the one output"):
        model_of("mse", loss_weights=[0.5, 1.0])


@pytest.mark.parametrize(
    "loss", ["mse", losses.Huber(0.3), losses.BinaryCrossentropy(from_logits=True), lambda t, p: (p - t) ** 2]
)
@pytest.mark.parametrize("name", ["numpy", "numba", "cython"])
def test_negative_weights_push_a_row_away(loss, name):
    t = (T > 0) * 1.0
    turned, straight = model_of(loss, name), model_of(loss, name)
    turned.optimizer.learning_rate = 1e-3
    straight.optimizer.learning_rate = 1e-3
    start = turned.params.copy()
    turned.fit(X, t, sample_weight=-np.ones(10), batch_size=10, verbose=0)
    straight.fit(X, t, batch_size=10, verbose=0)
    assert_close(turned.params - start, start - straight.params, np.float64, 50, magnitude=np.abs(start).max() * 1e3)
    assert_close(turned.evaluate(X, t, sample_weight=-np.ones((10, 1))), -turned.evaluate(X, t), np.float64, 50)


def test_class_weights_take_the_keys_of_keras():
    x, y = X, (T[:, :1] > 0) * 1
    fitted = []
    for keys in ({0: 1.0, 1: 3.0}, {0.0: 1.0, 1.0: 3.0}, {np.int64(0): 1.0, np.float32(1): 3.0}, {1: 3.0}):
        model = Sequential([Dense(1, "sigmoid", input_shape=(3,))], seed=3)
        model.compile("sgd", "binary_crossentropy")
        model.fit(x, y, class_weight=keys, verbose=0)
        fitted.append(model.params)
    for params in fitted[1:]:
        np.testing.assert_array_equal(params, fitted[0])
    with pytest.raises(ValueError, match="the classes 2, 7; classes are 0 to 1"):
        model.fit(x, y, class_weight={0: 1.0, 7: 2.0, 2: 1.0})
    with pytest.raises(ValueError, match="classes are whole numbers"):
        model.fit(x, y, class_weight={0.5: 1.0})
    model.compile("sgd", "mse")  # numbers are their own classes, those that do not occur do not matter
    model.fit(x, 3 * y, class_weight={0: 1.0, 3: 2.0, 9: 4.0}, verbose=0)
