"""The layers: frozen descriptions of shapes, parameters and operations. See ``base.py``."""

from collections.abc import Mapping
from typing import Any

from fastnn._base.arguments import lookup, nearest, shown
from fastnn.layers.activation import ELU as ELU
from fastnn.layers.activation import Identity as Identity
from fastnn.layers.activation import LeakyReLU as LeakyReLU
from fastnn.layers.activation import ReLU as ReLU
from fastnn.layers.activation import Softmax as Softmax
from fastnn.layers.base import Layer as Layer
from fastnn.layers.dense import Activation as Activation
from fastnn.layers.dense import Dense as Dense
from fastnn.layers.dropout import Dropout as Dropout
from fastnn.layers.edges import Edge as Edge
from fastnn.layers.merging import Add as Add
from fastnn.layers.merging import Average as Average
from fastnn.layers.merging import Concatenate as Concatenate
from fastnn.layers.merging import Dot as Dot
from fastnn.layers.merging import Maximum as Maximum
from fastnn.layers.merging import Minimum as Minimum
from fastnn.layers.merging import Multiply as Multiply
from fastnn.layers.merging import Subtract as Subtract
from fastnn.layers.merging import add as add
from fastnn.layers.merging import average as average
from fastnn.layers.merging import concatenate as concatenate
from fastnn.layers.merging import dot as dot
from fastnn.layers.merging import maximum as maximum
from fastnn.layers.merging import minimum as minimum
from fastnn.layers.merging import multiply as multiply
from fastnn.layers.merging import subtract as subtract
from fastnn.layers.scale import Scale as Scale
from fastnn.layers.shape import Flatten as Flatten
from fastnn.layers.shape import Input as Input
from fastnn.layers.shape import InputLayer as InputLayer
from fastnn.layers.shape import Reshape as Reshape

LAYERS: dict[str, type[Layer]] = {
    found.stored_as or name: found
    for name, found in list(globals().items())
    if isinstance(found, type) and issubclass(found, Layer) and found is not Layer
}

__all__ = [
    "LAYERS",
    "Edge",
    "InputLayer",
    "Layer",
    *LAYERS,
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "from_config",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]


def __getattr__(name: str) -> Any:
    """Say which layers there are to who asks for one of Keras' others."""
    hint = nearest(name, LAYERS)
    raise AttributeError(f"fastnn.layers has no layer {name!r}{hint}; it has {', '.join(LAYERS)}")


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer's class and configuration, under Keras' names."""
    kind = type(layer).__name__
    return {"module": "fastnn.layers", "class_name": kind, "config": layer.get_config(), "registered_name": None}


def deserialize(config: Any, custom_objects: Mapping[str, type[Layer]] | None = None) -> Layer:
    """The layer that :func:`serialize` described; ``custom_objects`` are classes of your own by name.

    >>> from fastnn.layers import Dense, deserialize, serialize
    >>> deserialize(serialize(Dense(8, "relu")))
    Dense(units=8, activation='relu')
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise TypeError(f"a layer must be a dict with its class_name and config, got {shown(config)}")
    known = {kind.__name__: kind for kind in LAYERS.values()} | dict(custom_objects or {})
    return lookup("layer", config["class_name"], known).from_config(config.get("config", {}))


def from_config(stored: dict) -> Layer:
    """The layer that :meth:`Layer.config` described."""
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items() if k != "class"}
    return lookup("layer", stored["class"], LAYERS)(**arguments)
