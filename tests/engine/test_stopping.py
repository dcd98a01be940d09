"""How a fit ends before its last epoch: time, Ctrl-C, and weights that are no longer numbers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from models import EVERY_BACKEND, FAST_BACKENDS, dtype_on, model_of, regression, weights_of

import fastnn
from fastnn.layers import Dense


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
    assert 0 < model.step < 100
    assert (history.epoch, model.epoch) == ([0], 0), "the epoch that was begun has its values so far"
    assert np.isfinite(history.history["loss"]).all()


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
    assert (model.epoch, model.step) == {
        "on_epoch_begin": (1, 2),
        "on_epoch_end": (2, 4),
        "on_train_batch_end": (1, 2),
    }[hook]
    same.fit(x, y, epochs=model.epoch, verbose=0)
    for m in (model, same):
        m.fit(x, y, epochs=3, verbose=0)
    assert weights_of(model).tobytes() == weights_of(same).tobytes()


def test_lbfgs_forgets_the_weights_it_was_trying_at_ctrl_c(rng):
    x, y = regression(rng)
    calls = []

    def loss(target, prediction):
        calls.append(prediction)
        if len(calls) == 2:  # at the start, then at the first trial
            raise KeyboardInterrupt
        return (target - prediction) ** 2, 2 * (prediction - target)

    model = model_of(loss=loss, optimizer="lbfgs")
    start = weights_of(model)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=1, verbose=0)
    assert len(calls) == 2
    assert weights_of(model).tobytes() == start.tobytes()


SIGNALLED = """
import json, os, signal, sys, threading, time
import numpy as np
import fastnn
from fastnn.layers import Dense

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 16)).astype(np.float32)
y = x[:, :1]
backend, dtype = sys.argv[1:]
model = fastnn.Sequential([Dense(32, "tanh", input_shape=(16,)), Dense(1)], seed=1, backend=backend, dtype=dtype)
model.compile("adam", "mse")
model.fit(x, y, verbose=0)
sent = []

def send():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(0.3, send).start()
try:
    model.fit(x, y, epochs=10**6, verbose=0)
except KeyboardInterrupt:
    waited, step = time.monotonic() - sent[0], model.step
    model.fit(x, y, verbose=0)
    print(json.dumps([waited, step, model.step, model.evaluate(x, y)]))
"""


@FAST_BACKENDS
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_signal_reaches_a_long_fit(name):
    command = [sys.executable, "-c", SIGNALLED, name, dtype_on(name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    waited, step, after, loss = json.loads(done.stdout)
    assert waited < 5
    assert step > 63
    assert after == step + 63
    assert np.isfinite(loss)


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


@pytest.mark.single
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


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("quiet", [True, False])
def test_blown_up_weights_do_not_stay_though_they_are_finite(rng, name, quiet):
    x, y = regression(rng)
    model = model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(1e22))
    start = weights_of(model)
    listed = [fastnn.callbacks.TerminateOnNaN()] * quiet
    with contextlib.nullcontext() if quiet else pytest.raises(fastnn.DivergenceError, match="from before that epoch"):
        model.fit(x, y, batch_size=len(x) // 2, epochs=9, callbacks=listed, verbose=0)
    assert weights_of(model).tobytes() == start.tobytes()


@EVERY_BACKEND
def test_terminate_on_nan_ends_quietly_and_the_last_epoch_is_nan(rng, name):
    x, y = regression(rng)
    model = model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(1e6))
    history = model.fit(x, y, epochs=100, callbacks=[fastnn.callbacks.TerminateOnNaN()], verbose=0)
    assert history.epoch == list(range(model.epoch + 1))
    assert 0 < model.epoch < 100
    assert np.isfinite(history.history["loss"][:-1]).all()
    assert np.isnan(history.history["loss"][-1])
    assert np.isfinite(weights_of(model)).all()


def test_terminate_on_nan_raises_when_told_to(rng):
    model = model_of(Dense(1), optimizer=fastnn.optimizers.SGD(1e6))
    with pytest.raises(fastnn.DivergenceError):
        model.fit(*regression(rng), epochs=100, callbacks=[fastnn.callbacks.TerminateOnNaN(True)], verbose=0)


def test_a_divergence_error_travels_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(fastnn.DivergenceError("why", 3)))
    assert (str(error), error.epoch) == ("why", 3)
