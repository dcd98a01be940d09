"""Rows of a fit with their weights: those of samples count everywhere, those of classes in training alone."""

from __future__ import annotations

from typing import Any

import numpy as np

Rows = tuple[Any, ...]  # X, y, weights by sample and by class, which may be None


def weighing(rows: Rows, weight: np.ndarray | None) -> Rows:
    """The rows whose weight is not zero."""
    if weight is None or weight.all():
        return rows
    return tuple(None if array is None else array[weight != 0] for array in rows)


def weighted(X: Any, y: np.ndarray, weight: Any, by_class: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Rows that train, with both weights as one."""
    if by_class is not None:
        weight = (by_class if weight is None else weight * by_class).astype(X.dtype)
    X, y, weight = weighing((X, y, weight), weight)
    return X, y, weight
