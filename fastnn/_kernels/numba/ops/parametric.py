"""``y = x + alpha * (f(x) - x)`` with an ``alpha`` for each column and an activation ``f``, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.activation import LINEAR
from fastnn._kernels.numba.ops.arrays import hand_on, input_gradient, kept, output_gradient, read, written
from fastnn._kernels.numba.table import activate, activation_gradient
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._kernels.numba.vector.rows import copy


@inlined
def forward(op, arrays, when):
    x, y, f = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    copy(f, x)
    if op.activation != LINEAR:
        activate(arrays.kernels, op.activation, (f, op.n_out, op.parameter))
    blend(y, x, f, arrays.params[op.w : op.w + op.n_out])


@inlined
def backward(op, arrays, when):
    dy, x, f = output_gradient(op, arrays, when.n_rows), read(op, arrays, 0, when.n_rows), kept(op, arrays, when.n_rows)
    if op.dw >= 0:
        blend_gradients(op, arrays, x, f, dy, when)
    if input_gradient(op, arrays, 0, when.n_rows).shape[0]:
        slopes = dy.copy()
        if op.activation != LINEAR:
            activation_gradient(arrays.kernels, op.activation, (x, f, slopes, op.n_out, op.parameter))
        blend(dy, dy, slopes, arrays.params[op.w : op.w + op.n_out])
        hand_on(op, arrays, 0, dy, when.n_rows)


@kernel
def blend(y, x, f, alpha):
    """``y = x + alpha * (f - x)``; ``y`` may be ``x`` or ``f``."""
    n = alpha.shape[0]
    for first in range(0, x.shape[0], n):
        for j in range(n):
            i = first + j
            y[i] = x[i] + alpha[j] * (f[i] - x[i])


@inlined
def blend_gradients(op, arrays, x, f, dy, when):
    """The sum of the rows of ``dy * (f - x)``; by itself in ``spare`` before it is added."""
    n, accumulate = op.n_out, when.accumulate or op.adds_params
    dw = arrays.grads[op.dw : op.dw + n]
    sums = arrays.spare[:n] if accumulate else dw
    sums[:] = 0
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            i = first + j
            sums[j] += dy[i] * (f[i] - x[i])
    if accumulate:
        add_rows(dw, sums, np.int64(1), n)
