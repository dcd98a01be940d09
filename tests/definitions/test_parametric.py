"""ParametricActivation: a blend of an activation and nothing, against the formula and PyTorch's gradients."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND
from tolerance import assert_close

from fastnn import Input, Sequential, activations, layers
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Dense, LeakyReLU, ParametricActivation

SINGLE = [name for name, record in ACTIVATIONS.items() if not record.rowwise]


def model_of(layer, n, backend=None, dtype="float64", more=()):
    model = Sequential([Input((n,)), layer, *more], seed=3, backend=backend, dtype=dtype)
    model.compile("sgd", "mse")
    return model


@EVERY_BACKEND
@pytest.mark.parametrize("activation", ["relu", "mish", "selu", "softplus"])
def test_output_is_the_blend(name, activation, rng):
    model = model_of(ParametricActivation(activation), 19, name)
    x, alpha = rng.normal(size=(7, 19)), rng.normal(size=19)
    f = activations.get(activation)(x)
    assert model.get_weights()[0].tolist() == [1.0] * 19
    assert_close(model.predict(x, verbose=0), f, np.float64, 3)
    model.set_weights([alpha])
    assert_close(model.predict(x, verbose=0), x + alpha * (f - x), np.float64, 4)
    model.set_weights([np.zeros(19)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)


@pytest.mark.parametrize("activation", SINGLE)
def test_gradients_are_those_of_the_formula(activation, rng):
    """By central differences, with the activation's own slopes in the reference."""
    model = model_of(ParametricActivation(activation), 6, more=(Dense(2),))
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    x, y = rng.normal(size=(9, 6)), rng.normal(size=(9, 2))
    _, (got, *_) = model.gradients(x, y)
    weights, step = model.get_weights(), 1e-5
    for j in range(6):
        losses = []
        for sign in (1, -1):
            moved = [weights[0].copy(), *weights[1:]]
            moved[0][j] += sign * step
            model.set_weights(moved)
            losses.append(model.evaluate(x, y, verbose=0))
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(got[j], rel=1e-5, abs=1e-8)


@EVERY_BACKEND
def test_gradients_are_those_of_pytorch(name, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = model_of(Dense(300), 5, name, more=(ParametricActivation("mish"), Dense(2)))
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    x, y = rng.normal(size=(31, 5)), rng.normal(size=(31, 2))
    kernel, bias, alpha, last, shift = (torch.tensor(v, requires_grad=True) for v in model.get_weights())
    z = torch.tensor(x) @ kernel + bias
    hidden = z + alpha * (torch.nn.functional.mish(z) - z)
    ((hidden @ last + shift - torch.tensor(y)) ** 2).mean().backward()
    _, gradients = model.gradients(x, y)
    for got, right in zip(gradients, (kernel, bias, alpha, last, shift), strict=True):
        np.testing.assert_allclose(got, right.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_how_much_bends_is_learned(rng):
    x, alpha = rng.normal(size=(300, 3)), np.array([1.0, 0.25, -0.5])
    model = model_of(ParametricActivation("relu"), 3)
    model.optimizer.learning_rate = 0.5
    model.fit(x, x + alpha * (np.maximum(x, 0) - x), epochs=60, batch_size=30, verbose=0)
    assert_close(model.get_weights()[0], alpha, np.float32)


def test_regularizer_and_constraint_act_on_alpha(rng):
    x = rng.normal(size=(40, 3))
    model = model_of(ParametricActivation("relu", "ones", "l2", "non_neg"), 3)
    assert model.evaluate(x, np.maximum(x, 0), verbose=0) == pytest.approx(0.03, rel=1e-6)
    model.optimizer.learning_rate = 0.5
    model.fit(x, x + np.maximum(-x, 0) * -1, epochs=50, verbose=0)
    assert model.get_weights()[0].tolist() == [0, 0, 0]


def test_a_description_gives_the_layer_again():
    for layer in (ParametricActivation("mish", "zeros", "l2", "non_neg"), ParametricActivation(LeakyReLU(0.25))):
        assert layers.from_config(layer.config()) == layer
    assert repr(ParametricActivation("mish")) == "ParametricActivation(activation='mish')"


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "mihs"])
def test_what_cannot_be_blended_is_refused_by_name(activation):
    with pytest.raises(ValueError, match=activation):
        ParametricActivation(activation)
