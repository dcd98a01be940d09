"""``y = x + w`` with a number for each column, or ``y = w``, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import hand_on, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.products import add_rows


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    shift_rows(y, x, arrays.params[op.w : op.w + op.n_out], op.geometry[0] != 0)


@inlined
def backward(op, arrays, when):
    dy = output_gradient(op, arrays, when.n_rows)
    if op.dw >= 0:
        shift_gradients(op, arrays, dy, when)
    if input_gradient(op, arrays, 0, when.n_rows).shape[0]:
        if op.geometry[0]:
            dy[:] = 0
        hand_on(op, arrays, 0, dy, when.n_rows)


@kernel
def shift_rows(y, x, w, alone):
    n = w.shape[0]
    for first in range(0, y.shape[0], n):
        for j in range(n):
            y[first + j] = w[j] if alone else x[first + j] + w[j]


@inlined
def shift_gradients(op, arrays, dy, when):
    """The sum of the rows of ``dy``, by itself in ``spare`` before it is added; 0 for numbers that no row has."""
    n, size, accumulate = op.n_out, op.geometry[1], when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + size]
    sums = arrays.spare[:size] if accumulate else dw
    sums[:] = 0
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            sums[j] += dy[first + j]
    if accumulate:
        add_rows(dw, sums, np.int64(1), size)
