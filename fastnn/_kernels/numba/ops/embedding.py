"""``y = w[x]``: rows of a table by their whole numbers, which come as real ones; and the table's gradient."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.rows import copy


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    look_up(x, op.n_in, arrays.params[op.w : op.w + op.geometry[0] * op.n_out], y, op.n_out)


@inlined
def backward(op, arrays, when):
    if op.dw >= 0:
        dw = arrays.grads[op.dw : op.dw + op.geometry[0] * op.n_out]
        if not (when.accumulate or op.adds_params):
            dw[:] = 0
        add_gradients(read(op, arrays, 0, when.n_rows), op.n_in, output_gradient(op, arrays, when.n_rows), dw, op.n_out)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if not adds(op, arrays, 0):
        dx[:] = 0


@small_kernel
def row_of(x, rows):
    """The row of a number, -1 where it is none's."""
    return np.int64(x) if x >= 0 and np.float64(x) < np.float64(rows) else np.int64(-1)


@kernel
def look_up(x, step, w, y, n):
    for i in range(y.shape[0] // n):
        row, out = row_of(x[i * step], w.shape[0] // n), y[i * n : (i + 1) * n]
        if row >= 0:
            copy(out, w[row * n : (row + 1) * n])
        else:
            out[:] = np.nan


@kernel
def add_gradients(x, step, dy, dw, n):
    """In the order of the numbers, on what stands there."""
    for i in range(dy.shape[0] // n):
        row = row_of(x[i * step], dw.shape[0] // n)
        if row >= 0:
            for j in range(n):
                dw[row * n + j] += dy[i * n + j]
