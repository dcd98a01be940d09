"""The layers: frozen descriptions of shapes, parameters and operations. See ``base.py``."""

from typing import Any

from fastnn._base.arguments import lookup, nearest
from fastnn.layers.activation import ELU, Identity, LeakyReLU, ReLU, Softmax
from fastnn.layers.base import Layer
from fastnn.layers.dense import Activation, Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.edges import Edge
from fastnn.layers.shape import Flatten, Input, InputLayer, Reshape

LAYERS: dict[str, type[Layer]] = {
    c.stored_as or c.__name__: c
    for c in (InputLayer, Dense, Activation, ReLU, LeakyReLU, ELU, Softmax, Identity, Dropout, Flatten, Reshape)
}

__all__ = [
    "ELU",
    "LAYERS",
    "Activation",
    "Dense",
    "Dropout",
    "Edge",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Reshape",
    "Softmax",
    "from_config",
]


def __getattr__(name: str) -> Any:
    """Say which layers there are to who asks for one of Keras' others."""
    hint = nearest(name, LAYERS)
    raise AttributeError(f"fastnn.layers has no layer {name!r}{hint}; it has {', '.join(LAYERS)}")


def from_config(stored: dict) -> Layer:
    """The layer that :meth:`Layer.config` described."""
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items() if k != "class"}
    return lookup("layer", stored["class"], LAYERS)(**arguments)
