"""Models under the names that Keras users write: ``from fastnn.models import Sequential, load_model``."""

from __future__ import annotations

import copy
from typing import Any

from fastnn.models.files import load
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "save_model"]


def load_model(filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Model:
    """:func:`fastnn.load`; with ``compile=False`` the model is not compiled, and has no optimiser state."""
    model = load(filepath, custom_objects)
    if not compile:
        model.uncompile()
    return model


def save_model(model: Model, filepath: Any) -> None:
    """:meth:`Model.save`."""
    model.save(filepath)


def clone_model(model: Sequential) -> Sequential:
    """A model of the same layers with weights of its own, drawn anew, and not compiled.

    >>> from fastnn.layers import Dense
    >>> from fastnn.models import Sequential, clone_model
    >>> clone_model(Sequential([Dense(2, input_shape=(3,))])).summary()
    Model: "sequential"
    #  Layer (type)   Output Shape  Param #  Settings
    -------------------------------------------------
    0  dense (Dense)  (None, 2)           8
    -------------------------------------------------
    Input shape: (None, 3)
    Total params: 8 (32 bytes in float32)
    not compiled
    """
    layers = [copy.copy(layer) for layer in model.items]
    clone = Sequential(layers, dtype=model.dtype.name, backend=model.backend, name=model.name)
    if model.built:
        clone.build(model.input_shape)
    return clone
