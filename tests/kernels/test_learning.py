"""What a fit reaches: tasks with a known answer, penalties, and losses of a user's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from lines import gradient_of_line, line
from models import EVERY_BACKEND, FAST_BACKENDS, dtype_on, model_of, regression, weights_of
from tolerance import assert_close

import fastnn
from fastnn import Sequential
from fastnn.layers import Dense
from fastnn.regularizers import L1L2

TASKS = {
    "binary": (Dense(1, "sigmoid"), "binary_crossentropy", lambda x: x[:, 0] > 0),
    "classes": (Dense(3, "softmax"), "sparse_categorical_crossentropy", lambda x: x[:, :3].argmax(1)),
    "one-hot": (Dense(3, "softmax"), "categorical_crossentropy", lambda x: np.eye(3)[x[:, :3].argmax(1)]),
    "focal": (Dense(1, "sigmoid"), "binary_focal_crossentropy", lambda x: x[:, 0] > 0),
    "focal classes": (Dense(3, "softmax"), "sparse_categorical_focal_crossentropy", lambda x: x[:, :3].argmax(1)),
    "focal one-hot": (Dense(3, "softmax"), "categorical_focal_crossentropy", lambda x: np.eye(3)[x[:, :3].argmax(1)]),
    "labels": (Dense(2, "sigmoid"), "binary_crossentropy", lambda x: (x[:, :2] > 0).astype(int)),
}


@FAST_BACKENDS
@pytest.mark.parametrize("task", TASKS)
def test_separable_classes_are_learnt(rng, name, task):
    last, loss, target = TASKS[task]
    x = rng.normal(size=(300, 4))
    model = model_of(Dense(16, "relu"), last, name=name, loss=loss, metrics=["accuracy"], dtype=dtype_on(name))
    model.optimizer.learning_rate = 0.02
    history = model.fit(x, target(x), epochs=60, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    assert model.evaluate(x, target(x))[1] > 0.95


@EVERY_BACKEND
@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_line_is_found(rng, name, dtype, n_out, optimizer):
    x = rng.normal(size=(200, 4))
    y = x @ rng.normal(size=(4, n_out)) + 2
    optimizer = fastnn.optimizers.Adam(0.05) if optimizer == "adam" else optimizer
    model = model_of(Dense(n_out), name=name, dtype=dtype.name, optimizer=optimizer, metrics=["r2"])
    history = model.fit(x, y[:, 0] if n_out == 1 else y, epochs=60, verbose=0).history
    assert history["r2"][-1] > 0.999
    assert model.params.dtype == model.predict(x).dtype == dtype


@EVERY_BACKEND
def test_lbfgs_ends_by_itself_at_the_minimum(rng, name):
    x = rng.normal(size=(100, 4))
    y = x @ rng.normal(size=(4, 1))
    model = model_of(Dense(1), name=name, optimizer="lbfgs", dtype="float64")
    history = model.fit(x, y, epochs=1000, validation_data=(x, y), verbose=0)
    assert history.epoch == list(range(model.epoch))
    assert 0 < model.epoch < 100
    assert history.history["val_loss"][-1] < 1e-10
    losses = history.history["loss"]
    assert all(after <= before for before, after in itertools.pairwise(losses))


@pytest.mark.single
@EVERY_BACKEND
def test_sequences_with_a_class_at_every_position_are_learnt(rng, name):
    x = rng.normal(size=(100, 5, 4)).astype(np.float32)
    y = x[..., :3].argmax(-1)
    model = Sequential([Dense(3, "softmax", input_shape=(5, 4))], seed=1, backend=name)
    model.compile(fastnn.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    p = model.predict(x).astype(np.float64)
    by_hand = -np.log(np.take_along_axis(p, y[..., None], -1)).mean()
    assert_close(model.evaluate(x, y), [by_hand, (p.argmax(-1) == y).mean()], "float32", k=50)


@EVERY_BACKEND
def test_penalties_are_in_the_loss_and_in_the_gradient(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=30, n_out=2))
    penalty = L1L2(0.02, 0.3)
    model = line(name, kernel_regularizer=penalty, bias_regularizer="l2", bias_initializer="ones")
    w, b = model.get_weights()
    dw, db = gradient_of_line(x, y, np.ones(30), w, b)
    cost = 0.02 * np.abs(w).sum() + 0.3 * np.square(w).sum() + 0.01 * np.square(b).sum()
    expected = np.square(x @ w + b - y).mean() + cost
    assert_close(model.evaluate(x, y), expected, "float64", k=100)
    history = model.fit(x, y, batch_size=30, shuffle=False, verbose=0).history
    assert_close(history["loss"][0], expected, "float64", k=100)
    assert_close(model.get_weights()[0], w - 0.1 * (dw + 0.02 * np.sign(w) + 0.6 * w), "float64", k=100)
    assert_close(model.get_weights()[1], b - 0.1 * (db + 0.02 * b), "float64", k=100)


@EVERY_BACKEND
def test_history_is_the_mean_over_the_rows_of_the_epoch(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=50, n_out=2))
    model = line(name)
    model.optimizer.learning_rate = 0.0
    model.compile(fastnn.optimizers.SGD(0.0), "mean_squared_error", metrics=["mae", "rmse", "r2"])
    history = model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    assert_close(
        [history.history[k] for k in history.history], np.transpose([model.evaluate(x, y)] * 3), "float64", k=99
    )
    shown = {"epochs": 3, "initial_epoch": 0, "steps": 4, "n_samples": 50, "batch_size": 16, "verbose": 0}
    assert history.params == shown


# -- custom losses ----------------------------------------------------------------------------------

CUSTOM = {
    "a value a number": lambda t, y: (y - t) ** 2,
    "a value a row": lambda t, y: ((y - t) ** 2).mean(axis=-1),
    "one value": lambda t, y: ((y - t) ** 2).mean(),
    "with gradient": lambda t, y: (((y - t) ** 2).mean(axis=-1), 2 * (y - t) / y.shape[-1]),
}


@EVERY_BACKEND
@pytest.mark.parametrize("kind", CUSTOM)
def test_a_custom_loss_trains_as_the_same_loss_of_ours(rng, name, kind):
    x, y = (a.astype(np.float64) for a in regression(rng, n=40, n_out=2))
    ours, custom = line(name), line(name)
    custom.compile(fastnn.optimizers.SGD(0.1), CUSTOM[kind], metrics=["mae"])
    ours.compile(fastnn.optimizers.SGD(0.1), "mse", metrics=["mae"])
    for model in (ours, custom):
        model.fit(x, y, epochs=3, batch_size=16, sample_weight=np.arange(40.0), validation_split=0.2, verbose=0)
    np.testing.assert_allclose(weights_of(custom), weights_of(ours), rtol=1e-7)
    np.testing.assert_allclose(custom.evaluate(x, y), ours.evaluate(x, y), rtol=1e-7)


def test_a_custom_loss_may_have_the_name_of_one_of_ours(rng):
    def hinge(target, prediction):
        return (target - prediction) ** 2

    x, y = regression(rng)
    a, b = model_of(loss=hinge), model_of(loss="mse")
    np.testing.assert_allclose(a.evaluate(x, y), b.evaluate(x, y), rtol=1e-6)
