"""Graphs that are built in fastnn and in Keras by the same lines, and what both make of the same numbers, in float64.

A graph is a function ``make(of, *edges)``, where ``of`` has the layers; it returns an edge or a list of them. Keras on
PyTorch rounds products of float64 to float32, as JAX does: that is switched off, so that it is exact.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from oracles import keras_library, torch_library

from fastnn import Input, Model, layers

Numbers = list[np.ndarray]


class Exact:
    """Keras' layers, in double precision."""

    def __getattr__(self, kind: str) -> Any:
        made = getattr(keras_library().layers, kind)
        return lambda *arguments, **given: made(*arguments, dtype="float64", **given)


def as_list(came: Any) -> list[Any]:
    """What may be one thing or a list of them."""
    return list(came) if isinstance(came, list | tuple) else [came]


def ours(make: Callable[..., Any], x: Sequence[np.ndarray], backend: str = "numpy") -> Model:
    """Our model of a graph, in double precision."""
    edges = [Input(array.shape[1:]) for array in x]
    ends = make(layers, *edges)
    return Model(edges, ends if not isinstance(ends, tuple) else list(ends), dtype="float64", backend=backend)


def numbers_of(model: Model, x: Sequence[np.ndarray], dy: Sequence[np.ndarray]) -> tuple[Numbers, Numbers, Numbers]:
    """Outputs, gradients of ``sum(dy * outputs)`` by the inputs, and by the weights, without dropout."""
    rows, one = (list(arrays) if len(arrays) > 1 else arrays[0] for arrays in (x, dy))
    by_inputs = model.gradients(rows, dy=one, wrt="inputs", training=False)
    by_weights = model.gradients(rows, dy=one, training=False)
    return as_list(model.predict(rows, verbose=0)), as_list(by_inputs), list(by_weights)


def assert_same_as_keras(
    make: Callable[..., Any], x: Sequence[np.ndarray], live: Sequence[np.ndarray] | None = None, seed: int = 0
) -> None:
    """Both have the same weights by shape and order, and make the same of them; ``live`` says which outputs count."""
    rng, model = np.random.default_rng(seed), ours(make, x)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras, torch = keras_library(), torch_library()
        patch.setitem(
            importlib.import_module("keras.src.backend.common.dtypes").BIT64_TO_BIT32_DTYPE, "float64", "float64"
        )
        before = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            edges = [keras.Input(array.shape[1:], dtype="float64") for array in x]
            other = keras.Model(edges, as_list(make(Exact(), *edges)))
            weights = [rng.uniform(-1, 1, w.shape) for w in other.get_weights()]
            other.set_weights(weights)
            given = [torch.tensor(array, requires_grad=True) for array in x]
            made = as_list(other(given))
            dy = [rng.normal(size=tuple(y.shape)) for y in made]
            dy = dy if live is None else [one * there for one, there in zip(dy, live, strict=True)]
            total = sum((torch.tensor(one) * y).sum() for one, y in zip(dy, made, strict=True))
            wanted = [*given, *(variable.value for variable in other.trainable_variables)]
            found = torch.autograd.grad(total, wanted, allow_unused=True)
        finally:
            keras.config.set_floatx(before)
    model.set_weights(weights)
    outputs, by_inputs, by_weights = numbers_of(model, x, dy)
    for i, (mine, right) in enumerate(zip(outputs, made, strict=True)):
        there = 1 if live is None else live[i]
        np.testing.assert_allclose(mine * there, right.detach().numpy() * there, rtol=1e-9, atol=1e-9)
    for mine, slope in zip([*by_inputs, *by_weights], found, strict=True):
        expected = np.zeros(mine.shape) if slope is None else slope.numpy()
        np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9)
