"""``y = w`` for every row, whatever it reads: trained numbers for each column, and their way back.

``w`` may be longer than a row, which then has its first numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    a.y[...] = a.parameter(op["w"], int(op["n_out"]))


def backward(op: np.void, a: Views, when: When) -> None:
    if a.dw:
        dw = np.zeros(a.sizes.size, a.y.dtype)
        dw[: int(op["n_out"])] = a.dy.sum(axis=0)
        a.dw.take(dw)
    if a.dx:
        a.dx.take(np.zeros_like(a.dy))


def size(operation: Operation) -> int:
    return operation.geometry[0]


OP = Op(
    30,
    "position",
    forward,
    backward,
    geometry=("size",),
    shape=lambda op: (int(op["geometry"][0]),),
    units=size,
    weights=size,
)
