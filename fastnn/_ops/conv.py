"""``y = activation(x * w + b)`` for every window of an image, and its way back (``*`` is a cross-correlation).

The kernel is ``(kh, kw, channels / groups, filters)``; the g-th group of filters reads the g-th group of channels. Of
signals, ``h`` and ``kh`` are 1.

Design: the gradient of the kernel is summed over :data:`SHARD` samples at a time, each sum from zero, because one sum
over all positions of a batch would round a hundred times as much; backends that care for bits do that, NumPy sums in an
order of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import Numbers
from fastnn._ops import windows
from fastnn._ops.activation import activate, activation_gradient
from fastnn._ops.base import Op, Operation, When, always, kernel_work

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes
    from fastnn._ops.views import Views

GEOMETRY = ("h", "w", "c", "oh", "ow", "kh", "kw", "sh", "sw", "top", "left", "dh", "dw", "groups")
SHARD = 16  # samples whose parts of dw are one sum


def forward(op: np.void, a: Views, when: When) -> None:
    z = convolved(a.x, a.w, a.sizes).reshape(a.y.shape) + a.b
    a.keep(z)
    a.y[...] = activate(op, z)


def backward(op: np.void, a: Views, when: When) -> None:
    dz = activation_gradient(op, a)
    if a.dw:
        a.dw.take(kernel_gradient(a.x, dz, a.sizes))
    if a.db:
        a.db.take(dz.sum(axis=0))
    if a.dx:
        a.dx.take(image_gradient(dz, a.w, a.sizes).reshape(a.x.shape))


def convolved(x: np.ndarray, w: np.ndarray, size: Sizes) -> np.ndarray:
    """``(samples, oh, ow, filters)``: the sum over all taps."""
    image = windows.padded(x, size)
    y: Numbers = 0
    for ky, kx in windows.taps(size):
        y = y + _by_groups(windows.tap(image, size, ky, kx), w[ky, kx], size.groups)
    found: np.ndarray = y
    return found


def image_gradient(dz: np.ndarray, w: np.ndarray, size: Sizes) -> np.ndarray:
    """``(samples, h, w, channels)``: each tap hands its part back to where it read."""
    dz = dz.reshape(-1, size.oh, size.ow, w.shape[-1])
    dx = windows.padded(np.zeros((len(dz), size.h * size.w * size.c), dz.dtype), size)
    for ky, kx in windows.taps(size):
        windows.tap(dx, size, ky, kx)[...] += _by_groups(dz, _turned(w[ky, kx], size.groups), size.groups)
    return windows.inner(dx, size)


def kernel_gradient(x: np.ndarray, dz: np.ndarray, size: Sizes) -> np.ndarray:
    """``(kh, kw, channels / groups, filters)``."""
    image, n = windows.padded(x, size), dz.shape[-1]
    dz = dz.reshape(-1, size.groups, n // size.groups)
    dw = np.empty((size.kh, size.kw, size.c // size.groups, n), dz.dtype)
    for ky, kx in windows.taps(size):
        read = windows.tap(image, size, ky, kx).reshape(-1, size.groups, size.c // size.groups)
        products = read.transpose(1, 2, 0) @ dz.transpose(1, 0, 2)
        dw[ky, kx] = products.transpose(1, 0, 2).reshape(dw.shape[2:])
    return dw


def _by_groups(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """``x @ w`` for each group of the last axis; ``w`` is ``(numbers of a group, all groups' columns)``."""
    rows = x.reshape(-1, groups, x.shape[-1] // groups).transpose(1, 0, 2)
    columns = w.reshape(len(w), groups, -1).transpose(1, 0, 2)
    found: np.ndarray = (rows @ columns).transpose(1, 0, 2).reshape(*x.shape[:-1], w.shape[-1])
    return found


def _turned(w: np.ndarray, groups: int) -> np.ndarray:
    """The kernel of one tap for the way back: ``(filters of a group, channels)``."""
    c, n = w.shape[0], w.shape[1] // groups
    return w.reshape(c, groups, n).transpose(2, 1, 0).reshape(n, groups * c)


def kernel_shape(op: np.void) -> tuple[int, ...]:
    size = OP.sizes(op)
    return size.kh, size.kw, size.c // size.groups, int(op["n_out"])


def kernel_size(operation: Operation) -> int:
    return rows_of_kernel(operation) * operation.n_out


def rows_of_kernel(operation: Operation) -> int:
    """Numbers that one filter reads in a window: the rows of dw, which threads share."""
    size = dict(zip(GEOMETRY, operation.geometry, strict=True))
    return math.prod((size["kh"], size["kw"], size["c"] // size["groups"]))


OP = Op(
    9,
    "conv",
    forward,
    backward,
    weights=kernel_size,
    work=kernel_work,
    geometry=GEOMETRY,
    shape=kernel_shape,
    units=rows_of_kernel,
    by_sample=True,
    activates=always,
    multiplies=True,
)
