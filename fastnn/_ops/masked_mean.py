"""The mean of those rows of a sample for which a mask, the second input, is not 0; zeros where it is 0 for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, When
from fastnn._ops.pool import MANY

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    x, counts = rows_of(op, a)
    wide = np.float64 if x.shape[1] > MANY else x.dtype
    a.y[...] = np.where(counts, x, 0).sum(axis=1, dtype=wide) / number(counts).astype(wide)


def backward(op: np.void, a: Views, when: When) -> None:
    x, counts = rows_of(op, a)
    if a.dx:
        share = a.dy / number(counts).astype(x.dtype)
        a.dx.take(np.where(counts, share[:, None], 0).reshape(a.xs[0].shape))


def rows_of(op: np.void, a: Views) -> tuple[np.ndarray, np.ndarray]:
    """``(samples, rows, n)``, and which of them count, ``(samples, rows, 1)``."""
    rows = int(op["geometry"][0])
    return a.xs[0].reshape(a.n_samples, rows, -1), a.xs[1].reshape(a.n_samples, rows, 1) != 0


def number(counts: np.ndarray) -> np.ndarray:
    """How many rows count, at least 1."""
    found: np.ndarray = np.maximum(counts.sum(axis=1), 1)
    return found


OP = Op(29, "masked_mean", forward, backward, geometry=("rows",), by_sample=True)
