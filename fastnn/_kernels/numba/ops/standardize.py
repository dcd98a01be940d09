"""``y = (x - mean) / deviation`` for each column, or ``y = x * deviation + mean``, and the way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import hand_on, output_gradient, read, written
from fastnn._ops.standardize import LEAST


@inlined
def forward(op, arrays, when):
    mean, variance = arrays.params[op.more[0] :][: op.n_out], arrays.params[op.more[1] :][: op.n_out]
    standardize(written(op, arrays, when.n_rows), read(op, arrays, 0, when.n_rows), mean, variance, op.geometry[0])


@inlined
def backward(op, arrays, when):
    dz = output_gradient(op, arrays, when.n_rows)
    scaled(dz, arrays.params[op.more[1] :][: op.n_out], op.geometry[0])
    hand_on(op, arrays, 0, dz, when.n_rows)


@small_kernel
def factor(variance, inverts):
    """What the distance from the mean of one column is multiplied by."""
    deviation = max(np.sqrt(variance), type(variance)(LEAST))
    return deviation if inverts else type(variance)(1) / deviation


@kernel
def standardize(y, x, mean, variance, inverts):
    n = mean.shape[0]
    for first in range(0, y.shape[0], n):
        for j in range(n):
            by, i = factor(variance[j], inverts), first + j
            y[i] = x[i] * by + mean[j] if inverts else (x[i] - mean[j]) * by


@kernel
def scaled(dz, variance, inverts):
    n = variance.shape[0]
    for first in range(0, dz.shape[0], n):
        for j in range(n):
            dz[first + j] *= factor(variance[j], inverts)
