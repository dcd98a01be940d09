"""``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`` with mean and variance of each row, and its way back.

Source: Ba et al. 2016, "Layer Normalization". ``gamma`` and ``beta`` are ``(n_out,)``.

Design: the sums for ``gamma`` and ``beta`` are over :data:`SHARD` samples at a time, as those of kernels (``conv.py``);
``room`` is for what backends know of each row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views

SHARD = 16  # samples whose parts of the gradients are one sum


def forward(op: np.void, a: Views, when: When) -> None:
    normal, _ = normalized(op, a.x)
    a.y[...] = normal * gamma(op, a) + a.b


def backward(op: np.void, a: Views, when: When) -> None:
    normal, by = normalized(op, a.x)
    if a.dw:
        a.dw.take((a.dy * normal).sum(axis=0))
    if a.db:
        a.db.take(a.dy.sum(axis=0))
    if a.dx:
        dy = a.dy * gamma(op, a)
        shared = dy.mean(axis=1, keepdims=True) + normal * (dy * normal).mean(axis=1, keepdims=True)
        a.dx.take((dy - shared) * by)


def normalized(op: np.void, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with mean 0 and variance 1, and what they were multiplied by, ``(rows, 1)``."""
    exact = x.astype(np.float64)
    apart = exact - exact.mean(axis=1, keepdims=True)
    by = 1 / np.sqrt(np.square(apart).mean(axis=1, keepdims=True) + float(op["numbers"][0]))
    return (apart * by).astype(x.dtype), by.astype(x.dtype)


def gamma(op: np.void, a: Views) -> np.ndarray | int:
    return a.w if op["w"] >= 0 else 1


def room(operation: Operation, rows: int) -> int:
    return 2 * rows * operation.repeat


def n_factors(operation: Operation) -> int:
    return operation.n_out


def shape(op: np.void) -> tuple[int, ...]:
    return (int(op["n_out"]),)


OP = Op(13, "layer_norm", forward, backward, weights=n_factors, shape=shape, room=room)
