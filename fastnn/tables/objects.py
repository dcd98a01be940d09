"""Columns of Python's objects: what all of them are, and how each would stand in a file."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn.tables.numerals import EXACT
from fastnn.tables.table import coded

MISSING = ("NAType", "NaTType", "NoneType")  # pandas' own, which are not to be loaded for it
TRUTH = bool, np.bool_
NUMBERS = int, float, np.integer, np.floating, Decimal, Fraction
DURATIONS = timedelta, np.timedelta64
TIMES = date, np.datetime64  # a datetime is a date, too


def is_gap(value: object) -> bool:
    """Whether a value stands for none: None, NaN in any type, pandas' NA and NaT."""
    if type(value).__name__ in MISSING:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, NUMBERS) and bool(value != value)


def plain_texts(values: np.ndarray) -> tuple[np.ndarray, list[str]] | None:
    """Codes and distinct texts of objects ``(n,)`` that are texts, None and NaN alone; None of others."""
    held = values.tolist()
    if not set(map(type, held)) <= {str, type(None), float}:
        return None
    codes, told = coded(held)
    distinct: list[Any] = told  # texts, and what stands for gaps
    if all(type(value) is float or value is None for value in distinct) or not all(
        type(value) is str or is_gap(value) for value in distinct
    ):
        return None
    return codes, [value if type(value) is str else "" for value in distinct]


def array_of_objects(name: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Objects ``(n,)`` as numbers, times or texts, with the zone of times; what is mixed is text, as in a file.

    Raises
    ------
    TypeError
        one is no single value; the message names column and row.

    >>> array_of_objects("a", np.array([1, None, Decimal("2.5")], object))[0].tolist()
    [1.0, nan, 2.5]
    >>> array_of_objects("a", np.array(["x", None, 3, True], object))[0].tolist()
    ['x', '', '3', 'True']
    """
    held = values.tolist()
    gaps = (
        np.fromiter(map(is_gap, held), bool, len(held)) if set(map(type, held)) != {str} else np.zeros(len(held), bool)
    )
    kinds = {type(value) for value, gap in zip(held, gaps, strict=True) if not gap}
    if kinds and all(issubclass(kind, TIMES) for kind in kinds):
        return _moments(name, held, gaps)
    if kinds and all(issubclass(kind, DURATIONS) for kind in kinds):
        return np.array([None if gap else value for value, gap in zip(held, gaps, strict=True)], "m8[us]"), ""
    if all(issubclass(kind, NUMBERS) and not issubclass(kind, TRUTH) for kind in kinds):
        numbers = np.array([math.nan if gap else _float(value) for value, gap in zip(held, gaps, strict=True)], float)
        if not kinds <= {int} or np.abs(numbers).max(where=~gaps, initial=0.0) < EXACT:
            return numbers, ""
    if not kinds <= {str}:
        _check_single(name, held, kinds)
    texts = ["" if gap else written(value) for value, gap in zip(held, gaps, strict=True)]
    return np.array(texts, np.dtypes.StringDType()), ""


def written(value: object) -> str:
    """A value as CSV would have it; whole numbers without a point."""
    if isinstance(value, float | np.floating) and -EXACT < value < EXACT and float(value).is_integer():
        return str(int(value))
    return value if type(value) is str else "" if is_gap(value) else str(value)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _check_single(name: str, held: list[Any], kinds: set[type]) -> None:
    wrong = {
        kind
        for kind in kinds
        if issubclass(kind, complex | np.complexfloating | bytes | bytearray)
        or (hasattr(kind, "__iter__") and not issubclass(kind, str))
        or (kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__)
    }
    if not wrong:
        return
    row = next(place for place, value in enumerate(held) if type(value) in wrong)
    raise TypeError(
        f"column {name!r} must hold numbers, truth, text or times, got {shown(held[row])} of type "
        f"{type(held[row]).__name__} in row {row + 1}"
    )


def _moments(name: str, held: list[Any], gaps: np.ndarray) -> tuple[np.ndarray, str]:
    """Dates and moments as microseconds; those with a zone in UTC."""
    made, zones = np.full(len(held), "NaT", "M8[us]"), dict[bool, int]()  # the first row of each kind
    for place in np.flatnonzero(~gaps).tolist():
        value = held[place]
        zoned = isinstance(value, datetime) and value.tzinfo is not None
        zones.setdefault(zoned, place)
        made[place] = value.astimezone(UTC).replace(tzinfo=None) if zoned else value
    if len(zones) > 1:
        raise ValueError(
            f"column {name!r} holds times of which some have a zone (row {zones[True] + 1}) and some have none (row "
            f"{zones[False] + 1}); give all of them one, as tz_localize does"
        )
    return made, "+00:00" if True in zones else ""
