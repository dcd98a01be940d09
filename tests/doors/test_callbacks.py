"""Callbacks: when each hook is told what, and what the ready-made ones do to a fit."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression, weights_of
from tolerance import assert_close

import fastnn
from fastnn import schedules
from fastnn.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from fastnn.layers import Dense


class Recorder(Callback):
    """Keeps every call with the model's counters."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append(("begin",))

    def on_train_end(self, logs=None):
        self.calls.append(("end",))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch begins", epoch, self.model.epoch, self.model.step))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch ends", epoch, self.model.epoch, self.model.step, dict(logs)))

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("batch begins", batch, self.model.step))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("batch ends", batch, self.model.step, dict(logs)))


class Script(Callback):
    """Gives the validation loss of each epoch from a list, before other callbacks see it."""

    def __init__(self, values, key="val_loss"):
        self.values, self.key = values, key

    def on_epoch_end(self, epoch, logs=None):
        logs[self.key] = self.values[epoch]


def test_hooks_come_in_order_and_find_the_counters_up_to_date(rng):
    x, y = regression(rng, n=20)
    recorder, model = Recorder(), model_of(metrics=["mae"])
    history = model.fit(
        x, y, batch_size=15, initial_epoch=3, epochs=5, callbacks=recorder, validation_data=(x, y), verbose=0
    )
    names = ["epoch begins", "batch begins", "batch ends", "batch begins", "batch ends", "epoch ends"]
    assert [call[0] for call in recorder.calls] == ["begin", *names, *names, "end"]
    assert [call[1] for call in recorder.calls if call[0].startswith("epoch")] == [3, 3, 4, 4]
    assert [call[1:3] for call in recorder.calls if call[0] == "batch ends"] == [(0, 1), (1, 2), (0, 3), (1, 4)]
    ends = [call for call in recorder.calls if call[0] == "epoch ends"]
    assert [call[2:4] for call in ends] == [(1, 2), (2, 4)]
    assert [call[4]["val_mae"] for call in ends] == history.history["val_mae"]
    assert list(ends[0][4]) == ["loss", "mae", "val_loss", "val_mae"] == list(history.history)
    assert history.epoch == [3, 4]
    assert recorder.params is history.params
    assert (history.model, recorder.model) == (model, model)


@EVERY_BACKEND
def test_logs_of_a_batch_are_the_running_mean_of_the_epoch(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=20))
    recorder, model = Recorder(), model_of(Dense(1), name=name, optimizer=fastnn.optimizers.SGD(0.0), dtype="float64")
    model.fit(x, y, batch_size=6, epochs=2, shuffle=False, callbacks=[recorder], verbose=0)
    running = [model.evaluate(x[:n], y[:n]) for n in (6, 12, 18, 20)] * 2
    assert_close([call[3]["loss"] for call in recorder.calls if call[0] == "batch ends"], running, "float64", k=20)


def test_a_function_put_on_an_object_is_heard(rng):
    heard, callback = [], Callback()
    callback.on_epoch_end = lambda epoch, logs=None: heard.append(epoch)
    model_of().fit(*regression(rng), epochs=3, callbacks=[callback], verbose=0)
    assert heard == [0, 1, 2]


@EVERY_BACKEND
@pytest.mark.parametrize(("hook", "epochs", "steps"), [("on_epoch_end", 2, 4), ("on_train_batch_end", 1, 1)])
def test_stop_training_ends_after_the_epoch_or_batch_at_hand(rng, name, hook, epochs, steps):
    model = model_of(name=name)

    def stop(number, logs):
        model.stop_training = model.stop_training or hook != "on_epoch_end" or number == 1

    x, y = regression(rng)
    history = model.fit(x, y, epochs=9, callbacks=[LambdaCallback(**{hook: stop})], verbose=0)
    assert (len(history.epoch), model.step) == (epochs, steps)
    model.fit(x, y, epochs=1, verbose=0)
    assert model.step == {2: 6, 1: 3}[epochs]


def test_an_error_in_a_callback_comes_out_and_the_model_goes_on(rng):
    x, y = regression(rng)
    model = model_of()

    def fail(epoch, logs):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, epochs=3, callbacks=[LambdaCallback(on_epoch_end=fail)], verbose=0)
    model.fit(x, y, epochs=2, verbose=0)
    same = model_of()
    same.fit(x, y, epochs=3, verbose=0)
    assert weights_of(same).tobytes() == weights_of(model).tobytes()


@EVERY_BACKEND
def test_the_model_can_be_used_and_changed_within_a_callback(rng, name):
    x, y = regression(rng)
    seen, model = [], model_of(name=name)

    def look(epoch, logs):
        seen.append(model.evaluate(x, y))
        assert_close(np.mean((model.predict(x) - y) ** 2), seen[-1], "float32", k=50)
        if epoch == 1:
            model.set_weights([w * 0 for w in model.get_weights()])

    history = model.fit(
        x, y, epochs=3, callbacks=[LambdaCallback(on_epoch_end=look)], validation_data=(x, y), verbose=0
    )
    assert history.history["val_loss"] == seen
    assert_close(history.history["loss"][2], np.mean(y**2), "float32", k=1000, magnitude=100)


# -- early stopping ---------------------------------------------------------------------------------

STOPS = [
    ({"patience": 0}, [3, 2, 2, 1], 3),
    ({"patience": 2}, [3, 2, 2.5, 2, 1], 4),
    ({"patience": 2}, [3, 2, 2.5, 1.9, 5, 5, 5], 6),
    ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.5, 1], 2),
    ({"patience": 1, "mode": "max"}, [1, 2, 3, 2, 9], 4),
    ({"patience": 2, "baseline": 2}, [4, 3, 1, 1.5, 1, 9], 5),
    ({"patience": 2, "baseline": 2}, [4, 3, 2.5, 2.1, 2.2, 1], 5),
    ({"patience": 2, "baseline": 2}, [4, 4, 1], 2),
    ({"patience": 0, "start_from_epoch": 2}, [1, 2, 3, 4, 5], 4),
    ({"patience": 1}, [3, float("nan"), 2], 2),
    ({"patience": 1}, [float("nan"), 3, 2, 2.5], 4),
    ({"patience": 1, "min_delta": -0.5}, [3, 2.6, 1], 2),
    ({"patience": 1, "monitor": "val_accuracy"}, [0.1, 0.2, 0.1, 0.9], 3),
    ({"patience": 1, "monitor": "val_auc"}, [0.1, 0.2, 0.1, 0.9], 3),
]


@pytest.mark.parametrize(("arguments", "values", "epochs"), STOPS)
def test_early_stopping_counts_epochs_without_improvement(rng, arguments, values, epochs):
    script = Script(values, arguments.get("monitor", "val_loss"))
    stopping, model = EarlyStopping(**arguments), model_of()
    for _ in range(2):  # the same object serves a second fit
        history = model.fit(*regression(rng), epochs=len(values), callbacks=[script, stopping], verbose=0)
        assert len(history.epoch) == epochs
        assert stopping.stopped_epoch == epochs - 1


RESTORED = [([3, 1, 2, 2, 2], 1, None), ([3, 2, 1], 2, None), ([9, 8, 8.5, 8.6], 1, 1.0), ([np.nan, np.nan], 0, None)]


@EVERY_BACKEND
@pytest.mark.parametrize(("values", "best", "baseline"), RESTORED)
def test_early_stopping_restores_the_weights_of_the_best_epoch(rng, name, values, best, baseline):
    x, y = regression(rng)
    model, same = model_of(name=name), model_of(name=name)
    stopping = EarlyStopping(patience=3, baseline=baseline, restore_best_weights=True)
    model.fit(x, y, epochs=len(values), callbacks=[Script(values), stopping], verbose=0)
    same.fit(x, y, epochs=best + 1, verbose=0)
    assert stopping.best_epoch == best
    assert weights_of(model).tobytes() == weights_of(same).tobytes()


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau, lambda: ModelCheckpoint("x", save_best_only=True)])
def test_a_value_that_nobody_gives_is_named_with_those_there_are(rng, make):
    model = model_of(metrics=["mae"])
    with pytest.raises(ValueError, match=r"monitors 'val_loss'.* loss, mae; give validation data"):
        model.fit(*regression(rng), epochs=3, callbacks=[make()], verbose=0)
    assert model.epoch == 1


def test_which_direction_is_better_follows_from_the_metric(rng):
    x, y = regression(rng)
    for name, best in (("loss", 1), ("val_loss", 1), ("mae", 1), ("weighted_mae", 1), ("val_r2", 2), ("f1_score", 2)):
        model = model_of()
        model.compile("adam", "mse", metrics=["mae", "r2"], weighted_metrics=["mae"])
        stopping = EarlyStopping(name, patience=5)
        model.fit(x, y, epochs=3, callbacks=[Script([2, 1, 3], name), stopping], verbose=0)
        assert stopping.best_epoch == best, name


@pytest.mark.parametrize(
    "make", [EarlyStopping, ReduceLROnPlateau, lambda name: ModelCheckpoint("x", name, save_best_only=True)]
)
def test_a_value_of_unknown_direction_is_refused_before_any_update(rng, make):
    model, script = model_of(), Script([1, 2], "score")
    with pytest.raises(ValueError, match=r"'score' is better high or low.*mode=\"max\""):
        model.fit(*regression(rng), epochs=2, callbacks=[script, make("score")], verbose=0)
    assert model.step == 0


# -- the history ------------------------------------------------------------------------------------


def test_what_callbacks_put_into_the_logs_is_recorded(rng):
    class Sometimes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2:
                logs["odd"] = float(epoch)

    seen = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(list(logs)))
    history = model_of().fit(*regression(rng), epochs=4, callbacks=[Sometimes(), look], verbose=0).history
    np.testing.assert_array_equal(history["odd"], [np.nan, 1, np.nan, 3])
    assert len(history["loss"]) == 4
    assert seen == [["loss"], ["loss", "odd"]] * 2


@pytest.mark.parametrize("make", [lambda: LearningRateScheduler(lambda epoch: 0.1 / 2**epoch), None])
def test_the_learning_rate_of_each_epoch_is_recorded(rng, make):
    callback = make() if make else ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    model = model_of(optimizer=fastnn.optimizers.SGD(0.1))
    history = model.fit(*regression(rng), epochs=4, callbacks=[callback], verbose=0).history
    assert history["learning_rate"] == ([0.1, 0.05, 0.025, 0.0125] if make else [0.1, 0.1, 0.05, 0.025])


def test_an_epoch_in_which_a_callback_fails_is_in_the_history(rng):
    def fail(epoch, logs):
        logs["mine"] = 1.0
        raise KeyboardInterrupt

    model = model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*regression(rng), epochs=3, callbacks=[LambdaCallback(on_epoch_end=fail)], verbose=0)
    assert model.history.epoch == [0]
    assert list(model.history.history) == ["loss", "mine"]


# -- learning rates ---------------------------------------------------------------------------------

PLATEAUS = [
    ({"patience": 1}, [3, 3, 3, 3], [1, 0.1, 0.01, 0.001]),
    ({"patience": 2, "factor": 0.5}, [3, 2, 2, 2, 2, 2], [1, 1, 1, 0.5, 0.5, 0.25]),
    ({"patience": 1, "cooldown": 2}, [3, 3, 3, 3, 3, 3], [1, 0.1, 0.1, 0.01, 0.01, 0.001]),
    ({"patience": 2, "cooldown": 3}, [3] * 9, [1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]),
    ({"patience": 1, "cooldown": 1}, [3, 3, 2, 2.5, 2], [1, 0.1, 0.1, 0.01, 0.001]),
    ({"patience": 1, "min_lr": 0.05}, [3, 3, 3, 3], [1, 0.1, 0.05, 0.05]),
    ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2], [1, 0.1, 0.1]),
]


@pytest.mark.parametrize(("arguments", "values", "rates"), PLATEAUS)
def test_the_rate_falls_on_a_plateau(rng, arguments, values, rates):
    model, seen = model_of(optimizer=fastnn.optimizers.SGD(1.0)), []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.optimizer.learning_rate))
    plateau = ReduceLROnPlateau(**arguments)
    model.fit(*regression(rng), epochs=len(values), callbacks=[Script(values), plateau, look], verbose=0)
    np.testing.assert_allclose(seen, rates)


@pytest.mark.parametrize("callback", [ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch: 0.1)])
def test_a_schedule_has_no_rate_to_set(rng, callback):
    model = model_of(optimizer=fastnn.optimizers.SGD(schedules.CosineDecay(0.1, 100)))
    before = weights_of(model)
    with pytest.raises(ValueError, match=rf"{type(callback).__name__}.*learning_rate"):
        model.fit(*regression(rng), callbacks=[callback], verbose=0)
    assert weights_of(model).tobytes() == before.tobytes()


@EVERY_BACKEND
def test_a_scheduled_rate_is_the_one_used(rng, name):
    x, y = regression(rng)
    scheduled, by_hand = model_of(name=name), model_of(name=name)
    asked = []

    def rate(epoch, before):
        asked.append((epoch, before))
        return 0.1 / 2**epoch

    scheduled.fit(x, y, epochs=3, callbacks=[LearningRateScheduler(rate)], verbose=0)
    for epoch in range(3):
        by_hand.optimizer.learning_rate = 0.1 / 2**epoch
        by_hand.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
    assert asked == [(0, 0.001), (1, 0.1), (2, 0.05)]
    assert weights_of(scheduled).tobytes() == weights_of(by_hand).tobytes()


@pytest.mark.parametrize(("rate", "error"), [(-1, ValueError), ("fast", TypeError), (None, TypeError)])
def test_a_scheduled_rate_must_be_a_rate(rng, rate, error):
    model = model_of()
    before = weights_of(model)
    with pytest.raises(error, match="learning rate"):
        model.fit(*regression(rng), callbacks=[LearningRateScheduler(lambda *_: rate)], verbose=0)
    assert weights_of(model).tobytes() == before.tobytes()


def test_a_mistake_in_a_schedule_comes_out(rng):
    with pytest.raises(TypeError, match="NoneType"):
        model_of().fit(*regression(rng), callbacks=[LearningRateScheduler(lambda epoch, rate: rate + None)], verbose=0)


@EVERY_BACKEND
def test_a_schedule_object_gives_every_update_its_rate(rng, name):
    x, y = regression(rng)
    schedule = schedules.ExponentialDecay(0.5, 3, 0.5)
    model, by_hand = (model_of(name=name, optimizer=fastnn.optimizers.SGD(rate)) for rate in (schedule, 0.5))
    model.fit(x, y, epochs=2, batch_size=25, shuffle=False, verbose=0)
    for step in range(4):
        by_hand.optimizer.learning_rate = 0.5 * 0.5 ** (step / 3)
        rows = slice(25 * (step % 2), 25 * (step % 2) + 25)
        by_hand.train_on_batch(x[rows], y[rows])
    assert weights_of(model).tobytes() == weights_of(by_hand).tobytes()


@EVERY_BACKEND
def test_a_plateau_schedule_hears_the_validation_loss(rng, name):
    x, y = regression(rng)
    plateau = schedules.Plateau(0.01, patience=2, min_delta=1e9, factor=0.5)
    model = model_of(name=name, optimizer=fastnn.optimizers.Adam(plateau))
    model.fit(x, y, epochs=7, validation_split=0.2, verbose=0)
    assert model.optimizer.learning_rate.learning_rate == 0.01 / 8


def test_on_progress_is_told_between_native_calls_and_splits_no_epoch(rng):
    model, seen = model_of(Dense(1)), []
    x, y = regression(rng, n=64)
    model.fit(x, y, epochs=200, callbacks=[LambdaCallback(on_progress=lambda done, logs: seen.append(done))], verbose=0)
    assert seen == sorted(seen)
    assert seen[-1] == 400
    assert len(seen) < 200
