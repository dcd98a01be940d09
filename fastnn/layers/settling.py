"""Arguments that many layers have, known by the ends of their names, and how each is settled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from fastnn import initializers, regularizers
from fastnn._base.arguments import flag, whole_seed
from fastnn.layers.described import activation_of
from fastnn.layers.parameter import Parameter, Shape, check_shape, constraint_of

if TYPE_CHECKING:
    from fastnn.layers.described import Described

Kind = TypeVar("Kind", bound="Described")
KINDS: dict[str, Callable[[object], object]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraint_of,
    "activation": activation_of,
}


def settle(layer: Described, /, **settled: object) -> None:
    """Give a frozen layer these values, and its other arguments the objects that their names stand for."""
    kind: object = type(layer)
    for name, make in _kinds(kind):
        if name in settled:
            object.__setattr__(layer, name, settled[name])
        elif make is not None:
            object.__setattr__(layer, name, make(getattr(layer, name)))


def changed(layer: Kind, /, **arguments: object) -> Kind:
    """A layer that has these arguments, and otherwise those of ``layer``."""
    told: dict[str, Any] = arguments
    return replace(layer, **told)


def _seed(came: object) -> int | None:
    return None if came is None else whole_seed(came)


def _input_shape(came: object) -> Shape | None:
    return None if came is None else check_shape("input_shape", came, may_be_open=True)


@functools.lru_cache(maxsize=256)
def _kinds(kind: Any) -> list[tuple[str, Callable[[object], object] | None]]:
    """The arguments of a class of layers, and what settles each."""
    return [(field.name, _kind(field.name)) for field in fields(kind)]


@functools.cache
def _kind(name: str) -> Callable[[object], object] | None:
    """What settles an argument of this name; None where nothing has to."""
    if name == "input_shape":
        return _input_shape
    if name == "seed":
        return _seed
    if name == "use_bias":
        return functools.partial(flag, name)
    return next((make for end, make in KINDS.items() if name.endswith(end)), None)


def parameter(layer: Described, name: str, shape: Shape, prefix: str = "") -> Parameter:
    """A parameter whose initialiser, regulariser and constraint are the layer's arguments of that name."""
    prefix = prefix or name
    kinds = (getattr(layer, f"{prefix}_{end}") for end in ("initializer", "regularizer", "constraint"))
    return Parameter(name, shape, *kinds)
