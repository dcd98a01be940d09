"""The callback of the live page: what it tells of a fit, that the fit is the same with it, and how it ends."""

from __future__ import annotations

import base64
import copy
import json
import math
import pickle
import socket
import threading

import numpy as np
import pytest
from models import classes, model_of, regression, weights_of
from pages import Reader, Stuck, until

import fastnn
from fastnn.callbacks import LambdaCallback, listens
from fastnn.layers import Dense
from fastnn.watch import Plane, Watch, messages
from fastnn.watch.board import Board
from fastnn.watch.curves import MOST, Curves, finite
from fastnn.watch.plane import POINTS, SIDES, Painter
from fastnn.watch.show import Show

# -- curves -----------------------------------------------------------------------------------------


class TestCurves:
    """Thinned histories."""

    @pytest.mark.parametrize("n", [0, 1, 2, MOST - 1, MOST, MOST + 1, 2 * MOST, 2 * MOST + 1, 10_000, 1_000_003])
    @pytest.mark.parametrize("parts", [1, 7])
    def test_points_are_every_nth_epoch_and_the_last_however_they_came(self, n, parts):
        history, curves = {"loss": [], "val_loss": []}, Curves(first=11)
        for part in np.array_split(np.arange(n), parts):
            history["loss"] += part.tolist()
            history["val_loss"] += (-part).tolist()
            curves.update(history, len(history["loss"]))
        told = curves.message()
        stride = told["stride"]
        places = list(range(0, n, stride))
        places += [n - 1] if n and places[-1] != n - 1 else []
        assert told["epochs"] == [place + 11 for place in places]
        if n:
            assert told["series"]["loss"] == [finite(place) for place in places]
            assert told["series"]["val_loss"] == [finite(-place) for place in places]
        assert len(places) <= MOST + 1
        assert n <= MOST or len(places) > MOST // 2

    def test_epochs_that_the_fit_has_not_told_of_are_left_for_later(self):
        curves, history = Curves(), {"loss": [3.0, 2.0, 1.0], "val_loss": [5.0, 4.0]}
        curves.update(history, 1)
        assert curves.message()["series"]["loss"] == [3.0]
        history["val_loss"].append(3.0)
        curves.update(history, 3)
        assert curves.message()["series"] == {"loss": [3.0, 2.0, 1.0], "val_loss": [5.0, 4.0, 3.0]}

    @pytest.mark.parametrize("n", [5, 4 * MOST + 3])
    def test_a_column_that_began_later_lies_at_its_epochs(self, n):
        curves, history = Curves(), {"loss": [0.0, 1.0, 2.0]}
        curves.update(history, 3)
        history["loss"] += map(float, range(3, n))
        history["rate"] = [float(i) for i in range(3, n)]
        curves.update(history, n)
        told = curves.message()
        expected = [None if epoch < 4 else finite(epoch - 1) for epoch in told["epochs"]]
        assert told["series"]["rate"] == expected

    def test_what_json_has_no_number_for_is_none(self):
        curves = Curves()
        curves.update({"loss": [math.nan, math.inf, -math.inf, 1 / 3, 1e300, np.float32(2), "word", None]}, 8)
        assert curves.message()["series"]["loss"] == [None, None, None, 0.333333, 1e300, 2.0, None, None]
        json.dumps(curves.message(), allow_nan=False)


# -- the plane --------------------------------------------------------------------------------------


def plane_model(n_out=1, activation="sigmoid", loss="binary_crossentropy", **options):
    model = model_of(Dense(16, "tanh"), Dense(n_out, activation), n_in=2, loss=loss, **options)
    model.set_weights([3 * w for w in model.get_weights()])
    return model


def decoded(text: str, side: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side)


def grid(described: dict, side: int, units) -> np.ndarray:
    """Inputs in the middle of each place of a picture, from the raw corners that the page is told: (side, side, 2)."""
    axes = []
    for i, (mean, spread) in enumerate(units):
        low, high = described["low"][i], described["high"][i]
        axes.append((low + (high - low) * (np.arange(side) + 0.5) / side - mean) / spread)
    return np.stack(np.meshgrid(axes[0], axes[1]), axis=-1).astype(np.float32)


UNITS = ((100.0, 20.0), (-3.0, 0.5))


def test_the_picture_is_what_the_model_predicts_in_the_raw_units_of_the_axes(rng):
    x, y = regression(rng, n=900, n_in=2)
    model = plane_model(activation="linear", loss="mse")
    painter = Painter(Plane(x, y, units=UNITS, target_unit=(50.0, 10.0), columns=("a", "b"), target="t"), model)
    described, picture = painter.describe(), painter.paint(model.params)
    side = picture["side"]
    assert (described["columns"], described["target"], described["labels"]) == (["a", "b"], "t", [])
    predicted = 50 + 10 * model.predict(grid(described, side, UNITS).reshape(-1, 2)).reshape(side, side)
    low, high = described["scale"]
    shown = low + (high - low) * decoded(picture["values"], side) / 255
    step = (high - low) / 255
    assert np.abs(shown - predicted.clip(low, high)).max() <= 0.51 * step
    assert len(np.unique(decoded(picture["values"], side))) > 50
    points = np.array(described["points"])
    assert points.shape == (POINTS, 3)
    raw = np.column_stack([100 + 20 * x[:, 0], -3 + 0.5 * x[:, 1], 50 + 10 * y[:, 0]])
    assert all(np.abs(raw - point).max(axis=1).min() < 1e-3 for point in points)
    assert (points[:, :2].min(axis=0) > described["low"]).all()
    assert (points[:, :2].max(axis=0) < described["high"]).all()


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_the_most_probable_ones(rng, n_classes, logits):
    x, y = classes(rng, n=300, n_in=2, n_classes=n_classes)
    binary = n_classes == 2
    losses = fastnn.losses.BinaryCrossentropy, fastnn.losses.SparseCategoricalCrossentropy
    activation = "linear" if logits else "sigmoid" if binary else "softmax"
    model = plane_model(1 if binary else n_classes, activation, losses[not binary](from_logits=logits))
    units = ((0.0, 1.0), (0.0, 1.0))
    painter = Painter(Plane(x, y, labels=["<b>", 7, None][:n_classes]), model)
    described, picture = painter.describe(), painter.paint(model.params)
    assert described["labels"] == ["<b>", "7", "None"][:n_classes]
    assert [point[2] for point in described["points"]] == y.tolist()
    side = picture["side"]
    out = model.predict(grid(described, side, units).reshape(-1, 2)).astype(np.float64)
    if binary:
        p = 1 / (1 + np.exp(-out)) if logits else out
        p = np.hstack([1 - p, p])
    else:
        p = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True) if logits else out
    shown, sure = decoded(picture["classes"], side).ravel(), decoded(picture["sure"], side).ravel()
    best = np.sort(p, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-4
    assert (shown == p.argmax(axis=1))[clear].all()
    assert len(set(shown[clear])) == n_classes
    assert np.abs(sure / 255 - (n_classes * best[:, -1] - 1) / (n_classes - 1)).max() < 0.51 / 255 + 1e-5


def test_one_hot_targets_and_columns_of_one_value_have_their_place(rng):
    y = np.eye(3)[[0, 2, 1, 2]]
    model = plane_model(3, "softmax", "categorical_crossentropy")
    described = Painter(Plane(np.array([[1.0, 0], [1, 2], [1, 4], [1, 6]]), y), model).describe()
    assert [point[2] for point in described["points"]] == [0, 2, 1, 2]
    assert (described["low"][0], described["high"][0]) == (0.0, 2.0)
    assert described["labels"] == ["0", "1", "2"]
    assert Painter(Plane(np.eye(2), y[:2], labels=np.array(["a"])), model).describe()["labels"] == ["a", "1", "2"]


def test_outputs_that_are_not_finite_have_a_colour_and_no_warning(rng):
    x, y = regression(rng, n_in=2)
    model = plane_model(activation="linear", loss="mse")
    painter = Painter(Plane(x, np.zeros(len(y))), model)
    for fill in (np.nan, np.inf, 1e38):
        picture = painter.paint(np.full_like(model.params, fill))
        assert decoded(picture["values"], picture["side"]).shape == (SIDES[1], SIDES[1])


def test_a_picture_of_a_large_network_is_coarse():
    def side(units: int) -> int:
        model = model_of(Dense(units, "tanh"), Dense(units, "tanh"), Dense(1), n_in=2)
        return Painter(Plane(np.eye(2), [0, 1]), model).side

    assert side(64) == SIDES[1]
    assert side(2000) == SIDES[0]


def test_a_plane_is_only_for_two_inputs(rng):
    assert Painter.fits(plane_model())
    assert not Painter.fits(model_of(n_in=3))
    x, y = regression(rng)
    with Watch(0, plane=Plane(x[:, :2], y), verbose=0) as watch:
        model_of().fit(x, y, callbacks=watch)
        assert dict(Reader(port(watch)).events_now())["setup"]["plane"] is None


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((3, 3)), [0, 1, 0], "shape"),
        (np.zeros(4), [0, 1, 0, 1], "shape"),
        (np.zeros((0, 2)), [], "shape"),
        (np.zeros((3, 2)), [0, 1], "each of the 3 rows"),
        (np.array([[np.nan, 1.0]]), [0], "NaN"),
    ],
)
def test_a_plane_says_what_is_wrong_with_its_rows(x, y, words):
    with pytest.raises(ValueError, match=words):
        Plane(x, y)


# -- the callback -----------------------------------------------------------------------------------


def port(watch: Watch) -> int:
    return int(watch.address.rstrip("/").rsplit(":", 1)[1])


def fast_model(**options):
    return model_of(Dense(4, "tanh"), Dense(1), n_in=2, metrics=["mae"], **options)


@pytest.mark.parametrize("validated", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_fit_is_the_same_with_a_page_and_a_reader(rng, validated):
    x, y = regression(rng, n_in=2)
    options = {"epochs": 300, "validation_split": 0.2 * validated, "verbose": 0}
    alone, watched = fast_model(), fast_model()
    expected = alone.fit(x, y, **options)
    with Watch(0, plane=Plane(x, y), verbose=0) as watch:
        reader, stuck = Reader(port(watch)), Stuck(port(watch))
        history = watched.fit(x, y, callbacks=watch, **options)
    assert history.history == expected.history
    assert np.array_equal(weights_of(watched), weights_of(alone))
    last = list(reader.states())[-1]
    assert last["phase"] == "finished"
    assert (last["epoch"], last["epochs"], last["share"], last["within"]) == (300, 300, 1.0, 0.0)
    assert last["curves"]["epochs"] == list(range(1, 301))
    names = ["loss", "mae"] + ["val_loss", "val_mae"] * validated
    assert list(last["curves"]["series"]) == names
    assert last["curves"]["series"] == {name: [finite(v) for v in history.history[name]] for name in names}
    stuck.close()


def test_no_epoch_is_made_a_call_of_its_own(rng):
    hooks = ("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end")
    assert not listens(Watch(), *hooks)
    assert listens(Watch(), "on_progress")


def test_states_follow_the_fit_while_it_runs(rng):
    x, y = regression(rng, n_in=2)
    model, seen = fast_model(), []
    with Watch(0, plane=Plane(x, y), verbose=0) as watch:

        def look() -> None:
            for name, message in reader.events():
                seen.append((name, message))
                if name == "picture" and sum(n == "picture" for n, _ in seen) == 3:
                    model.stop_training = True

        reader = Reader(port(watch))
        thread = threading.Thread(target=look)
        thread.start()
        history = model.fit(x, y, epochs=10**8, verbose=0, callbacks=watch)
    thread.join()
    states = [message for name, message in seen if name == "state"]
    assert [s["phase"] for s in states[:-2]] == ["training"] * (len(states) - 2)
    epochs = [s["epoch"] for s in states]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) >= 3
    assert epochs[-1] == len(history.epoch)
    assert states[-2]["speed"] > 0
    assert states[-3]["left"] > 0
    for state in states:
        for name, values in state["curves"]["series"].items():
            assert values == [finite(history.history[name][epoch - 1]) for epoch in state["curves"]["epochs"]]
    pictures = [message["values"] for name, message in seen if name == "picture"]
    assert len(set(pictures)) >= 3
    expected = Painter(watch.plane, model).paint(model.params)["values"]
    assert pictures[-1] == expected  # of the network as it is when the fit is over


def test_nothing_is_painted_and_told_when_nobody_looks(rng, monkeypatch):
    x, y = regression(rng, n_in=2)
    posts = []
    monkeypatch.setattr(Painter, "paint", lambda self, params: pytest.fail("nobody looks"))
    monkeypatch.setattr(Board, "post", lambda self, name, message: posts.append((name, message)))
    with Watch(0, plane=Plane(x, y), verbose=0) as watch:
        fast_model().fit(x, y, epochs=10**8, time_limit=1.0, verbose=0, callbacks=watch)
    assert [name for name, _ in posts] == [
        "setup",
        "state",
        "state",
        "state",
    ]  # at the beginning, after the fit, at the end


def test_progress_within_an_epoch_is_told(rng):
    x, y = regression(rng, n=100)
    model = model_of()
    model.fit(x, y, verbose=0)
    board = Board()
    params = {"epochs": 12, "initial_epoch": 10, "steps": 8, "n_samples": 100, "batch_size": 13}
    model.history.history.clear()
    show = Show(board, model, params, {}, None)
    show.done = 4
    show.post("training")
    state = message_of(board, "state")
    assert (state["epoch"], state["epochs"], state["within"], state["share"]) == (10, 12, 0.5, 0.25)
    assert state["curves"] == {"epochs": [], "series": {}, "stride": 1}
    model.history.history["loss"] = [math.nan]
    show.done = 9
    show.post("training")
    state = message_of(board, "state")
    assert (state["epoch"], state["within"]) == (11, 0.125)
    assert state["curves"] == {"epochs": [11], "series": {"loss": [None]}, "stride": 1}
    show.end()


def message_of(board: Board, name: str) -> dict:
    frames = board.newer(0, 0)[1].decode().split("\n\n")
    (text,) = [frame.partition("data: ")[2] for frame in frames if frame.startswith(f"event: {name}\n")]
    return json.loads(text)


@pytest.mark.parametrize(("epochs", "initial_epoch", "share"), [(1, 0, 1.0), (5, 4, 1.0), (3, 3, 1.0), (2, 7, 1.0)])
def test_one_epoch_and_none_are_told(rng, epochs, initial_epoch, share):
    x, y = regression(rng)
    with Watch(0, verbose=0) as watch:
        reader = Reader(port(watch))
        model_of().fit(x, y, epochs=epochs, initial_epoch=initial_epoch, callbacks=watch)
    last = list(reader.states())[-1]
    ran = max(0, epochs - initial_epoch)
    assert (last["share"], last["curves"]["epochs"]) == (share, [epochs][:ran])
    assert last["epoch"] == (epochs if ran else initial_epoch)


def test_layers_and_settings_are_told(rng):
    x, y = classes(rng)
    rate = fastnn.schedules.CosineDecay(0.01, 100)
    layers = (Dense(7, "relu", name="<i>first</i>"), fastnn.layers.Dropout(0.5), Dense(3, "softmax"))
    model = model_of(*layers, loss="sparse_categorical_crossentropy", optimizer=fastnn.optimizers.AdamW(rate))
    with Watch(0, settings={"data": "<b>mine</b>"}, verbose=0) as watch:
        model.fit(x, y, batch_size=16, callbacks=watch)
        told = dict(Reader(port(watch)).events_now())["setup"]
    assert told["layers"] == [
        ["<i>first</i>", "7", "35", "relu"], ["Dropout", "7", "0", ""], ["Dense", "3", "24", "softmax"]
    ]  # fmt: skip
    settings = dict(told["settings"])
    assert next(iter(settings)) == "data"
    assert settings["batch"] == "16 of 60 rows, 4 updates an epoch"
    assert settings["optimizer"].startswith("adamw (weight decay 0.004, ")
    assert settings["learning rate"] == "0.01, falling along a cosine to 0 over 100 updates"
    assert settings["loss"] == "sparse categorical crossentropy"
    assert (settings["backend"], settings["seed"], settings["parameters"]) == ("numpy", "3", "59 in float32")


# -- how it ends ------------------------------------------------------------------------------------


def test_the_address_is_written_and_the_page_ends_with_the_fit(rng, capfd):
    x, y = regression(rng)
    watch, addresses = Watch(0), []
    note = LambdaCallback(on_train_begin=lambda logs=None: addresses.append(watch.address))
    model_of().fit(x, y, callbacks=[watch, note])
    assert capfd.readouterr().err == f"watch the training at {addresses[0]}\n"
    assert watch.address is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(addresses[0].rstrip("/").rsplit(":", 1)[1])), 5)
    model_of().fit(x, y, callbacks=watch)  # and again


def test_a_busy_port_is_told(rng, capfd):
    with Watch(0, verbose=0) as first, Watch(port(first)) as second:
        assert port(second) > port(first)
        assert capfd.readouterr().err == (
            f"note: port {port(first)} is busy, {port(second)} is free\n"
            f"watch the training at http://127.0.0.1:{port(second)}/\n"
        )


def test_several_fits_follow_one_another_in_a_block(rng):
    x, y = regression(rng)
    with Watch(0, verbose=0) as watch:
        reader = Reader(port(watch))
        model_of(seed=1).fit(x, y, epochs=2, callbacks=watch)
        model_of(seed=2).fit(x, y, epochs=3, callbacks=watch)
        watch.tell({"score": "<1>"})
    events = list(reader.events())
    assert [message for name, message in events if name == "setup"][-1]["settings"][-1] == ["seed", "2"]
    assert [message["phase"] for name, message in events if name == "state"][-1] == "finished"
    assert events[-1][1]["results"] == [["score", "<1>"]]
    assert events[-1][1]["curves"]["epochs"] == [1, 2, 3]


def diverging():
    return model_of(Dense(4), Dense(1), optimizer=fastnn.optimizers.SGD(1e6))


def fit_in_a_block(watch, readers, model, x, y, *callbacks, **options) -> None:
    with watch:
        readers.append(Reader(port(watch)))
        model.fit(x, y, callbacks=[watch, *callbacks], **options)


def test_an_error_is_the_end_of_the_page(rng):
    x, y = regression(rng)
    watch, readers = Watch(0, verbose=0), []
    with pytest.raises(fastnn.DivergenceError) as told:
        fit_in_a_block(watch, readers, diverging(), x, y, epochs=100)
    last = list(readers[0].states())[-1]
    assert (last["phase"], last["note"]) == ("failed", str(told.value))
    assert last["curves"]["series"]["loss"]
    assert watch.address is None


def test_ctrl_c_is_the_end_of_the_page(rng):
    x, y = regression(rng)

    def interrupt(epoch, logs=None):
        raise KeyboardInterrupt

    watch, readers = Watch(0, verbose=0), []
    with pytest.raises(KeyboardInterrupt):
        fit_in_a_block(watch, readers, model_of(), x, y, LambdaCallback(on_epoch_end=interrupt), epochs=9)
    assert list(readers[0].states())[-1]["phase"] == "interrupted"


def test_a_fit_that_an_error_ends_without_a_block_ends_its_page(rng):
    x, y = regression(rng)
    watch, readers = Watch(0, verbose=0), []
    look = LambdaCallback(on_train_begin=lambda logs=None: readers.append(Reader(port(watch))))
    with pytest.raises(fastnn.DivergenceError):
        diverging().fit(x, y, epochs=100, callbacks=[watch, look])
    assert list(readers[0].states())[-1]["phase"] == "failed"
    assert watch.address is None


def test_copies_have_pages_of_their_own(rng):
    x, y = regression(rng, n_in=2)
    with Watch(0, verbose=0, plane=Plane(x, y)) as watch:
        assert copy.deepcopy(watch).plane is watch.plane
        for other in (copy.deepcopy(watch), pickle.loads(pickle.dumps(watch))):
            assert other.address is None
            model_of(n_in=2).fit(x, y, callbacks=other)
        fastnn.fit_many([model_of(n_in=2, seed=1), model_of(n_in=2, seed=2)], x, y, callbacks=watch, epochs=2)
        assert watch.address is not None


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"port": -1}, ValueError, "port"),
        ({"port": 65536}, ValueError, "65535"),
        ({"port": "8470"}, TypeError, "port"),
        ({"plane": (1, 2)}, TypeError, "Plane"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        Watch(**arguments)


def test_threads_end_with_the_page(rng):
    x, y = regression(rng)
    model_of().fit(x, y, callbacks=Watch(0, verbose=0))
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("fastnn-watch")])


@pytest.mark.parametrize("optimizer", ["lbfgs", *sorted(set(fastnn.optimizers.OPTIMIZERS) - {"lbfgs"})])
def test_every_optimizer_can_be_told_of(rng, optimizer):
    x, y = regression(rng)
    with Watch(0, verbose=0) as watch:
        model_of(optimizer=optimizer).fit(x, y, epochs=2, callbacks=watch)
        told = dict(dict(Reader(port(watch)).events_now())["setup"]["settings"])
    assert told["optimizer"].startswith(optimizer)
    assert told["learning rate"]


def test_a_loss_of_the_users_own_has_its_name(rng):
    x, y = regression(rng)

    def apart(target, prediction):
        return (target - prediction) ** 2

    with Watch(0, verbose=0) as watch:
        model_of(loss=apart).fit(x, y, callbacks=watch)
        assert dict(dict(Reader(port(watch)).events_now())["setup"]["settings"])["loss"] == "apart"


def test_the_time_that_a_fit_took_stands_still(rng):
    x, y = regression(rng)
    with Watch(0, verbose=0) as watch:
        states = Reader(port(watch)).states()
        model_of().fit(x, y, callbacks=watch)
        trained = next(state for state in states if state["phase"] == "trained")
    last = list(states)[-1]
    assert last["phase"] == "finished"
    assert last["seconds"] == trained["seconds"]


def test_what_an_optimizer_has_by_name_and_by_step_is_told():
    made = fastnn.optimizers.AdamW(0.01, fastnn.schedules.FlatCosine(0.1, 90), learning_rate_factors={"a/bias": 0.5})
    told = messages._optimizer(made.config())
    assert "learning rate factors a/bias 0.5" in told
    assert "weight decay flat cosine (initial learning rate 0.1, decay steps 90)" in told
