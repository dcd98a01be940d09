"""``y = x * w`` with a factor for each column, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import hand_on, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.products import add_rows


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    scale_rows(y, x, arrays.params[op.w : op.w + op.n_out])


@inlined
def backward(op, arrays, when):
    dy = output_gradient(op, arrays, when.n_rows)
    if op.dw >= 0:
        factor_gradients(op, arrays, read(op, arrays, 0, when.n_rows), dy, when)
    if input_gradient(op, arrays, 0, when.n_rows).shape[0]:
        scale_rows(dy, dy, arrays.params[op.w : op.w + op.n_out])
        hand_on(op, arrays, 0, dy, when.n_rows)


@kernel
def scale_rows(y, x, w):
    """``y = x * w``; ``y`` may be ``x``."""
    n = w.shape[0]
    for first in range(0, y.shape[0], n):
        for j in range(n):
            y[first + j] = x[first + j] * w[j]


@inlined
def factor_gradients(op, arrays, x, dy, when):
    """The sum of the rows of ``x * dy``; by itself in ``spare`` before it is added."""
    n, accumulate = op.n_out, when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + n]
    sums = arrays.spare[:n] if accumulate else dw
    sums[:] = 0
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            sums[j] += x[first + j] * dy[first + j]
    if accumulate:
        add_rows(dw, sums, np.int64(1), n)
