"""Noise and dropout of whole channels: what is drawn, and that nothing of it is left in prediction."""

from __future__ import annotations

import numpy as np
import pytest
from spaces import space
from tolerance import assert_close

from fastnn import Model, Sequential, layers
from fastnn._base import normal, random
from fastnn._ops import alpha_dropout
from fastnn.layers import (
    AlphaDropout,
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Input,
    SpatialDropout1D,
    SpatialDropout2D,
)

MANY = 200_000
LAYERS = [AlphaDropout(0.3), GaussianNoise(0.5), GaussianDropout(0.2), SpatialDropout1D(0.3), SpatialDropout2D(0.3)]


def in_training(layer, x, **given):
    model = Sequential([layer], seed=3, **given)
    return model(x, training=True)


def test_the_logarithm_is_right_to_its_last_digits(rng):
    x = np.concatenate([rng.random(10_000), 2.0 ** np.arange(-60, 0), 1 - 2.0 ** -np.arange(2, 34)])
    assert_close(normal.logarithm(x), np.log(x), "float64", 1)


def test_normal_numbers_have_normal_moments():
    drawn = random.normal(1, 2, 3, 0, MANY)
    moments = [np.mean(drawn**power) for power in range(1, 5)]
    spread = np.sqrt(np.array([1, 2, 15, 96]) / MANY)
    assert (np.abs(np.array(moments) - [0, 1, 0, 3]) < 5 * spread).all()
    assert abs(np.corrcoef(drawn[0::2], drawn[1::2])[0, 1]) < 5 / np.sqrt(MANY / 2)
    assert np.abs(drawn).max() < 6.8


def test_numbers_are_drawn_by_their_place():
    whole = random.normal(1, 2, 3, 0, 50)
    for first, count in ((0, 1), (1, 1), (3, 8), (6, 5), (49, 1)):
        np.testing.assert_array_equal(random.normal(1, 2, 3, first, count), whole[first : first + count])


def test_noise_has_the_deviation_that_was_asked_for():
    made = in_training(GaussianNoise(0.5), np.full((100, 1000), 3.0), dtype="float64")
    assert abs(made.mean() - 3) < 0.01
    assert abs(made.std() - 0.5) < 0.01


def test_noisy_dropout_has_the_variance_of_dropout():
    noisy, plain = (in_training(layer(0.2), np.full((100, 1000), 2.0)) for layer in (GaussianDropout, Dropout))
    assert abs(noisy.mean() - 2) < 0.02
    assert abs(noisy.std() - plain.std()) < 0.02


def test_alpha_dropout_keeps_mean_and_variance(rng):
    x = rng.normal(size=(100, 1000))
    made = in_training(AlphaDropout(0.3), x)
    assert abs(made.mean()) < 0.02
    assert abs(made.std() - 1) < 0.02
    dropped = made == np.float32(alpha_dropout.numbers_of(0.3)[2])
    assert abs(dropped.mean() - 0.3) < 0.01


@pytest.mark.parametrize(
    ("layer", "shape"), [(SpatialDropout1D(0.5), (6, 40)), (SpatialDropout2D(0.5), (3, 4, 40))], ids=["1D", "2D"]
)
def test_channels_are_dropped_whole(layer, shape):
    made = in_training(layer, np.ones((50, *shape))).reshape(50, -1, 40)
    assert (made == made[:, :1]).all()
    assert set(np.unique(made)) == {0, 2}
    assert abs(made.mean() - 1) < 0.1
    assert len({row.tobytes() for row in made[:, 0]}) == 50


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_nothing_is_done_in_prediction(rng, layer):
    shape = {"SpatialDropout1D": (4, 3), "SpatialDropout2D": (2, 4, 3)}.get(type(layer).__name__, (5,))
    x = rng.normal(size=(9, *shape)).astype(np.float32)
    model = Sequential([layer, Flatten(), Dense(2)], seed=1)
    right = Sequential([Flatten(), Dense(2)], seed=1)
    model(x), right(x)
    right.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x), right.predict(x))
    np.testing.assert_array_equal(model.predictor()(x), right.predict(x))
    assert model.activations(x)[model.layers[0].name].tolist() == x.tolist()


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_rate_of_nothing_changes_nothing_in_training(rng, layer):
    shape = {"SpatialDropout1D": (4, 3), "SpatialDropout2D": (2, 4, 3)}.get(type(layer).__name__, (5,))
    x = rng.normal(size=(9, *shape)).astype(np.float32)
    np.testing.assert_array_equal(in_training(type(layer)(0.0), x), x)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_description_gives_the_layer_again(layer):
    assert layers.from_config(layer.config()) == layer
    assert type(layer).from_config(layer.get_config()) == layer
    assert eval(repr(layer), space(layers)) == layer


def test_a_model_that_only_idles_gives_its_inputs(rng):
    x = rng.normal(size=(3, 4)).astype(np.float32)
    edge = Input((4,))
    model = Model(edge, [Dropout(0.5)(edge), GaussianNoise(1.0)(Dropout(0.1)(edge)), edge])
    for made in model.predict(x):
        np.testing.assert_array_equal(made, x)


def test_plans_of_predictions_leave_out_what_idles():
    made = Sequential([Dropout(0.2), Dense(3), GaussianNoise(0.1), Dropout(0.5), Dense(1)])
    made.build((None, 4))
    plan, _ = made.prediction_entry()
    assert [int(op["kind"]) for op in plan.ops] == [0, 0]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: GaussianNoise(-1), "stddev must lie in"),
        (lambda: GaussianDropout(1.0), "rate must lie in"),
        (lambda: AlphaDropout(-0.1), "rate must lie in"),
        (lambda: Sequential([SpatialDropout2D(0.1, input_shape=(4, 3))]), "SpatialDropout2D.*takes samples"),
        (lambda: Sequential([SpatialDropout1D(0.1, input_shape=(4,))]), "SpatialDropout1D.*takes samples"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_channels_first_are_refused():
    with pytest.raises(TypeError, match="images have their channels last"):
        SpatialDropout2D(0.1, data_format="channels_first")
