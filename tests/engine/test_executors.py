"""``fit_many(executor=)``: what comes back from workers is what a fit here leaves, to the last bit."""

from __future__ import annotations

import multiprocessing.util
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import executors
import numpy as np
import pytest
from executors import Inline, assert_same
from models import model_of, regression

import fastnn
from fastnn import DivergenceError, Input, Model, Sequential, callbacks, layers, optimizers, schedules
from fastnn.callbacks import EarlyStopping

MAKERS = [
    Inline,
    executors.spawned,
    *(pytest.param(make, marks=pytest.mark.long) for make in (executors.forked_by_server, executors.forked)),
    pytest.param(executors.loky, marks=pytest.mark.long),
]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    multiprocessing.util.get_temp_dir()  # Python's own: the name must be short, for its fork server's socket
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not [path for path in folder.iterdir() if not path.name.startswith("pymp-")]  # Python's own


def mixed(backend=None):
    """Compiled models over 6 numbers that differ in what a fit changes of them."""
    made = [
        Sequential([layers.Dense(5, "relu"), layers.Dropout(0.3), layers.Dense(1)], seed=1),
        Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)], seed=2, dtype="float64"),
        Sequential([layers.Dense(1)], seed=3),
        Sequential([layers.Dense(1)], seed=4, dtype="float64"),
    ]
    rate = schedules.CosineDecay(0.1, 50)
    chosen = ["adam", optimizers.RMSprop(0.01, clipnorm=0.5), optimizers.SGD(rate, momentum=0.9), optimizers.LBFGS()]
    for model, optimizer in zip(made, chosen, strict=True):
        model.backend = backend
        model.compile(optimizer, "mse", metrics=["mae"])
    made[0].layers[0].trainable = False
    return made


@pytest.mark.parametrize("make", MAKERS)
def test_models_are_as_after_a_fit_here_and_go_on(make, rng):
    x, y = regression(rng, n=70, n_in=6)
    told = {"epochs": 3, "batch_size": 16, "validation_split": 0.2, "sample_weight": rng.random(70)}
    away, here = mixed(), mixed()
    with make() as executor:
        histories = fastnn.fit_many(away, x, y, executor=executor, **told)
        for model, history, other in zip(away, histories, here, strict=True):
            assert model.history is history
            other.fit(x, y, verbose=0, **told)
            assert_same(model, other)
        fastnn.fit_many(away, x, y, executor=executor, **told)
    for model, other in zip(away, here, strict=True):
        other.fit(x, y, verbose=0, **told)
        assert_same(model, other)
        model.fit(x, y, epochs=1, verbose=0)
        other.fit(x, y, epochs=1, verbose=0)
        assert_same(model, other)


def several_ends():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    joined = layers.Concatenate()([layers.Dense(3, "tanh")(a), b])
    return Model([a, b], {"one": layers.Dense(1)(joined), "two": layers.Dense(2)(joined)}, seed=5)


def stateful():
    return Sequential([Input(batch_shape=(5, 3, 2)), layers.LSTM(4, stateful=True), layers.Dense(1)], seed=6)


def windows(rng):
    from fastnn.utils import timeseries_dataset_from_array

    series = rng.random((60, 2)).astype("float32")
    made = timeseries_dataset_from_array(series[:-3], series[3:, :1], 3, batch_size=10)
    return made.x, made.y


@pytest.mark.parametrize("kind", ["several ends", "stateful", "sparse", "shares layers with others"])
def test_other_models_and_data(kind, rng):
    x, y, told = rng.random((40, 6)), rng.random((40, 1)), {}
    make = lambda: Sequential([Input((6,)), layers.Dense(3), layers.Dense(1)], seed=3)  # noqa: E731
    if kind == "several ends":
        make, x = several_ends, {"a": rng.random((40, 2)), "b": rng.random((40, 3))}
        y = {"one": rng.random(40), "two": rng.random((40, 2))}
    elif kind == "stateful":
        make, x, told = stateful, rng.random((40, 3, 2)), {"shuffle": False, "batch_size": 5}
    elif kind == "sparse":
        x = pytest.importorskip("scipy.sparse").random(40, 6, 0.3, "csr", rng=1)
    away, here = make(), make()
    beside = None
    if kind == "shares layers with others":
        beside = Sequential([Input((6,)), away.layers[0], layers.Dense(2)], seed=9)
        untouched = beside.layers[-1].get_weights()[0].copy()
    for model in (away, here):
        model.compile("adam", "mse")
    for _ in range(2):
        fastnn.fit_many([away], x, y, epochs=2, executor=Inline(), **told)
        here.fit(x, y, epochs=2, verbose=0, **told)
        assert_same(away, here)
    if beside:
        np.testing.assert_array_equal(beside.layers[-1].get_weights()[0], untouched)
        np.testing.assert_array_equal(beside.layers[0].get_weights()[0], away.layers[0].get_weights()[0])


def test_callbacks_do_in_workers_what_they_do_here(rng, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = regression(rng, n=90)
    validation = regression(rng, n=40)
    told = {"epochs": 40, "validation_data": validation, "batch_size": 16}
    found = []
    for where in ("away", "here"):
        own = [
            EarlyStopping(patience=2, restore_best_weights=True),
            callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
            callbacks.CSVLogger(f"{where}.csv"),
            callbacks.ModelCheckpoint(f"{where}.safetensors", save_best_only=True),
            Watching(),
        ]
        model = model_of(name=None, optimizer=optimizers.Adam(0.3))
        if where == "away":
            fastnn.fit_many([model], x, y, callbacks=own, executor=Inline(), **told)
            assert own[0].model is None, "the callbacks given are patterns only"
        else:
            model.fit(x, y, callbacks=own, verbose=0, **told)
        found.append(model)
    assert_same(*found)
    assert found[0].history.kept_epoch is not None
    assert found[0].optimizer.learning_rate < 0.3
    for end in ("csv", "safetensors"):
        assert (tmp_path / f"away.{end}").read_bytes() == (tmp_path / f"here.{end}").read_bytes()


class Watching(callbacks.Callback):
    """Changes what callbacks may change."""

    def on_epoch_end(self, epoch, logs=None):
        logs["seen"] = float(epoch)
        if epoch == 1:
            self.model.layers[0].trainable = False
            self.model.stop_training = False


def test_an_optimizer_that_a_callback_puts_in_place_comes_back(rng):
    class Other(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if not epoch:
                self.model.optimizer = optimizers.SGD(0.01, momentum=0.5)

    pytest.importorskip("cloudpickle")
    away, here = model_of(name=None), model_of(name=None)
    x, y = regression(rng)
    fastnn.fit_many([away], x, y, epochs=3, callbacks=[Other()], executor=Inline())
    here.fit(x, y, epochs=3, callbacks=[Other()], verbose=0)
    assert_same(away, here)


def test_losses_and_layers_of_a_users_own_travel_by_value(rng):
    pytest.importorskip("cloudpickle")
    factor = 2.0

    class Doubled(layers.Layer):
        def call(self, x):
            return x * factor

        def backward(self, dy):
            return dy * factor

    def off(target, prediction):
        return ((target - prediction) ** 2).mean(axis=-1)

    def make():
        model = Sequential([Input((4,)), layers.Dense(3), Doubled(), layers.Dense(1)], seed=2)
        model.compile("adam", off)
        return model

    away, here = make(), make()
    x, y = regression(rng)
    fastnn.fit_many([away], x, y, epochs=2, executor=Inline())
    here.fit(x, y, epochs=2, verbose=0)
    assert_same(away, here)


def test_a_model_that_diverges_is_as_here_and_the_others_are_trained(rng):
    x, y = regression(rng, n=100)
    make = lambda: [model_of(name=None, seed=s, optimizer=optimizers.SGD(r)) for s, r in enumerate([0.1, 1e30, 0.1])]  # noqa: E731
    away, here = make(), make()
    with pytest.raises(DivergenceError) as caught:
        fastnn.fit_many(away, x, y, epochs=4, executor=Inline())
    assert f"(model 1 of the 3 that were trained together, in process {os.getpid()} of" in caught.value.__notes__[0]
    assert "Traceback" in str(caught.value.__cause__)
    with pytest.raises(DivergenceError) as expected:
        here[1].fit(x, y, epochs=4, verbose=0)
    assert (str(caught.value), caught.value.epoch) == (str(expected.value), expected.value.epoch)
    for i in (0, 2):
        here[i].fit(x, y, epochs=4, verbose=0)
    for model, other in zip(away, here, strict=True):
        assert_same(model, other)


def test_data_go_once_and_as_a_message_where_the_file_cannot_be_seen(rng, monkeypatch):
    from fastnn._workers import worker
    from fastnn._workers.pickling import size_of

    x, y = regression(rng, n=3000, n_in=4)
    away, here = ([model_of(name=None, seed=s) for s in range(3)] for _ in range(2))
    seen = Inline()
    fastnn.fit_many(away, x, y, executor=seen, validation_split=0.5)
    assert all(not sent for _, *sent in seen.orders)
    assert all(size_of(order["task"]) < x.nbytes / 4 for order, *_ in seen.orders)
    blind = Inline()
    monkeypatch.setattr(worker, "mapped", lambda path, key: None)
    monkeypatch.setattr(worker._house, "held", {})
    fastnn.fit_many(here, x, y, executor=blind, validation_split=0.5)
    assert sum(bool(sent) for _, *sent in blind.orders) == 1, "what was sent is kept for the tasks that follow"
    for model, other in zip(away, here, strict=True):
        assert_same(model, other)


def test_threads_of_a_pool_train_the_models_themselves(rng):
    x, y = regression(rng)
    away, here = ([model_of(name=None, seed=s) for s in range(3)] for _ in range(2))
    own = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(told=1.0))
    with ThreadPoolExecutor(2) as executor:
        fastnn.fit_many(away, x, y, epochs=2, callbacks=[own], executor=executor)
    for model, other in zip(away, here, strict=True):
        other.fit(x, y, epochs=2, callbacks=[own], verbose=0)
        assert_same(model, other)


def test_progress_is_told_where_it_is_wanted(rng, capsys):
    x, y = regression(rng)
    for executor in (None, Inline()):
        fastnn.fit_many([model_of(seed=s) for s in range(3)], x, y, executor=executor, verbose=1)
        assert "3 of 3 models have ended" in capsys.readouterr().err + capsys.readouterr().out
    fastnn.fit_many([model_of()], x, y, executor=Inline())
    assert capsys.readouterr() == ("", "")
