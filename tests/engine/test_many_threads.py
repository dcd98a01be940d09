"""Many threads at once: nothing that they share is torn, however Python lets them take turns.

Each case lets threads begin together and asks for the very bits of one thread. With a global lock turns change every
few steps of Python, and native code runs beside it; without one all runs at once, which is what these cases are for.
"""

from __future__ import annotations

import contextlib
import sys
import sysconfig

import at_once
import numpy as np
import pytest
from at_once import THREADS, all_true, together
from models import model_of, regression

import fastnn
from fastnn import Sequential, _kernels
from fastnn.layers import Dense, Input, SimpleRNN

ROUNDS = 30

pytestmark = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not built")


@pytest.fixture(autouse=True)
def many_turns():
    with at_once.many_turns():
        yield


@pytest.fixture
def shared_work(monkeypatch):
    """Every region of native code asks for three threads, so that all Python threads want the same pool."""
    native = _kernels.load("cython")
    before = native.flop_a_thread(1.0)
    monkeypatch.setattr(fastnn._base.threads, "_chosen", 3)
    yield
    native.flop_a_thread(before)


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_one_predictor(rng, rows):
    predict = model_of(Dense(16, "tanh"), Dense(3), name="cython").predictor()
    x = rng.normal(size=(THREADS, rows, 4)).astype(np.float32)
    right = [predict(part).copy() for part in x]
    all_true(together(lambda i: all(np.array_equal(predict(x[i]), right[i]) for _ in range(ROUNDS * 10))))


def test_one_model(rng, shared_work):
    model = model_of(Dense(16, "tanh"), Dense(3), name="cython")
    x = rng.normal(size=(THREADS, 70, 4)).astype(np.float32)
    right = [model.predict(part) for part in x]
    all_true(together(lambda i: all(np.array_equal(model.predict(x[i]), right[i]) for _ in range(ROUNDS))))


def test_models_of_their_own_that_train(rng, shared_work):
    x, y = regression(rng, 300)

    def trained(seed):
        model = model_of(name="cython", seed=seed)
        for _ in range(3):
            model.fit(x, y, epochs=2, verbose=0)
        return model.params

    right = [trained(i) for i in range(THREADS)]
    all_true(together(lambda i: np.array_equal(trained(i), right[i])))


def test_one_model_that_all_want_to_train(rng):
    """Some fits are refused; the weights are those of as many fits as were not."""
    x, y = regression(rng)
    model, alone = model_of(name="cython"), model_of(name="cython")
    found = together(lambda i: model.fit(x, y, epochs=2, verbose=0) and True)
    refused = [one for one in found if isinstance(one, RuntimeError) and "one fit at a time" in str(one)]
    done = found.count(True)
    assert done >= 1
    assert done + len(refused) == THREADS
    for _ in range(done):
        alone.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.params, alone.params)


def test_predictions_while_the_parameters_move(rng):
    """Each new model around the layers lays their parameters out anew, and the predictor follows."""
    model = model_of(Dense(16, "tanh"), Dense(3), name="cython")
    predict, made = model.predictor(), []
    x = rng.normal(size=(THREADS, 2, 4)).astype(np.float32)
    right = [predict(part).copy() for part in x]

    def work(i):
        if i:
            return all(np.array_equal(predict(x[i]), right[i]) for _ in range(ROUNDS * 10))
        for _ in range(ROUNDS):
            made.append(Sequential([Input((4,)), *model.layers, Dense(2)], backend="cython"))
        return True

    all_true(together(work))


def test_one_sequence_that_two_threads_step_through(rng):
    """A step is made as a whole or refused."""
    predict = Sequential([Input((None, 2)), SimpleRNN(8)], seed=1, backend="cython").predictor()
    x = rng.normal(size=(20, 2)).astype(np.float32)
    many = np.repeat(x[None, :1, :], 20, axis=0)

    def work(i):
        made = 0
        for _ in range(ROUNDS * 10):
            with contextlib.suppress(RuntimeError):  # another thread is at it
                predict.step(many[:, 0])
                made += 1
        return made

    predict.step(many[:, 0])
    made = sum(together(work, 4)) + 1
    state = predict.state["simple_rnn_h"]
    predict.reset(20)
    for _ in range(made):
        predict.step(many[:, 0])
    np.testing.assert_array_equal(predict.state["simple_rnn_h"], state)


def test_a_change_of_instruction_set(rng):
    """Models made meanwhile run on one that is whole: names, kernels of both dtypes, and results belong together."""
    native = _kernels.load("cython")
    runs, before = [name for name, _, does in native.isas() if does], native.isa()
    x = rng.normal(size=(5, 4)).astype(np.float32)
    right = model_of(name="numpy").predict(x)

    def work(i):
        if i:
            return all(np.allclose(model_of(name="cython").predict(x), right, atol=1e-5) for _ in range(ROUNDS // 3))
        for turn in range(ROUNDS * 20):
            native.use_isa(runs[turn % len(runs)])
        return True

    try:
        all_true(together(work))
    finally:
        native.use_isa(before)


def test_the_module_needs_no_global_lock():
    """Where Python has none, importing the native backend has not brought it back."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this Python has a global lock")
    assert not sys._is_gil_enabled()  # type: ignore[attr-defined]
