"""What ``fit`` does with rows, weights, seeds and time: compared with updates written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from lines import line, trained_line
from models import EVERY_BACKEND, classes, dtype_on, model_of, regression, weights_of
from tolerance import assert_close

import fastnn
from fastnn._base import random
from fastnn.layers import Dense, Dropout

# -- rows and batches -------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50, 1000])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_takes_every_row_once_and_the_last_batch_is_smaller(rng, name, batch_size, shuffle):
    x, y = (a.astype(np.float64) for a in regression(rng, n=50, n_out=2))
    model = line(name)
    w, b = model.get_weights()
    order = np.arange(50, dtype=np.int32)
    for epoch in range(2):
        if shuffle:
            random.fill_order(order, model.seed, epoch)
        w, b = trained_line(x, y, order, batch_size, 0.1, w, b)
    model.fit(x, y, batch_size=batch_size, epochs=2, shuffle=shuffle, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=500, magnitude=10)
    assert_close(model.get_weights()[1], b, "float64", k=500, magnitude=10)
    assert (model.epoch, model.step) == (2, 2 * -(-50 // batch_size))


@EVERY_BACKEND
def test_a_batch_of_many_blocks_is_one_update(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=2500, n_out=2))
    model = line(name)
    assert int(model.plan.header["block_rows"]) < 2500
    w, _ = trained_line(x, y, np.arange(2500), 2500, 0.1, *model.get_weights())
    model.fit(x, y, batch_size=2500, shuffle=False, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=2500)
    assert model.step == 1


@EVERY_BACKEND
def test_validation_split_takes_the_last_rows_and_trains_on_the_others(rng, name):
    x, y = regression(rng, n=41)
    split, apart = model_of(name=name), model_of(name=name)
    a = split.fit(x, y, epochs=3, validation_split=0.25, verbose=0).history
    b = apart.fit(x[:30], y[:30], epochs=3, validation_data=(x[30:], y[30:]), verbose=0).history
    assert a == b
    assert weights_of(split).tobytes() == weights_of(apart).tobytes()
    assert split.evaluate(x[30:], y[30:]) == a["val_loss"][-1]


@EVERY_BACKEND
def test_validation_weights_count_and_do_not_train(rng, name):
    x, y = regression(rng)
    weight = rng.uniform(size=len(x))
    model, plain = model_of(name=name), model_of(name=name)
    history = model.fit(x, y, validation_data=(x, y, weight), verbose=0).history
    plain.fit(x, y, verbose=0)
    assert history["val_loss"] == [model.evaluate(x, y, sample_weight=weight)]
    assert weights_of(model).tobytes() == weights_of(plain).tobytes()


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("one_hot", [False, True])
def test_sorted_targets_warn_before_a_split(rng, turned, one_hot):
    x, y = classes(rng)
    y = np.sort(y)[::turned]
    loss = ("" if one_hot else "sparse_") + "categorical_crossentropy"
    model = model_of(Dense(3, "softmax"), loss=loss)
    target = np.eye(3)[y] if one_hot else y
    with pytest.warns(UserWarning, match="sorted") as told:
        model.fit(x, target, validation_split=0.2, verbose=0)
    assert told[0].filename == __file__
    model.fit(x, target, verbose=0)


# -- weights of rows --------------------------------------------------------------------------------


@EVERY_BACKEND
def test_a_row_of_weight_two_is_the_row_twice_and_of_weight_zero_is_absent(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=20, n_out=2))
    weighted, repeated = line(name), line(name)
    start = weighted.get_weights()
    weight = rng.integers(0, 3, 20).astype(float)
    rows = np.repeat(np.arange(20), weight.astype(int))
    weighted.fit(x, y, batch_size=20, sample_weight=weight, verbose=0)
    repeated.fit(x[rows], y[rows], batch_size=len(rows), verbose=0)
    divisor = len(rows) / 20  # the loss is divided by the number of rows, whatever their weight
    for a, b, w in zip(weighted.get_weights(), repeated.get_weights(), start, strict=True):
        assert_close(a - w, (b - w) * divisor, "float64", k=50, magnitude=10)


@EVERY_BACKEND
def test_sample_weights_follow_their_rows_through_the_shuffle(rng, name):
    x, y = (a.astype(np.float64) for a in regression(rng, n=50, n_out=2))
    weight = rng.uniform(0, 2, 50)
    model = line(name)
    order = np.arange(50, dtype=np.int32)
    random.fill_order(order, model.seed, 0)
    w, _ = trained_line(x, y, order, 8, 0.1, *model.get_weights(), weight=weight)
    model.fit(x, y, batch_size=8, sample_weight=weight, verbose=0)
    assert_close(model.get_weights()[0], w, "float64", k=500, magnitude=10)


CLASS_TARGETS = {
    "sparse": ("sparse_categorical_crossentropy", 3, "softmax", lambda y: y),
    "one-hot": ("categorical_crossentropy", 3, "softmax", lambda y: np.eye(3)[y]),
    "smoothed": (fastnn.losses.CategoricalCrossentropy(label_smoothing=0.1), 3, "softmax", lambda y: np.eye(3)[y]),
    "binary": ("binary_crossentropy", 1, "sigmoid", lambda y: y > 0),
    "focal": ("sparse_categorical_focal_crossentropy", 3, "softmax", lambda y: y),
    "focal one-hot": ("categorical_focal_crossentropy", 3, "softmax", lambda y: np.eye(3)[y]),
    "focal binary": ("binary_focal_crossentropy", 1, "sigmoid", lambda y: y > 0),
    "hinge": ("hinge", 1, "tanh", lambda y: y > 0),
}


@EVERY_BACKEND
@pytest.mark.parametrize("kind", CLASS_TARGETS)
def test_class_weight_is_the_sample_weight_of_the_class(rng, name, kind):
    loss, n_out, activation, turn = CLASS_TARGETS[kind]
    x, y = classes(rng)
    target = turn(y)
    table = {0: 0.5, 1: 3.0}  # class 2, where there is one, has weight 1
    index = y if n_out == 3 else (y > 0).astype(int)
    by_row = np.array([table.get(int(i), 1.0) for i in index])
    extra = rng.uniform(size=len(x))
    dtype = dtype_on(name)
    a, b = (model_of(Dense(n_out, activation), name=name, loss=loss, dtype=dtype) for _ in range(2))
    a.fit(x, target, class_weight=table, sample_weight=extra, verbose=0)
    b.fit(x, target, sample_weight=by_row.astype(dtype) * extra.astype(dtype), verbose=0)
    assert weights_of(a).tobytes() == weights_of(b).tobytes()


@EVERY_BACKEND
@pytest.mark.parametrize("kind", ["categorical", "binary"])
def test_label_smoothing_is_seen_by_the_loss_alone(rng, name, kind):
    x, y = classes(rng)
    target = np.eye(3)[y]
    make, output, spread = {
        "categorical": (fastnn.losses.CategoricalCrossentropy, "softmax", 3),
        "binary": (fastnn.losses.BinaryCrossentropy, "sigmoid", 2),
    }[kind]
    sizes = {"loss": make(label_smoothing=0.2), "metrics": ["mse", "mae", "accuracy"], "dtype": "float64"}
    model, plain = (model_of(Dense(3, output), name=name, **(sizes | more)) for more in ({}, {"loss": make()}))
    soft = target * 0.8 + 0.2 / spread
    logs, p = model.evaluate(x, target, verbose=0, return_dict=True), model.predict(x)
    right = {"loss": make()(soft, p), "mse": np.mean((p - target) ** 2), "mae": np.mean(np.abs(p - target))}
    right["accuracy"] = np.mean(((p > 0.5) == target) if kind == "binary" else p.argmax(1) == y)
    for key, value in right.items():
        assert_close(logs[key], value, "float64", k=3 * len(x))
    fitted = model.fit(x, target, batch_size=60, verbose=0).history
    for key in ("loss", "mse"):
        assert_close(fitted[key], [logs[key]], "float64", k=3 * len(x))
    plain.fit(x, soft, batch_size=60, verbose=0)
    assert_close(weights_of(model), weights_of(plain), "float64", k=1000)


# -- the same bits ----------------------------------------------------------------------------------


@EVERY_BACKEND
def test_the_same_seed_gives_the_same_bits_and_models_share_nothing(rng, name):
    x, y = regression(rng)
    layers = Dense(8, "tanh"), Dropout(0.3), Dense(1)
    rate = fastnn.schedules.Plateau(0.01, patience=1, min_delta=10.0)
    optimizer = fastnn.optimizers.Adam(rate)
    before = np.random.get_state()[1].tobytes()
    alone, a, b = (model_of(*layers, name=name, optimizer=optimizer) for _ in range(3))
    alone.fit(x, y, epochs=4, verbose=0)
    for epoch in range(4):
        for model in (a, b):
            model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
    for model in (a, b):
        assert weights_of(model).tobytes() == weights_of(alone).tobytes()
    assert np.random.get_state()[1].tobytes() == before
    assert rate.learning_rate == 0.01
    other = model_of(*layers, name=name, optimizer=optimizer, seed=4)
    other.fit(x, y, epochs=4, verbose=0)
    assert weights_of(other).tobytes() != weights_of(alone).tobytes()


@EVERY_BACKEND
@pytest.mark.parametrize("optimizer", sorted(set(fastnn.optimizers.OPTIMIZERS) - {"lbfgs"}))
def test_two_fits_equal_one(rng, name, optimizer):
    x, y = regression(rng)
    at_once, in_two = model_of(name=name, optimizer=optimizer), model_of(name=name, optimizer=optimizer)
    whole = at_once.fit(x, y, epochs=5, verbose=0)
    first = in_two.fit(x, y, epochs=2, verbose=0)
    second = in_two.fit(x, y, epochs=5, initial_epoch=2, verbose=0)
    assert weights_of(at_once).tobytes() == weights_of(in_two).tobytes()
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert first.epoch + second.epoch == whole.epoch == [0, 1, 2, 3, 4]


@EVERY_BACKEND
def test_what_listens_does_not_change_what_is_learnt(rng, name):
    x, y = regression(rng, n=75)
    heard = [
        {},
        {"callbacks": [fastnn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]},
        {"callbacks": [fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]},
        {"validation_data": (x, y)},
        {"time_limit": 1000},
    ]
    layers = Dense(8, "relu"), Dropout(0.2), Dense(1, kernel_regularizer="l2")
    found = []
    for arguments in heard:
        model = model_of(*layers, name=name, metrics=["mae"])
        history = model.fit(x, y, epochs=30, batch_size=16, verbose=0, **arguments).history
        found.append((weights_of(model).tobytes(), history["loss"], history["mae"]))
    assert all(other[0] == found[0][0] for other in found)
    for other in found:
        np.testing.assert_allclose(other[1], found[0][1], rtol=1e-12)
        np.testing.assert_allclose(other[2], found[0][2], rtol=1e-12)


@EVERY_BACKEND
def test_train_on_batch_is_one_update_on_all_rows(rng, name):
    x, y = regression(rng)
    weight = rng.uniform(size=len(x))
    a, b = model_of(name=name, metrics=["mae"]), model_of(name=name, metrics=["mae"])
    before = b.evaluate(x, y, sample_weight=weight)
    logs = a.train_on_batch(x.tolist(), y.tolist(), sample_weight=weight, return_dict=True)
    b.fit(x, y, batch_size=len(x), shuffle=False, sample_weight=weight, verbose=0)
    assert weights_of(a).tobytes() == weights_of(b).tobytes()
    assert_close(list(logs.values()), before, "float32", k=50)
    assert a.step == 1
    assert isinstance(a.train_on_batch(x, y), list)
