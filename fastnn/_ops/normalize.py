"""``y = x / |x|`` along one axis of a row, ``(length, stride)``; ``|x|`` counts as 1e-7 at least, as in Keras."""

from __future__ import annotations

import numpy as np

from fastnn._ops.base import Op

MOST = 1e7  # what a number is multiplied by


def forward(op, a, when):
    x = groups(op, a.x)
    a.y[...] = (x * factor(x)).reshape(a.y.shape)


def backward(op, a, when):
    x, dy = groups(op, a.x), groups(op, a.dy)
    by = factor(x)
    along = np.where(by < MOST, (x * by * dy).sum(axis=1, keepdims=True), 0)
    a.dx.take((by * (dy - x * by * along)).reshape(a.x.shape))


def groups(op, x):
    """``(rows, length, stride)``."""
    length, stride = (int(size) for size in op["geometry"][:2])
    return x.reshape(-1, length, stride)


def factor(x):
    """``(rows, 1, stride)``."""
    with np.errstate(divide="ignore"):
        return np.minimum(1 / np.sqrt(np.square(x).sum(axis=1, keepdims=True)), x.dtype.type(MOST))


OP = Op(7, "normalize", forward, backward, geometry=("length", "stride"))
