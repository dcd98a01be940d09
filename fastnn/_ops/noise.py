"""``y = x + rate * n`` or ``y = x * (1 + rate * n)`` in training, with normal ``n`` of mean 0 and variance 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base import random
from fastnn._ops import dropout
from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    if not when.training:
        a.y[...] = a.x
        return
    first = when.first_row * int(op["repeat"] * op["n_out"])
    drawn = random.normal(int(op["seed"]), int(op["stream"]), when.step, first, a.x.size)
    noise = (float(op["rate"]) * drawn).astype(a.x.dtype).reshape(a.x.shape)
    if a.sizes.multiplies:
        a.keep(1 + noise)
        a.y[...] = a.x * a.z
    else:
        a.y[...] = a.x + noise


def backward(op: np.void, a: Views, when: When) -> None:
    if a.sizes.multiplies:
        dropout.backward(op, a, when)
    else:
        a.dx.take(a.dy)


def keeps(operation: Operation) -> bool:
    return bool(operation.geometry[0])


OP = Op(17, "noise", forward, backward, keeps=keeps, geometry=("multiplies",), idle=lambda operation: True)
