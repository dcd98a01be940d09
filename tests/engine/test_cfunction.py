"""``predictor().cfunc``: the predictor's bits without the GIL and without Python, from ctypes, C, Numba and Cython."""

from __future__ import annotations

import ctypes
import gc
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from c_compilers import needs, run
from models import model_of

import fastnn
from fastnn import Input, Model, Sequential, _kernels
from fastnn.layers import GRU, LSTM, Conv2D, Dense, Flatten, Lambda, MaxPooling2D

pytestmark = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="there is no native backend")
ROWS = 1, 2, 7, 8, 9, 1500
IN_A_THREAD = """
#include <pthread.h>
#include <stdint.h>
typedef int predict(const void *, const void *, void *, int64_t);
typedef struct { predict *f; const void *context, *x; void *y; int64_t rows; int answer; } job;
static void *work(void *argument) {
    job *j = argument;
    j->answer = j->f(j->context, j->x, j->y, j->rows);
    return 0;
}
int in_a_thread(predict *f, const void *context, const void *x, void *y, int64_t rows) {
    job j = {f, context, x, y, rows, -1};
    pthread_t thread;
    if (pthread_create(&thread, 0, work, &j)) return -2;
    pthread_join(thread, 0);
    return j.answer;
}
"""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "interop_c.md"


def called(f, x, y) -> np.ndarray:
    assert f.ctypes(f.context, x.ctypes.data, y.ctypes.data, len(x)) == 0
    return y


def images() -> Sequential:
    layers = Conv2D(4, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(3, "softmax")
    return Sequential([Input((8, 8, 1)), *layers], seed=1, backend="cython")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", ROWS)
def test_the_bits_are_the_predictors(rows, dtype):
    predict = model_of(Dense(33, "gelu"), Dense(3, "softmax"), name="cython", n_in=20, dtype=dtype).predictor()
    f, x = predict.cfunc, np.random.default_rng(0).normal(size=(rows, 20)).astype(dtype)
    assert (f.dtype, f.n_in, f.n_out) == (np.dtype(dtype), 20, 3)
    np.testing.assert_array_equal(called(f, x, np.full((rows, 3), np.nan, dtype)), predict(x))
    assert ("const double *x" if dtype == "float64" else "const float *x") in f.signature


def test_images_and_sequences_of_one_length():
    x = np.random.default_rng(0).normal(size=(9, 8, 8, 1)).astype(np.float32)
    predict = images().predictor()
    np.testing.assert_array_equal(called(predict.cfunc, x, np.empty((9, 3), np.float32)), predict(x))
    predict = Sequential([Input((6, 2)), LSTM(5), Dense(3)], seed=1, backend="cython").predictor()
    x = np.random.default_rng(0).normal(size=(9, 6, 2)).astype(np.float32)
    np.testing.assert_array_equal(called(predict.cfunc, x, np.empty((9, 3), np.float32)), predict(x))


def test_it_lives_by_itself_and_follows_the_model():
    model = model_of(name="cython")
    f, x = model.predictor().cfunc, np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    model.set_weights([2 * weight for weight in model.get_weights()])
    wanted = model.predict(x)
    del model
    gc.collect()
    np.testing.assert_array_equal(called(f, x, np.empty((5, 1), np.float32)), wanted)


def test_a_predictor_has_one_until_its_parameters_move():
    model = model_of(name="cython")
    predict = model.predictor()
    f, x = predict.cfunc, np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert predict.cfunc is f
    z = Input((3,))
    whole = Model(z, model(Dense(4)(z)), backend="cython")
    assert whole.count_params() > model.count_params()
    moved = predict.cfunc
    np.testing.assert_array_equal(called(moved, x, np.empty((5, 1), np.float32)), model.predict(x))
    assert called(f, x, np.empty((5, 1), np.float32)).shape == (5, 1)  # the old place is still there


@needs("gcc")
def test_it_needs_no_gil_and_no_python(tmp_path):
    """A thread that Python does not know calls it, while the one that waits for it holds the GIL."""
    (tmp_path / "thread.c").write_text(IN_A_THREAD)
    run("gcc", "-shared", "-fPIC", "-pthread", "thread.c", "-o", "thread.so", cwd=tmp_path)
    with_gil = ctypes.PyDLL(str(tmp_path / "thread.so")).in_a_thread
    predict = model_of(Dense(300, "tanh"), Dense(300, "tanh"), Dense(3), name="cython", n_in=200).predictor()
    f, x = predict.cfunc, np.random.default_rng(0).normal(size=(4000, 200)).astype(np.float32)
    y = np.empty((4000, 3), np.float32)
    places = (ctypes.c_void_p(place) for place in (f.address, f.context, x.ctypes.data, y.ctypes.data))
    assert with_gil(*places, ctypes.c_int64(4000)) == 0
    np.testing.assert_array_equal(y, predict(x))


@pytest.mark.numba
@pytest.mark.skipif(_kernels.why_not("numba") is not None, reason="there is no Numba")
def test_compiled_code_of_numba_calls_it():
    import numba

    predict = model_of(name="cython").predictor()
    f = predict.cfunc
    function, context = f.ctypes, f.context

    @numba.njit
    def total(x, y):
        answer = function(context, x.ctypes, y.ctypes, len(x))
        return answer, y.sum()

    x, y = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), np.empty((5, 1), np.float32)
    assert total(x, y) == (0, y.sum())
    np.testing.assert_array_equal(y, predict(x))


@pytest.mark.long
@needs("gcc")
def test_cython_calls_it(tmp_path):
    pytest.importorskip("Cython")
    shown = re.search(r"```cython\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "calls.pyx").write_text(f"# cython: language_level=3\n{shown[1]}")
    command = [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", "calls.pyx"]
    run(*command, cwd=tmp_path)
    sys.path.insert(0, str(tmp_path))
    try:
        import calls  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    predict = model_of(name="cython").predictor()
    x, y = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), np.empty((5, 1), np.float32)
    calls.predicted(predict.cfunc.address, predict.cfunc.context, x, y)
    np.testing.assert_array_equal(y, predict(x))


def test_what_has_none_says_so():
    with pytest.raises(fastnn.BackendError, match=r"'numpy' has no C function.*backend='cython'"):
        _ = model_of(name="numpy").predictor().cfunc
    own = Sequential([Input((4,)), Lambda(lambda x: 2 * x), Dense(1)], backend="cython").predictor()
    with pytest.raises(fastnn.BackendError, match="a layer of the model is Python code"):
        _ = own.cfunc
    any_length = Sequential([Input((None, 2)), GRU(3)], backend="cython").predictor()
    with pytest.raises(ValueError, match="sequences of one length"):
        _ = any_length.cfunc
    with pytest.raises(TypeError, match="an address in this process"):
        pickle.dumps(model_of(name="cython").predictor().cfunc)
