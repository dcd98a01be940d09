"""Threads: the bits do not depend on their number, the pool survives forks and nested or parallel callers."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastnn
from fastnn import Sequential, _kernels, optimizers, regularizers
from fastnn.layers import Dense, Dropout

pytestmark = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not built")


@pytest.fixture
def set_threads():
    """``fastnn.set_num_threads``, with what was before at the end."""
    before = fastnn.get_num_threads()
    yield fastnn.set_num_threads
    fastnn.set_num_threads(before)


def trained(dtype, batch_size, epochs=2, **compiled) -> Sequential:
    """A model with enough work for threads, of sizes that nothing divides."""
    layers = [Dense(203, "tanh"), Dropout(0.1), Dense(131, "relu"), Dense(11, "softmax")]
    model = Sequential(layers, seed=5, dtype=dtype, backend="cython")
    model.build((97,))
    model.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled}
    )
    rng = np.random.default_rng(0)
    model.fit(rng.random((1501, 97)), rng.integers(0, 11, 1501), batch_size=batch_size, epochs=epochs, verbose=0)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [100, 701, 1501])
@pytest.mark.parametrize("clipped", [False, True])
def test_training_has_the_same_bits_on_any_number_of_threads(set_threads, dtype, batch_size, clipped):
    optimizer = optimizers.Adam(0.01, global_clipnorm=0.1) if clipped else "adam"
    runs = []
    for n in (1, 2, 3, 5, 8):
        set_threads(n)
        runs.append(trained(dtype, batch_size, optimizer=optimizer))
    for run in runs[1:]:
        np.testing.assert_array_equal(run.params, runs[0].params)
        assert run.history.history == runs[0].history.history


@pytest.mark.parametrize("rows", [1, 7, 100, 1024, 2500])
def test_prediction_has_the_same_bits_on_any_number_of_threads(set_threads, rows):
    model, x = trained("float32", 300, epochs=1), np.random.default_rng(1).random((rows, 97), np.float32)
    runs = []
    for n in (1, 2, 3, 5, 8):
        set_threads(n)
        runs.append((model.predict(x), model.predictor()(x), model.evaluate(x, np.arange(rows) % 11)))
    for run in runs[1:]:
        np.testing.assert_array_equal(run[0], runs[0][0])
        np.testing.assert_array_equal(run[1], runs[0][1])
        assert run[2] == runs[0][2]


def test_penalties_have_the_same_bits_on_any_number_of_threads(set_threads):
    runs = []
    for n in (1, 3):
        set_threads(n)
        model = Sequential([Dense(300, "relu", kernel_regularizer=regularizers.L1L2(1e-3, 1e-3)), Dense(1)], seed=1)
        model.compile(optimizer="adam", loss="mse")
        rng = np.random.default_rng(0)
        model.fit(rng.random((999, 150)), rng.random(999), batch_size=333, verbose=0, backend="cython")
        runs.append(model)
    np.testing.assert_array_equal(runs[0].params, runs[1].params)
    assert runs[0].history.history == runs[1].history.history


def test_python_threads_train_at_the_same_time(set_threads):
    set_threads(2)
    expected, found = trained("float32", 300).params, {}
    workers = [threading.Thread(target=lambda i=i: found.update({i: trained("float32", 300).params})) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for params in found.values():
        np.testing.assert_array_equal(params, expected)
    assert len(found) == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_pool_of_its_own():
    """The parent's workers are gone in the child; it must neither wait for them nor lose their share of the work."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import fastnn; from test_threads import trained\n"
        "fastnn.set_num_threads(3); before = trained('float32', 300).params\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if (trained('float32', 300).params == before).all() else 9)\n"
        "status = os.waitpid(child, 0)[1]\n"
        "assert (trained('float32', 300).params == before).all()\n"
        "sys.exit(os.waitstatus_to_exitcode(status))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, os.path.dirname(__file__)], timeout=120)
    assert done.returncode == 0


def test_more_threads_than_processors_still_end(set_threads):
    set_threads(64)
    assert np.isfinite(trained("float32", 1501).params).all()
