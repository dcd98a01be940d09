"""``y = w`` with a number for each column, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, written
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._kernels.numba.vector.rows import copy


@inlined
def forward(op, arrays, when):
    repeat_row(written(op, arrays, when.n_rows), arrays.params[op.w : op.w + op.n_out])


@inlined
def backward(op, arrays, when):
    dy = output_gradient(op, arrays, when.n_rows)
    if op.dw >= 0:
        position_gradients(op, arrays, dy, when)
    if not adds(op, arrays, 0):
        input_gradient(op, arrays, 0, when.n_rows)[:] = 0


@kernel
def repeat_row(y, w):
    n = w.shape[0]
    for first in range(0, y.shape[0], n):
        copy(y[first : first + n], w)


@inlined
def position_gradients(op, arrays, dy, when):
    """The sum of the rows of ``dy``, by itself in ``spare`` before it is added; 0 for numbers that no row has."""
    n, size, accumulate = op.n_out, op.geometry[0], when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + size]
    sums = arrays.spare[:size] if accumulate else dw
    sums[:] = 0
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            sums[j] += dy[first + j]
    if accumulate:
        add_rows(dw, sums, np.int64(1), size)
