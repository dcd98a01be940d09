"""``y = activation(x @ w + b)`` with a kernel that is held in bf16, packed; see ``_ops/bf16.py``."""

from __future__ import annotations

from fastnn._kernels.numba.bf16 import widen
from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops.dense import multiply_rows


@inlined
def forward(op, arrays, when):
    w = arrays.spare[: op.weights]
    widen(w, arrays.params[op.w :], op.n_in, op.n_out)
    multiply_rows(op, arrays, when, w)
