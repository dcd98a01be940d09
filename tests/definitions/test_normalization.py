"""Layers of normalisation: values, arguments and shapes; and Keras' numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tolerance import assert_close

from fastnn import Input, Model, Sequential, layers, regularizers
from fastnn.layers import BatchNormalization, Dense, GroupNormalization, LayerNormalization, UnitNormalization

DOUBLE = "float64"


def of(layer, shape, **more):
    """A model of one layer."""
    return Sequential([Input(shape), layer], dtype=DOUBLE, seed=1, **more)


# -- batches ------------------------------------------------------------------------------------------


def test_a_batch_in_training_has_mean_0_and_variance_1(rng):
    x = rng.normal(3, 2, size=(50, 4, 3))
    y = of(BatchNormalization(epsilon=0.0), (4, 3))(x, training=True)
    assert_close(y.mean(axis=(0, 1)), np.zeros(3), DOUBLE, 200, 1.0)
    assert_close(y.var(axis=(0, 1)), np.ones(3), DOUBLE, 200)


def test_a_prediction_uses_the_moving_statistics(rng):
    model, x = of(BatchNormalization(epsilon=0.5), (3,)), rng.normal(size=(5, 3))
    gamma, beta, mean, variance = np.array([[1, 2, 3], [4, 5, 6], [0, 1, -1], [0.5, 3.5, 7.5]], float)
    model.set_weights([gamma, beta, mean, variance])
    expected = (x - mean) / np.sqrt(variance + 0.5) * gamma + beta
    assert_close(model.predict(x, verbose=0), expected, DOUBLE, 10)


@pytest.mark.parametrize(("scale", "center"), [(True, True), (True, False), (False, True), (False, False)])
def test_weights_stand_in_the_order_of_keras(scale, center, rng):
    layer = BatchNormalization(scale=scale, center=center)
    model = of(layer, (2,))
    names = [name for name, there in (("gamma", scale), ("beta", center)) if there]
    told = [weight.tolist() for weight in model.get_weights()]
    starts = {"gamma": [1, 1], "beta": [0, 0]}
    assert told == [*(starts[name] for name in names), [0, 0], [1, 1]]
    assert [len(w) for w in (layer.trainable_weights, layer.non_trainable_weights)] == [len(names), 2]
    assert model.count_params() == 2 * (len(names) + 2)
    assert (layer.gamma is None, layer.beta is None) == (not scale, not center)
    assert [layer.moving_mean.tolist(), layer.moving_variance.tolist()] == [[0, 0], [1, 1]]
    model.compile("sgd", "mse")
    x = rng.normal(size=(20, 2))
    model.fit(x, x + 1, epochs=2, verbose=0)
    assert np.all(layer.moving_mean != 0)


def test_the_summary_counts_what_is_not_trained():
    model = of(BatchNormalization(), (5,))
    lines = []
    model.summary(print_fn=lines.append)
    text = "\n".join(map(str, lines))
    assert all(f"{kind}rainable params: 10 " in text for kind in ("T", "Non-t"))


def test_regularizers_and_constraints_are_of_gamma_and_beta_alone(rng):
    layer = BatchNormalization(
        gamma_regularizer="l2", beta_regularizer="l1", gamma_constraint="non_neg", beta_constraint="max_norm"
    )
    model = of(layer, (3,))
    model.set_weights([[2.0] * 3, [1.0] * 3, [-5.0] * 3, [9.0] * 3])
    model.compile("sgd", "mse")
    x = rng.normal(size=(10, 3))
    penalty = 12 * regularizers.get("l2").l2 + 3 * regularizers.get("l1").l1
    y = model.predict(x, verbose=0)
    assert_close(model.evaluate(x, y, verbose=0), penalty, DOUBLE)
    model.optimizer.learning_rate = 1.0
    model.fit(x, -10 * x, epochs=3, verbose=0)
    assert np.all(layer.gamma >= 0)
    assert np.linalg.norm(layer.beta) <= 2 + 1e-6
    assert np.all(layer.moving_mean < -3)


INITIALIZED = BatchNormalization(
    -1, 0.5, 0.1, False, True, "ones", "zeros", "random_normal", "zeros", None, "l2", None, "non_neg", name="norm"
)


@pytest.mark.parametrize(
    "layer",
    [
        *(BatchNormalization(), INITIALIZED, BatchNormalization(2), LayerNormalization([1, 2], 0.1, scale=False)),
        *(LayerNormalization(), GroupNormalization(4, beta_initializer="ones"), UnitNormalization([-2, -1])),
    ],
    ids=str,
)
def test_a_description_gives_the_layer_again(layer):
    assert layers.from_config(layer.config()) == layer
    assert type(layer).from_config(layer.get_config()) == layer
    assert layers.deserialize(layers.serialize(layer)) == layer


def test_an_axis_that_means_the_last_is_taken():
    assert of(BatchNormalization(1), (3,)).output_shape == (None, 3)
    assert of(BatchNormalization(axis=3), (4, 5, 2)).output_shape == (None, 4, 5, 2)


@pytest.mark.parametrize("axis", [1, 2, -2, 4])
def test_another_axis_is_refused_with_words(axis):
    with pytest.raises(ValueError, match="last axis"):
        of(BatchNormalization(axis), (4, 5, 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"axis": 0}, "batch"),
        ({"axis": 1.5}, "axis"),
        ({"axis": [1]}, "axis"),
        ({"momentum": 1.5}, "momentum"),
        ({"momentum": None}, "momentum"),
        ({"epsilon": -1}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"synchronized": True}, "synchronized"),
        ({"center": "yes"}, "center"),
        ({"gamma_initializer": "uno"}, "uno"),
        ({"renorm": True}, "renorm"),
        ({"units": 3}, "units"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        BatchNormalization(**arguments)


def test_what_keras_has_and_leaves_out_is_taken():
    assert BatchNormalization(renorm=False, renorm_clipping=None) == BatchNormalization()


# -- samples ------------------------------------------------------------------------------------------


def test_rows_are_normalised_each_by_itself(rng):
    x = rng.normal(3, 2, size=(6, 4, 5))
    y = of(LayerNormalization(epsilon=0.0), (4, 5)).predict(x, verbose=0)
    assert_close(y, (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True), DOUBLE, 20)
    y = of(LayerNormalization([1, 2], epsilon=0.5), (4, 5)).predict(x, verbose=0)
    expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.5)
    assert_close(y, expected, DOUBLE, 20)


def test_groups_of_channels_are_normalised_over_all_positions(rng):
    x = rng.normal(3, 2, size=(6, 4, 6))
    y = of(GroupNormalization(2, epsilon=0.0), (4, 6)).predict(x, verbose=0).reshape(6, 4, 2, 3)
    parts = x.reshape(6, 4, 2, 3)
    mean, deviation = parts.mean((1, 3), keepdims=True), parts.std((1, 3), keepdims=True)
    assert_close(y, (parts - mean) / deviation, DOUBLE, 20)


def test_factors_have_the_shape_of_what_is_normalised():
    shapes = [w.shape for w in of(LayerNormalization([-2, -1]), (4, 5, 6)).get_weights()]
    assert shapes == [(5, 6), (5, 6)]
    assert [w.shape for w in of(GroupNormalization(3, scale=False), (4, 6)).get_weights()] == [(6,)]
    assert of(UnitNormalization(), (4, 6)).get_weights() == []


@pytest.mark.parametrize("axis", [-1, 2, 1, [1, 2]], ids=str)
def test_vectors_have_length_1_along_their_axis(axis, rng):
    x = rng.normal(size=(3, 4, 5))
    along = tuple(axis) if isinstance(axis, list) else axis
    expected = x / np.sqrt((x**2).sum(along, keepdims=True))
    assert_close(of(UnitNormalization(axis), (4, 5)).predict(x, verbose=0), expected, DOUBLE, 20)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (LayerNormalization(1), "last axes"),
        (LayerNormalization([1, 3]), "last axes"),
        (LayerNormalization([-1, -1]), "last axes"),
        (LayerNormalization([-4, -3, -2, -1]), "last axes"),
        (GroupNormalization(), "32 equal groups of 6"),
        (GroupNormalization(4), "4 equal groups of 6"),
        (GroupNormalization(2, axis=1), "last axis"),
        (UnitNormalization(4), "no axis 4"),
        (UnitNormalization(-4), "no axis -4"),
    ],
    ids=str,
)
def test_samples_that_do_not_fit_are_refused(layer, words):
    with pytest.raises(ValueError, match=words):
        of(layer, (4, 5, 6))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LayerNormalization([]), "axis"),
        (lambda: LayerNormalization("last"), "axis"),
        (lambda: LayerNormalization([0, 1]), "batch"),
        (lambda: LayerNormalization(rms_scaling=True), "rms_scaling"),
        (lambda: GroupNormalization(0), "groups"),
        (lambda: GroupNormalization(-2), "groups"),
        (lambda: GroupNormalization(2.5), "groups"),
        (lambda: UnitNormalization(order=1), "order"),
    ],
)
def test_wrong_arguments_of_sample_normalisation_are_named(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


# -- Keras --------------------------------------------------------------------------------------------

KERAS = [("BatchNormalization", {"momentum": 0.8, "epsilon": 0.01}, (3,)), ("BatchNormalization", {}, (4, 3, 2))]
KERAS += [("BatchNormalization", {"scale": False}, (5, 3)), ("BatchNormalization", {"center": False, "axis": -1}, (3,))]
KERAS += [("LayerNormalization", {}, (5, 3)), ("LayerNormalization", {"axis": [1, 2], "epsilon": 0.1}, (5, 3))]
KERAS += [("GroupNormalization", {"groups": 2}, (3, 2, 6)), ("GroupNormalization", {"groups": -1}, (5, 3))]
KERAS += [("UnitNormalization", {}, (5, 3)), ("UnitNormalization", {"axis": 1}, (5, 3))]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("name", "arguments", "shape"), KERAS, ids=str)
def test_a_training_ends_where_keras_ends(name, arguments, shape, rng, monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another library here")
    x, y = rng.normal(1, 2, size=(20, *shape)), rng.normal(size=(20, 2))
    theirs = keras.Sequential(
        [
            keras.layers.Input(shape, dtype="float64"),
            getattr(keras.layers, name)(**arguments, dtype="float64"),
            keras.layers.Flatten(dtype="float64"),
            keras.layers.Dense(2, dtype="float64"),
        ]
    )
    ours = Sequential([Input(shape), getattr(layers, name)(**arguments), layers.Flatten(), Dense(2)], dtype=DOUBLE)
    ours.set_weights(theirs.get_weights())
    for model, library in ((ours, None), (theirs, keras)):
        model.compile("sgd" if library is None else keras.optimizers.SGD(0.01), "mse")
        model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for got, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def test_a_graph_normalises_an_edge():
    edge = Input((3,))
    model = Model(edge, BatchNormalization()(Dense(2)(edge)))
    assert [w.shape for w in model.get_weights()] == [(3, 2), (2,), *[(2,)] * 4]
