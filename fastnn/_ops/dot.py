"""Products of two inputs, sample by sample: ``y = a @ b`` with ``a`` ``(m, k)`` and ``b`` ``(k, n)``, each perhaps
transposed in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, Wants, When, Work

if TYPE_CHECKING:
    from fastnn._ops.views import Views

GEOMETRY = ("m", "k", "n", "a_transposed", "b_transposed")


def forward(op: np.void, a: Views, when: When) -> None:
    first, second = matrices(op, *a.xs)
    a.y[...] = (first @ second).reshape(a.y.shape)


def backward(op: np.void, a: Views, when: When) -> None:
    first, second = matrices(op, *a.xs)
    dy = a.dy.reshape(len(first), first.shape[1], second.shape[2])
    gradients = dy @ second.swapaxes(1, 2), first.swapaxes(1, 2) @ dy
    for x, dx, gradient, transposed in zip(a.xs, a.dxs, gradients, op["geometry"][3:5], strict=True):
        dx.take((gradient.swapaxes(1, 2) if transposed else gradient).reshape(x.shape))


def matrices(op: np.void, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both inputs as ``(rows, m, k)`` and ``(rows, k, n)``."""
    m, k, n, a_transposed, b_transposed = (int(size) for size in op["geometry"][: len(GEOMETRY)])
    a = first.reshape(-1, k, m).swapaxes(1, 2) if a_transposed else first.reshape(-1, m, k)
    b = second.reshape(-1, n, k).swapaxes(1, 2) if b_transposed else second.reshape(-1, k, n)
    return a, b


def n_products(operation: Operation) -> int:
    return math.prod(operation.geometry[:3])


def work(op: np.void, wants: Wants) -> Work:
    """There is as much to do for the gradient of each input."""
    m, k, n = (int(size) for size in op["geometry"][:3])
    return Work(m * k * n, m * k * n * sum(wants.dx))


OP = Op(6, "dot", forward, backward, weights=n_products, work=work, geometry=GEOMETRY)
