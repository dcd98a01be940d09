"""Batch normalisation of masked sequences: it measures the steps that count; beside PyTorch, Keras, differences."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused
from oracles import keras_library, torch_library
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

from fastnn import Model, layers
from fastnn.layers import BatchNormalization, Dense, Embedding, Input, WithMask

STEPS, WIDTH, MOMENTUM = 7, 4, 0.7


def normalizing(rng, name, **told):
    """A model of a sequence and its mask, with weights of no order."""
    x, mask, layer = Input((STEPS, WIDTH)), Input((STEPS,)), BatchNormalization(momentum=MOMENTUM, **told)
    model = Model([x, mask], layer(WithMask()([x, mask])), dtype="float64", backend=name)
    model.set_weights([1 + rng.random(w.shape) for w in model.get_weights()])
    return model


def drawn(rng, rows):
    """A sequence, and a mask with a row of no step."""
    mask = (rng.random((rows, STEPS)) < 0.6).astype(float)
    mask[0, 0], mask[-1] = 1, rows == 1
    return rng.normal(size=(rows, STEPS, WIDTH)), mask


@EVERY_BACKEND
@pytest.mark.parametrize("rows", [1, 2, 33])
def test_outputs_statistics_and_gradients_are_those_of_pytorch_on_the_steps_that_count(name, rng, rows):
    """Masked steps are normalised, too, by what the others measure, and their gradients come back through it."""
    torch, model, (x, mask) = torch_library(), normalizing(rng, name), drawn(rng, rows)
    weights = model.get_weights()
    gamma, beta, *moving = (torch.tensor(w, requires_grad=True) for w in weights)
    tensor, counts = torch.tensor(x, requires_grad=True), torch.tensor(mask != 0)
    mean, variance = tensor[counts].mean(dim=0), tensor[counts].var(dim=0, correction=0)
    right = (tensor - mean) / torch.sqrt(variance + 1e-3) * gamma + beta
    dy = rng.normal(size=x.shape)
    (right * torch.tensor(dy)).sum().backward()
    k = rows * STEPS
    for mine, other in zip(model.gradients([x, mask], dy=dy), (gamma, beta), strict=False):
        assert_close(mine, other.grad.numpy(), np.float64, k)
    assert_close(model.gradients([x, mask], dy=dy, wrt="inputs")[0], tensor.grad.numpy(), np.float64, k)
    model.set_weights(weights)  # each gradient moved them
    assert_close(model([x, mask], training=True), right.detach().numpy(), np.float64, k)
    for mine, before, came in zip(model.get_weights()[2:], moving, (mean, variance), strict=True):
        assert_close(mine, (MOMENTUM * before + (1 - MOMENTUM) * came).detach().numpy(), np.float64, k)


@EVERY_BACKEND
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("told", [{}, {"scale": False}, {"center": False}, {"trainable": False}], ids=str)
def test_outputs_and_statistics_are_those_of_keras(name, rng, told):
    """Keras has the mask in float32, and adds 1e-7 to the number of steps."""
    keras, torch, model, (x, mask) = keras_library(), torch_library(), normalizing(rng, name, **told), drawn(rng, 20)
    other = keras.layers.BatchNormalization(momentum=MOMENTUM, dtype="float64", **told)
    other.build((None, STEPS, WIDTH))
    other.set_weights(model.get_weights())
    right = other(torch.tensor(x), training=True, mask=torch.tensor(mask != 0)).detach().numpy()
    assert_close(model([x, mask], training=True), right, np.float32, 20 * STEPS)
    for mine, came in zip(model.get_weights(), other.get_weights(), strict=True):
        assert_close(mine, came, np.float32, 20 * STEPS)


@EVERY_BACKEND
def test_where_no_step_counts_mean_and_variance_are_zero_as_in_keras(name, rng):
    model, x = normalizing(rng, name), rng.normal(size=(3, STEPS, WIDTH))
    before = model.get_weights()
    gamma, beta, mean, variance = before
    y = model([x, np.zeros((3, STEPS))], training=True)
    assert_close(y, x / np.sqrt(1e-3) * gamma + beta, np.float64, STEPS)
    assert_close(model.get_weights()[2:], [MOMENTUM * mean, MOMENTUM * variance], np.float64, STEPS)


@EVERY_BACKEND
def test_gradients_are_central_differences(name, rng):
    model, (x, mask) = normalizing(rng, name), drawn(rng, 5)
    slope, way = rng.normal(size=x.shape), rng.normal(size=x.shape)

    def along(sign):
        return (model([x + sign * DIFFERENCE_STEP * way, mask], training=True) * slope).sum()

    numeric = (along(1) - along(-1)) / (2 * DIFFERENCE_STEP)
    found = (model.gradients([x, mask], dy=slope, wrt="inputs")[0] * way).sum()
    assert abs(found - numeric) <= difference_limit(numeric)


@EVERY_BACKEND
def test_masked_embeddings_are_normalised_in_front_of_what_heeds_the_mask(name, rng):
    ids = Input((None,))
    hidden = BatchNormalization()(Embedding(9, 5, mask_zero=True)(ids))
    model = Model(ids, Dense(2)(layers.GlobalAveragePooling1D()(hidden)), backend=name, seed=3, dtype=dtype_on(name))
    model.compile("adam", "mse")
    rows = rng.integers(1, 9, (40, 6))
    longer, y = np.pad(rows, [(0, 0), (0, 5)]), rng.normal(size=(40, 2))
    weights, found = model.get_weights(), []
    for given in (rows, longer):
        model.set_weights(weights)
        model.compile("adam", "mse")
        model.fit(given, y, shuffle=False, epochs=2, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_masks_of_what_is_no_sequence_of_vectors_are_refused():
    x, mask = Input((4, 3, 2)), Input((4,))
    edge = BatchNormalization()(WithMask()([x, mask]))
    refused(lambda: Model([x, mask], edge).predict([np.zeros((1, 4, 3, 2)), np.ones((1, 4))]), ValueError, ("(steps",))
