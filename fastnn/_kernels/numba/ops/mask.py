"""``y`` is 0 where all numbers of a row are equal to ``numbers[0]``, else 1."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import read, written


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    mark_rows(x, y.dtype.type(op.numbers[0]), y, op.n_in)


@kernel
def mark_rows(x, blank, y, n):
    for i in range(y.shape[0]):
        y[i] = 0
        for j in range(i * n, (i + 1) * n):
            if x[j] != blank:
                y[i] = 1
