"""``y = activation(x @ w + b)`` by products of whole numbers; see ``_ops/int8.py``."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.int8 import real_row, room_of_row, whole
from fastnn._kernels.numba.ops.activation import activate_rows
from fastnn._kernels.numba.ops.arrays import kept, read, written


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    multiply_rows(op, arrays.params, x, y, room_of_row(arrays.spare, op.n_in))
    activate_rows(arrays.kernels, op, y, kept(op, arrays, when.n_rows))


@kernel
def multiply_rows(op, params, x, y, q):
    n = op.n_in
    for i in range(y.shape[0] // op.n_out):
        whole(op, x[i * n : (i + 1) * n], q)
        real_row(op, params, q, n, y[i * op.n_out : (i + 1) * op.n_out])
