"""Fits, evaluations and predictions on batches that an iterable gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, refused, regression, weights_of
from tolerance import assert_close

import fastnn
from fastnn import callbacks, fit_many, utils
from fastnn._base import ahead
from fastnn.layers import Dense, Dropout

X, Y = regression(np.random.default_rng(5), n=50)
SIZES = (16, 16, 16, 2)
BATCHES = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)]


class Indexed(utils.PyDataset):
    """Batches with an index, which writes down what it is asked."""

    def __init__(self, **given):
        super().__init__(**given)
        self.told = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.told.append(index)
        return BATCHES[index]

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


class Loader:
    """What begins anew and has no index, as PyTorch's DataLoader: batches are lists."""

    def __iter__(self):
        return (list(batch) for batch in BATCHES)


def endless():
    while True:
        yield from BATCHES


def in_one_buffer():
    x, y = np.empty((16, 4), np.float32), np.empty((16, 1), np.float32)
    while True:
        for new_x, new_y in BATCHES:
            x[: len(new_x)], y[: len(new_y)] = new_x, new_y
            yield x[: len(new_x)], y[: len(new_y)]


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "fastnn-batches"]


@pytest.fixture(params=["by the caller", "ahead"])
def fetched(request, monkeypatch):
    """Batches are fetched by the caller, or all by the thread; none of them is left behind."""
    monkeypatch.setattr(ahead, "QUICK", {"by the caller": 1e9, "ahead": -1.0}[request.param])
    yield request.param
    assert not helpers()


FORMS = {
    "list": (lambda: BATCHES, {}),
    "index": (Indexed, {}),
    "loader": (Loader, {}),
    "generator": (endless, {"steps_per_epoch": 4}),
    "one buffer": (in_one_buffer, {"steps_per_epoch": 4}),
    "steps of a list": (lambda: BATCHES, {"steps_per_epoch": 4}),
}


@EVERY_BACKEND
@pytest.mark.covering("listener", "fetched")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("listener", [False, True])
def test_batches_give_the_bits_of_the_same_fit_on_arrays(name, form, listener, fetched):
    make, given = FORMS[form]
    layers = Dense(8, "tanh"), Dropout(0.3), Dense(1)
    arrays, batches = (model_of(*layers, name=name, metrics=["mae", "r2_score"]) for _ in range(2))
    heard = [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if listener else None
    common = {"epochs": 3, "shuffle": False, "validation_data": (X, Y), "callbacks": heard, "verbose": 0}
    wanted = arrays.fit(X, Y, batch_size=16, **common).history
    assert batches.fit(make(), **common, **given).history == wanted
    np.testing.assert_array_equal(weights_of(batches), weights_of(arrays))
    assert (batches.epoch, batches.step) == (arrays.epoch, arrays.step) == (3, 12)


@EVERY_BACKEND
def test_batches_of_any_sizes_are_updates_of_their_own(name):
    sizes = (3, 1, 20, 21, 5)
    ends = np.cumsum(sizes)
    batches = [(X[end - size : end], Y[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    together, apart = (model_of(Dense(8, "tanh"), Dropout(0.3), Dense(1), name=name) for _ in range(2))
    loss = together.fit(batches, shuffle=False, verbose=0).history["loss"][0]
    losses = [apart.train_on_batch(x, y) for x, y in batches]
    np.testing.assert_array_equal(weights_of(together), weights_of(apart))
    assert_close(loss, np.average(losses, weights=sizes), np.dtype("float32"), 100)


def test_a_metric_of_all_predictions_sees_every_row_of_its_epoch():
    kept = []

    def last_rows(target, prediction):
        kept.append(target.copy())
        return float(len(target))

    model = model_of(metrics=[last_rows])
    history = model.fit(endless(), steps_per_epoch=4, epochs=2, validation_data=Loader(), verbose=0).history
    assert history["last_rows"] == history["val_last_rows"] == [50.0, 50.0]
    assert all(np.array_equal(target.reshape(-1, 1), Y) for target in kept)
    with pytest.raises(fastnn.BatchError, match=r"batch 2 of epoch 1.*no larger than the first, of 16 rows"):
        model.fit([BATCHES[0], (X, Y)], shuffle=False, verbose=0)


def test_weights_of_rows_and_classes_count_as_on_arrays():
    y, weight = (Y > 0).astype(np.float32), np.abs(X[:, 0])
    arrays, batches = (model_of(Dense(1, "sigmoid"), loss="binary_crossentropy") for _ in range(2))
    given = {"class_weight": {0: 1.0, 1: 3.0}, "shuffle": False, "verbose": 0}
    parts = [(X[i : i + 16], y[i : i + 16], weight[i : i + 16]) for i in range(0, 50, 16)]
    arrays.fit(X, y, sample_weight=weight, batch_size=16, **given)
    batches.fit(parts, **given)
    np.testing.assert_array_equal(weights_of(batches), weights_of(arrays))


def test_what_has_an_index_is_shuffled_anew_each_epoch_from_the_seed():
    orders = []
    for _ in range(2):
        data = Indexed(workers=2)
        model_of().fit(data, epochs=2, verbose=0)
        assert [data.told[0], data.told[5], data.told[6], data.told[-1]] == ["begin", "end", "begin", "end"]
        orders.append((data.told[1:5], data.told[7:11]))
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders[0])


def test_steps_go_on_where_the_last_epoch_ended_and_fetch_no_batch_too_many(fetched):
    taken = []

    def counted():
        for number in range(100):
            taken.append(number)
            yield BATCHES[number % 4]

    source = counted()
    model = model_of()
    model.fit(source, steps_per_epoch=3, epochs=2, verbose=0)
    model.fit(source, steps_per_epoch=3, verbose=0)
    assert taken == list(range(9))
    data = Indexed()
    model.fit(data, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert data.told == ["begin", 0, 1, 2, "end", "begin", 3, 0, 1, "end"]


@EVERY_BACKEND
@pytest.mark.parametrize("shuffle", [False, True])
def test_steps_on_arrays_are_parts_of_passes(name, shuffle):
    whole, parts = model_of(name=name), model_of(name=name)
    whole.fit(X, Y, batch_size=16, epochs=3, shuffle=shuffle, verbose=0)
    history = parts.fit(X, Y, batch_size=16, steps_per_epoch=6, epochs=2, shuffle=shuffle, verbose=0)
    np.testing.assert_array_equal(weights_of(parts), weights_of(whole))
    assert (parts.epoch, parts.step, len(history.epoch)) == (2, 12, 2)
    by_steps = model_of(name=name).fit(X, Y, steps_per_epoch=5, verbose=0)
    assert (by_steps.params["batch_size"], by_steps.params["steps"]) == (10, 5)


# -- what is wrong with a batch -----------------------------------------------------------------


def failing(bad, at):
    """Good batches, but for that of a number from 1; an error in place of a batch is raised."""
    for number in range(1, 100):
        if number == at and bad is None:
            return
        if number == at and isinstance(bad, Exception):
            raise bad
        yield bad if number == at else BATCHES[0]


BAD = {
    "raises": (OSError("no such file"), ("generator raised OSError: no such file",)),
    "ends": (None, ("ran out of data after 2 of 4 batches",)),
    "width": ((X[:, :3], Y), ("x has rows of shape (3,)", "(4,)")),
    "form": ((X[:16], Y[:16, 0]), ("y has rows of shape ()", "(1,)")),
    "dtype": ((X[:16].astype(np.float64), Y[:16]), ("x has", "float64", "float32")),
    "text": ((X[:16].astype(str), Y[:16]), ("x",)),
    "rows": ((X[:16], Y[:15]), ("same number of rows", "16", "15")),
    "NaN": ((X[:16] * np.nan, Y[:16]), ("x must be finite",)),
    "empty": ((X[:0], Y[:0]), ("x is empty",)),
    "one array": (X[:16], ("a batch is (x, y)", "ndarray")),
    "no targets": ((X[:16],), ("a batch is (x, y)", "tuple of 1")),
    "None": (0, ("a batch is (x, y)", "got 0")),
}


@pytest.mark.covering("fetched")
@pytest.mark.parametrize("listener", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_batch_ends_the_fit_and_says_which(case, listener, fetched):
    bad, words = BAD[case]
    ends, model, good = [], model_of(), model_of()
    heard = [callbacks.LambdaCallback(on_train_end=ends.append, on_epoch_end=lambda epoch, logs: ends.append(epoch))]
    if listener:
        heard.append(callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None))
    with pytest.raises(fastnn.BatchError, match="batch 3 of epoch 2: ") as told:
        model.fit(failing(bad, 7), steps_per_epoch=4, epochs=3, callbacks=heard, verbose=0)
    for word in words:
        assert word in str(told.value)
    assert (told.value.batch, told.value.epoch) == (3, 2)
    assert isinstance(bad, Exception) <= (told.value.__cause__ is bad)
    good.fit(endless := failing(None, 7), steps_per_epoch=6, verbose=0)
    endless.close()
    np.testing.assert_array_equal(weights_of(model), weights_of(good))
    assert (model.step, model.history.epoch, model.history.failed) == (6, [0, 1], True)
    assert np.isfinite(model.history.history["loss"]).all()
    assert ends == [0, 1, {"loss": model.history.history["loss"][-1]}]
    model.fit(X, Y, verbose=0)


def test_a_bad_first_batch_leaves_a_model_as_it_was():
    model = fastnn.Sequential([Dense(1)], backend="numpy")
    model.compile("sgd", "mse")
    for bad in (OSError("why"), None, 3, (np.zeros((4, 0)), np.zeros(4))):
        with pytest.raises(fastnn.BatchError, match="batch 1 of epoch 1: "):
            model.fit(failing(bad, 1), verbose=0)
        assert (model.built, model.history, model.step) == (False, None, 0)


def test_a_generator_is_one_epoch_long_without_steps():
    model = model_of()
    with pytest.raises(fastnn.BatchError, match=r"batch 1 of epoch 2: the generator ran out of data.*begins anew"):
        model.fit((batch for batch in BATCHES), epochs=2, verbose=0)
    assert (model.epoch, model.step, model.history.epoch) == (1, 4, [0])


REFUSED = {
    "y": ({"y": Y}, "y"),
    "weights": ({"sample_weight": Y[:, 0]}, "sample_weight"),
    "batch size": ({"batch_size": 4}, "batch_size"),
    "split": ({"validation_split": 0.5}, "validation_split"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_batches_bring_themselves_is_refused_beside_them(case):
    given, word = REFUSED[case]
    refused(lambda: model_of().fit(endless(), **given), ValueError, (f"no {word} beside batches", "generator"))


def test_what_takes_no_batches_says_so():
    refused(lambda: fit_many([model_of()], endless(), None), TypeError, ("fit_many takes arrays", "generator"))
    lbfgs = model_of(optimizer=fastnn.optimizers.LBFGS())
    refused(lambda: lbfgs.fit(BATCHES), ValueError, ("L-BFGS", "all rows at once"))
    refused(lambda: lbfgs.fit(X, Y, steps_per_epoch=2), ValueError, ("L-BFGS", "steps_per_epoch"))
    for given in ({"steps_per_epoch": 0}, {"validation_steps": -1}, {"validation_freq": 0}, {"validation_freq": [0]}):
        refused(lambda given=given: model_of().fit(X, Y, **given), ValueError, (next(iter(given)),))
    refused(lambda: model_of().fit(X, Y, validation_freq="x"), TypeError, ("validation_freq",))


# -- all other ends -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_no_thread_is_left_behind_whatever_ends_a_fit(error, fetched):
    def end(batch, logs):
        raise error

    model = model_of()
    with pytest.raises(error):
        model.fit(endless(), epochs=2, callbacks=[callbacks.LambdaCallback(on_train_batch_end=end)], verbose=0)
    assert (model.step, model.history.epoch) == (1, [0])

    def stop(batch, logs):
        model.stop_training = batch == 1

    model.fit(endless(), epochs=2, callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop)], verbose=0)
    assert (model.step, model.history.epoch) == (3, [0])


def test_a_fit_that_diverges_goes_back_to_before_the_epoch(fetched):
    model = model_of(Dense(1), optimizer=fastnn.optimizers.SGD(1.0))
    after_one = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: after_one.append(weights_of(model)))
    batches = [BATCHES[0], BATCHES[0], BATCHES[0], (X * 1e25, Y), BATCHES[0]]
    with pytest.raises(fastnn.DivergenceError):
        model.fit(iter(batches * 9), steps_per_epoch=2, epochs=3, callbacks=[keep], verbose=0)
    np.testing.assert_array_equal(weights_of(model), after_one[0])


def test_a_slow_batch_is_fetched_while_the_one_before_it_trains(monkeypatch):
    monkeypatch.setattr(ahead, "QUICK", -1.0)
    by = []

    def slow():
        for batch in BATCHES:
            by.append(threading.current_thread() is threading.main_thread())
            yield batch

    model_of().fit(slow(), verbose=0)
    assert by[1:] == [False] * 3


def test_who_shows_a_fit_of_unknown_length_learns_it_from_the_first_epoch(capfd, tmp_path):
    model, seen = model_of(), []
    tell = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(dict(model.history.params)))
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    model.fit(Loader(), epochs=3, callbacks=[tell, log], verbose=2)
    assert [(one["steps"], one["n_samples"]) for one in seen] == [(None, None), (4, 50), (4, 50)]
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all("rows/s" in line for line in lines)


# -- evaluation and prediction ------------------------------------------------------------------


@pytest.mark.parametrize("make", [Indexed, Loader, lambda: iter(BATCHES)])
def test_evaluation_and_prediction_take_batches(make, fetched):
    model = model_of(metrics=["mae"])
    assert_close(np.array(model.evaluate(make())), np.array(model.evaluate(X, Y)), np.dtype("float32"), 100)
    np.testing.assert_array_equal(model.predict(make()), model.predict(X))
    assert_close(
        np.array(model.evaluate(make(), steps=2)), np.array(model.evaluate(X[:32], Y[:32])), np.dtype("float32")
    )
    np.testing.assert_array_equal(model.predict(make(), steps=3), model.predict(X[:48]))


def test_steps_of_arrays_count_batches_as_keras_does():
    model = model_of()
    assert model.predict(X, batch_size=10, steps=3).shape == (30, 1)
    assert model.predict(X, steps=3).shape == (50, 1)
    assert model.evaluate(X, Y, batch_size=10, steps=2) == model.evaluate(X[:20], Y[:20])
    refused(lambda: model.predict(X, batch_size=10, steps=6), ValueError, ("steps is 6", "5 batches of 10"))


def test_inputs_alone_are_batches_of_a_prediction():
    model = model_of()
    for batches in ((x for x, _ in BATCHES), ((x,) for x, _ in BATCHES)):
        np.testing.assert_array_equal(model.predict(batches), model.predict(X))
    with pytest.raises(fastnn.BatchError, match=r"^batch 2: x must have shape"):
        model.predict(x for x in (X, X[:, :2]))


@pytest.mark.parametrize(("freq", "evaluated"), [(2, [1, 3]), ([1, 4], [0, 3]), (1, [0, 1, 2, 3])])
@pytest.mark.parametrize("validation", [(X, Y), Loader()], ids=["arrays", "batches"])
def test_validation_freq_says_which_epochs_are_evaluated(freq, evaluated, validation):
    stop = callbacks.EarlyStopping("val_loss", patience=9)
    history = (
        model_of()
        .fit(X, Y, epochs=4, validation_data=validation, validation_freq=freq, callbacks=[stop], verbose=0)
        .history
    )
    assert np.flatnonzero(np.isfinite(history["val_loss"])).tolist() == evaluated
    assert stop.wait == 0


def test_validation_steps_take_the_first_batches_each_time():
    data = Indexed()
    model_of().fit(X, Y, epochs=2, validation_data=data, validation_steps=2, verbose=0)
    assert data.told == ["begin", 0, 1, "end"] * 2
    with pytest.raises(fastnn.BatchError, match="validation batch 1 of epoch 2: the generator ran out of data"):
        model_of().fit(X, Y, epochs=2, validation_data=(batch for batch in BATCHES), verbose=0)


def test_inputs_and_outputs_by_name():
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((4,), name="b")
    model = fastnn.Model([a, b], {"p": Dense(1)(a), "q": Dense(2)(b)}, seed=1, backend="numpy")
    model.compile("sgd", "mse")
    parts = [({"a": x, "b": x}, {"p": y, "q": np.hstack([y, y])}) for x, y in BATCHES]
    lists = [((x, x), [y, np.hstack([y, y])]) for x, y in BATCHES]
    whole = {"a": X, "b": X}, {"p": Y, "q": np.hstack([Y, Y])}
    model.fit(lists, verbose=0)
    results = [model.evaluate(data) for data in (parts, lists)]
    assert_close(np.array(results[0]), np.array(model.evaluate(*whole)), np.dtype("float32"), 100)
    assert results[0] == results[1]
    assert model.predict(iter(parts))["q"].shape == (50, 2)


@pytest.mark.long  # it loads PyTorch
def test_loaders_of_pytorch_give_batches():
    data = pytest.importorskip("torch.utils.data")
    import torch

    rows = data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    arrays, batches = model_of(), model_of()
    arrays.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    batches.fit(data.DataLoader(rows, batch_size=16), epochs=2, validation_data=data.DataLoader(rows, 25), verbose=0)
    np.testing.assert_array_equal(weights_of(batches), weights_of(arrays))


def test_nested_lists_are_rows_of_several_axes():
    rows = [[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]
    model = fastnn.Sequential([Dense(1, kernel_initializer="ones", input_shape=(3, 1))])
    np.testing.assert_array_equal(model.predict(rows), rows)
    np.testing.assert_array_equal(model.predict(rows[:1]), rows[:1])
