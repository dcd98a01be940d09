"""``y = activation(x @ w + b)`` for every row by products of whole numbers; see ``int8.py``. There is no way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops import int8
from fastnn._ops.activation import activate
from fastnn._ops.base import Op, Operation, When, always

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    a.y[...] = activate(op, int8.products(op, a, int8.whole(op, a.x)))


def kernel_size(operation: Operation) -> int:
    return operation.n_in * operation.n_out


OP = Op(35, "dense_int8", forward, weights=kernel_size, activates=always)
