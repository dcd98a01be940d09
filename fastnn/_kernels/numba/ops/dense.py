"""``y = activation(x @ w + b)``, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.bf16 import kernel_of, round_rows
from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.table import product
from fastnn._kernels.numba.vector.products import add_rows, transpose

NUMBERS = 4096  # of a product before its activation, in the first-level cache; 16 rows at least


@inlined
def forward(op, arrays, when):
    multiply_rows(op, arrays, when, kernel_of(op, arrays, arrays.spare))


@inlined
def multiply_rows(op, arrays, when, w):
    """``y`` of all rows by the kernel ``w``."""
    n_in, n_out, rows = op.n_in, op.n_out, when.n_rows * op.repeat
    x, y, z = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    bias = arrays.params[op.b : op.b + n_out] if op.b >= 0 else arrays.params[:0]
    together = max(16, NUMBERS // n_out)
    for first in range(0, rows, together):
        last = min(first + together, rows)
        part = y[first * n_out : last * n_out]
        product(arrays.kernels, 0, (bias, x[first * n_in : last * n_in], n_in, 1, w, part, last - first, n_in, n_out))
        activate_rows(arrays.kernels, op, part, z[first * n_out : last * n_out])


@inlined
def backward(op, arrays, when):
    dz = output_gradient_back(op, arrays, when.n_rows)
    if op.dw >= 0:
        parameter_gradients(op, arrays, read(op, arrays, 0, when.n_rows), dz, when)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        input_product(op, arrays, dz, dx, when.n_rows * op.repeat)


@inlined
def parameter_gradients(op, arrays, x, dz, when):
    """``dw = x.T @ dz`` and ``db``, the sum of the rows of ``dz``; summed in ``spare`` before they are added."""
    n_in, n_out, rows = op.n_in, op.n_out, when.n_rows * op.repeat
    size, accumulate = n_in * n_out, when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + size]
    sums = arrays.spare[:size] if accumulate else dw
    product(arrays.kernels, 0, (dw[:0], x, 1, n_in, dz, sums, n_in, rows, n_out))
    if accumulate:
        add_rows(dw, sums, np.int64(1), size)
    if op.db >= 0:
        db = arrays.grads[op.db : op.db + n_out]
        sums = arrays.spare[:n_out] if accumulate else db
        sums[:] = 0
        add_rows(sums, dz, rows, n_out)
        if accumulate:
            add_rows(db, sums, np.int64(1), n_out)


@inlined
def input_product(op, arrays, dz, dx, rows):
    """``dx = dz @ w.T``, through the transposed kernel in ``scratch``; what is added stands behind it first."""
    n_in, n_out = op.n_in, op.n_out
    behind = op.scratch + n_in * n_out
    transposed = arrays.workspace[op.scratch : behind]
    transpose(arrays.params[op.w : op.w + n_in * n_out], transposed, n_in, n_out)
    if op.bfloat16:
        round_rows(transposed, transposed)
    if not adds(op, arrays, 0):
        product(arrays.kernels, 0, (dx[:0], dz, n_out, 1, transposed, dx, rows, n_out, n_in))
        return
    own = arrays.workspace[behind : behind + rows * n_in]
    product(arrays.kernels, 0, (dx[:0], dz, n_out, 1, transposed, own, rows, n_out, n_in))
    add_rows(dx, own, np.int64(1), rows * n_in)
