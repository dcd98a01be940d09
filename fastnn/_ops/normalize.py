"""``y = x / |x|`` along one axis of a row, ``(length, stride)``; ``|x|`` counts as 1e-7 at least, as in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views

MOST = 1e7  # what a number is multiplied by


def forward(op: np.void, a: Views, when: When) -> None:
    x = groups(op, a.x)
    a.y[...] = (x * factor(x)).reshape(a.y.shape)


def backward(op: np.void, a: Views, when: When) -> None:
    x, dy = groups(op, a.x), groups(op, a.dy)
    by = factor(x)
    along = np.where(by < MOST, (x * by * dy).sum(axis=1, keepdims=True), 0)
    a.dx.take((by * (dy - x * by * along)).reshape(a.x.shape))


def groups(op: np.void, x: np.ndarray) -> np.ndarray:
    """``(rows, length, stride)``."""
    length, stride = (int(size) for size in op["geometry"][:2])
    return x.reshape(-1, length, stride)


def factor(x: np.ndarray) -> np.ndarray:
    """``(rows, 1, stride)``."""
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.minimum(1 / np.sqrt(np.square(x).sum(axis=1, keepdims=True)), x.dtype.type(MOST))
        return found


OP = Op(7, "normalize", forward, backward, geometry=("length", "stride"))
