"""The mean of those rows of a sample for which a mask, the second input, is not 0, and its way back."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._ops.pool import MANY


@inlined
def forward(op, arrays, when):
    x, mask = read(op, arrays, 0, when.n_rows), read(op, arrays, 1, when.n_rows)
    mean_of_rows(x, mask, written(op, arrays, when.n_rows), op.geometry[0], op.n_out)


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        dy, mask = output_gradient(op, arrays, when.n_rows), read(op, arrays, 1, when.n_rows)
        spread_to_rows(dy, mask, dx, op.geometry[0], op.n_out, adds(op, arrays, 0))


@kernel
def number(mask, first, rows):
    """How many rows count, at least 1."""
    counted = 0
    for i in range(first, first + rows):
        counted += mask[i] != 0
    return mask.dtype.type(max(counted, 1))


@kernel
def mean_of_rows(x, mask, y, rows, n):
    for sample in range(y.shape[0] // n):
        out, counted = y[sample * n : (sample + 1) * n], number(mask, sample * rows, rows)
        out[:] = 0
        if rows > MANY:
            sums = np.zeros(n, np.float64)
            add_those_that_count(x, mask, sample * rows, rows, sums)
            for j in range(n):
                out[j] = sums[j] / counted
            continue
        add_those_that_count(x, mask, sample * rows, rows, out)
        for j in range(n):
            out[j] /= counted


@kernel
def add_those_that_count(x, mask, first, rows, sums):
    n = sums.shape[0]
    for i in range(first, first + rows):
        if mask[i] != 0:
            for j in range(n):
                sums[j] += x[i * n + j]


@kernel
def spread_to_rows(dy, mask, dx, rows, n, added):
    for sample in range(dy.shape[0] // n):
        counted = number(mask, sample * rows, rows)
        for i in range(sample * rows, (sample + 1) * rows):
            for j in range(n):
                share = dy[sample * n + j] / counted if mask[i] != 0 else dy.dtype.type(0)
                at = i * n + j
                dx[at] = dx[at] + share if added else share
