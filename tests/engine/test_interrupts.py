"""Ctrl-C in the middle of one long native call, and what is left as it was."""

from __future__ import annotations

import os
import signal
import sys
import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, FAST_BACKENDS, weights_of

import fastnn
from fastnn import Sequential
from fastnn._base import interrupts
from fastnn.layers import Dense

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
N = 2**19  # rows that take many seconds
X = np.linspace(-1, 1, N, dtype=np.float32).reshape(-1, 1)


def wide(name, optimizer="adam") -> Sequential:
    """A model whose rows are narrow and take long."""
    model = Sequential(
        [Dense(512, "relu", input_shape=(1,)), Dense(512, "tanh"), Dense(1)], seed=1, backend=name, dtype="float32"
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


CALLS = {
    "one huge update": lambda model: model.fit(X, X, batch_size=N, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, X),
    "predict": lambda model: model.predict(X),
    "predictor": lambda model: model.predictor()(X),
    "evaluate": lambda model: model.evaluate(X, X),
    "fit_many": lambda model: fastnn.fit_many([model, wide(model.backend)], X, X, batch_size=N, n_threads=2),
    "lbfgs": lambda model: model.fit(X, X, verbose=0),
}


def interrupted(call) -> None:
    """Send Ctrl-C into a call that is at work; it ends with it."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    timer.join()


@pytest.mark.single
@FAST_BACKENDS
@pytest.mark.parametrize("what", CALLS)
def test_a_call_that_would_take_long_is_called_off(name, what):
    model = wide(name, "lbfgs" if what == "lbfgs" else "adam")
    few = X[:: N // 64]
    model.fit(few, few, verbose=0)
    start, step, slots = weights_of(model), model.step, None if model.slots is None else model.slots.tobytes()
    interrupted(lambda: CALLS[what](model))
    assert weights_of(model).tobytes() == start.tobytes()
    assert model.step == step
    assert slots is None or model.slots.tobytes() == slots
    if what in ("one huge update", "fit_many", "lbfgs"):
        assert model.history.failed
        assert np.isnan(model.history.history["loss"]).all()
    model.fit(few, few, verbose=0)
    assert np.isfinite(model.predict(few)).all()


@pytest.mark.single
@EVERY_BACKEND
def test_updates_before_the_one_that_was_called_off_stay(name):
    model, same = wide(name), wide(name)
    n = 4096
    few = X[:: N // n]
    weights = []

    def hurry(batch, logs):
        weights.append(weights_of(model))
        if batch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    callback = fastnn.callbacks.LambdaCallback(on_train_batch_end=hurry)
    with pytest.raises(KeyboardInterrupt):
        model.fit(few, few, batch_size=n // 4, shuffle=False, callbacks=[callback], verbose=0)
    same.fit(few[: n // 2], few[: n // 2], batch_size=n // 4, shuffle=False, verbose=0)
    assert model.step == 2
    assert weights_of(model).tobytes() == weights_of(same).tobytes() == weights[-1].tobytes()
    assert model.history.history == same.history.history


def test_an_estimator_predicts_no_further():
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPRegressor

    few = X[:: N // 64]
    regressor = MLPRegressor(hidden_layer_sizes=(512, 512), max_iter=2, n_iter_no_change=9)
    with pytest.warns(UserWarning, match="Maximum"):
        regressor.fit(few, few[:, 0])
    interrupted(lambda: regressor.predict(X))


def test_whole_work_is_interrupted_after_it_alone():
    done = []

    def work():
        with interrupts.whole():
            os.kill(os.getpid(), signal.SIGINT)
            done.extend(i for i in range(1000))
        done.append("too late")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == list(range(1000))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_of_the_signal_ends_a_call_with_its_own_error():
    class Mine(Exception):
        pass

    def handler(number, frame):
        raise Mine

    model = wide(None)
    before = signal.signal(signal.SIGINT, handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(Mine):
            model.predict(X)
    finally:
        signal.signal(signal.SIGINT, before)
