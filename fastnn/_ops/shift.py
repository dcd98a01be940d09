"""``y = x + b`` for every row, with trained numbers for each column, and its way back; or ``y = b`` alone.

``b`` may be longer than a row, which then has its first numbers.
"""

from __future__ import annotations

import numpy as np

from fastnn._ops.base import Op, Operation


def forward(op, a, when):
    shifts = a.parameter(op["w"], int(op["n_out"]))
    a.y[...] = shifts if a.sizes.alone else a.x + shifts


def backward(op, a, when):
    if a.dw:
        dw = np.zeros(a.sizes.size, a.y.dtype)
        dw[: int(op["n_out"])] = a.dy.sum(axis=0)
        a.dw.take(dw)
    if a.dx:
        a.dx.take(np.zeros_like(a.dy) if a.sizes.alone else a.dy)


def size(operation: Operation) -> int:
    return operation.geometry[1]


OP = Op(
    30,
    "shift",
    forward,
    backward,
    geometry=("alone", "size"),
    shape=lambda op: (int(op["geometry"][1]),),
    units=size,
    weights=size,
)
