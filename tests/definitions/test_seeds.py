"""Seeds of layers: what a layer draws follows from its own, whatever the model's is, and alike in every backend."""

from __future__ import annotations

import json

import numpy as np
import pytest
from models import EVERY_BACKEND, refused, weights_of
from spaces import space
from tolerance import assert_close

import fastnn
from fastnn import Model, Sequential, layers
from fastnn.layers import (
    GRU,
    LSTM,
    AlphaDropout,
    Attention,
    Bidirectional,
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Input,
    MultiHeadAttention,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    SimpleRNN,
    SpatialDropout1D,
    SpatialDropout2D,
    TimeDistributed,
)

SHAPES = {1: (12,), 2: (6, 5), 3: (8, 7, 2)}
DRAWING = {  # axes of a sample, and the layer with more arguments
    "Dropout": (1, lambda **told: Dropout(0.5, **told)),
    "Dropout of steps": (2, lambda **told: Dropout(0.5, (None, None, 1), **told)),
    "SpatialDropout1D": (2, lambda **told: SpatialDropout1D(0.5, **told)),
    "SpatialDropout2D": (3, lambda **told: SpatialDropout2D(0.5, **told)),
    "AlphaDropout": (1, lambda **told: AlphaDropout(0.5, **told)),
    "GaussianDropout": (1, lambda **told: GaussianDropout(0.5, **told)),
    "GaussianNoise": (1, lambda **told: GaussianNoise(0.5, **told)),
    "RandomFlip": (3, lambda **told: RandomFlip("horizontal", **told)),
    "RandomTranslation": (3, lambda **told: RandomTranslation(0.3, 0.3, **told)),
    "RandomRotation": (3, lambda **told: RandomRotation(0.2, **told)),
    "RandomZoom": (3, lambda **told: RandomZoom(0.3, **told)),
    "RandomCrop": (3, lambda **told: RandomCrop(3, 3, **told)),
    "SimpleRNN": (2, lambda **told: SimpleRNN(4, recurrent_dropout=0.5, **told)),
    "LSTM": (2, lambda **told: LSTM(4, dropout=0.5, **told)),
    "GRU": (2, lambda **told: GRU(4, dropout=0.3, recurrent_dropout=0.3, **told)),
    "Attention": (2, lambda **told: Attention(dropout=0.5, **told)),
    "MultiHeadAttention": (2, lambda **told: MultiHeadAttention(2, 3, dropout=0.5, **told)),
    "Bidirectional": (2, lambda **told: Bidirectional(LSTM(4, recurrent_dropout=0.5, **told))),
    "TimeDistributed": (2, lambda **told: TimeDistributed(Dropout(0.5, **told))),
}


def model_with(which, own=None, seed=1, name="numpy"):
    """The layer between its input and a Dense layer; what attends, attends to the input itself."""
    axes, make = DRAWING[which]
    layer, edge = make(seed=own), Input(SHAPES[axes])
    if isinstance(layer, MultiHeadAttention):
        made = layer(edge, edge)
    else:
        made = layer([edge, edge]) if isinstance(layer, Attention) else layer(edge)
    return Model(edge, Dense(2)(Flatten()(made)), seed=seed, backend=name, dtype="float64")


def in_training(model, like) -> np.ndarray:
    """Outputs in training, with the weights of another model."""
    model.set_weights(like.get_weights())
    return model(np.random.default_rng(1).normal(size=(9, *model.input_shape[1:])), training=True)


@EVERY_BACKEND
@pytest.mark.parametrize("which", DRAWING)
def test_what_a_layer_draws_follows_from_its_own_seed(which, name):
    reference = model_with(which, 5)
    first, second, plain = (model_with(which, own, seed, name) for own, seed in ((5, 1), (5, 2), (None, 5)))
    made = in_training(first, reference)
    np.testing.assert_array_equal(in_training(second, reference), made)
    np.testing.assert_array_equal(in_training(plain, reference), made)
    assert_close(made, in_training(reference, reference), "float64", 64)


@pytest.mark.parametrize("which", DRAWING)
def test_another_seed_draws_other_numbers(which):
    reference = model_with(which)
    made = {in_training(model_with(which, own), reference).tobytes() for own in (None, 0, 2, 2 + 2**32, 2**64 - 1)}
    assert len(made) == 5


@pytest.mark.parametrize("which", ["Dropout", "GaussianNoise", "RandomTranslation"])
def test_two_layers_of_one_seed_draw_different_numbers(which):
    axes, make = DRAWING[which]
    edge, layer = Input(SHAPES[axes]), make(seed=3)
    made = [make(seed=3)(edge), make(seed=3)(edge), layer(edge), layer(edge)]
    model = Model(edge, dict(zip("abcd", made, strict=True)))
    x = np.random.default_rng(1).normal(size=(9, *SHAPES[axes]))
    assert len({drawn.tobytes() for drawn in model(x, training=True).values()}) == 4


def test_both_directions_of_one_seed_draw_different_numbers():
    told = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "seed": 3}
    model = Sequential([Bidirectional(SimpleRNN(20, recurrent_dropout=0.5, **told), input_shape=(2, 1))])
    made = model(np.ones((1, 2, 1)), training=True)[0]
    assert made[:20].tolist() != made[20:].tolist()


@EVERY_BACKEND
def test_fits_of_models_of_other_seeds_draw_alike(name, rng):
    def trained(seed, own):
        inner = [GRU(4, dropout=0.2, recurrent_dropout=0.2, seed=own), GaussianNoise(0.1, own), Dropout(0.3, seed=own)]
        model = Sequential([Input((6, 5)), *inner, Dense(1)], seed=seed, backend=name, dtype="float64")
        model.set_weights(weights)
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        return weights_of(model).tolist()

    x, y = rng.normal(size=(20, 6, 5)), rng.normal(size=20)
    weights = Sequential([Input((6, 5)), GRU(4), Dense(1)], seed=1).get_weights()
    assert trained(1, 7) == trained(2, 7) == trained(7, None) != trained(1, None)


@pytest.mark.parametrize("which", DRAWING)
def test_seeds_stand_in_files_configurations_and_copies(which, tmp_path):
    model = model_with(which, 2**64 - 1)
    model.save(tmp_path / "model.safetensors")
    others = fastnn.load(tmp_path / "model.safetensors"), fastnn.models.clone_model(model)
    of_config = Model.from_config(json.loads(json.dumps(model.get_config())))
    drawn = in_training(model, model)
    for other in (*others, of_config):
        assert other.layers[1] == model.layers[1]
        assert_close(in_training(other, model), drawn, "float64", 64)


@pytest.mark.parametrize("which", DRAWING)
def test_a_description_gives_the_layer_again_with_its_seed(which):
    layer = DRAWING[which][1](seed=3)
    assert "seed=3" in repr(layer)
    assert eval(repr(layer), space(layers)) == layer != DRAWING[which][1]()
    assert layers.from_config(layer.config()) == type(layer).from_config(layer.get_config()) == layer
    assert "seed" not in repr(DRAWING[which][1]())


def test_a_layer_without_a_seed_is_stored_as_before():
    assert Dropout(0.5).config() == {"class": "Dropout", "rate": 0.5}


def test_whole_numbers_of_numpy_are_seeds():
    assert Dropout(0.5, seed=np.uint64(2**63)) == Dropout(0.5, seed=2**63)
    assert type(Dropout(0.5, seed=np.int32(3)).seed) is int


@pytest.mark.parametrize("which", DRAWING)
def test_what_is_no_seed_is_refused(which):
    make = DRAWING[which][1]
    refused(lambda: make(seed=-1), ValueError, ("seed", "at least 0", "-1"))
    refused(lambda: make(seed=2**64), ValueError, ("seed", "2**64"))
    refused(lambda: make(seed="a"), TypeError, ("seed", "whole number", "'a'"))
    refused(lambda: make(seed=True), TypeError, ("seed", "whole number", "True"))


def test_layers_that_draw_nothing_take_no_seed():
    refused(lambda: Dense(3, seed=1), TypeError, ("Dense", "seed=1", "initializers"))


def test_predictions_and_steps_know_of_no_seed(rng):
    def model(**told):
        inner = [LSTM(4, dropout=0.2, return_sequences=True, **told), Dropout(0.5, **told), GaussianNoise(1.0, **told)]
        return Sequential([Input((6, 5)), *inner, Dense(2)], seed=1)

    x, (plain, own) = rng.normal(size=(1, 6, 5)).astype(np.float32), (model(), model(seed=9))
    np.testing.assert_array_equal(own.predict(x), plain.predict(x))
    f = own.predictor()
    steps = np.stack([f.step(x[:, t]) for t in range(6)], axis=1)
    assert_close(steps.reshape(1, 6, 2), plain.predict(x), "float32", 64)
