"""``y = activation(x @ w + b)`` with a kernel that predictors hold in bf16, packed; see :mod:`fastnn._ops.bf16`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops import bf16, dense
from fastnn._ops.activation import activate
from fastnn._ops.base import Op, When, always

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    n_in, n_out = int(op["n_in"]), int(op["n_out"])
    held = a.parameter(op["w"], bf16.packed_numbers(n_in, n_out))
    a.y[...] = activate(op, a.x @ bf16.unpack(held, n_in, n_out) + a.b)


OP = Op(38, "dense_bf16", forward, weights=dense.kernel_size, activates=always, multiplies=True)
