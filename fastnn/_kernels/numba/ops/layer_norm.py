"""``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta``, mean and variance those of a row, and its way back."""

from __future__ import annotations

import math

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._ops.layer_norm import SHARD


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    normalize_rows(x, factor(op, arrays), shift(op, arrays), y, op.n_out, op.numbers[0])


@inlined
def backward(op, arrays, when):
    x, dy = read(op, arrays, 0, when.n_rows), output_gradient(op, arrays, when.n_rows)
    known = arrays.workspace[op.room : op.room + 2 * when.n_rows * op.repeat]
    measure_rows(x, known, op.n_out, op.numbers[0])
    if op.dw >= 0:
        take_gradient(op, arrays, x, dy, known, arrays.grads[op.dw : op.dw + op.n_out], when, True)
    if op.db >= 0:
        take_gradient(op, arrays, x, dy, known, arrays.grads[op.db : op.db + op.n_out], when, False)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        normalize_rows_back(x, dy, known, factor(op, arrays), dx, op.n_out, adds(op, arrays, 0))


@inlined
def factor(op, arrays):
    """gamma, empty without one."""
    return arrays.params[op.w : op.w + op.n_out] if op.w >= 0 else arrays.params[:0]


@inlined
def shift(op, arrays):
    """beta, empty without one."""
    return arrays.params[op.b : op.b + op.n_out] if op.b >= 0 else arrays.params[:0]


@small_kernel
def measured(x, first, n, epsilon):
    """Mean of a row, and what its numbers are multiplied by, in double."""
    total, squares = 0.0, 0.0
    for i in range(first, first + n):
        total += np.float64(x[i])
    mean = total / n
    for i in range(first, first + n):
        squares += (np.float64(x[i]) - mean) * (np.float64(x[i]) - mean)
    return mean, 1.0 / math.sqrt(squares / n + epsilon)


@kernel
def normalize_rows(x, gamma, beta, y, n, epsilon):
    for first in range(0, x.shape[0], n):
        mean, by = measured(x, first, n, epsilon)
        for j in range(n):
            y[first + j] = (np.float64(x[first + j]) - mean) * by
        if gamma.shape[0]:
            for j in range(n):
                y[first + j] *= gamma[j]
        if beta.shape[0]:
            for j in range(n):
                y[first + j] += beta[j]


@kernel
def measure_rows(x, known, n, epsilon):
    """Of each row its mean, counted from the first number, which leaves all digits to it, and the factor."""
    for i in range(x.shape[0] // n):
        mean, by = measured(x, i * n, n, epsilon)
        known[2 * i], known[2 * i + 1] = mean - np.float64(x[i * n]), by


@kernel
def take_gradient(op, arrays, x, dy, known, gradient, when, along):
    """Sums of the rows of ``dy``, times the normal numbers where ``along`` says, a shard of samples at a time."""
    n, rows = op.n_out, when.n_rows * op.repeat
    if not (when.accumulate or op.adds_params):
        gradient[:] = 0
    for start in range(0, rows, SHARD * op.repeat):
        sums = arrays.spare[:n]
        sums[:] = 0
        for i in range(start, min(start + SHARD * op.repeat, rows)):
            for j in range(n):
                normal = (x[i * n + j] - x[i * n] - known[2 * i]) * known[2 * i + 1]
                sums[j] += dy[i * n + j] * normal if along else dy[i * n + j]
        add_rows(gradient, sums, np.int64(1), n)


@kernel
def normalize_rows_back(x, dy, known, gamma, dx, n, added):
    for i in range(x.shape[0] // n):
        shared, along, mean, by = 0.0, 0.0, known[2 * i], known[2 * i + 1]
        for j in range(i * n, (i + 1) * n):
            slope = dy[j] * gamma[j - i * n] if gamma.shape[0] else dy[j]
            shared += np.float64(slope)
            along += np.float64(slope) * np.float64((x[j] - x[i * n] - mean) * by)
        shared, along = shared / n, along / n
        for j in range(i * n, (i + 1) * n):
            slope = dy[j] * gamma[j - i * n] if gamma.shape[0] else dy[j]
            gradient = (slope - shared - (x[j] - x[i * n] - mean) * by * along) * by
            dx[j] = dx[j] + gradient if added else gradient
