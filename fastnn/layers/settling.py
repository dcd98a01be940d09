"""Arguments that many layers have, known by the ends of their names, and how each is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers.described import activation_of
from fastnn.layers.parameter import Parameter, Shape, check_shape

KINDS: dict[str, Callable[[Any], Any]] = {
    "_initializer": initializers.get,
    "_regularizer": regularizers.get,
    "_constraint": constraints.get,
    "activation": activation_of,
}


def settle(layer: Any, **settled: Any) -> None:
    """Give a frozen layer these values, and its other arguments the objects that their names stand for."""
    for field in fields(layer):
        value = getattr(layer, field.name)
        found = next((make for end, make in KINDS.items() if field.name.endswith(end)), None)
        if found is not None:
            value = found(value)
        if field.name == "input_shape" and value is not None:
            value = check_shape("input_shape", value)
        object.__setattr__(layer, field.name, settled.get(field.name, value))


def parameter(layer: Any, name: str, shape: Shape, prefix: str = "") -> Parameter:
    """A parameter whose initialiser, regulariser and constraint are the layer's arguments of that name."""
    prefix = prefix or name
    kinds = (getattr(layer, f"{prefix}_{end}") for end in ("initializer", "regularizer", "constraint"))
    return Parameter(name, shape, *kinds)
