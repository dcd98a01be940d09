"""``y = x * w`` for every row, with a trained factor for each column, and its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    a.y[...] = a.x * a.w


def backward(op: np.void, a: Views, when: When) -> None:
    if a.dw:
        a.dw.take((a.x * a.dy).sum(axis=0))
    if a.dx:
        a.dx.take(a.dy * a.w)


def n_factors(operation: Operation) -> int:
    return operation.n_out


OP = Op(3, "scale", forward, backward, weights=n_factors, shape=lambda op: (int(op["n_out"]),))
