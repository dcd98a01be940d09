"""``fit_many``: each model ends as ``fit`` alone would leave it, data are shared, errors change nothing."""

import warnings

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression

import fastnn
from fastnn import DivergenceError, Sequential, optimizers, schedules
from fastnn._base import threads
from fastnn.callbacks import Callback, EarlyStopping, LambdaCallback
from fastnn.layers import Dense, Dropout


@pytest.fixture
def data():
    """203 rows of 7 numbers, with classes 0 and 1."""
    x = (np.arange(203 * 7, dtype=np.float32) * 7919 % 1009 / 1009).reshape(203, 7)
    return x, (x[:, 0] + x[:, 3] > 1).astype(np.float32)


def different_models() -> list[Sequential]:
    """Models that differ in all that may differ."""
    kinds = [
        ([Dense(9, "relu"), Dense(1, "sigmoid")], "adam", "binary_crossentropy", "float32"),
        ([Dense(31, "tanh"), Dropout(0.3), Dense(5, "gelu"), Dense(1)], "rmsprop", "mean_squared_error", "float32"),
        ([Dense(1, "sigmoid")], optimizers.SGD(0.3, momentum=0.9, clipnorm=0.5), "binary_crossentropy", "float64"),
        (
            [Dense(2, "softmax")],
            optimizers.Lion(schedules.CosineDecay(0.01, 50)),
            "sparse_categorical_crossentropy",
            "float32",
        ),
        ([Dense(6, "selu"), Dense(1, "sigmoid")], optimizers.LBFGS(), "binary_crossentropy", "float64"),
    ]
    models = []
    for seed, (layers, optimizer, loss, dtype) in enumerate(kinds):
        model = Sequential(layers, dtype=dtype, seed=seed)
        model.compile(optimizer=optimizer, loss=loss)
        models.append(model)
    return models


@pytest.mark.single
@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@EVERY_BACKEND
def test_each_model_ends_with_the_bits_it_gets_alone(data, name, n_threads):
    x, y = data
    arguments = {"epochs": 6, "batch_size": 32, "validation_split": 0.2, "backend": name}
    together, alone = different_models(), different_models()
    histories = fastnn.fit_many(together, x, y, n_threads=n_threads, **arguments)
    for model, history, other in zip(together, histories, alone, strict=True):
        expected = other.fit(x, y, verbose=0, **arguments)
        np.testing.assert_array_equal(model.params, other.params)
        assert (history.history, history.epoch) == (expected.history, expected.epoch)
        assert model.history is history
        assert (model.epoch, model.step, model.backend_) == (other.epoch, other.step, name)


def test_each_model_stops_by_its_own_validation(rng):
    x, y = regression(rng, n=200)
    validation = regression(rng, n=60)
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    together = [model_of(name=None, seed=seed, optimizer=optimizers.Adam(0.05 * (seed + 1))) for seed in range(5)]
    fastnn.fit_many(together, x, y, epochs=60, callbacks=[stop], validation_data=validation, n_threads=2)
    for seed, model in enumerate(together):
        alone = model_of(name=None, seed=seed, optimizer=optimizers.Adam(0.05 * (seed + 1)))
        own = EarlyStopping(patience=2, restore_best_weights=True)
        alone.fit(x, y, epochs=60, callbacks=[own], validation_data=validation, verbose=0)
        assert model.history.history == alone.history.history
        np.testing.assert_array_equal(model.params, alone.params)
    assert stop.model is None, "the callback given must serve as a pattern only"
    assert len({len(model.history.epoch) for model in together}) > 1


def test_models_of_one_kind_share_their_data(data, monkeypatch):
    seen, prepared = [], Sequential.prepared
    monkeypatch.setattr(
        Sequential, "prepared", lambda model, data, *rest: seen.append(data[0]) or prepared(model, data, *rest)
    )
    x, y = data
    models = [model_of(n_in=7, seed=seed, dtype=dtype) for seed, dtype in enumerate(["float32", "float32", "float64"])]
    fastnn.fit_many(models, x, y)
    assert seen[0] is seen[1]
    assert np.shares_memory(seen[0].inputs[0], x), "float32 rows are trained on where they are"
    assert seen[2].inputs[0].dtype == np.float64


def test_models_that_wait_for_an_input_shape_are_built(data):
    x, y = data
    models = [Sequential([Dense(3), Dense(1)], seed=seed) for seed in range(3)]
    for model in models:
        model.compile(loss="mse")
    fastnn.fit_many(models, x, y)
    assert [model.input_shape for model in models] == [(None, 7)] * 3


@pytest.mark.parametrize("fault", ["shape", "compiled", "twice", "kind", "argument"])
def test_an_error_leaves_all_models_as_they_were(data, fault):
    x, y = data
    first = Sequential([Dense(1)], seed=0)
    first.compile(loss="mse")
    second = model_of(n_in=5 if fault == "shape" else 7)
    if fault == "compiled":
        second = Sequential([Dense(1)])
    models = [first, second] + ([first] if fault == "twice" else ["model"] if fault == "kind" else [])
    before = second.params.copy()
    with pytest.raises((ValueError, TypeError)):
        fastnn.fit_many(models, x, y, epochs=-1 if fault == "argument" else 1)
    assert not first.built
    np.testing.assert_array_equal(second.params, before)


def test_a_model_that_diverges_does_not_stop_the_others(data):
    x, y = data
    models = [model_of(n_in=7), model_of(n_in=7, optimizer=optimizers.SGD(1e30)), model_of(n_in=7, seed=9)]
    with pytest.raises(DivergenceError) as caught:
        fastnn.fit_many(models, x, y, epochs=5, n_threads=2)
    assert "model 1 of the 3" in caught.value.__notes__[0]
    assert [len(models[i].history.epoch) for i in (0, 2)] == [5, 5]
    assert all(np.isfinite(model.params).all() for model in models)


def test_no_more_models_than_threads_train_at_a_time(data):
    import threading

    running, most = set(), []

    class Watch(Callback):
        def __deepcopy__(self, memo):
            return self

        def on_epoch_end(self, epoch, logs=None):
            running.add(threading.get_ident())
            most.append(threads.get_num_threads())

    fastnn.fit_many([model_of(n_in=7, seed=s) for s in range(6)], *data, epochs=3, callbacks=[Watch()], n_threads=2)
    assert len(running) <= 2
    assert set(most) == {1}, "a fit among others must not start threads of its own"


def test_an_interrupt_stops_what_runs_and_what_waits(data):
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    models = [model_of(n_in=7, seed=seed) for seed in range(4)]
    with pytest.raises(KeyboardInterrupt):
        fastnn.fit_many(models, *data, epochs=50, callbacks=[LambdaCallback(on_epoch_end=interrupt)], n_threads=2)
    assert all(len(model.history.epoch) <= 1 for model in models)


def test_no_models_is_an_empty_list(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fastnn.fit_many([], *data) == []
