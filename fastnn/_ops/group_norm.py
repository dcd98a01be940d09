"""``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta``, mean and variance those of a group of channels.

They are over all positions of a sample. A row is a position, its numbers are the channels, of which equal runs make the
groups. Source: Wu and He 2018, "Group Normalization". ``room`` is for what backends know of each sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When
from fastnn._ops.layer_norm import gamma, n_factors, shape

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    normal, _ = normalized(op, a.x)
    a.y[...] = normal.reshape(a.y.shape) * gamma(op, a) + a.b


def backward(op: np.void, a: Views, when: When) -> None:
    normal, by = normalized(op, a.x)
    flat = normal.reshape(a.dy.shape)
    if a.dw:
        a.dw.take((a.dy * flat).sum(axis=0))
    if a.db:
        a.db.take(a.dy.sum(axis=0))
    if a.dx:
        dy = groups(op, a.dy * gamma(op, a))
        shared = dy.mean(axis=(1, 3), keepdims=True) + normal * (dy * normal).mean(axis=(1, 3), keepdims=True)
        a.dx.take(((dy - shared) * by).reshape(a.x.shape))


def groups(op: np.void, x: np.ndarray) -> np.ndarray:
    """``(samples, positions, groups, channels of a group)``."""
    return x.reshape(-1, int(op["repeat"]), OP.sizes(op).groups, x.shape[-1] // OP.sizes(op).groups)


def normalized(op: np.void, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups with mean 0 and variance 1, and what they were multiplied by."""
    exact = groups(op, x.astype(np.float64))
    apart = exact - exact.mean(axis=(1, 3), keepdims=True)
    by = 1 / np.sqrt(np.square(apart).mean(axis=(1, 3), keepdims=True) + float(op["numbers"][0]))
    return (apart * by).astype(x.dtype), by.astype(x.dtype)


def room(operation: Operation, rows: int) -> int:
    """Of each sample, two numbers for each group, and two sums for each channel."""
    return 2 * rows * (operation.geometry[0] + operation.n_out)


OP = Op(
    14,
    "group_norm",
    forward,
    backward,
    weights=n_factors,
    geometry=("groups",),
    shape=shape,
    room=room,
)
