"""``noise_shape`` of dropout: which numbers are dropped together, and which shapes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, refused
from tolerance import assert_close

import fastnn
from fastnn import Sequential, layers
from fastnn.layers import GRU, AlphaDropout, Dense, Dropout, Input, SpatialDropout1D, SpatialDropout2D, TimeDistributed

SHARED = {  # shape of a sample, and noise shapes of it
    "a vector": ((7,), (None, 1)),
    "features": ((5, 7), (None, 1, 7)),
    "features, open": ((5, 7), (None, 1, None)),
    "steps": ((5, 7), (None, 5, 1)),
    "samples": ((5, 7), (None, 1, 1)),
    "channels": ((3, 4, 6), (None, 1, 1, 6)),
    "rows": ((3, 4, 6), (None, 3, 1, 1)),
    "places": ((3, 4, 6), (None, None, None, 1)),
    "columns of each channel": ((3, 4, 6), (None, 1, 4, 6)),
    "one axis between others": ((3, 4, 6), (None, 3, 1, 6)),
    "an axis of one": ((3, 1, 6), (None, 1, None, 1)),
    "all by themselves": ((5, 7), (None, 5, None)),
}


def in_training(layer, shape, name="numpy", rows=40, seed=3):
    model = Sequential([Input(shape), layer], seed=seed, backend=name, dtype="float64")
    return model(np.ones((rows, *shape)), training=True)


@EVERY_BACKEND
@pytest.mark.parametrize("kind", [Dropout, AlphaDropout])
@pytest.mark.parametrize("which", SHARED)
def test_what_shares_is_dropped_together_and_nothing_else(which, kind, name):
    shape, noise_shape = SHARED[which]
    made = in_training(kind(0.5, noise_shape), shape, name)
    places = tuple(slice(None) if n is None else slice(n) for n in noise_shape)
    drawn = made[places]
    np.testing.assert_array_equal(np.broadcast_to(drawn, made.shape), made)
    assert len(np.unique(made)) == 2
    values = drawn.reshape(len(drawn), -1).T
    assert len({column.tobytes() for column in values}) == len(values)
    np.testing.assert_array_equal(made, in_training(kind(0.5, noise_shape), shape))


@EVERY_BACKEND
def test_what_shares_learns_alike_in_every_backend(name, rng):
    def trained(name):
        inner = [Dropout(0.4, (None, 5, 1)), AlphaDropout(0.3, (None, 1, None)), Dense(1)]
        model = Sequential([Input((5, 3)), Dense(4), *inner], seed=3, backend=name, dtype="float64")
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, batch_size=7, verbose=0)
        return model.get_weights()

    x, y = rng.normal(size=(20, 5, 3)), rng.normal(size=(20, 5, 1))
    for made, right in zip(trained(name), trained("numpy"), strict=True):
        assert_close(made, right, "float64", 64)


def test_shapes_of_whole_channels_are_spatial_dropout():
    for shape, noise_shape, layer in (
        ((5, 7), (None, 1, 7), SpatialDropout1D(0.5)),
        ((3, 4, 6), (None, 1, 1, 6), SpatialDropout2D(0.5)),
    ):
        np.testing.assert_array_equal(in_training(Dropout(0.5, noise_shape), shape), in_training(layer, shape))


def test_shapes_that_share_nothing_are_plain_dropout():
    for noise_shape in ((None, 5, 7), (None, None, None), [None, None, 7]):
        made = in_training(Dropout(0.5, noise_shape), (5, 7))
        np.testing.assert_array_equal(made, in_training(Dropout(0.5), (5, 7)))


def test_each_step_of_a_layer_at_every_step_draws_its_own():
    made = in_training(TimeDistributed(Dropout(0.5, (None, 1, 6))), (9, 4, 6))
    assert (made == made[:, :, :1]).all()
    assert len({step.tobytes() for step in made[:, :, 0].swapaxes(0, 1)}) == 9


def test_lengths_may_differ_from_batch_to_batch(rng):
    model = Sequential([Input((None, 4)), Dropout(0.5, (None, None, 1))], seed=1)
    for steps in (3, 8):
        made = model(np.ones((5, steps, 4)), training=True)
        assert made.shape == (5, steps, 4)
        assert (made == made[:, :, :1]).all()


def test_noise_shapes_stand_in_files_and_configurations(tmp_path):
    layer = Dropout(0.5, [None, 1, np.int64(4)], seed=2)
    assert layer.noise_shape == (None, 1, 4)
    assert repr(layer) == "Dropout(rate=0.5, noise_shape=(None, 1, 4), seed=2)"
    assert layers.from_config(layer.config()) == Dropout.from_config(layer.get_config()) == layer
    model = Sequential([Input((3, 4)), layer])
    model.save(tmp_path / "model.safetensors")
    assert fastnn.load(tmp_path / "model.safetensors").layers[-1] == layer


@pytest.mark.parametrize("noise_shape", [(None, 6, 1), (None, 1, 4), (None, None, 4)])
def test_models_with_noise_shapes_go_step_by_step(noise_shape, rng):
    inner = [GRU(4, return_sequences=True), Dropout(0.5, noise_shape), Dense(2)]
    model = Sequential([Input((6, 5)), *inner], seed=1)
    x, f = rng.normal(size=(1, 6, 5)).astype(np.float32), model.predictor()
    steps = np.stack([f.step(x[:, t]) for t in range(6)], axis=1)
    assert_close(steps.reshape(1, 6, 2), model.predict(x), "float32", 64)


WRONG = {
    "no tuple": (lambda: Dropout(0.5, 3), TypeError, ("noise_shape", "(None, 1, 8)", "3")),
    "empty": (lambda: Dropout(0.5, ()), TypeError, ("noise_shape", "()")),
    "a text inside": (lambda: Dropout(0.5, (None, "1")), TypeError, ("noise_shape", "whole number", "'1'")),
    "zero": (lambda: Dropout(0.5, (None, 0, 4)), ValueError, ("noise_shape", "at least 1", "0")),
    "rows of a batch": (lambda: Dropout(0.5, (32, 1, 4)), ValueError, ("noise_shape", "(None, 1, 4)", "(32, 1, 4)")),
    "one for the batch": (lambda: Dropout(0.5, (1, 1, 4)), ValueError, ("noise_shape", "(None, 1, 4)", "(1, 1, 4)")),
    "too short": (lambda: in_training(Dropout(0.5, (None, 1)), (5, 4)), ValueError, ("(None, 1)", "(None, 5, 4)")),
    "too long": (lambda: in_training(Dropout(0.5, (None, 1, 1, 4)), (5, 4)), ValueError, ("(None, 5, 4)",)),
    "another size": (lambda: in_training(Dropout(0.5, (None, 1, 3)), (5, 4)), ValueError, ("3", "(None, 5, 4)")),
    "apart": (
        lambda: in_training(Dropout(0.5, (None, 1, 4, 1)), (3, 4, 6)),
        ValueError,
        ("(None, 3, 4, 6)", "neighbours", "(None, 1, 1, 6)"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_shapes_are_refused_with_what_fits(case):
    refused(*WRONG[case])
