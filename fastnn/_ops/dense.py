"""``y = activation(x @ w + b)`` for every row, and its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate, activation_gradient
from fastnn._ops.base import Op, Operation, When, always, kernel_work

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    z = a.x @ a.w + a.b
    a.keep(z)
    a.y[...] = activate(op, z)


def backward(op: np.void, a: Views, when: When) -> None:
    dz = activation_gradient(op, a)
    if a.dw:
        a.dw.take(a.x.T @ dz)
    if a.db:
        a.db.take(dz.sum(axis=0))
    if a.dx:
        a.dx.take(dz @ a.w.T)


def kernel_size(operation: Operation) -> int:
    return operation.n_in * operation.n_out


OP = Op(
    0,
    "dense",
    forward,
    backward,
    weights=kernel_size,
    work=kernel_work,
    scratch=kernel_size,
    activates=always,
    by_shards=True,
    multiplies=True,
)
