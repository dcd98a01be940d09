"""Whatever ends a fit: callbacks hear the end once, the best weights come back, and the history misses no epoch."""

from __future__ import annotations

import copy
import csv

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression, weights_of

import fastnn
from fastnn import callbacks
from fastnn.callbacks import Callback
from fastnn.layers import Dense

HOOKS = ("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end")


class Boom(Exception):
    """What a callback raises."""


class HeardEpochs(Callback):
    """Writes down what it hears of epochs, with the weights at their end."""

    def __init__(self):
        self.told, self.weights = [], []

    def on_train_begin(self, logs=None):
        self.told.append(("on_train_begin", logs))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(("on_epoch_end", epoch))
        self.weights.append(weights_of(self.model))

    def on_train_end(self, logs=None):
        self.told.append(("on_train_end", dict(logs)))


class Heard(HeardEpochs):
    """Hears of batches, too."""

    def on_train_batch_end(self, batch, logs=None):
        self.told.append(("on_train_batch_end", batch))


def raises(hook, error, at=1):
    """A callback that raises in a hook, when its count has come to ``at``."""
    count = iter(range(100))

    def fail(*arguments):
        if next(count) == at:
            raise error

    return callbacks.LambdaCallback(**{hook: fail})


@pytest.mark.parametrize("error", [Boom("why"), KeyboardInterrupt()], ids=["error", "ctrl-c"])
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("first", [True, False])
def test_an_error_in_any_hook_ends_the_fit_as_any_end_does(rng, tmp_path, hook, error, first):
    heard, table = Heard(), callbacks.CSVLogger(tmp_path / "log.csv")
    best = callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    failing = raises(hook, error, at=0 if hook == "on_train_begin" else 3)
    listed = [failing, heard, best, table] if first else [heard, best, table, failing]
    model = model_of()
    with pytest.raises(type(error)) as told:
        model.fit(*regression(rng), epochs=9, callbacks=listed, verbose=0)
    assert told.value is error
    ends = [logs for name, logs in heard.told if name == "on_train_end"]
    assert len(ends) == 1
    history = model.history
    assert history.failed
    assert [number for name, number in heard.told if name == "on_epoch_end"] == history.epoch
    assert history.epoch == list(range(len(history.epoch)))
    assert (
        len(history.epoch)
        == {
            "on_train_begin": 0,
            "on_epoch_begin": 3,
            "on_train_batch_begin": 2,
            "on_train_batch_end": 2,
            "on_epoch_end": 4,
        }[hook]
    )
    if not history.epoch:
        return
    assert ends[0]["loss"] == history.history["loss"][-1]
    np.testing.assert_array_equal(weights_of(model), heard.weights[best.best_epoch])
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history.history["loss"]


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("per_batch", [True, False])
def test_a_fit_that_diverges_has_nan_for_its_last_epoch_and_the_best_weights(rng, tmp_path, name, quiet, per_batch):
    class Rates(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 1e38 if epoch == 3 else 0.01

    x, y = regression(rng)
    heard, table = Heard() if per_batch else HeardEpochs(), callbacks.CSVLogger(tmp_path / "log.csv")
    best = callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    listed = [Rates(), heard, best, table] + [callbacks.TerminateOnNaN()] * quiet
    model = model_of(Dense(1), name=name, optimizer="sgd", metrics=["mae"])
    arguments = {"epochs": 9, "callbacks": listed, "validation_data": (x, y), "verbose": 0}
    if quiet:
        model.fit(x, y, **arguments)
    else:
        with pytest.raises(fastnn.DivergenceError, match="epoch 4"):
            model.fit(x, y, **arguments)
    history = model.history
    assert history.epoch == [0, 1, 2, 3]
    for values in history.history.values():
        assert np.isfinite(values[:3]).all()
        assert np.isnan(values[3])
    np.testing.assert_array_equal(weights_of(model), heard.weights[2])
    assert [what[0] for what in heard.told].count("on_train_end") == 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5


@EVERY_BACKEND
def test_an_epoch_stopped_in_a_batch_hook_has_the_values_of_its_batches(rng, name):
    x, y = regression(rng, n=70)
    model, same = model_of(name=name, metrics=["mae"]), model_of(name=name, metrics=["mae"])

    def stop(batch, logs):
        model.stop_training = batch == 1

    history = model.fit(
        x,
        y,
        batch_size=10,
        shuffle=False,
        callbacks=callbacks.LambdaCallback(on_train_batch_end=stop),
        validation_data=(x, y),
        epochs=5,
        verbose=0,
    )
    expected = same.fit(x[:20], y[:20], batch_size=10, shuffle=False, validation_data=(x, y), verbose=0)
    assert history.history == expected.history
    assert history.epoch == [0]
    assert weights_of(model).tobytes() == weights_of(same).tobytes()


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin"])
def test_a_stop_set_before_an_update_prevents_it(rng, hook):
    model = model_of()
    start = weights_of(model)

    def stop(*arguments):
        model.stop_training = True

    ends = []
    listed = [callbacks.LambdaCallback(**{hook: stop, "on_train_end": ends.append})]
    history = model.fit(*regression(rng), callbacks=listed, epochs=5, verbose=0)
    assert (history.epoch, history.failed, ends) == ([], False, [{}])
    assert weights_of(model).tobytes() == start.tobytes()


def test_errors_at_the_end_do_not_hide_the_first_and_reach_nobody_else(rng):
    heard = Heard()
    first, second = Boom("first"), Boom("second")
    model = model_of()
    listed = [raises("on_epoch_end", first), raises("on_train_end", second, at=0), heard]
    with pytest.raises(Boom, match="first") as told:
        model.fit(*regression(rng), epochs=4, callbacks=listed, verbose=0)
    assert told.value.__notes__ == ["(then Boom('second') was raised)"]
    assert heard.told[-1][0] == "on_train_end"


def test_hooks_get_a_dict_of_logs(rng):
    x, y = regression(rng)
    names = [name for name in vars(Callback) if name.startswith("on_")]
    told = {}
    hooks = {name: lambda *arguments, name=name: told.setdefault(name, arguments) for name in names}
    listed = [callbacks.LambdaCallback(**hooks)]
    model = model_of()
    model.fit(x, y, callbacks=listed, validation_data=(x, y), epochs=2, verbose=0)
    model.predict(x, callbacks=listed)
    assert set(told) == set(names) - {"on_batch_begin", "on_batch_end"}  # LambdaCallback's own come first
    assert all(isinstance(arguments[-1], dict) for arguments in told.values())


def test_an_interrupted_lbfgs_iteration_is_an_entry_without_values(rng):
    x, y = regression(rng)
    calls = []

    def loss(target, prediction):
        calls.append(prediction)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return (target - prediction) ** 2, 2 * (prediction - target)

    model, heard = model_of(loss=loss, optimizer="lbfgs"), Heard()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=50, callbacks=[heard], verbose=0)
    history = model.history
    assert len(history.epoch) == model.epoch + 1
    assert np.isnan(history.history["loss"][-1])
    np.testing.assert_array_equal(weights_of(model), heard.weights[-1])


# -- class weights and validation rows --------------------------------------------------------------


@EVERY_BACKEND
def test_class_weights_do_not_touch_validation_rows(rng, name):
    x = rng.normal(size=(40, 4)).astype(np.float32)
    y = (rng.uniform(size=40) < 0.4).astype(int)
    weight = rng.uniform(size=40)
    found = []
    for arguments in (
        {"validation_split": 0.5, "sample_weight": weight},
        {"validation_data": (x[20:], y[20:], weight[20:]), "sample_weight": weight[:20]},
    ):
        n = 40 if "validation_split" in arguments else 20
        model = model_of(Dense(1, "sigmoid"), name=name, loss="binary_crossentropy")
        model.compile("sgd", "binary_crossentropy", weighted_metrics=["accuracy"])
        same = copy.deepcopy(model)
        arguments = {**arguments, "class_weight": {0: 1.0, 1: 10.0}, "epochs": 2}
        found.append(model.fit(x[:n], y[:n], verbose=0, **arguments).history)
        found.append(fastnn.fit_many([same], x[:n], y[:n], **arguments)[0].history)
    assert all(history == found[0] for history in found)


def test_class_weights_of_an_estimator_do_not_touch_its_validation_score(rng):
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPClassifier

    x = rng.normal(size=(200, 4))
    y = (x[:, 0] + rng.normal(size=200) > 1).astype(int)
    classifier = MLPClassifier((4,), early_stopping=True, class_weight={0: 1.0, 1: 50.0}, max_iter=3, random_state=0)
    classifier.n_iter_no_change = 99
    with pytest.warns(UserWarning, match="Maximum iterations"):
        classifier.fit(x, y)
    scores = np.array(classifier.validation_scores_) * 20  # of 20 rows that count one each
    np.testing.assert_allclose(scores, scores.round())


# -- what hooks set ---------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("number", ["learning_rate", "momentum", "weight_decay", "clipnorm"])
def test_a_number_of_the_optimizer_acts_on_the_next_update(rng, name, hook, number):
    """Batches of the first row alone, then a number is set and the rest trains with it."""
    x, y = regression(rng, n=3)
    value = {"learning_rate": 0.5, "momentum": 0.9, "weight_decay": 0.3, "clipnorm": 1e-3}[number]
    changed, plain = (model_of(name=name, optimizer=fastnn.optimizers.SGD(0.1)) for _ in range(2))
    before = 1 if hook.startswith("on_train_batch") else 0  # updates before the change
    at = {"on_train_batch_begin": 1}.get(hook, 0)

    def set_it(*arguments):
        if len(arguments) == 1 or arguments[0] == at:
            setattr(changed.optimizer, number, value)

    listed = [callbacks.LambdaCallback(**{hook: set_it})]
    changed.fit(x, y, batch_size=1, shuffle=False, callbacks=listed, verbose=0)
    if before:
        plain.fit(x[:1], y[:1], batch_size=1, shuffle=False, verbose=0)
    setattr(plain.optimizer, number, value)
    plain.fit(x[before:], y[before:], batch_size=1, shuffle=False, verbose=0)
    assert weights_of(changed).tobytes() == weights_of(plain).tobytes()


@EVERY_BACKEND
@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_weights_that_a_hook_sets_train_on(rng, name, optimizer):
    x, y = regression(rng)
    model, other = (model_of(name=name, optimizer=optimizer, seed=seed) for seed in (1, 2))
    weights = other.get_weights()

    def set_them(epoch, logs):
        if epoch == 3:
            model.set_weights(weights)

    model.fit(x, y, epochs=5, shuffle=False, callbacks=callbacks.LambdaCallback(on_epoch_begin=set_them), verbose=0)
    other.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert weights_of(model).tobytes() == weights_of(other).tobytes()


def test_a_schedule_that_a_hook_gives_takes_over(rng):
    x, y = regression(rng)
    model = model_of(optimizer="sgd")

    def stand_still(epoch, logs):
        if epoch == 1:
            model.optimizer.learning_rate = fastnn.schedules.Constant(0.0)

    heard = HeardEpochs()
    listed = [callbacks.LambdaCallback(on_epoch_begin=stand_still), heard]
    model.fit(x, y, epochs=3, callbacks=listed, verbose=0)
    assert heard.weights[0].tobytes() == heard.weights[1].tobytes() == weights_of(model).tobytes()


def test_a_number_that_is_wrong_ends_the_fit_with_its_name(rng):
    model = model_of()

    def wrong(epoch, logs):
        model.optimizer.learning_rate = float("nan")

    with pytest.raises(ValueError, match="learning_rate"):
        model.fit(*regression(rng), callbacks=callbacks.LambdaCallback(on_epoch_begin=wrong), verbose=0)


# -- evaluate and predict ---------------------------------------------------------------------------


@EVERY_BACKEND
def test_evaluate_and_predict_tell_their_batches(rng, name):
    x, y = regression(rng, n=70)
    model = model_of(name=name, metrics=["mae"])
    told = []

    class Listens(Callback):
        def on_test_batch_end(self, batch, logs=None):
            told.append((batch, logs))

        def on_test_end(self, logs=None):
            told.append(("end", logs))

        def on_predict_batch_end(self, batch, logs=None):
            told.append((batch, len(logs["outputs"])))

    logs = model.evaluate(x, y, callbacks=[Listens()], return_dict=True)
    assert [number for number, _ in told] == [0, 1, 2, "end"]
    assert told[-1][1] == logs
    np.testing.assert_allclose(list(logs.values()), model.evaluate(x, y), rtol=1e-6)
    assert told[0][1] == model.evaluate(x[:32], y[:32], return_dict=True)
    told.clear()
    predicted = model.predict(x, batch_size=40, callbacks=Listens())
    assert told == [(0, 40), (1, 30)]
    np.testing.assert_array_equal(predicted, model.predict(x))


def test_a_hook_ends_a_prediction_or_an_evaluation_after_its_batch(rng):
    x, y = regression(rng, n=70)
    model = model_of()

    def stop(batch, logs):
        model.stop_predicting = model.stop_evaluating = True

    listed = callbacks.LambdaCallback(on_test_batch_end=stop, on_predict_batch_end=stop)
    assert len(model.predict(x, callbacks=listed)) == 32
    assert model.evaluate(x, y, callbacks=listed) == model.evaluate(x[:32], y[:32])
    assert model.predict(x).shape == (70, 1)


def test_other_names_of_keras_are_heard(rng):
    told = []

    class Old(Callback):
        def set_model(self, model):
            super().set_model(model)
            told.append("model")

        def on_batch_begin(self, batch, logs=None):
            told.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            told.append(("end", batch))

    model_of().fit(*regression(rng, n=40), batch_size=None, callbacks=Old(), verbose=0)
    assert told == ["model", ("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]
