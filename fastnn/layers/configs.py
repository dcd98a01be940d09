"""Configurations of layers under Keras' names, for JSON: what ``get_config`` gives and ``from_config`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import initializers
from fastnn._base.arguments import shown
from fastnn._base.types import Config
from fastnn._ops.base import NO_PENALTY
from fastnn.activations import Activation
from fastnn.initializers import Initializer, VarianceScaling
from fastnn.layers import words
from fastnn.layers.parameter import stated
from fastnn.regularizers import L1L2

if TYPE_CHECKING:
    from fastnn.layers.described import Described

SCALED = ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
SHAPES = ("input_shape", "shape")  # arguments that Keras has under another name
OF_KERAS = {own: name for name, own in words.OWN_NAMES.items()}
LEFT_OPEN = ("input_axes", "output_axes")  # of Keras' initialisers; None there, as it always is for dense kernels


def config_of(layer: Described) -> Config:
    """A layer's name and arguments, as Keras' ``get_config`` has them."""
    config: dict[str, object] = {"name": layer.name, "trainable": layer.trainable}
    if layer.dtype is not None:
        config["dtype"] = np.dtype(layer.dtype).name
    if layer.states_input:
        config |= {
            "batch_shape": (layer.batch_rows, *stated(layer.input_shape or ())),
            "sparse": False,
            "ragged": False,
            "optional": False,
        }
        return {name: value for name, value in config.items() if name != "trainable"}
    if layer.input_shape is not None:
        config["batch_input_shape"] = (layer.batch_rows, *stated(layer.input_shape))
    own = {f.name: getattr(layer, f.name) for f in fields(layer) if f.name not in (*SHAPES, "name")}
    if own.get("input_dim", 0) is None:  # another word for a shape
        del own["input_dim"]
    return config | {OF_KERAS.get(name, name): _value(value) for name, value in own.items()}


def _value(value: object) -> object:
    """An argument as JSON can hold it."""
    if isinstance(value, Activation):
        return value.config()
    if hasattr(value, "get_config"):  # a layer inside another one
        return {"module": "fastnn.layers", "class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, L1L2):
        return _penalty(value)
    if isinstance(value, VarianceScaling):
        kinds = (initializers.CLASSES[name] for name in SCALED)
        # These kinds draw, and so have a seed.
        name = next((kind.__name__ for kind in kinds if kind(seed=value.seed) == value), None)  # type: ignore[call-arg]
        if name:
            return {"class_name": name, "config": {"seed": value.seed}}
    from fastnn.constraints import Constraint

    if isinstance(value, Initializer | Constraint):
        arguments = {f.name: _value(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]  # dataclasses
        return {"class_name": type(value).__name__, "config": arguments}
    if isinstance(value, tuple | list):
        return tuple(map(_value, value))
    return value.item() if isinstance(value, np.generic) else value


def _penalty(value: L1L2) -> dict[str, object] | None:
    if value == NO_PENALTY:
        return None
    if value.l1 and value.l2:
        return {"class_name": "L1L2", "config": {"l1": float(value.l1), "l2": float(value.l2)}}
    name = "L1" if value.l1 else "L2"
    return {"class_name": name, "config": {name.lower(): float(value.l1 or value.l2)}}


def arguments_of(config: object) -> dict[str, Any]:
    """The arguments of a layer's class that a configuration holds."""
    if not isinstance(config, Mapping):
        raise TypeError(f"the config of a layer must be a dict as get_config gives it, got {shown(config)}")
    return {name: _argument(name, value) for name, value in config.items()}


def _argument(name: str, value: object) -> object:
    if isinstance(value, Mapping) and isinstance(inner := value.get("config"), Mapping):
        if name == "dtype":  # a policy of Keras'
            return inner.get("name")
        known = {key: given for key, given in inner.items() if key not in LEFT_OPEN or given is not None}
        return {"class_name": value.get("class_name"), "config": known}
    return tuple(value) if isinstance(value, list) else value
