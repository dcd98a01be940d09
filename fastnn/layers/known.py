"""Layers by their names, and how a layer becomes a configuration and comes back from one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from fastnn import layers
from fastnn._base import lazy
from fastnn._base.arguments import lookup, shown
from fastnn._base.types import Config
from fastnn.layers.base import Layer

_STORED_AS = {"InputLayer": "Input"}  # in files, where that is not the class's name

NONE: Mapping[str, object] = {}
CLASSES: Mapping[str, type[Layer]] = lazy.table(layers.__name__, {name: name for name in layers.CLASSES})
LAYERS: Mapping[str, type[Layer]] = lazy.table(
    layers.__name__, {_STORED_AS.get(name, name): name for name in layers.CLASSES}
)


def serialize(layer: Layer) -> Config:
    """A layer's class and configuration, under Keras' names.

    Parameters
    ----------
    layer : any layer.
    """
    kind = type(layer).__name__
    return {"module": "fastnn.layers", "class_name": kind, "config": layer.get_config(), "registered_name": None}


def deserialize(config: object, custom_objects: Mapping[str, type[Layer]] | None = None) -> Layer:
    """The layer that :func:`serialize` described; ``custom_objects`` are classes of your own by name.

    Parameters
    ----------
    config : what ``serialize`` gave.
    custom_objects : classes and functions of yours by the names that stand in the file or configuration.

    >>> from fastnn.layers import Dense, deserialize, serialize
    >>> deserialize(serialize(Dense(8, "relu")))
    Dense(units=8, activation='relu')
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise TypeError(f"a layer must be a dict with its class_name and config, got {shown(config)}")
    ours: Any = CLASSES
    known: Mapping[str, type[Layer]] = ChainMap(dict(custom_objects or {}), ours)
    return lookup("layer", config["class_name"], known).from_config(config.get("config", {}))


def from_config(stored: Config, custom_objects: Mapping[str, object] = NONE) -> Layer:
    """The layer that :meth:`Layer.config` described; ``custom_objects`` are a user's classes and functions by name.

    Parameters
    ----------
    stored : what :meth:`Layer.config` gave.
    custom_objects : classes and functions of yours by the names that stand in the file or configuration.
    """
    told = {name: value for name, value in stored.items() if name not in ("class", "custom")}
    arguments: Config = {name: _argument(value, custom_objects) for name, value in told.items()}
    if "custom" not in stored:
        return lookup("layer", stored["class"], LAYERS)(**arguments)
    is_trained = arguments.pop("trainable", True)
    layer = _given_again(stored["custom"], custom_objects).from_config(arguments)
    layer.trainable = is_trained
    found: Layer = layer
    return found


def _argument(value: object, custom_objects: Mapping[str, object]) -> object:
    if isinstance(value, dict) and value.keys() == {"custom"}:
        return _given_again(value["custom"], custom_objects)
    if isinstance(value, dict) and "class" in value:  # a layer inside another one
        return from_config(value, custom_objects)
    return tuple(value) if isinstance(value, list) else value


def _given_again(name: object, custom_objects: Mapping[str, object]) -> Any:
    """What a file names and does not hold."""
    if not isinstance(name, str) or name not in custom_objects:
        raise ValueError(
            f"it has {shown(name)}, which is of your own; give load(..., custom_objects={{{shown(name)}: ...}})"
        )
    return custom_objects[name]
