"""Models and data for the tests of what users see, and the state that a refused call must leave alone."""

from __future__ import annotations

import copy
import json
import warnings

import numpy as np
import pytest

import fastnn
from fastnn import Sequential, _kernels
from fastnn.layers import Dense


def _case(name: str):
    reason = _kernels.why_not(name)
    return pytest.param(name, marks=() if reason is None else pytest.mark.skip(reason=reason))


EVERY_BACKEND = pytest.mark.parametrize("name", [_case(name) for name in _kernels.PREFERENCE])

# For what takes the reference seconds, and is no test of it.
FAST_BACKENDS = pytest.mark.parametrize(
    "name",
    [pytest.param("numpy", marks=pytest.mark.long) if name == "numpy" else _case(name) for name in _kernels.PREFERENCE],
)


class Numba:
    """Its dtype where a test is about none: that of the tests of kernels, since it compiles each again for another.

    With ``--long`` that of users' models (``conftest.py`` sets it).
    """

    dtype = "float64"


def dtype_on(name: str | None) -> str:
    """The dtype of models on this backend where a test is about none."""
    return Numba.dtype if name == "numba" else "float32"


def model_of(
    *layers, name="numpy", optimizer="adam", loss="mean_squared_error", metrics=None, seed=3, n_in=4, dtype=None
) -> Sequential:
    """A compiled model over ``n_in`` inputs; without layers, one hidden layer and one output."""
    layers = [fastnn.layers.Input((n_in,)), *map(copy.copy, layers or (Dense(8, "tanh"), Dense(1)))]
    model = Sequential(layers, seed=seed, backend=name, dtype=dtype or dtype_on(name))
    model.compile(optimizer, loss, metrics=metrics)
    return model


def regression(rng, n=50, n_in=4, n_out=1) -> tuple[np.ndarray, np.ndarray]:
    """Inputs ``(n, n_in)`` and targets ``(n, n_out)`` that a small network can learn, float32."""
    x = rng.normal(size=(n, n_in)).astype(np.float32)
    y = np.sin(x @ rng.normal(size=(n_in, n_out)))
    return x, y.astype(np.float32)


def classes(rng, n=60, n_in=4, n_classes=3) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and class indices ``(n,)``; every class is there, and the rows are not sorted."""
    x = rng.normal(size=(n, n_in)).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(n_in, n_classes)), axis=1)
    y[:n_classes] = np.arange(n_classes)[::-1]
    y[-1] = n_classes // 2
    return x, y


def weights_of(model: Sequential) -> np.ndarray:
    """All parameters as one vector."""
    return np.concatenate([w.ravel() for w in model.get_weights()])


def state_of(model: Sequential) -> tuple:
    """Everything that a call must leave alone when it refuses its arguments."""
    compiled = None
    if model.optimizer is not None:
        compiled = (
            json.dumps(model.optimizer.config()),
            json.dumps(model.loss.config()),
            [m.config() for m in model.metrics],
            [m.config() for m in model.weighted_metrics],
        )
    slots = b"" if model.slots is None else model.slots.tobytes()
    layers = [repr(layer) for layer in model.layers]
    return (
        layers,
        model.built,
        b"".join(weights.tobytes() for weights in model.weights),
        slots,
        model.step,
        model.epoch,
        compiled,
        model.history,
    )


def refused(call, error, words) -> None:
    """The call raises exactly this error with these words in it, and no warning comes before."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, TypeError)) as told:
            call()
    message = str(told.value)
    assert type(told.value) is error, message
    for word in words:
        assert str(word) in message, message
    assert "\n" not in message
