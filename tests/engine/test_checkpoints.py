"""A fit that goes on from a checkpoint ends with the bits of one without a break; and what refuses to go on."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from broken_fits import Break, fitted, state_of
from models import EVERY_BACKEND

import fastnn
from fastnn import Input, Model, Sequential, _kernels, optimizers, schedules
from fastnn._base import threads
from fastnn.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from fastnn.layers import LSTM, BatchNormalization, Dense, Dropout, Embedding, GaussianNoise
from fastnn.utils import PyDataset

N, WIDTH, SIZE, EPOCHS = 42, 4, 8, 3  # six updates an epoch, the last one on two rows
UPDATES = EPOCHS * 6


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Thousands of files are written here, and none of them must outlive the machine."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.safetensors")


def rows():
    rng = np.random.default_rng(5)
    return rng.normal(size=(N, WIDTH)), rng.normal(size=(N, 1))


def build(optimizer="adam", backend=None, seed=3, dtype="float32", **told):
    layers = [Dense(5, "tanh"), Dropout(0.3), BatchNormalization(), GaussianNoise(0.1), Dense(1)]
    model = Sequential([Input((WIDTH,)), *layers], seed=seed, backend=backend, dtype=dtype)
    model.compile(copy.copy(optimizer), "mse", metrics=["mae"], **told)
    return model


PLAIN = {"batch_size": SIZE, "epochs": EPOCHS}


def same_after_every_update(build, data, path, places=range(1, UPDATES), **arguments):
    """Broken off after each of these updates and gone on with, a fit ends as it does without a break."""
    whole = state_of(fitted(build, data, **arguments))
    for at in places:
        fitted(build, data, path, at=at + 1, **arguments)
        assert fastnn.load(path).step == at
        assert state_of(fitted(build, data, path, **arguments)) == whole, f"after {at} updates"
        Path(path).unlink()
    return whole


@EVERY_BACKEND
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_from_every_update_on_every_backend(name, dtype, path):
    places = range(1, UPDATES) if (name, dtype) == ("cython", "float32") else (1, 5, 6, 11, 12, 17)
    same_after_every_update(lambda: build(backend=name, dtype=dtype), rows, path, places, **PLAIN)


EVERY_OPTIMIZER = [kind for kind in optimizers.OPTIMIZERS.values() if kind is not optimizers.LBFGS]


@pytest.mark.parametrize("kind", EVERY_OPTIMIZER, ids=lambda kind: kind.__name__)
def test_with_every_optimizer(kind, path):
    same_after_every_update(lambda: build(kind(clipnorm=1.0)), rows, path, (1, 6, 11), **PLAIN)


RATES = [
    schedules.ExponentialDecay(0.01, 3, 0.9),
    schedules.CosineDecay(0.01, 20),
    schedules.Plateau(0.05, factor=0.5, patience=1, min_delta=0.5),
]


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: type(rate).__name__)
def test_with_schedules(rate, path):
    def made():
        return build(optimizers.SGD(copy.copy(rate), momentum=0.9))

    def rate_of(model):
        return vars(model.optimizer.learning_rate)

    whole = fitted(made, rows, epochs=6, batch_size=SIZE)
    fitted(made, rows, path, at=20, epochs=6, batch_size=SIZE)
    again = fitted(made, rows, path, epochs=6, batch_size=SIZE)
    assert state_of(again) == state_of(whole)
    assert rate_of(again) == rate_of(whole)


class Counting(schedules.Schedule):
    """A schedule of a user's own that remembers."""

    def __init__(self):
        self.epochs = 0
        self.name = "counting"

    def rates(self, steps):
        return np.full(len(steps), 0.01 / (1 + self.epochs))

    def on_epoch_end(self, loss):
        self.epochs += 1

    def get_state(self):
        return self.epochs

    def set_state(self, state):
        self.epochs = state


def test_with_a_schedule_of_a_users_own(path):
    same_after_every_update(lambda: build(optimizers.SGD(Counting())), rows, path, (2, 8, 14), **PLAIN)


def watching():
    return [EarlyStopping("val_loss", patience=2, restore_best_weights=True), ReduceLROnPlateau("val_loss", patience=1)]


def test_with_callbacks_that_wait(path):
    told = {"epochs": 12, "batch_size": SIZE, "validation_split": 0.2, "callbacks": watching}
    whole = fitted(lambda: build(optimizers.SGD(0.2)), rows, **told)
    assert len(whole.history.epoch) < 12  # it did stop
    same_after_every_update(lambda: build(optimizers.SGD(0.2)), rows, path, (3, 9, 11, 14), **told)


def test_a_fit_that_has_ended_trains_nothing_more_and_gives_the_same(path):
    told = {"epochs": 12, "batch_size": SIZE, "validation_split": 0.2, "callbacks": watching}
    first = state_of(fitted(lambda: build(optimizers.SGD(0.2)), rows, path, **told))
    assert state_of(fitted(lambda: build(optimizers.SGD(0.2)), rows, path, **told)) == first


def test_more_epochs_go_on(path):
    whole = fitted(build, rows, epochs=5, batch_size=SIZE)
    fitted(build, rows, path, every="1 epoch", epochs=2, batch_size=SIZE)
    assert state_of(fitted(build, rows, path, epochs=5, batch_size=SIZE)) == state_of(whole)


def test_without_anything_that_listens_at_epochs(path):
    def made():
        return build_smooth("adam")

    for every in (1, 4, "1 epoch", "2 epochs", "0.000001 seconds"):
        whole = fitted(made, rows, epochs=9, batch_size=SIZE)
        fitted(made, rows, path, every=every, at=31, epochs=9, batch_size=SIZE)
        assert 0 < fastnn.load(path).step < 54
        assert state_of(fitted(made, rows, path, every=every, epochs=9, batch_size=SIZE)) == state_of(whole)
        Path(path).unlink()


def test_lbfgs(path):
    same_after_every_update(lambda: build_smooth(optimizers.LBFGS()), rows, path, range(1, 9), epochs=10)


def build_smooth(optimizer, loss="mse"):
    model = Sequential([Dense(5, "tanh", input_shape=(WIDTH,)), Dense(1)], seed=3)
    model.compile(optimizer, loss)
    return model


def test_a_stateful_network(path):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(32, 3, 2)), rng.normal(size=(32, 1))

    def made():
        model = Sequential([Input(batch_shape=(8, 3, 2)), LSTM(4, stateful=True), Dense(1)], seed=1)
        model.compile("adam", "mse")
        return model

    same_after_every_update(made, lambda: data, path, range(1, 8), epochs=2, batch_size=8, shuffle=False)


def test_custom_losses_metrics_of_all_predictions_and_class_weights(path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(N, WIDTH)), (rng.random((N, 1)) > 0.5).astype(float)

    def made():
        model = Sequential([Dense(3, "tanh", input_shape=(WIDTH,)), Dense(1, "sigmoid")], seed=1)
        model.compile("adam", "binary_crossentropy", metrics=["accuracy", "auc"])
        return model

    def own():
        return build_smooth("adam", lambda target, prediction: ((target - prediction) ** 2).mean(axis=-1))

    same_after_every_update(made, lambda: (x, y), path, (1, 5, 6, 8), class_weight={0: 1.0, 1: 3.0}, **PLAIN)
    same_after_every_update(made, lambda: (x, y), path, (1, 5, 6, 8), steps_per_epoch=4, **PLAIN)
    same_after_every_update(own, rows, path, (1, 5, 6, 8), **PLAIN)


def test_epochs_that_go_on_within_a_pass(path):
    same_after_every_update(build, rows, path, range(1, 12), steps_per_epoch=4, **PLAIN)


def test_a_graph_with_shared_layers_frozen_parts_and_two_outputs(path):
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(N, 3)), rng.integers(0, 5, (N, 4))], [rng.normal(size=(N, 1)), rng.normal(size=(N, 2))]

    def made():
        numbers, words = Input((3,), name="numbers"), Input((4,), dtype="int32", name="words")
        shared, frozen = Dense(4, "relu"), Dense(4, trainable=False)
        hidden = shared(frozen(shared(LSTM(4)(Embedding(5, 3)(words)))))
        model = Model([numbers, words], [Dense(1, name="a")(hidden), Dense(2, name="b")(Dense(3)(numbers))], seed=4)
        model.compile("rmsprop", ["mse", "mae"])
        return model

    same_after_every_update(made, lambda: data, path, (1, 6, 13), **PLAIN)


# -- batches --------------------------------------------------------------------------------------------


class Batches(PyDataset):
    """Batches that are drawn anew behind each epoch, as Keras' guides do it."""

    def __init__(self):
        self.rng, self.asked = np.random.default_rng(1), []
        self.order = np.arange(N)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.asked.append(index)
        x, y = rows()
        chosen = self.order[index * SIZE : (index + 1) * SIZE]
        return x[chosen], y[chosen]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


def batches():
    x, y = rows()
    return [(x[i : i + SIZE], y[i : i + SIZE]) for i in range(0, N, SIZE)]


def generator():
    while True:
        yield from batches()


class Anew:
    """An iterable without a length."""

    def __iter__(self):
        return iter(batches())


class Slow(Anew):
    """An iterable whose next batch is fetched while one trains, though it be of the next pass."""

    def __iter__(self):
        for batch in batches():
            time.sleep(0.002)
            yield batch


SOURCES = {
    "slow in parts": (lambda: (Slow(),), {"steps_per_epoch": 4}),
    "sequence": (lambda: (Batches(),), {}),
    "list": (lambda: (batches(),), {}),
    "iterable": (lambda: (Anew(),), {}),
    "generator": (lambda: (generator(),), {"steps_per_epoch": 6}),
    "generator in parts": (lambda: (generator(),), {"steps_per_epoch": 4}),
    "sequence in parts": (lambda: (Batches(),), {"steps_per_epoch": 4}),
    "iterable in parts": (lambda: (Anew(),), {"steps_per_epoch": 4}),
}


@pytest.mark.parametrize(
    "source",
    [
        name if name in ("list", "generator in parts") else pytest.param(name, marks=pytest.mark.long)
        for name in SOURCES
    ],
)
def test_batches(source, path):
    data, told = SOURCES[source]
    same_after_every_update(build, data, path, range(1, EPOCHS * told.get("steps_per_epoch", 6)), epochs=EPOCHS, **told)


def test_batches_with_a_metric_of_all_predictions(path):
    def made():
        return build("adam", weighted_metrics=["r2"])

    same_after_every_update(made, SOURCES["list"][0], path, (1, 5, 6, 7), epochs=2)


def test_what_has_an_index_is_not_asked_for_batches_that_were_trained(path):
    fitted(build, lambda: (Batches(),), path, at=10, epochs=EPOCHS)
    data = Batches()
    fitted(build, lambda: (data,), path, epochs=EPOCHS)
    assert len(data.asked) == 18 - 9


class Told(Anew):
    """An iterable that is told where to go on."""

    def __init__(self):
        self.first, self.told = 0, []

    def on_resume(self, epoch, batch):
        self.told.append((epoch, batch))
        self.first = batch

    def __iter__(self):
        first, self.first = self.first, 0
        return iter(batches()[first:])


def test_an_iterable_is_told_where_to_go_on(path):
    whole = state_of(fitted(build, lambda: (Told(),), epochs=EPOCHS))
    for at in range(1, UPDATES):
        fitted(build, lambda: (Told(),), path, at=at + 1, epochs=EPOCHS)
        data = Told()
        assert state_of(fitted(build, lambda data=data: (data,), path, epochs=EPOCHS)) == whole
        assert data.told == [divmod(at, 6)]
        Path(path).unlink()


# -- what callbacks hear --------------------------------------------------------------------------------


class Diary(Callback):
    """Writes down what it hears, and remembers it."""

    remembers = ("told",)

    def __init__(self):
        self.told = []

    def on_epoch_begin(self, epoch, logs=None):
        self.told.append(f"begin {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.told.append(f"batch {batch} {logs['loss']!r}")

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(f"end {epoch} {logs!r}")


def test_callbacks_hear_each_thing_once(path):
    diaries = []

    def diary():
        diaries.append(Diary())
        return diaries[-1:]

    fitted(build, rows, callbacks=diary, **PLAIN)
    for at in range(2, UPDATES + 1):
        fitted(build, rows, path, at=at, callbacks=diary, **PLAIN)
        fitted(build, rows, path, callbacks=diary, **PLAIN)
        assert diaries[-1].told == diaries[0].told
        Path(path).unlink()


class CtrlC(Callback):
    """Ctrl-C in the middle of the next updates."""

    def __init__(self, updates):
        self.updates = updates

    def on_progress(self, done, logs=None):
        if done == self.updates:
            from fastnn._base import interrupts

            self.real, interrupts.check = interrupts.check, self.interrupt

    def interrupt(self):
        from fastnn._base import interrupts

        interrupts.check = self.real
        raise KeyboardInterrupt


@pytest.mark.parametrize("at", [1, 5, 6, 11, 12])
@pytest.mark.parametrize("listens", [True, False])
def test_ctrl_c_writes_where_the_fit_stands(path, at, listens):
    diaries = []

    def diary():
        diaries.append(Diary())
        return diaries[-1:] if listens else []

    whole = state_of(fitted(build, rows, callbacks=diary, **PLAIN))
    model = build()
    told = {"checkpoint": path, "checkpoint_every": 1 if listens else "1 epoch", "verbose": 0}
    stop = CtrlC(at if listens else at // 6 * 6 or 6)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*rows(), callbacks=[*diary(), stop, Break()], **told, **PLAIN)
    assert fastnn.load(path).step == stop.updates
    again = build()
    again.fit(*rows(), callbacks=[*diary(), CtrlC(-1), Break()], **told, **PLAIN)
    assert state_of(again) == whole
    assert not listens or diaries[-1].told == diaries[0].told


def test_a_log_file_is_as_without_a_break(path, tmp_path):
    def logs(name):
        return lambda: [CSVLogger(tmp_path / name)]

    fitted(build, rows, callbacks=logs("whole.csv"), **PLAIN)
    fitted(build, rows, path, every="1 epoch", at=15, callbacks=logs("broken.csv"), **PLAIN)
    with open(tmp_path / "broken.csv", "a") as file:
        file.write("2,0.5,0.5\n")  # an epoch behind the checkpoint
    fitted(build, rows, path, callbacks=logs("broken.csv"), **PLAIN)
    assert (tmp_path / "broken.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_the_best_model_so_far_is_remembered(path, tmp_path):
    def keeps(name):
        return lambda: [ModelCheckpoint(tmp_path / name, "loss", save_best_only=True)]

    fitted(build, rows, callbacks=keeps("a.safetensors"), epochs=8, batch_size=SIZE)
    fitted(build, rows, path, at=30, callbacks=keeps("b.safetensors"), epochs=8, batch_size=SIZE)
    fitted(build, rows, path, callbacks=keeps("b.safetensors"), epochs=8, batch_size=SIZE)
    best = [fastnn.load(tmp_path / name) for name in ("a.safetensors", "b.safetensors")]
    np.testing.assert_array_equal(best[0].params, best[1].params)


def test_divergence_goes_back_as_far_as_without_a_break(path):
    x, y = rows()
    y[-1] = 1e30  # the loss of one batch of each epoch is not finite

    def made():
        return build_smooth(optimizers.SGD(0.1))

    results = []
    for stops in (None, 3):
        if stops:
            fitted(made, lambda: (x, y), path, at=stops, shuffle=False, **PLAIN)
        model = made()
        told = {"checkpoint": path, "checkpoint_every": 1} if stops else {}
        with pytest.raises(fastnn.DivergenceError):
            model.fit(x, y, shuffle=False, verbose=0, callbacks=[Break()], **told, **PLAIN)
        results.append(state_of(model))
    assert results[0] == results[1]


# -- other machines -------------------------------------------------------------------------------------


def test_another_number_of_threads(path):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    whole = state_of(fitted(lambda: build(backend="cython"), rows, **PLAIN))
    flop = native.flop_a_thread(1.0)
    try:
        with threads.limited(1):
            fitted(lambda: build(backend="cython"), rows, path, at=10, **PLAIN)
        with threads.limited(5):
            assert state_of(fitted(lambda: build(backend="cython"), rows, path, **PLAIN)) == whole
    finally:
        native.flop_a_thread(flop)


def test_another_instruction_set(path):
    """All of those with fused multiplication give the same bits."""
    native = _kernels.load("cython") if not _kernels.why_not("cython") else None
    sets = [name for name, _, runs in native.isas() if runs and name != "portable"] if native else []
    if len(sets) < 2:
        pytest.skip("this machine has no two instruction sets of the same bits")
    whole, used = state_of(fitted(lambda: build(backend="cython"), rows, **PLAIN)), native.isa()
    try:
        native.use_isa(sets[0])
        fitted(lambda: build(backend="cython"), rows, path, at=10, **PLAIN)
        native.use_isa(sets[1])
        assert state_of(fitted(lambda: build(backend="cython"), rows, path, **PLAIN)) == whole
    finally:
        native.use_isa(used)


def test_the_backend_that_wrote_goes_on(path):
    fitted(lambda: build(backend="numpy"), rows, path, at=10, **PLAIN)
    assert fitted(build, rows, path, **PLAIN).backend_ == "numpy"


def test_another_backend_that_is_asked_for_goes_on_with_a_warning(path):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    fitted(lambda: build(backend="numpy"), rows, path, at=10, **PLAIN)
    with pytest.warns(UserWarning, match="was written by the backend numpy, and cython goes on"):
        assert fitted(lambda: build(backend="cython"), rows, path, **PLAIN).epoch == EPOCHS


def test_the_seed_is_that_of_the_checkpoint(path):
    whole = state_of(fitted(build, rows, **PLAIN))
    fitted(build, rows, path, at=10, **PLAIN)
    assert state_of(fitted(lambda: build(seed=77), rows, path, **PLAIN)) == whole


# -- what cannot go on ----------------------------------------------------------------------------------

OTHERS = {
    "another model": (lambda: build_smooth("adam"), {}, "it is of another model"),
    "another dtype": (lambda: build(dtype="float64"), {}, "it is of another model"),
    "another optimizer": (lambda: build("sgd"), {}, "another optimizer"),
    "another rate": (
        lambda: build(optimizers.Adam(0.5)),
        {},
        "another optimizer: learning_rate is 0.001 and means 0.5",
    ),
    "another batch size": (build, {"batch_size": 4}, "this fit has batch_size 4, and the checkpoint's 8"),
    "another order": (build, {"shuffle": False}, "this fit has shuffle False, and the checkpoint's True"),
    "other numbers": (build, {"sample_weight": np.linspace(1, 2, N)}, "this fit has digest of all rows"),
    "other rows": (build, {"validation_split": 0.5}, "this fit has n_samples 21, and the checkpoint's 42"),
    "other steps": (
        build,
        {"steps_per_epoch": 4},
        "this fit has kind 'PassTrainer', and the checkpoint's 'RowsTrainer'",
    ),
    "other callbacks": (
        build,
        {"callbacks": lambda: [Diary()]},
        "of the callbacks of this fit Diary remember something, and of the checkpoint's none",
    ),
    "another beginning": (build, {"initial_epoch": 1}, "this fit has initial_epoch 1, and the checkpoint's 0"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_fit_of_another_kind_is_an_error_that_says_how_and_changes_nothing(other, path):
    made, told, words = OTHERS[other]
    fitted(build, rows, path, at=10, **PLAIN)
    before, content = made(), Path(path).read_bytes()
    model = made()
    told = {**PLAIN, **told}
    callbacks = [*told.pop("callbacks", lambda: ())(), Break()]
    with pytest.raises(ValueError, match="cannot be gone on from") as error:
        model.fit(*rows(), verbose=0, checkpoint=path, callbacks=callbacks, **told)
    assert words in str(error.value)
    assert "resume=False" in str(error.value)
    assert path in str(error.value)
    for mine, was in zip(model.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, was)
    assert (model.epoch, model.step, model.slots, model.seed) == (0, 0, None, before.seed)
    assert Path(path).read_bytes() == content
    model.fit(*rows(), verbose=0, checkpoint=path, resume=False, callbacks=callbacks, **told)


def test_resume_false_begins_anew_and_true_wants_a_file(path):
    with pytest.raises(FileNotFoundError, match="no such file to resume from"):
        build().fit(*rows(), checkpoint=path, resume=True)
    fitted(build, rows, path, at=10, **PLAIN)
    whole = state_of(fitted(build, rows, **PLAIN))
    assert state_of(fitted(build, rows, path, resume=False, **PLAIN)) == whole


def test_a_model_file_is_no_checkpoint(path):
    build().save(path)
    with pytest.raises(ValueError, match="it is a model without a fit to go on with"):
        build().fit(*rows(), checkpoint=path)


@pytest.mark.parametrize("resume", [None, 1, "yes", "AUTO"])
def test_resume_that_is_none(resume, path):
    with pytest.raises(ValueError, match='resume must be "auto", True or False'):
        build().fit(*rows(), checkpoint=path, resume=resume)


@pytest.mark.parametrize("every", ["", "epoch", "0 epochs", "1.5 epochs", "5 fortnights", 0, -1])
def test_checkpoint_every_that_is_none(every, path):
    with pytest.raises(ValueError, match="checkpoint_every must be"):
        build().fit(*rows(), checkpoint=path, checkpoint_every=every)


def test_a_folder_that_is_not_there_is_found_before_training(tmp_path):
    model = build()
    with pytest.raises(FileNotFoundError):
        model.fit(*rows(), checkpoint=tmp_path / "missing" / "run.safetensors")
    assert model.step == 0


def test_a_checkpoint_loads_as_a_model_of_that_moment(path):
    model = fitted(build, rows, path, **PLAIN)
    again = fastnn.load(path)
    np.testing.assert_array_equal(again.params, model.params)
    again.save(path)  # as a model that is no checkpoint
    assert fastnn.load(path).step == UPDATES


def test_keras_callback(tmp_path):
    def backup(**told):
        return lambda: [BackupAndRestore(tmp_path / "backup", save_freq=1, **told)]

    whole = state_of(fitted(build, rows, callbacks=backup(), **PLAIN))
    assert not (tmp_path / "backup" / "latest.safetensors").exists()
    fitted(build, rows, at=10, callbacks=backup(), **PLAIN)
    assert (tmp_path / "backup" / "latest.safetensors").exists()
    assert state_of(fitted(build, rows, callbacks=backup(delete_checkpoint=False), **PLAIN)) == whole
    assert (tmp_path / "backup" / "latest.safetensors").exists()
    with pytest.raises(ValueError, match="one BackupAndRestore, or checkpoint="):
        fitted(build, rows, tmp_path / "x.safetensors", callbacks=backup(), **PLAIN)


def test_a_time_limit_leaves_what_can_be_gone_on_from(path):
    whole = state_of(fitted(build, rows, epochs=200, batch_size=SIZE))
    model = fitted(build, rows, path, every="1 hour", epochs=200, batch_size=SIZE, time_limit=1e-9)
    assert 0 < model.step < 1200
    assert state_of(fitted(build, rows, path, epochs=200, batch_size=SIZE)) == whole


# -- files ----------------------------------------------------------------------------------------------

RELEASED = Path(__file__).parents[1] / "models" / "released" / "checkpoint.safetensors"


def released():
    layers = [Dense(4, "tanh"), Dropout(0.25), BatchNormalization(), Dense(1)]
    model = Sequential([Input((3,)), *layers], seed=5, backend="numpy")
    model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    data = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    told = {"batch_size": 8, "epochs": 6, "validation_split": 0.1}
    return lambda: model, lambda: data, {**told, "callbacks": lambda: [EarlyStopping(patience=9)]}


def test_a_released_checkpoint_goes_on(path):
    """As a fit without a break would; its bits are those of NumPy's products on this machine."""
    Path(path).write_bytes(RELEASED.read_bytes())
    made, data, told = released()
    again = fitted(made, data, path, **told)
    made, data, told = released()
    whole = fitted(made, data, **told)
    assert again.step == whole.step == 18
    assert again.history.epoch == list(range(6))
    for mine, right in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*was written by the backend")
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_a_damaged_checkpoint_is_an_error_and_changes_nothing(path, seed):
    good, draw, tried = RELEASED.read_bytes(), random.Random(seed), Counter()
    for _ in range(60):
        Path(path).write_bytes(mutated(good, draw))
        made, data, told = released()
        model = made()
        before = (model.get_weights(), model.step, model.seed, float(model.optimizer.learning_rate))
        try:
            fitted(lambda model=model: model, data, path, **told)
            tried["went on"] += 1
        except fastnn.DivergenceError:  # at another learning rate
            tried["went on"] += 1
        except ValueError:
            tried["refused"] += 1
            assert (model.step, model.seed, float(model.optimizer.learning_rate)) == before[1:]
            for mine, was in zip(model.get_weights(), before[0], strict=True):
                np.testing.assert_array_equal(mine, was)
    assert tried["refused"] > 20


def mutated(content, draw):
    """One value of what the file says of the fit, of the model, or one byte, is another one."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    way = draw.choice(["fit", "fit", "fit", "model", "bytes"])
    if way == "bytes":
        at = draw.randrange(len(content))
        return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    told = json.loads(header["__metadata__"][way])
    place = told
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = draw.choice(keys)
        if not isinstance(place[key], dict | list) or not place[key] or draw.random() < 0.2:
            place[key] = draw.choice([None, [], {}, -1, 10**12, 0.5, "x", True, {"$array": 0}, {"$number": "nan"}])
            break
        place = place[key]
    header["__metadata__"][way] = json.dumps(told)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
