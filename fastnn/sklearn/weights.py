"""Rows of a fit with their weights: those of samples count everywhere, those of classes in training alone."""

from __future__ import annotations

from numbers import Number

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from fastnn._base.arrays import check_finite, of_reals
from fastnn._base.types import DataLike

Rows = tuple[DataLike, ...]  # X, y, weights by sample and by class, which may be None
Validation = tuple[DataLike, DataLike, DataLike]  # X, y, sample_weight


def weighing(rows: Rows, weight: np.ndarray | None) -> Rows:
    """The rows whose weight is not zero."""
    if weight is None or weight.all():
        return rows
    return tuple(None if array is None else array[weight != 0] for array in rows)


def weighted(
    X: DataLike, y: np.ndarray, weight: np.ndarray | None, by_class: np.ndarray | None
) -> tuple[object, np.ndarray, np.ndarray | None]:
    """Rows that train, with both weights as one."""
    if by_class is not None:
        weight = (by_class if weight is None else weight * by_class).astype(X.dtype)
    X, y, weight = weighing((X, y, weight), weight)
    return X, y, weight


def checked_weights(name: str, came: object, X: DataLike) -> np.ndarray | None:
    """Weights of samples as an array of the rows' dtype, ``(n,)``; a number is that of each row.

    Raises
    ------
    TypeError, ValueError
        what came holds no real numbers, is negative or not finite in that dtype, or is of another length.
    """
    if came is None:
        return None
    given = came if isinstance(came, Number) else of_reals(name, came)
    given = given if isinstance(given, Number) or given.ndim else given.item()
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
        weight = _check_sample_weight(given, X, dtype=X.dtype, ensure_non_negative=True)
    check_finite(name, weight, given)
    found: np.ndarray | None = weight
    return found
