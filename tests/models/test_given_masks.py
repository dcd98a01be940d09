"""Masks that come as inputs of their own: ``layer(x, mask=)``."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND
from oracles import keras_library

import fastnn
from fastnn import Model, layers
from fastnn.layers import GRU, LSTM, Dense, Embedding, GlobalAveragePooling1D, Input, WithMask

STEPS, FEATURES = 5, 3
THERE = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 1]], bool)


def graph(kind, inputs, model):
    """Layers of all kinds that read masks, in either library."""
    x, there = inputs((STEPS, FEATURES)), inputs((STEPS,), dtype="bool")
    h = kind.LSTM(4, return_sequences=True)(x, mask=there)
    both = kind.Bidirectional(kind.GRU(3))(h, mask=there)
    mean = kind.GlobalAveragePooling1D()(h, mask=there)
    of_itself = kind.Attention()([h, h], mask=[there, there])
    heads = kind.MultiHeadAttention(2, 3)(h, x, value_mask=there)
    return model([x, there], [both, mean, of_itself, heads])


@pytest.mark.filterwarnings("ignore")
def test_layers_take_them_as_keras_does(rng):
    keras = keras_library()
    theirs, own = graph(keras.layers, keras.layers.Input, keras.Model), graph(layers, Input, Model)
    own.set_weights(theirs.get_weights())
    data = [rng.normal(size=(4, STEPS, FEATURES)).astype("float32"), THERE]
    for came, right in zip(own.predict(data), theirs.predict(data, verbose=0), strict=True):
        counting = THERE if right.ndim == 3 else slice(None)  # what stands in the other steps nobody reads
        np.testing.assert_allclose(came[counting], right[counting], atol=1e-6)


def network():
    x, there = Input((STEPS, FEATURES)), Input((STEPS,))
    h = LSTM(6, return_sequences=True)(x, mask=there)
    model = Model([x, there], Dense(2)(GRU(4)(h)), seed=3, dtype="float64")
    model.compile("sgd", "mse")
    return model


@EVERY_BACKEND
def test_what_stands_in_steps_that_do_not_count_changes_no_bit(name, rng):
    x, y = rng.normal(size=(4, STEPS, FEATURES)), rng.normal(size=(4, 2))
    found = []
    for rows in (x, np.where(THERE[..., None], x, 1e9)):
        model = network()
        model.fit([rows, THERE], y, epochs=2, verbose=0, backend=name)
        found.append(model.predict([rows, THERE], backend=name))
    np.testing.assert_array_equal(*found)
    assert not np.allclose(network().predict([x, THERE]), network().predict([x, np.ones_like(THERE)]))


def test_one_replaces_the_mask_that_came_along(rng):
    ids, there = Input((STEPS,)), Input((STEPS,))
    words = Embedding(4, 2, mask_zero=True)
    mean = Model([ids, there], GlobalAveragePooling1D()(words(ids), mask=there), seed=1)
    x = [[0, 1, 2, 0, 3]]
    vectors = words.get_weights()[0]
    np.testing.assert_allclose(mean.predict([x, [[1, 1, 0, 0, 0]]]), [vectors[:2].mean(axis=0)], rtol=1e-6)


def test_models_with_them_travel(rng, tmp_path):
    data = [rng.normal(size=(4, STEPS, FEATURES)), THERE]
    model = network()
    model.save(tmp_path / "model.safetensors")
    for other in (fastnn.load(tmp_path / "model.safetensors"), fastnn.models.clone_model(model)):
        other.set_weights(model.get_weights())
        np.testing.assert_array_equal(other.predict(data), model.predict(data))


def test_masks_that_do_not_fit_are_refused():
    x, there = Input((STEPS, FEATURES)), Input((STEPS,))
    with pytest.raises(ValueError, match=r"whether it counts, \(None, 5\), got \(None, 4\)"):
        GRU(3)(x, mask=Input((4,)))
    with pytest.raises(ValueError, match="2 masks for 1 inputs"):
        GlobalAveragePooling1D()(x, mask=[there, there])
    with pytest.raises(ValueError, match="key_mask and no key"):
        layers.MultiHeadAttention(2, 3)(x, x, key_mask=there)
    assert WithMask()([x, there]).shape == (None, STEPS, FEATURES)
