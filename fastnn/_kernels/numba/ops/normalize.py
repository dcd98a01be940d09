"""``y = x / |x|`` along one axis of a row, and its way back."""

from __future__ import annotations

import math

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._ops.normalize import MOST


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    normalize(x, y, op.geometry[0], op.geometry[1])


@inlined
def backward(op, arrays, when):
    x, dx = read(op, arrays, 0, when.n_rows), input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        dy = output_gradient(op, arrays, when.n_rows)
        normalize_back(x, dy, dx, op.geometry[0], op.geometry[1], adds(op, arrays, 0))


@small_kernel
def factor(x, first, length, stride):
    """What the numbers of one norm are multiplied by."""
    total = x.dtype.type(0)
    for i in range(first, first + length * stride, stride):
        total += x[i] * x[i]
    most, root = x.dtype.type(MOST), x.dtype.type(math.sqrt(total))
    return min(x.dtype.type(1) / root, most) if total > 0 else most


@kernel
def normalize(x, y, length, stride):
    for row in range(0, x.shape[0], length * stride):
        for first in range(row, row + stride):
            by = factor(x, first, length, stride)
            for i in range(first, first + length * stride, stride):
                y[i] = x[i] * by


@kernel
def normalize_back(x, dy, dx, length, stride, added):
    for row in range(0, x.shape[0], length * stride):
        for first in range(row, row + stride):
            by, along = factor(x, first, length, stride), x.dtype.type(0)
            if by < MOST:
                for i in range(first, first + length * stride, stride):
                    along += x[i] * by * dy[i]
            for i in range(first, first + length * stride, stride):
                gradient = by * (dy[i] - x[i] * by * along)
                dx[i] = dx[i] + gradient if added else gradient
