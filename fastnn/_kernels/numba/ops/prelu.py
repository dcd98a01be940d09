"""``y = x`` above zero and ``alpha * x`` below, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import hand_on, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.products import add_rows


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    bend(y, x, x, arrays.params[op.w : op.w + op.n_out])


@inlined
def backward(op, arrays, when):
    dy, x = output_gradient(op, arrays, when.n_rows), read(op, arrays, 0, when.n_rows)
    if op.dw >= 0:
        slope_gradients(op, arrays, x, dy, when)
    if input_gradient(op, arrays, 0, when.n_rows).shape[0]:
        bend(dy, dy, x, arrays.params[op.w : op.w + op.n_out])
        hand_on(op, arrays, 0, dy, when.n_rows)


@kernel
def bend(y, come, x, alpha):
    """``come``, times ``alpha`` where ``x`` is not above zero; ``y`` may be ``come``."""
    n = alpha.shape[0]
    for first in range(0, y.shape[0], n):
        for j in range(n):
            i = first + j
            y[i] = come[i] if x[i] > 0 else come[i] * alpha[j]


@inlined
def slope_gradients(op, arrays, x, dy, when):
    """The sum of the rows of ``x * dy`` where ``x`` is not above zero; by itself in ``spare`` before it is added."""
    n, accumulate = op.n_out, when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + n]
    sums = arrays.spare[:n] if accumulate else dw
    sums[:] = 0
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            if not x[first + j] > 0:
                sums[j] += x[first + j] * dy[first + j]
    if accumulate:
        add_rows(dw, sums, np.int64(1), n)
