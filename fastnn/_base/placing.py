"""Columns and rows of numbers written into the rows of another array, each row to its place.

A window of a stream is written in the order in which it trains, so that the rows pass through memory once. Places are
int32, None for ``0, 1, ...``; a row whose place is negative is left out.

Design: these are copies and conversions of the same numbers, whoever makes them. So the compiled backend, once a model
has loaded it, puts its functions here (:data:`compiled`), and rooms below it need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

STORED = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")  # of columns, as placing.h has them
WRITTEN = ("f4", "f8", "i8")  # of rows that columns are written into
BLOCK = 2048  # rows that are written side by side at a time, so that they stay in the cache


@dataclass(frozen=True)
class Compiled:
    """Functions in C that do what those of this file, and ``orders.keyed_places``, do in NumPy."""

    place_columns: Callable[[Sequence[np.ndarray], np.ndarray, np.ndarray | None], bool]
    place_rows: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    keyed_places: Callable[[int, int, int, int, np.ndarray], None]


compiled: Compiled | None = None


def place_columns(columns: Sequence[np.ndarray], rows: np.ndarray, places: np.ndarray | None = None) -> bool:
    """Write columns of numbers side by side.

    Parameters
    ----------
    columns : ``(n,)`` each.
    rows : ``(m, len(columns))`` of float32, float64, or int64 for columns of whole numbers; C-contiguous.

    Returns
    -------
    bool : whether all numbers are finite as they are written.
    """
    n = len(columns[0])
    if compiled is not None and n and is_stored(rows, WRITTEN) and all(is_stored(each, STORED) for each in columns):
        return compiled.place_columns(columns, rows, places)
    is_finite = True
    for first in range(0, n, BLOCK):
        block = slice(first, min(first + BLOCK, n))
        made = np.empty((block.stop - first, len(columns)), rows.dtype)
        with np.errstate(over="ignore"):
            for place, column in enumerate(columns):
                made[:, place] = column[block]
        is_finite &= rows.dtype.kind != "f" or bool(np.isfinite(made).all())
        _write(made, rows, block, places)
    return is_finite


def place_rows(given: np.ndarray, rows: np.ndarray, places: np.ndarray | None = None) -> None:
    """Copy rows ``(n, ...)`` into an array ``(m, ...)`` of the same dtype."""
    if places is None:
        rows[: len(given)] = given
    elif compiled is not None and given.flags.c_contiguous and rows.flags.c_contiguous and given.dtype == rows.dtype:
        compiled.place_rows(given, rows, places)
    else:
        _write(given, rows, slice(0, len(given)), places)


def is_stored(array: np.ndarray, forms: Sequence[str]) -> bool:
    """Whether the numbers of an array are of one of these forms, in this machine's order of bytes."""
    return array.dtype.isnative and array.flags.aligned and array.dtype.str[1:] in forms


def _write(made: np.ndarray, rows: np.ndarray, block: slice, places: np.ndarray | None) -> None:
    if places is None:
        rows[block] = made
        return
    to = places[block]
    if to.min(initial=0) < 0:
        made, to = made[to >= 0], to[to >= 0]
    rows[to] = made
