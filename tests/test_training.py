"""What ``fit`` does with rows, weights, seeds and time: compared with updates written out by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from models import EVERY_BACKEND, classes, model_of, regression, weights_of
from tolerance import assert_close

import fastnn
from fastnn import Sequential, random
from fastnn.layers import Dense, Dropout
from fastnn.regularizers import L1L2


def gradient_of_line(x, target, weight, w, b):
    """Gradient of the mean squared error of ``x @ w + b``, rows weighted, divided by all rows."""
    error = 2 * (x @ w + b - target) * weight[:, None] / (len(x) * target.shape[1])
    return x.T @ error, error.sum(0)


def trained_line(x, target, order, batch_size, rate, w, b, weight=None):
    """Plain gradient descent over batches of ``order``, float64."""
    weight = np.ones(len(x)) if weight is None else weight
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        dw, db = gradient_of_line(x[rows], target[rows], weight[rows], w, b)
        w, b = w - rate * dw, b - rate * db
    return w, b


def line(name, dtype="float64", n_out=2, **more) -> Sequential:
    return model_of(Dense(n_out, **more), name=name, optimizer=fastnn.optimizers.SGD(0.1), dtype=str(dtype))


# -- rows and batches -------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 1000])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_takes_every_row_once_and_the_last_batch_is_smaller(rng, name, batch_size, shuffle):
    x, y = (a.astype(np.float64) for a in regression(rng, n=50, n_out=2))
    model = line(name)
    w, b = model.get_weights()
    order = np.arange(50, dtype=np.int32)
    for epoch in range(2):
        if shuffle:
            random.fill_order(order, model.seed, epoch)
        w, b = trained_line(x, y, order, batch_size, 0.1, w, b)
    model.fit(x, y, batch_size=batch_size, epochs=2, shuffle=shuffle, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=500, magnitude=10)
    assert_close(model.get_weights()[1], b, "float64", k=500, magnitude=10)
    assert (model.epoch, model.step) == (2, 2 * -(-50 // batch_size))


@EVERY_BACKEND
def test_a_batch_of_many_blocks_is_one_update(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=2500, n_out=2))
    model = line(name)
    assert int(model.plan.header["block_rows"]) < 2500
    w, b = trained_line(x, y, np.arange(2500), 2500, 0.1, *model.get_weights())
    model.fit(x, y, batch_size=2500, shuffle=False, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=2500)
    assert model.step == 1


@EVERY_BACKEND
def test_validation_split_takes_the_last_rows_and_trains_on_the_others(rng, name):
    x, y = regression(rng, n=41)
    split, apart = model_of(name=name), model_of(name=name)
    a = split.fit(x, y, epochs=3, validation_split=0.25, verbose=0).history
    b = apart.fit(x[:30], y[:30], epochs=3, validation_data=(x[30:], y[30:]), verbose=0).history
    assert a == b
    assert weights_of(split).tobytes() == weights_of(apart).tobytes()
    assert split.evaluate(x[30:], y[30:]) == a["val_loss"][-1]


@EVERY_BACKEND
def test_validation_weights_count_and_do_not_train(rng, name):
    x, y = regression(rng)
    weight = rng.uniform(size=len(x))
    model, plain = model_of(name=name), model_of(name=name)
    history = model.fit(x, y, validation_data=(x, y, weight), verbose=0).history
    plain.fit(x, y, verbose=0)
    assert history["val_loss"] == [model.evaluate(x, y, sample_weight=weight)]
    assert weights_of(model).tobytes() == weights_of(plain).tobytes()


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("one_hot", [False, True])
def test_sorted_targets_warn_before_a_split(rng, turned, one_hot):
    x, y = classes(rng)
    y = np.sort(y)[::turned]
    loss = ("" if one_hot else "sparse_") + "categorical_crossentropy"
    model = model_of(Dense(3, "softmax"), loss=loss)
    target = np.eye(3)[y] if one_hot else y
    with pytest.warns(UserWarning, match="sorted") as told:
        model.fit(x, target, validation_split=0.2, verbose=0)
    assert told[0].filename == __file__
    model.fit(x, target, verbose=0)


# -- weights of rows --------------------------------------------------------------------------------


@EVERY_BACKEND
def test_a_row_of_weight_two_is_the_row_twice_and_of_weight_zero_is_absent(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=20, n_out=2))
    weighted, repeated = line(name), line(name)
    start = weighted.get_weights()
    weight = rng.integers(0, 3, 20).astype(float)
    rows = np.repeat(np.arange(20), weight.astype(int))
    weighted.fit(x, y, batch_size=20, sample_weight=weight, verbose=0)
    repeated.fit(x[rows], y[rows], batch_size=len(rows), verbose=0)
    divisor = len(rows) / 20  # the loss is divided by the number of rows, whatever their weight
    for a, b, w in zip(weighted.get_weights(), repeated.get_weights(), start, strict=True):
        assert_close(a - w, (b - w) * divisor, "float64", k=50, magnitude=10)


@EVERY_BACKEND
def test_sample_weights_follow_their_rows_through_the_shuffle(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=50, n_out=2))
    weight = rng.uniform(0, 2, 50)
    model = line(name)
    order = np.arange(50, dtype=np.int32)
    random.fill_order(order, model.seed, 0)
    w, b = trained_line(x, y, order, 8, 0.1, *model.get_weights(), weight=weight)
    model.fit(x, y, batch_size=8, sample_weight=weight, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=500, magnitude=10)


CLASS_TARGETS = {
    "sparse": ("sparse_categorical_crossentropy", 3, "softmax", lambda y: y),
    "one-hot": ("categorical_crossentropy", 3, "softmax", lambda y: np.eye(3)[y]),
    "smoothed": (fastnn.losses.CategoricalCrossentropy(label_smoothing=0.1), 3, "softmax", lambda y: np.eye(3)[y]),
    "binary": ("binary_crossentropy", 1, "sigmoid", lambda y: y > 0),
    "hinge": ("hinge", 1, "tanh", lambda y: y > 0),
}


@EVERY_BACKEND
@pytest.mark.parametrize("kind", CLASS_TARGETS)
def test_class_weight_is_the_sample_weight_of_the_class(rng, name, kind):
    loss, n_out, activation, turn = CLASS_TARGETS[kind]
    x, y = classes(rng)
    target = turn(y)
    table = {0: 0.5, 1: 3.0}  # class 2, where there is one, has weight 1
    index = y if n_out == 3 else (y > 0).astype(int)
    by_row = np.array([table.get(int(i), 1.0) for i in index])
    extra = rng.uniform(size=len(x))
    a, b = (model_of(Dense(n_out, activation), name=name, loss=loss) for _ in range(2))
    a.fit(x, target, class_weight=table, sample_weight=extra, verbose=0)
    b.fit(x, target, sample_weight=by_row.astype(np.float32) * extra.astype(np.float32), verbose=0)
    assert weights_of(a).tobytes() == weights_of(b).tobytes()


# -- the same bits ----------------------------------------------------------------------------------


@EVERY_BACKEND
def test_the_same_seed_gives_the_same_bits_and_models_share_nothing(rng, name):
    x, y = regression(rng)
    layers = Dense(8, "tanh"), Dropout(0.3), Dense(1)
    rate = fastnn.schedules.Plateau(0.01, patience=1, min_delta=10.0)
    optimizer = fastnn.optimizers.Adam(rate)
    before = np.random.get_state()[1].tobytes()
    alone, a, b = (model_of(*layers, name=name, optimizer=optimizer) for _ in range(3))
    alone.fit(x, y, epochs=4, verbose=0)
    for epoch in range(4):
        for model in (a, b):
            model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
    for model in (a, b):
        assert weights_of(model).tobytes() == weights_of(alone).tobytes()
    assert np.random.get_state()[1].tobytes() == before
    assert rate.learning_rate == 0.01
    other = model_of(*layers, name=name, optimizer=optimizer, seed=4)
    other.fit(x, y, epochs=4, verbose=0)
    assert weights_of(other).tobytes() != weights_of(alone).tobytes()


@EVERY_BACKEND
@pytest.mark.parametrize("optimizer", sorted(set(fastnn.optimizers.OPTIMIZERS) - {"lbfgs"}))
def test_two_fits_equal_one(rng, name, optimizer):
    x, y = regression(rng)
    at_once, in_two = model_of(name=name, optimizer=optimizer), model_of(name=name, optimizer=optimizer)
    whole = at_once.fit(x, y, epochs=5, verbose=0)
    first = in_two.fit(x, y, epochs=2, verbose=0)
    second = in_two.fit(x, y, epochs=5, initial_epoch=2, verbose=0)
    assert weights_of(at_once).tobytes() == weights_of(in_two).tobytes()
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert first.epoch + second.epoch == whole.epoch == [0, 1, 2, 3, 4]


@EVERY_BACKEND
def test_what_listens_does_not_change_what_is_learnt(rng, name):
    x, y = regression(rng, n=75)
    heard = [
        {},
        {"callbacks": [fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]},
        {"callbacks": [fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]},
        {"validation_data": (x, y)},
        {"time_limit": 1000},
    ]
    layers = Dense(8, "relu"), Dropout(0.2), Dense(1, kernel_regularizer="l2")
    found = []
    for arguments in heard:
        model = model_of(*layers, name=name, metrics=["mae"])
        history = model.fit(x, y, epochs=30, batch_size=16, verbose=0, **arguments).history
        found.append((weights_of(model).tobytes(), history["loss"], history["mae"]))
    assert all(other[0] == found[0][0] for other in found)
    for other in found:
        np.testing.assert_allclose(other[1], found[0][1], rtol=1e-12)
        np.testing.assert_allclose(other[2], found[0][2], rtol=1e-12)


@EVERY_BACKEND
def test_train_on_batch_is_one_update_on_all_rows(rng, name):
    x, y = regression(rng)
    weight = rng.uniform(size=len(x))
    a, b = model_of(name=name, metrics=["mae"]), model_of(name=name, metrics=["mae"])
    before = b.evaluate(x, y, sample_weight=weight)
    logs = a.train_on_batch(x.tolist(), y.tolist(), sample_weight=weight, return_dict=True)
    b.fit(x, y, batch_size=len(x), shuffle=False, sample_weight=weight, verbose=0)
    assert weights_of(a).tobytes() == weights_of(b).tobytes()
    assert_close(list(logs.values()), before, "float32", k=50)
    assert a.step == 1
    assert isinstance(a.train_on_batch(x, y), list)


# -- what is learnt ---------------------------------------------------------------------------------

TASKS = {
    "binary": (Dense(1, "sigmoid"), "binary_crossentropy", lambda x: x[:, 0] > 0),
    "classes": (Dense(3, "softmax"), "sparse_categorical_crossentropy", lambda x: x[:, :3].argmax(1)),
    "one-hot": (Dense(3, "softmax"), "categorical_crossentropy", lambda x: np.eye(3)[x[:, :3].argmax(1)]),
    "labels": (Dense(2, "sigmoid"), "binary_crossentropy", lambda x: (x[:, :2] > 0).astype(int)),
}


@EVERY_BACKEND
@pytest.mark.parametrize("task", TASKS)
def test_separable_classes_are_learnt(rng, name, task):
    last, loss, target = TASKS[task]
    x = rng.normal(size=(300, 4))
    model = model_of(Dense(16, "relu"), last, name=name, loss=loss, metrics=["accuracy"], optimizer="adam")
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
    assert_close([history.history[k] for k in history.history], np.transpose([model.evaluate(x, y)] * 3), "float64", k=99)
    assert history.params == {"epochs": 3, "steps": 4, "n_samples": 50, "batch_size": 16}


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


# -- the end of a fit -------------------------------------------------------------------------------


@EVERY_BACKEND
def test_time_limit_stops_between_updates_and_the_model_goes_on(rng, name):
    x, y = regression(rng, n=200)
    model = model_of(name=name)
    model.fit(x, y, verbose=0)  # compiled kernels do not count
    began = time.monotonic()
    model.fit(x, y, epochs=10**7, time_limit=0.15, verbose=0)
    assert 0.15 <= time.monotonic() - began < 5
    assert np.isfinite(weights_of(model)).all()
    step = model.step
    assert step > 7
    model.fit(x, y, verbose=0)
    assert model.step == step + 7


def test_time_limit_ends_in_the_middle_of_an_epoch(rng):
    x, y = regression(rng, n=100)

    def slow(target, prediction):
        time.sleep(0.005)
        return (target - prediction) ** 2, 2 * (prediction - target)

    model = model_of(loss=slow)
    history = model.fit(x, y, batch_size=1, time_limit=0.05, verbose=0)
    assert history.epoch == []
    assert 0 < model.step < 100


@EVERY_BACKEND
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end", "on_train_batch_end"])
def test_a_model_is_whole_after_ctrl_c(rng, name, hook):
    x, y = regression(rng)

    def stop(number, logs=None):
        if number == 1:
            raise KeyboardInterrupt

    model, same = model_of(name=name), model_of(name=name)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=5, callbacks=[fastnn.callbacks.LambdaCallback(**{hook: stop})], verbose=0)
    assert (model.epoch, model.step) == {"on_epoch_begin": (1, 2), "on_epoch_end": (2, 4), "on_train_batch_end": (1, 2)}[hook]
    same.fit(x, y, epochs=model.epoch, verbose=0)
    for m in (model, same):
        m.fit(x, y, epochs=3, verbose=0)
    assert weights_of(model).tobytes() == weights_of(same).tobytes()


def test_lbfgs_forgets_the_weights_it_was_trying_at_ctrl_c(rng):
    x, y = regression(rng)
    calls = []

    def loss(target, prediction):
        calls.append(prediction)
        if len(calls) == 4:  # value and gradient at the start, then at the first trial
            raise KeyboardInterrupt
        return (target - prediction) ** 2, 2 * (prediction - target)

    model = model_of(loss=loss, optimizer="lbfgs")
    start = weights_of(model)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=1, verbose=0)
    assert len(calls) == 4
    assert weights_of(model).tobytes() == start.tobytes()


SIGNALLED = """
import json, os, signal, sys, threading
import numpy as np
import fastnn
from fastnn.layers import Dense

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 16)).astype(np.float32)
y = x[:, :1]
model = fastnn.Sequential([Dense(32, "tanh", input_shape=(16,)), Dense(1)], seed=1, backend=sys.argv[1])
model.compile("adam", "mse")
model.fit(x, y, verbose=0)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    model.fit(x, y, epochs=10**6, verbose=0)
except KeyboardInterrupt:
    step = model.step
    model.fit(x, y, verbose=0)
    print(json.dumps([step, model.step, model.evaluate(x, y)]))
"""


@EVERY_BACKEND
def test_a_signal_reaches_a_long_fit(name):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, name], capture_output=True, text=True, timeout=60, check=True, env=os.environ
    )
    step, after, loss = json.loads(done.stdout)
    assert step > 63
    assert after == step + 63
    assert np.isfinite(loss)
    assert time.monotonic() - began < 30
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# -- divergence -------------------------------------------------------------------------------------


@EVERY_BACKEND
def test_divergence_names_the_epoch_and_leaves_a_model_that_trains(rng, name):
    x, y = regression(rng)
    model = model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(1e6, momentum=0.9))
    with pytest.raises(fastnn.DivergenceError, match="not finite in epoch") as told:
        model.fit(x, y, epochs=100, verbose=0)
    assert 1 < told.value.epoch < 100
    assert f"epoch {told.value.epoch}" in str(told.value)
    assert np.isfinite(weights_of(model)).all()
    model.set_weights(model_of(Dense(1)).get_weights())
    model.optimizer.learning_rate = 0.01
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@EVERY_BACKEND
def test_an_update_that_breaks_the_weights_at_the_very_end_is_divergence_too(rng, name):
    x, y = regression(rng)
    model = model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(1e38))
    start = weights_of(model)
    with pytest.raises(fastnn.DivergenceError) as told:
        model.fit(x * 100, y, batch_size=50, epochs=1, verbose=0)
    assert told.value.epoch == 1
    assert weights_of(model).tobytes() == start.tobytes()
    model.optimizer.learning_rate = 0.001
    model.fit(x, y, epochs=2, verbose=0)
    assert np.isfinite(weights_of(model)).all()


@EVERY_BACKEND
def test_terminate_on_nan_ends_quietly_with_the_epochs_before(rng, name):
    x, y = regression(rng)
    model = model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(1e6))
    history = model.fit(x, y, epochs=100, callbacks=[fastnn.callbacks.TerminateOnNaN()], verbose=0)
    assert history.epoch == list(range(model.epoch))
    assert 0 < model.epoch < 100
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(weights_of(model)).all()


def test_a_divergence_error_travels_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(fastnn.DivergenceError("why", 3)))
    assert (str(error), error.epoch) == ("why", 3)
