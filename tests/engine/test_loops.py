"""Gradients and updates one by one, beside those of fit, differences and other backends; their dropout."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from graphs_of_two import pair, rows_of, slopes_of
from models import EVERY_BACKEND, model_of, regression
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

import fastnn
from fastnn.layers import Dense, Dropout
from fastnn.optimizers import SGD, Adam
from fastnn.schedules import ExponentialDecay

OPTIMIZERS = {
    "sgd": SGD(0.1),
    "momentum": SGD(0.05, momentum=0.9, nesterov=True, clipvalue=0.1),
    "schedule": Adam(ExponentialDecay(0.01, 2, 0.5)),
    "decay": fastnn.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.05),
    "norms": fastnn.optimizers.RMSprop(0.01, clipnorm=0.1),
    **{name: fastnn.optimizers.get(name) for name in ("adagrad", "adadelta", "nadam", "adamax", "lion", "ftrl")},
}


def difference(value, array, index):
    """Central difference of ``value()`` by one number of an array that is restored."""
    kept = array[index]
    array[index] = kept + DIFFERENCE_STEP
    above = value()
    array[index] = kept - DIFFERENCE_STEP
    below = value()
    array[index] = kept
    return (above - below) / (2 * DIFFERENCE_STEP)


def assert_differences(value, arrays, gradients):
    for array, gradient in zip(arrays, gradients, strict=True):
        assert gradient.shape == array.shape
        for index in np.ndindex(array.shape):
            numeric = difference(value, array, index)
            assert abs(gradient[index] - numeric) <= difference_limit(numeric)


# -- beside fit ---------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.covering("dtype")
def test_a_loop_by_hand_has_the_bits_of_fit(rng, name, optimizer, dtype):
    layers = Dense(8, "relu"), Dropout(0.3), Dense(1)
    by_hand, by_fit = (
        model_of(*layers, name=name, dtype=dtype, optimizer=copy.deepcopy(OPTIMIZERS[optimizer])) for _ in range(2)
    )
    x, y = regression(rng, n=40)
    for first in range(0, 40, 16):
        loss, gradients = by_hand.gradients(x[first : first + 16], y[first : first + 16])
        assert loss == by_fit.train_on_batch(x[first : first + 16], y[first : first + 16])
        by_hand.apply_gradients(gradients)
    assert by_hand.params.tobytes() == by_fit.params.tobytes()
    assert by_hand.slots.tobytes() == by_fit.slots.tobytes()
    assert by_hand.step == by_fit.step == 3


@EVERY_BACKEND
def test_penalties_constraints_and_weights_of_rows_are_those_of_fit(rng, name):
    hidden = Dense(6, "tanh", kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm")
    models = [model_of(hidden, Dense(1), name=name, dtype="float64", optimizer=SGD(0.1)) for _ in range(2)]
    by_hand, by_fit = models
    x, y = regression(rng, n=30)
    weights = rng.random(30)
    for _ in range(3):
        loss, gradients = by_hand.gradients(x, y, weights)
        by_hand.apply_gradients(gradients)
        assert_close(loss, by_fit.train_on_batch(x, y, weights), "float64", 30)
    assert_close(by_hand.params, by_fit.params, "float64", 100)


@EVERY_BACKEND
def test_more_rows_than_a_block_are_one_batch(rng, name):
    layers = Dense(8, "tanh"), Dropout(0.5), Dense(1)
    by_hand, by_fit = (model_of(*layers, name=name, optimizer="sgd") for _ in range(2))
    x, y = regression(rng, n=2500)
    loss, gradients = by_hand.gradients(x, y)
    by_hand.apply_gradients(gradients)
    assert loss == by_fit.train_on_batch(x, y)
    assert by_hand.params.tobytes() == by_fit.params.tobytes()
    whole = by_hand.gradients(x, dy=y, wrt="inputs", training=False)
    parts = [
        by_hand.gradients(x[i : i + 500], dy=y[i : i + 500], wrt="inputs", training=False) for i in range(0, 2500, 500)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@EVERY_BACKEND
def test_class_weights_and_losses_of_several_outputs_are_those_of_fit(rng, name):
    by_hand, by_fit = (
        pair(name, optimizer="sgd", loss={"value": "mse", "steps": "mae"}, loss_weights={"value": 0.5, "steps": 2.0})
        for _ in range(2)
    )
    x, y = rows_of(rng), slopes_of(rng)
    loss, gradients = by_hand.gradients(x, y)
    by_hand.apply_gradients(gradients)
    assert_close(loss, by_fit.train_on_batch(x, y)[0], "float64", 8)
    np.testing.assert_array_equal(by_hand.params, by_fit.params)
    by_hand, by_fit = (model_of(name=name, loss="binary_crossentropy", optimizer="sgd") for _ in range(2))
    x, y = rng.normal(size=(9, 4)), rng.integers(0, 2, (9, 1))
    by_hand.apply_gradients(by_hand.gradients(x, y, class_weight={0: 3.0})[1])
    by_fit.train_on_batch(x, y, class_weight={0: 3.0})
    assert by_hand.params.tobytes() == by_fit.params.tobytes()


@EVERY_BACKEND
def test_a_custom_loss_has_gradients(rng, name):
    def fourth(target, prediction):
        error = prediction - target
        return (error**4).sum(axis=-1), 4 * error**3

    model = model_of(name=name, loss=fourth, dtype="float64")
    x, y = regression(rng, n=5)
    loss, gradients = model.gradients(x, y)
    error = model(x) - y
    assert_close(loss, (error**4).sum() / 5, "float64", 20)
    for ours, right in zip(gradients, model.gradients(x, dy=4 * error**3 / 5), strict=True):
        assert_close(ours, right, "float64", 20)


# -- beside differences -------------------------------------------------------------------------


@EVERY_BACKEND
def test_gradients_of_slopes_equal_differences(rng, name):
    model, x, dy = pair(name), rows_of(rng), slopes_of(rng)

    def value():
        y = model(x)
        return sum(float((dy[key] * y[key]).sum()) for key in dy)

    assert_differences(value, model._views(), model.gradients(x, dy=dy))
    assert_differences(value, x, model.gradients(x, dy=dy, wrt="inputs"))


@EVERY_BACKEND
def test_gradients_of_a_loss_by_inputs_equal_differences(rng, name):
    layers = Dense(5, "tanh", kernel_regularizer="l2", activity_regularizer="l2"), Dense(2, "softmax")
    model = model_of(*layers, name=name, loss="categorical_crossentropy", dtype="float64")
    x, y, weights = rng.normal(size=(6, 4)), rng.dirichlet(np.ones(2), 6), rng.random(6)
    loss, slope = model.gradients(x, y, weights, wrt="inputs")
    assert loss == model.gradients(x, y, weights)[0]
    assert_differences(lambda: model.gradients(x, y, weights)[0], [x], [slope])
    assert_differences(lambda: model.gradients(x, y, weights)[0], model._views(), model.gradients(x, y, weights)[1])


@EVERY_BACKEND
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_agree_with_the_reference(rng, name, dtype):
    x, dy = rows_of(rng, 300), slopes_of(rng, 300)
    ours, right = (pair(backend, dtype) for backend in (name, "numpy"))
    for wrt in ("weights", "inputs"):
        for got, expected in zip(ours.gradients(x, dy=dy, wrt=wrt), right.gradients(x, dy=dy, wrt=wrt), strict=True):
            assert_close(got, expected, dtype, 1000, magnitude=10.0)


# -- dropout ------------------------------------------------------------------------------------


@EVERY_BACKEND
def test_calls_in_training_differ_and_a_seed_repeats_them(name):
    one, same = (model_of(Dropout(0.5), Dense(3), name=name, seed=5) for _ in range(2))
    x = np.ones((40, 4), np.float32)
    first, second = one(x, training=True), one(x, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(same(x, training=True), first)
    np.testing.assert_array_equal(same(x, training=True), second)
    np.testing.assert_array_equal(one(x), one.predict(x))
    assert one.params.tobytes() == same.params.tobytes()


@EVERY_BACKEND
def test_gradients_of_slopes_have_the_dropout_of_the_last_call(name):
    model = model_of(Dropout(0.5), Dense(1, kernel_initializer="ones"), name=name)
    x = np.arange(1.0, 161).reshape(40, 4).astype(np.float32)
    for _ in range(2):
        y = model(x, training=True)
        mask = model.gradients(x, dy=np.ones_like(y), wrt="inputs")
        np.testing.assert_array_equal(np.unique(mask), [0, 2])
        assert_close((mask * x).sum(axis=1, keepdims=True), y, "float32", 4)
    np.testing.assert_array_equal(model.gradients(x, dy=np.ones_like(y), wrt="inputs", training=False), 1)
    assert_close(model.gradients(x, y, training=False)[0], np.mean((model(x) - y) ** 2), "float32", 40)


def test_copies_and_files_take_no_loop_along(rng, tmp_path):
    model = model_of()
    x, y = regression(rng)
    model.apply_gradients(model.gradients(x, y)[1])
    model.save(tmp_path / "m.safetensors")
    for other in (copy.deepcopy(model), fastnn.load(tmp_path / "m.safetensors")):
        other.apply_gradients(other.gradients(x, y)[1])
        kept = model.params.copy()
        again = copy.deepcopy(model)
        again.train_on_batch(x, y)
        assert other.get_weights()[0].tobytes() == again.get_weights()[0].tobytes()
        np.testing.assert_array_equal(model.params, kept)
