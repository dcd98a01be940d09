"""One fit of a model at a time; arrays, predictors and outputs that are shared or changed meanwhile."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, classes, model_of, regression, weights_of

import fastnn
from fastnn import Sequential
from fastnn._base.arrays import real_array
from fastnn.callbacks import LambdaCallback
from fastnn.layers import Dense

CHANGES = {
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "fit_many": lambda model, x, y: fastnn.fit_many([model_of(), model], x, y),
    "compile": lambda model, x, y: model.compile("sgd", "mse"),
    "add": lambda model, x, y: model.add(Dense(1)),
    "pop": lambda model, x, y: model.pop(),
    "build": lambda model, x, y: model.build(),
    "set_weights of other shapes": lambda model, x, y: model.set_weights(model_of(Dense(3)).get_weights()),
}


@EVERY_BACKEND
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end", "on_train_batch_begin", "on_train_end"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_cannot_be_changed_inside_its_own_fit(rng, name, hook, change):
    x, y = regression(rng)
    model, same = model_of(name=name), model_of(name=name)
    refused = []

    def attempt(*arguments):
        with pytest.raises((RuntimeError, ValueError), match=r"being trained|weights") as told:
            CHANGES[change](model, x, y)
        refused.append(told.value)

    history = model.fit(x, y, epochs=3, callbacks=LambdaCallback(**{hook: attempt}), verbose=0)
    expected = same.fit(x, y, epochs=3, callbacks=LambdaCallback(**{hook: lambda *arguments: None}), verbose=0)
    assert refused
    assert history.history == expected.history
    assert weights_of(model).tobytes() == weights_of(same).tobytes()
    CHANGES["fit"](model, x, y)


@EVERY_BACKEND
def test_two_threads_cannot_train_one_model(rng, name):
    x, y = regression(rng)
    model, same = model_of(name=name), model_of(name=name)
    refused = []

    def attempt(epoch, logs):
        def fit():
            with pytest.raises(RuntimeError, match="one fit at a time") as told:
                model.fit(x, y, verbose=0)
            refused.append(told.value)

        other = threading.Thread(target=fit)
        other.start()
        other.join()

    model.fit(x, y, epochs=2, callbacks=LambdaCallback(on_epoch_end=attempt), verbose=0)
    same.fit(x, y, epochs=2, verbose=0)
    assert len(refused) == 2
    assert weights_of(model).tobytes() == weights_of(same).tobytes()


def test_a_copy_can_be_trained_meanwhile_and_the_model_be_looked_at(rng):
    x, y = regression(rng)
    model = model_of()
    seen = []

    def look(epoch, logs):
        other = copy.deepcopy(model)
        other.fit(x, y, verbose=0)
        seen.append((other.step, model.evaluate(x, y), model.predict(x).shape, model.predictor()(x).shape))

    model.fit(x, y, epochs=2, callbacks=LambdaCallback(on_epoch_end=look), verbose=0)
    assert [step for step, *_ in seen] == [4, 6]


def test_an_estimator_cannot_be_fitted_inside_its_own_fit(rng):
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPRegressor

    x, y = regression(rng)

    def attempt(epoch, logs):
        with pytest.raises(RuntimeError, match="estimator is being trained"):
            regressor.fit(x, y[:, 0])

    callback = LambdaCallback(on_epoch_end=attempt)
    regressor = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, solver="lbfgs", tol=0.5, callbacks=[callback])
    plain = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, solver="lbfgs", tol=0.5, random_state=1)
    regressor.set_params(random_state=1).fit(x, y[:, 0])
    np.testing.assert_array_equal(regressor.predict(x), plain.fit(x, y[:, 0]).predict(x))


# -- predictors -------------------------------------------------------------------------------------


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("n", [1, 3, 700])
def test_threads_may_share_a_predictor(rng, name, n):
    model = model_of(Dense(64, "tanh"), Dense(3), name=name)
    predict = model.predictor()
    rows = [rng.normal(size=(n, 4)).astype(np.float32) for _ in range(4)]
    right = [model.predict(x) for x in rows]
    wrong = []

    def work(x, expected):
        for _ in range(100):
            if not np.array_equal(predict(x), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work, args=pair) for pair in zip(rows, right, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("n_out", [4, 1, 7])
@pytest.mark.parametrize("shift", [0, 1, -1, 37, -37, 400])
def test_an_output_may_lie_over_the_input(rng, name, n_out, shift):
    n = 1500
    model = model_of(Dense(8, "tanh"), Dense(n_out), name=name)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    right = model.predict(x)
    memory = np.zeros(n * 12, np.float32)
    begin = n * 4
    inner = memory[begin : begin + x.size].reshape(x.shape)
    inner[...] = x
    out = memory[begin + shift : begin + shift + right.size].reshape(right.shape)
    model.predictor()(inner, out=out)
    np.testing.assert_array_equal(out, right)


# -- arrays that change -----------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("far", [2**31 - 1, -(2**31), 3])
def test_class_indices_that_change_during_a_fit_are_not_seen(rng, name, far):
    x, y = classes(rng)
    y = y.astype(np.int32)
    model, same = (
        model_of(Dense(3, "softmax"), name=name, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        for _ in range(2)
    )
    expected = same.fit(x, y.copy(), epochs=3, validation_split=0.3, verbose=0).history

    def change(epoch, logs):
        y[...] = far

    history = model.fit(
        x, y, epochs=3, validation_split=0.3, callbacks=LambdaCallback(on_epoch_begin=change), verbose=0
    ).history
    assert history == expected


@EVERY_BACKEND
@pytest.mark.parametrize("index_type", [np.int32, np.int64])
@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_array", "coo_array", "bsr_array"])
def test_indices_of_sparse_rows_that_change_during_a_fit_are_not_seen(rng, name, form, index_type):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x, y = regression(rng)
    given = getattr(scipy_sparse, form)(np.where(x > 0, x, 0))
    places = [given.coords] if form == "coo_array" else [given.indices, given.indptr]
    if form != "coo_array":
        given.indices, given.indptr = (array.astype(index_type) for array in places)
        places = [given.indices, given.indptr]
    else:
        places = list(given.coords)
    model, same = model_of(name=name), model_of(name=name)
    expected = same.fit(given.copy(), y, epochs=3, verbose=0).history

    def change(epoch, logs):
        for array in places:
            array[...] = np.iinfo(array.dtype).max // 2

    history = model.fit(given, y, epochs=3, callbacks=LambdaCallback(on_epoch_begin=change), verbose=0).history
    assert history == expected


def test_a_fork_in_a_fit_leaves_the_child_free_to_train(rng):
    import os

    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    x, y = regression(rng)
    model = Sequential([Dense(1)], backend="numpy")
    model.compile("sgd", "mse")
    codes = []

    def fork(epoch, logs):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                model.compile("sgd", "mse")
                model.fit(x, y, verbose=0)
                code = 0
            finally:
                os._exit(code)
        codes.append(os.waitpid(child, 0)[1])

    model.fit(x, y, callbacks=LambdaCallback(on_epoch_end=fork), verbose=0)
    assert codes == [0]


def test_arrays_that_are_converted_in_parts_are_converted_whole(rng, monkeypatch):
    from fastnn._base import arrays as conversion

    arrays = [rng.normal(size=(37, 3, 2)), np.asfortranarray(rng.normal(size=(50, 4))), np.arange(99)[::2]]
    whole = [real_array("x", array, np.dtype("float32")) for array in arrays]
    monkeypatch.setattr(conversion, "MANY", 16)
    for array, right in zip(arrays, whole, strict=True):
        found = real_array("x", array, np.dtype("float32"))
        np.testing.assert_array_equal(found, right)
        assert found.flags.carray
