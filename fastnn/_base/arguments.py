"""What all definitions share: a record with a name, and how a user's value becomes one.

A *definition* is the one record that says what an activation, a loss, an optimiser, an initialiser
or a metric is. Tests, backends and documentation find definitions through the tables kept in the
modules of those names; nothing else lists them.
"""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from fastnn._base.reprs import cut

Record = TypeVar("Record")
Class = TypeVar("Class", bound=type)
EMPTY: Mapping[str, str] = {}
WEIGHTS = ("kernel", "bias", "weights")  # of layers, as views


def shown(came: object) -> str:
    """What a user handed in, for an error message: one line, cut short."""
    return " ".join(reprlib.repr(came).split())


def unknown_name(kind: str, came: object, names: Iterable[str]) -> ValueError:
    """The error for a name that no definition has: what came, what there is, the nearest guess."""
    known = sorted(names)
    return ValueError(
        f"unknown {kind} {cut(' '.join(repr(came).split()))}{nearest(str(came), known)}; known: {', '.join(known)}"
    )


def nearest(came: str, known: Iterable[str]) -> str:
    """`` (did you mean 'name'?)`` for the known name that is most like ``came``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(came[:100], sorted(known), n=1)  # a file may name what it likes
    return f" (did you mean {near[0]!r}?)" if near else ""


def squeezed(name: str) -> str:
    """What all spellings of a name have in common: ``"HeNormal"``, ``"he_normal"`` and ``"HE_NORMAL"`` are one."""
    return name.replace("_", "").lower()


def lookup(kind: str, came: object, table: Mapping[str, Record], aliases: Mapping[str, str] = EMPTY) -> Record:
    """Find ``came`` in a table of definitions, in any of the spellings that Keras' users know.

    Parameters
    ----------
    kind : what the table holds, for the error.
    came : a name: as in the table, in CamelCase, in upper case, or one of ``aliases`` in any of these.
    table, aliases : definitions by name, and other names for some of them.

    Raises
    ------
    ValueError
        no such name; it lists the right ones.

    >>> from fastnn import initializers
    >>> lookup("initializer", "HeNormal", initializers.INITIALIZERS) is initializers.INITIALIZERS["he_normal"]
    True
    """
    if not isinstance(came, str):
        raise unknown_name(kind, came, table)
    if came in table:
        return table[came]
    wanted = squeezed(came)
    wanted = next((squeezed(name) for alias, name in aliases.items() if squeezed(alias) == wanted), wanted)
    for name in table:
        if squeezed(name) == wanted:
            return table[name]
    raise unknown_name(kind, came, table)


def number(
    argument: str,
    came: object,
    *,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Check one real-valued argument of a definition and return it as a float.

    Raises
    ------
    TypeError
        ``came`` is no number (booleans are refused: they are nearly always a slip).
    ValueError
        it is not finite or outside the range; the message names the range.
    """
    if isinstance(came, bool | str) or not hasattr(came, "__float__"):
        raise TypeError(f"{argument} must be a number, got {shown(came)}")
    try:
        value = float(came)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{argument} must be a number, got {shown(came)}") from None
    below = low is not None and (value <= low if open_low else value < low)
    above = high is not None and (value >= high if open_high else value > high)
    if below or above or value != value or value in (float("inf"), float("-inf")):
        left = "-inf" if low is None else f"{low:g}"
        right = "inf" if high is None else f"{high:g}"
        opening = "(" if open_low or low is None else "["
        closing = ")" if open_high or high is None else "]"
        raise ValueError(f"{argument} must lie in {opening}{left}, {right}{closing}, got {came!r}")
    return value


def integer(argument: str, came: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Check one whole-number argument (Python or NumPy integer) and return it as an int."""
    if isinstance(came, bool):
        raise TypeError(f"{argument} must be a whole number, got {shown(came)}")
    try:
        value = operator.index(came)
    except TypeError:
        raise TypeError(f"{argument} must be a whole number, got {shown(came)}") from None
    if low is not None and value < low:
        raise ValueError(f"{argument} must be at least {low}, got {value}")
    if high is not None and value > high:
        raise ValueError(f"{argument} must be at most {high}, got {value}")
    return value


def whole_seed(came: object) -> int:
    """Check a seed of random numbers and return it as an int in [0, 2**64)."""
    if (value := integer("seed", came, low=0)) >= 2**64:
        raise ValueError(f"seed must be below 2**64, got {value}")
    return value


def flag(argument: str, came: object) -> bool:
    """Check one yes-or-no argument and return it as a bool."""
    if type(came).__name__ not in ("bool", "bool_"):  # NumPy's, too
        raise TypeError(f"{argument} must be True or False, got {shown(came)}")
    return bool(came)


def check_name(came: object) -> None:
    """``TypeError`` for a name that is neither a text nor None."""
    if came is not None and not isinstance(came, str):
        raise TypeError(f"name must be a text, got {shown(came)}")


def refuse_subclass(cls: type, kind: str, why: str) -> None:
    """Raise ``TypeError`` for a subclass from outside of fastnn, whose methods nothing would call."""
    if cls.__module__.partition(".")[0] != "fastnn":
        raise TypeError(f"{cls.__name__} cannot be {kind} of your own: {why}")


def unknown_attribute(
    owner: object, name: str, known: Iterable[str], replaced: Mapping[str, str] = EMPTY
) -> AttributeError:
    """The error for an attribute that an object does not have: what it has, or what took its place."""
    what, known = f"{type(owner).__name__} has no {name}", list(known)
    if name in replaced:
        return AttributeError(f"{what}: {replaced[name]}")
    return AttributeError(f"{what}{nearest(name, known)}; it has {', '.join(known)}")


OF_LAYERS = {  # what layers of Keras have
    "add_loss add_metric losses metrics": "regularizers of the layers inside add to the loss; any other loss or metric "
    "is given to compile",
    "compute_mask supports_masking": "masks go with what layers give, and act in those that heed them, without a word; "
    "masks of your own are given by mask=",
    "compute_output_shape": "layer.output_shape(shape), without the rows",
    "dtype_policy compute_dtype variable_dtype": "layer.dtype, None for that of the model",
    "input output": "a layer that a model has called has them",
}


def weights_later(name: str, place: object) -> str:
    """What an error on an attribute adds where that is a weight, and the layer has no place for weights yet."""
    for names, told in OF_LAYERS.items():
        if name in names.split():
            return f": {told}"
    return " yet: a model that is built gives it; build(input_shape)" if place is None and name in WEIGHTS else ""


def fixed(cls: Class) -> Class:
    """Decorate a frozen dataclass: who assigns to an attribute is told which argument to give in its place."""

    def refuse(self: object, name: str, value: object = None) -> None:
        if getattr(getattr(cls, name, None), "fset", None):  # a property that may be set
            object.__setattr__(self, name, value)
            return
        raise _how_to_have(self, name, value)

    cls.__setattr__ = cls.__delattr__ = refuse  # type: ignore[assignment]  # one for both
    return cls


def _how_to_have(made: Any, name: str, value: object) -> AttributeError:
    kind, names = type(made).__name__, [field.name for field in fields(made)]
    if name in WEIGHTS and hasattr(made, "set_weights"):
        return AttributeError(f"{kind}.{name} = {shown(value)} would not act: call set_weights of the layer or model")
    if name in names:
        return AttributeError(f"{kind} stays as it was made; make another one and give it {name}={shown(value)}")
    return unknown_attribute(made, name, names)
