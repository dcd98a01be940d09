"""Prediction in hot loops, and from several threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression

from fastnn import Sequential
from fastnn.layers import Dense


@EVERY_BACKEND
def test_the_predictor_gives_what_predict_gives(rng, name, dtype):
    model = model_of(Dense(9, "relu"), Dense(3, "softmax"), name=name, dtype=dtype.name)
    f = model.predictor()
    for n in (0, 1, 2, 17, 300, 2100):
        x = rng.normal(size=(n, 4)).astype(dtype)
        y = f(x)
        assert (y.shape, y.dtype) == ((n, 3), dtype)
        assert y.tobytes() == model.predict(x).tobytes()
    row = f(x[5])
    assert row.shape == (3,)
    np.testing.assert_allclose(row, y[5], rtol=1e-5)


@pytest.mark.single
@EVERY_BACKEND
def test_a_sequence_is_one_row(rng, name):
    model = Sequential([Dense(2, "tanh", input_shape=(5, 4))], seed=1, backend=name)
    x = rng.normal(size=(3, 5, 4)).astype(np.float32)
    f = model.predictor()
    assert f(x).tobytes() == model.predict(x).tobytes()
    assert f(x[0]).shape == (5, 2)


@pytest.mark.single
@EVERY_BACKEND
def test_out_is_filled_and_returned_and_nothing_around_it(rng, name):
    model = model_of(Dense(9, "relu"), Dense(3), name=name)
    f, x = model.predictor(), rng.normal(size=(7, 4)).astype(np.float32)
    around = np.full((9, 3), 5, np.float32)
    out = around[1:8]
    assert f(x, out=out) is out
    assert out.tobytes() == model.predict(x).tobytes()
    assert (around[[0, 8]] == 5).all()
    row = np.empty(3, np.float32)
    assert f(x[2], out=row) is row
    np.testing.assert_allclose(row, out[2], rtol=1e-5)


@pytest.mark.single
@EVERY_BACKEND
def test_the_predictor_follows_training(rng, name):
    x, y = regression(rng)
    model = model_of(name=name)
    f = model.predictor()
    before = f(x)
    model.fit(x, y, epochs=3, verbose=0)
    assert f(x).tobytes() == model.predict(x).tobytes() != before.tobytes()
    model.set_weights([w * 0 for w in model.get_weights()])
    assert not f(x).any()


@pytest.mark.single
@EVERY_BACKEND
def test_read_only_rows_and_values_that_are_not_finite_go_through(rng, name):
    model = model_of(Dense(1), name=name)
    x = rng.normal(size=(4, 4)).astype(np.float32)
    x[1, 2], x[2, 0] = np.nan, np.inf
    x.flags.writeable = False
    y = model.predictor()(x)[:, 0]
    assert np.isfinite(y).tolist() == [True, False, False, True]


X = np.zeros((6, 4), np.float32)
WRONG = {
    "width": (X[:, :3].copy(), None, ValueError, "(4,) or ('n', 4)', got (6, 3)".replace("'", "")),
    "rank": (X[None], None, ValueError, "got (1, 6, 4)"),
    "dtype": (X.astype(np.float64), None, TypeError, "float32, got float64"),
    "integers": (X.astype(int), None, TypeError, "float32, got int64"),
    "byte order": (X.astype(">f4"), None, TypeError, "float32, got >f4"),
    "strides": (np.zeros((6, 8), np.float32)[:, ::2], None, TypeError, "not contiguous"),
    "columns": (np.asfortranarray(X), None, TypeError, "not contiguous"),
    "misaligned": (np.zeros(97, np.uint8)[1:].view(np.float32).reshape(6, 4), None, TypeError, "not aligned"),
    "list": (X.tolist(), None, TypeError, "must be an array, got list"),
    "None": (None, None, TypeError, "must be an array, got NoneType"),
    "out shape": (
        X,
        np.empty((6, 2), np.float32),
        ValueError,
        "out must be writable and have shape (6, 1), got (6, 2)",
    ),
    "out row": (X[0], np.empty((1, 1), np.float32), ValueError, "out must be writable and have shape (1,), got (1, 1)"),
    "out dtype": (X, np.empty((6, 1)), TypeError, "out must be a C-contiguous array of float32, got float64"),
    "out strides": (X, np.empty((6, 2), np.float32)[:, ::2], TypeError, "not contiguous"),
    "out list": (X, [0] * 6, TypeError, "out must be an array, got list"),
    "out read-only": (X, np.broadcast_to(np.float32(0), (1, 1)), ValueError, "out must be writable"),
}


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("case", WRONG)
def test_what_the_predictor_refuses(name, case):
    x, out, error, words = WRONG[case]
    if case == "out read-only":
        x = x[:1]
    with pytest.raises(error) as told:
        model_of(name=name).predictor()(x, out)
    assert words in str(told.value).replace("'", "")


@EVERY_BACKEND
def test_many_threads_predict_with_one_model(rng, name):
    model = model_of(Dense(64, "tanh"), Dense(3, "softmax"), name=name)
    chunks = [rng.normal(size=(n, 4)).astype(np.float32) for n in (1, 5, 300, 1500)]
    expected = [model.predict(x).tobytes() for x in chunks]
    wrong, start = [], threading.Barrier(6)

    def work(first):
        start.wait()
        for i in range(40):
            k = (first + i) % len(chunks)
            try:
                if model.predict(chunks[k]).tobytes() != expected[k]:
                    wrong.append(k)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@EVERY_BACKEND
def test_models_train_in_threads_as_they_train_alone(rng, name):
    x, y = regression(rng, n=300)
    alone = model_of(name=name)
    alone.fit(x, y, epochs=10, verbose=0)
    models = [model_of(name=name) for _ in range(3)]
    threads = [threading.Thread(target=m.fit, args=(x, y), kwargs={"epochs": 10, "verbose": 0}) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        assert model.params.tobytes() == alone.params.tobytes()
