"""Dropout that keeps mean and variance: ``y = a * x + b``, or one number for what is dropped."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops import dropout
from fastnn._kernels.numba.ops.arrays import kept, read, written
from fastnn._kernels.numba.vector.rows import copy

backward = dropout.backward


@inlined
def forward(op, arrays, when):
    x, y, factors = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    if when.training and op.rate > 0:
        dropout.draw(op, factors, op.rate, when)
        drop(y, x, factors, op.numbers)
        return
    if when.training:
        factors[:] = 1
    copy(y, x)


@kernel
def drop(y, x, factors, numbers):
    """The output by factors that are 0 or more, which become those of the way back."""
    a, b, dropped = x.dtype.type(numbers[0]), x.dtype.type(numbers[1]), x.dtype.type(numbers[2])
    for i in range(y.shape[0]):
        stays = factors[i] > 0
        y[i] = x[i] * a + b if stays else dropped
        factors[i] = a if stays else x.dtype.type(0)
