"""Rescaling, Normalization and PReLU: values, arguments, and what they learn or adapt to."""

from __future__ import annotations

import numpy as np
import pytest
from test_convolution_keras import keras  # noqa: F401
from tolerance import assert_close

from fastnn import Sequential, layers, models
from fastnn.layers import Dense, Normalization, PReLU, Rescaling

KERAS_CASES = [
    ("Rescaling", {"scale": 0.25, "offset": -1.5}, (3, 2)),
    ("Normalization", {}, (4,)),
    ("Normalization", {}, (5, 3)),
    ("Normalization", {"axis": None}, (2, 3)),
    ("Normalization", {"axis": (1, 2)}, (2, 3)),
    ("Normalization", {"invert": True}, (4,)),
    ("Normalization", {"mean": 2.0, "variance": 9.0}, (4,)),
    ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 0.25]}, (3,)),
    ("PReLU", {"alpha_initializer": "ones"}, (3, 2)),
    ("PReLU", {"shared_axes": [1, 2]}, (3, 4, 2)),
    ("PReLU", {"shared_axes": [1]}, (3, 2)),
]


@pytest.mark.parametrize(("kind", "given", "shape"), KERAS_CASES, ids=repr)
def test_layers_compute_what_those_of_keras_compute(keras, rng, kind, given, shape):  # noqa: F811
    theirs, ours = getattr(keras.layers, kind)(**given, dtype="float64"), getattr(layers, kind)(**given)
    x = rng.normal(3, 2, size=(20, *shape))
    if kind == "Normalization" and "mean" not in given:
        theirs.adapt(x)
        ours.adapt(x)
    else:
        theirs.build((None, *shape))
    model = Sequential([ours], dtype="float64")
    model.build((None, *shape))
    if kind == "PReLU":
        alpha = rng.normal(size=theirs.alpha.shape)
        theirs.alpha.assign(alpha)
        model.set_weights([alpha])
    assert_close(model.predict(x), theirs(x).detach().cpu().numpy(), "float32", 1, 10)


def test_adapted_data_have_mean_0_and_variance_1(rng):
    x = rng.normal(1e6, 3, size=(500, 4))
    layer = Normalization()
    layer.adapt(x)
    made = Sequential([layer], dtype="float64").predict(x)
    assert_close(made.mean(axis=0), np.zeros(4), "float32", 500, 10)
    assert_close(made.std(axis=0), np.ones(4), "float32", 500, 10)


def test_a_column_that_is_constant_becomes_zero():
    layer = Normalization()
    layer.adapt([[5.0, 1.0], [5.0, 2.0]])
    np.testing.assert_array_equal(Sequential([layer]).predict([[5.0, 1.5]]), [[0, 0]])


def test_there_and_back_is_where_it_was(rng):
    x = rng.normal(4, 2, size=(30, 3))
    there, back = Normalization(), Normalization(invert=True)
    there.adapt(x)
    back.adapt(x)
    assert_close(Sequential([there, back], dtype="float64").predict(x), x, "float64", 4, 10)


def test_a_layer_of_a_model_adapts_where_it_stands(rng):
    layer = Normalization(input_shape=(2,))
    model = Sequential([layer, Dense(1)], seed=1)
    np.testing.assert_array_equal(model.activations([[1.0, 2.0]])["normalization"], [[1, 2]])
    layer.adapt([[1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(model.activations([[3.0, 4.0]])["normalization"], [[1, 1]])
    np.testing.assert_array_equal(layer.get_weights(), [[2, 2], [1, 4]])


def test_training_leaves_mean_and_variance(rng):
    x = rng.normal(5, 3, size=(40, 2))
    layer = Normalization()
    layer.adapt(x)
    model = Sequential([layer, Dense(1)], seed=1)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    assert len(model.trainable_weights) == 2
    assert_close(layer.get_weights()[0], x.mean(axis=0), "float32", 40, 10)


def test_saved_and_cloned_models_keep_what_was_adapted(rng, tmp_path):
    x = rng.normal(5, 3, size=(40, 2))
    layer = Normalization()
    layer.adapt(x)
    model = Sequential([layer, Dense(1)], seed=1)
    right = model.predict(x)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.safetensors").predict(x), right)
    again = Normalization.from_config(layer.get_config())
    np.testing.assert_array_equal(Sequential([again]).predict(x), Sequential([layer]).predict(x))
    assert models.clone_model(model).layers[0] == layer


@pytest.mark.parametrize("bad", [[], [[np.nan]], [["a"]], [[1.0], [np.inf]]], ids=repr)
def test_data_that_cannot_be_adapted_to_change_nothing(bad):
    layer = Normalization(mean=1.0, variance=2.0)
    with pytest.raises((ValueError, TypeError), match="data"):
        layer.adapt(bad)
    assert layer == Normalization(mean=1.0, variance=2.0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Normalization(mean=1.0), "together"),
        (lambda: Normalization(mean=1.0, variance=-1.0), "variance must be at least 0"),
        (lambda: Normalization(axis=0), "axis 0"),
        (lambda: Sequential([Normalization(axis=1, input_shape=(3, 4))]), "axis must be the last"),
        (lambda: Sequential([Normalization(mean=[1, 2], variance=[1, 1], input_shape=(3,))]), "2 numbers"),
        (lambda: PReLU(shared_axes=[2]), "shared_axes must be the first"),
        (lambda: Sequential([PReLU(shared_axes=[1], input_shape=(3,))]), "shares more axes"),
        (lambda: Rescaling(float("nan")), "scale must lie in"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        Rescaling(2.0, 1.0),
        Normalization(axis=None, mean=1.0, variance=2.0, invert=True),
        Normalization(axis=(1, 2)),
        PReLU("ones", "l2", "non_neg", shared_axes=[1, 2]),
    ],
    ids=repr,
)
def test_a_description_gives_the_layer_again(layer):
    assert layers.from_config(layer.config()) == layer
    assert type(layer).from_config(layer.get_config()) == layer


def test_slopes_are_learned(rng):
    x = rng.normal(size=(200, 3))
    slopes = np.array([0.1, -0.5, 0.7])
    model = Sequential([PReLU(input_shape=(3,))], seed=1, dtype="float64")
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.5
    model.fit(x, np.where(x > 0, x, slopes * x), epochs=60, batch_size=20, verbose=0)
    assert_close(model.get_weights()[0], slopes, "float32")
