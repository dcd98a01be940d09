"""Rows of several inputs side by side, and back."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written


@inlined
def forward(op, arrays, when):
    y, first = written(op, arrays, when.n_rows), 0
    for i in range(op.n_inputs):
        x = read(op, arrays, i, when.n_rows)
        width = x.shape[0] // (when.n_rows * op.repeat)
        put(y, x, first, width, op.n_out)
        first += width


@inlined
def backward(op, arrays, when):
    dy, first = output_gradient(op, arrays, when.n_rows), 0
    for i in range(op.n_inputs):
        width = arrays.values[arrays.edges[op.first_edge + i].value].size // op.repeat
        take(input_gradient(op, arrays, i, when.n_rows), dy, first, width, op.n_out, adds(op, arrays, i))
        first += width


@kernel
def put(y, x, first, width, n_out):
    """Write rows of ``width`` into those of ``n_out``, from column ``first`` on."""
    for row in range(x.shape[0] // width):
        for j in range(width):
            y[row * n_out + first + j] = x[row * width + j]


@kernel
def take(dx, dy, first, width, n_out, added):
    """Set ``dx`` to these columns of ``dy``, or add them to it."""
    for row in range(dx.shape[0] // width):
        for j in range(width):
            gradient = dy[row * n_out + first + j]
            dx[row * width + j] = dx[row * width + j] + gradient if added else gradient
