"""Values with arrays in them, as a JSON text and arrays by name can hold them; and back.

Lists, dicts with texts for keys, None, booleans, whole numbers, texts and real numbers (infinities and NaN too) are
kept as they are, to the last bit; tuples come back as lists. Arrays of float32 and float64 stand apart, under numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastnn._base.arguments import shown

ARRAY, NUMBER = "$array", "$number"
ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def pack(what: str, value: object) -> tuple[object, list[np.ndarray]]:
    """A value as JSON can hold it, with numbers in place of its arrays, and the arrays.

    Raises
    ------
    TypeError
        it holds something else; the message says of ``what``.
    """
    arrays: list[np.ndarray] = []
    return _packed(what, value, arrays), arrays


def _packed(what: str, value: object, arrays: list[np.ndarray]) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {NUMBER: str(value)}
    if isinstance(value, list | tuple):
        return [_packed(what, inner, arrays) for inner in value]
    if isinstance(value, np.ndarray) and value.dtype in (np.float32, np.float64):
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, dict) and all(isinstance(key, str) and key[:1] != "$" for key in value):
        return {key: _packed(what, inner, arrays) for key, inner in value.items()}
    raise TypeError(
        f"{what} must be numbers, texts, lists, dicts by text, and arrays of float32 or float64, got {shown(value)}"
    )


def unpack(packed: object, read: Callable[[int], object], known: int) -> object:
    """The value that :func:`pack` took; ``read`` gives the arrays, of which there are ``known``, each used once.

    Raises
    ------
    ValueError, TypeError
        it is no packed value.
    """
    used: set[int] = set()
    value = _unpacked(packed, read, used, known)
    if len(used) != known:
        raise ValueError(f"of its {known} arrays {known - len(used)} belong to nothing")
    return value


def _unpacked(packed: object, read: Callable[[int], object], used: set[int], known: int) -> object:
    if isinstance(packed, list):
        return [_unpacked(inner, read, used, known) for inner in packed]
    if not isinstance(packed, dict):
        return packed
    if packed.keys() == {NUMBER}:
        return ODD[packed[NUMBER]]
    if packed.keys() == {ARRAY}:
        number = packed[ARRAY]
        if type(number) is not int or not 0 <= number < known or number in used:
            raise ValueError(f"an array must have a number of its own below {known}, got {shown(number)}")
        used.add(number)
        return read(number)
    return {key: _unpacked(inner, read, used, known) for key, inner in packed.items()}
