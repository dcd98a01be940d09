"""The stack of layers, its weights, prediction and evaluation, under the names of Keras."""

from __future__ import annotations

import copy
import io
import pickle
import sys

import numpy as np
import pytest
from models import EVERY_BACKEND, classes, dtype_on, model_of, regression, state_of, weights_of
from tolerance import assert_close

import fastnn
from fastnn import Sequential
from fastnn.layers import Activation, Dense, Dropout, Flatten, Input, Reshape

# -- structure --------------------------------------------------------------------------------------


def test_layers_given_and_layers_added_make_the_same_model():
    given = Sequential([Dense(5, "relu", input_shape=(3,)), Dense(2)], seed=1)
    added = Sequential(seed=1)
    added.add(Dense(5, "relu", input_dim=3))
    added.add(Dense(2))
    assert given.layers == added.layers
    assert weights_of(given).tobytes() == weights_of(added).tobytes()


def test_the_name_that_keras_users_import_is_the_same_class():
    from fastnn.models import Sequential as Named

    assert Named is Sequential


def test_shapes_and_number_of_parameters():
    model = Sequential([Input((3,)), Dense(5), Dense(2, use_bias=False)])
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
    assert model.count_params() == 3 * 5 + 5 + 5 * 2
    assert [w.shape for w in model.get_weights()] == [(3, 5), (5,), (5, 2)]
    assert model.weight_names() == ["0.kernel", "0.bias", "1.kernel"]


def test_weights_go_by_the_names_of_layers_in_all_that_users_read(tmp_path):
    inner = Sequential([Dense(4, input_shape=(3,))], name="inner")
    model = Sequential([Input((3,)), inner, Dense(2, name="last")])
    paths = ["inner/dense/kernel", "inner/dense/bias", "last/kernel", "last/bias"]
    assert model.weight_paths() == paths
    assert model.gradients(np.zeros((1, 3)), dy=np.ones((1, 2))).names == tuple(paths)
    model.compile(fastnn.optimizers.Adam(learning_rate_factors=dict.fromkeys(paths, 2.0)), "mse")
    weights = model.get_weights()
    for place, path in enumerate(paths):
        wrong = [w.T[:1] if i == place else w for i, w in enumerate(weights)]
        with pytest.raises(ValueError, match=f"weights of {path} must have shape"):
            model.set_weights(wrong)
    with pytest.raises(ValueError, match="weights of last/bias must have shape"):
        model.layers[-1].set_weights([weights[2], weights[3][:1]])
    model.save_weights(tmp_path / "w")
    other = Sequential([Dense(4, input_shape=(3,)), Dense(5, name="end")])
    with pytest.raises(ValueError, match=r"its 1.kernel has the shape \(4, 2\), and end/kernel of the model \(4, 5\)"):
        other.load_weights(tmp_path / "w")


def test_layers_is_a_copy():
    model = Sequential([Dense(2, input_shape=(3,))])
    model.layers.clear()
    assert len(model.layers) == 1


def test_pop_undoes_add():
    model = Sequential([Dense(5, input_shape=(3,)), Dense(2)], seed=4)
    before = state_of(model)
    model.add(Dense(7))
    assert model.output_shape == (None, 7)
    assert model.pop() == Dense(7)
    assert state_of(model) == before


def test_a_model_without_input_shape_is_built_by_the_first_data(rng):
    x, y = regression(rng)
    named = model_of(Dense(3, "tanh"), Dense(1))
    waiting = Sequential([Dense(3, "tanh"), Dense(1)], seed=3, backend="numpy")
    assert not waiting.built
    assert "not built" in repr(waiting)
    waiting.compile("adam", "mean_squared_error")
    waiting.fit(x, y, verbose=0)
    named.layers.pop(0)
    same = Sequential([Dense(3, "tanh", input_shape=(4,)), Dense(1)], seed=3, backend="numpy")
    same.compile("adam", "mean_squared_error")
    same.fit(x, y, verbose=0)
    assert weights_of(waiting).tobytes() == weights_of(same).tobytes()


def test_a_built_model_keeps_its_input_shape_when_layers_come_and_go():
    model = Sequential([Dense(3)], seed=1)
    model.build((4,))
    model.add(Dense(2))
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    model.pop()
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 3))


def test_changed_layers_start_training_afresh(rng):
    x, y = regression(rng)
    model = model_of()
    model.fit(x, y, epochs=2, verbose=0)
    model.add(Dense(1))
    assert (model.step, model.epoch, model.slots) == (0, 0, None)


def test_summary_names_layers_shapes_and_totals(capsys):
    model = Sequential([Dense(5, "relu", input_shape=(3,), name="first"), Dropout(0.5), Dense(2)])
    model.summary()
    text = capsys.readouterr().out
    assert text.splitlines() == [
        'Model: "sequential"',
        "#  Layer (type)       Output Shape  Param #  Settings",
        "-----------------------------------------------------",
        "0  first (Dense)      (None, 5)          20  relu",
        "1  dropout (Dropout)  (None, 5)           0  rate=0.5",
        "2  dense (Dense)      (None, 2)          12",
        "-----------------------------------------------------",
        "Input shape: (None, 3)",
        "Total params: 32 (128 bytes in float32)",
        "not compiled",
    ]
    lines = []
    model.summary(print_fn=lines.append)
    assert "".join(lines) == text.rstrip("\n")


def test_summary_tells_how_a_model_is_trained_and_what_is_not_known_yet(capsys):
    model = Sequential([Dense(2, kernel_regularizer="l2")])
    model.compile(fastnn.optimizers.Adam(0.01), "mse", metrics=["mae"], weighted_metrics=["r2"])
    model.summary()
    assert capsys.readouterr().out.splitlines() == [
        'Model: "sequential"',
        "#  Layer (type)   Settings",
        "-----------------------------------------",
        "0  dense (Dense)  kernel_regularizer=L2()",
        "not built: the input's shape is not known",
        "loss mean_squared_error, optimizer Adam(learning_rate=0.01), metrics mae, r2",
    ]
    Sequential().summary()
    assert "not built" in capsys.readouterr().out


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deep", "pickle"]
)
@EVERY_BACKEND
def test_a_copy_trains_on_to_the_same_bits_and_leaves_the_original_alone(rng, name, make):
    x, y = regression(rng)
    model = model_of(name=name)
    model.fit(x, y, verbose=0)
    twin = make(model)
    before = state_of(model)
    assert twin.params.ctypes.data % 64 == 0
    twin.fit(x, y, epochs=3, verbose=0)
    assert state_of(model) == before
    model.fit(x, y, epochs=3, verbose=0)
    assert weights_of(model).tobytes() == weights_of(twin).tobytes()
    assert model.predict(x).tobytes() == twin.predict(x).tobytes()


# -- weights ----------------------------------------------------------------------------------------


def test_weights_are_copies_both_ways():
    model = model_of()
    before = model.get_weights()
    changed = [w + 1 for w in before]
    model.set_weights(changed)
    for w in changed:
        w += 5
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then + 1)
        now += 3
    np.testing.assert_array_equal(model.get_weights()[0], before[0] + 1)


def test_the_seed_decides_the_weights():
    assert weights_of(model_of(seed=5)).tobytes() == weights_of(model_of(seed=5)).tobytes()
    assert weights_of(model_of(seed=5)).tobytes() != weights_of(model_of(seed=6)).tobytes()
    drawn = Sequential([Dense(4, input_shape=(3,))])
    assert weights_of(drawn).tobytes() == weights_of(Sequential(drawn.layers, seed=drawn.seed)).tobytes()


# -- prediction -------------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("n", [0, 1, 2, 31, 257, 2100])
def test_predict_is_the_formula(rng, name, dtype, n):
    model = model_of(Dense(7, "relu"), Dense(3, "sigmoid"), name=name, dtype=dtype.name)
    x = rng.normal(size=(n, 4)).astype(dtype)
    w1, b1, w2, b2 = (w.astype(np.float64) for w in model.get_weights())
    expected = 1 / (1 + np.exp(-(np.maximum(x @ w1 + b1, 0) @ w2 + b2)))
    y = model.predict(x)
    assert (y.shape, y.dtype) == ((n, 3), dtype)
    assert_close(y, expected, dtype, k=11, magnitude=1.0)
    assert model.predict_on_batch(x).tobytes() == y.tobytes()
    assert model.backend_ == name


@EVERY_BACKEND
def test_dropout_acts_in_training_alone(rng, name):
    x, y = regression(rng)
    with_dropout = model_of(Dense(8, "tanh"), Dropout(0.5), Dense(1), name=name)
    without = model_of(name=name)
    without.set_weights(with_dropout.get_weights())
    assert_close(with_dropout.predict(x), without.predict(x), "float32")
    for model in (with_dropout, without):
        model.fit(x, y, verbose=0)
    assert weights_of(with_dropout).tobytes() != weights_of(without).tobytes()


@pytest.mark.single
@EVERY_BACKEND
def test_dense_works_along_the_last_axis(rng, name):
    sequences = Sequential([Dense(5, "tanh", input_shape=(6, 4)), Dense(2, "softmax")], seed=1, backend=name)
    x = rng.normal(size=(9, 6, 4)).astype(np.float32)
    flat = Sequential([Dense(5, "tanh", input_shape=(4,)), Dense(2, "softmax")], seed=1, backend=name)
    assert sequences.predict(x).shape == (9, 6, 2)
    assert_close(sequences.predict(x).reshape(-1, 2), flat.predict(x.reshape(-1, 4)), "float32", k=5)


@pytest.mark.single
@EVERY_BACKEND
def test_flatten_and_reshape_keep_the_numbers_in_their_order(rng, name):
    x = rng.normal(size=(10, 3, 4)).astype(np.float32)
    shaped = Sequential(
        [Flatten(input_shape=(3, 4)), Dense(6, "tanh"), Reshape((2, -1)), Dense(2), Flatten()], seed=1, backend=name
    )
    w1, b1, w2, b2 = shaped.get_weights()
    hidden = np.tanh(x.reshape(10, 12) @ w1 + b1)
    assert shaped.output_shape == (None, 4)
    assert_close(shaped.predict(x), (hidden.reshape(10, 2, 3) @ w2 + b2).reshape(10, 4), "float32", k=15)


@pytest.mark.single
@EVERY_BACKEND
def test_overflow_is_an_infinity_and_no_warning(rng, name):
    x, y = regression(rng)
    model = model_of(Dense(8, "exponential"), Dense(1), name=name, metrics=["r2", "rmse"])
    assert np.isinf(model.predict(x * 1000)).any()
    assert np.isinf(model.predictor()(x * 1000)).any()
    assert not np.isfinite(model.evaluate(x * 1000, y)[0])


# -- evaluation -------------------------------------------------------------------------------------


def _metrics_by_hand(target, y, weight) -> dict[str, float]:
    hit, yes = target > 0.5, y > 0.5
    both = (weight[:, None] * (hit & yes)).sum(0)
    predicted, actual = (weight[:, None] * yes).sum(0), (weight[:, None] * hit).sum(0)
    mean = np.average(target, axis=0, weights=weight)
    residual = (weight[:, None] * (y - target) ** 2).sum(0)
    return {
        "accuracy": np.average((hit == yes).mean(1), weights=weight),
        "precision": both.sum() / predicted.sum(),
        "recall": both.sum() / actual.sum(),
        "f1": np.mean(2 * both / (predicted + actual)),
        "mse": np.average(((y - target) ** 2).mean(1), weights=weight),
        "mae": np.average(np.abs(y - target).mean(1), weights=weight),
        "rmse": np.sqrt(np.average(((y - target) ** 2).mean(1), weights=weight)),
        "r2": np.mean(1 - residual / (weight[:, None] * (target - mean) ** 2).sum(0)),
    }


@EVERY_BACKEND
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_out", [1, 3])
def test_evaluate_is_what_predict_and_the_definitions_give(rng, name, weighted, n_out):
    n = 1500  # more than a block
    x = rng.normal(size=(n, 4)).astype(np.float32)
    target = rng.integers(0, 2, (n, n_out)).astype(np.float32)
    weight = rng.uniform(0, 3, n).astype(np.float32)
    names = list(_metrics_by_hand(target, target, weight))
    layers = Dense(6, "tanh", input_shape=(4,)), Dense(n_out, "sigmoid")
    model = Sequential(layers, seed=2, dtype=dtype_on(name), backend=name)
    model.compile("sgd", "binary_crossentropy", **{"weighted_metrics" if weighted else "metrics": names})
    y = model.predict(x).astype(np.float64)
    loss = -(target * np.log(y) + (1 - target) * np.log(1 - y)).mean(1)
    expected = {"loss": (weight * loss).mean()}
    expected |= _metrics_by_hand(target, y, weight if weighted else np.ones(n))
    logs = model.evaluate(x, target, sample_weight=weight, return_dict=True)
    assert list(logs) == list(expected)
    assert_close(list(logs.values()), list(expected.values()), "float32", k=100, magnitude=10.0)
    assert model.evaluate(x, target, sample_weight=weight) == list(logs.values())
    assert model.test_on_batch(x, target, weight, return_dict=True) == logs


@EVERY_BACKEND
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_metrics_of_classes_are_the_same_for_indices_and_one_hot_rows(rng, name, loss):
    x, y = classes(rng, n=300)
    model = model_of(Dense(3, "softmax"), name=name, loss=loss, metrics=["accuracy", fastnn.metrics.TopK(2), "f1"])
    p = model.predict(x).astype(np.float64)
    ranks = (p > np.take_along_axis(p, y[:, None], 1)).sum(1)
    table = np.array([[np.sum((y == t) & (p.argmax(1) == q)) for q in range(3)] for t in range(3)])
    f1 = np.mean(2 * np.diag(table) / (table.sum(0) + table.sum(1)))
    target = y if loss.startswith("sparse") else np.eye(3)[y]
    expected = [-np.log(np.take_along_axis(p, y[:, None], 1)).mean(), (ranks == 0).mean(), (ranks < 2).mean(), f1]
    assert_close(model.evaluate(x, target), expected, "float32", k=100)


@EVERY_BACKEND
def test_area_under_the_curve_is_the_share_of_pairs_in_order(rng, name):
    x = rng.normal(size=(400, 4)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=400) > 0).astype(int)
    model = model_of(Dense(1, "sigmoid"), name=name, loss="binary_crossentropy", metrics=["auc"])
    p = model.predict(x)[:, 0]
    above, level = p[y == 1][:, None] > p[y == 0], p[y == 1][:, None] == p[y == 0]
    assert_close(model.evaluate(x, y)[1], (above + 0.5 * level).mean(), "float32", k=10)


def test_a_model_without_metrics_evaluates_to_one_number(rng):
    assert isinstance(model_of().evaluate(*regression(rng)), float)


def test_evaluate_takes_keras_arguments_in_keras_order(rng):
    x, y = regression(rng)
    weight = rng.uniform(size=len(x))
    model = model_of(metrics=["mae"])
    assert model.evaluate(x, y, 32, 0, weight) == model.evaluate(x, y, batch_size=7, sample_weight=weight)


def test_metrics_of_one_name_all_stay_in_the_logs(rng):
    x, y = regression(rng)
    target = (y > 0).astype(int)
    model = Sequential([Dense(1, "sigmoid", input_shape=(4,))], seed=1)
    low, high = fastnn.metrics.Precision(0.2), fastnn.metrics.Precision(0.8)
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", low, high], weighted_metrics=["accuracy"])
    logs = model.evaluate(x, target, sample_weight=np.arange(len(x)), return_dict=True)
    assert list(logs) == ["loss", "accuracy", "precision", "precision_1", "weighted_accuracy"]
    hit = (model.predict(x)[:, 0] > 0.5) == target[:, 0]
    assert_close(logs["accuracy"], hit.mean(), "float32")
    assert_close(logs["weighted_accuracy"], np.average(hit, weights=np.arange(len(x))), "float32")


def test_an_activation_layer_equals_the_activation_of_the_layer_before(rng):
    x, y = regression(rng)
    apart = model_of(Dense(6), Activation("tanh"), Dense(1))
    together = model_of(Dense(6, "tanh"), Dense(1))
    together.set_weights(apart.get_weights())
    for model in (apart, together):
        model.fit(x, y, epochs=2, verbose=0)
    assert weights_of(apart).tobytes() == weights_of(together).tobytes()


def test_a_summary_is_told_where_names_have_no_code(monkeypatch):
    model = Sequential([Dense(1, input_shape=(2,), name="ausgang_ü")], name="模型")
    told = {}
    for encoding in ("utf-8", "latin-1", "ascii"):
        out = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", out)
        model.summary()
        out.flush()
        told[encoding] = out.buffer.getvalue().decode(encoding)
    assert "模型" in told["utf-8"]
    assert "\\u6a21\\u578b" in told["latin-1"]
    assert "ausgang_ü" in told["latin-1"]
    assert "ausgang_\\xfc" in told["ascii"]
