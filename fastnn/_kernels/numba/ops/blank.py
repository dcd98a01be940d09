"""Rows as they are where a mask, the second input, is not 0, else zeros, whatever stands there; and the way back."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written


@inlined
def forward(op, arrays, when):
    x, mask = read(op, arrays, 0, when.n_rows), read(op, arrays, 1, when.n_rows)
    take_rows(x, mask, written(op, arrays, when.n_rows), op.n_out, 0)


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        dy, mask = output_gradient(op, arrays, when.n_rows), read(op, arrays, 1, when.n_rows)
        take_rows(dy, mask, dx, op.n_out, adds(op, arrays, 0))


@kernel
def take_rows(x, mask, out, n, added):
    """Sets or adds rows that count, and zeros for the others."""
    for i in range(mask.shape[0]):
        for j in range(i * n, (i + 1) * n):
            number = x[j] if mask[i] != 0 else x.dtype.type(0)
            out[j] = out[j] + number if added else number
