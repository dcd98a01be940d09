"""``y = activation(what windows hand back to an image + b)``, and its way back; see ``_ops/conv_transpose.py``."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.ops.conv import bias_gradient, convolve, image_gradient, kernel_gradient
from fastnn._kernels.numba.windows import part_size, windows_of_image


@inlined
def forward(op, arrays, when):
    x, y, z = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    y[:] = 0
    if op.b >= 0:
        for i in range(when.n_rows * op.repeat):
            y[i * op.n_out : (i + 1) * op.n_out] = arrays.params[op.b : op.b + op.n_out]
    image_gradient(op, op.n_in, arrays, x, y, when.n_rows)
    activate_rows(arrays.kernels, op, y, z)


@inlined
def backward(op, arrays, when):
    dz, n = output_gradient_back(op, arrays, when.n_rows), op.n_in
    if op.dw >= 0:
        kernel_gradient(op, n, arrays, dz, read(op, arrays, 0, when.n_rows), when)
    if op.db >= 0:
        bias_gradient(op, arrays, dz, when)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        windows, together, add = when.n_rows * windows_of_image(op), part_size(op, n), adds(op, arrays, 0)
        for first in range(0, windows, together):
            last = min(first + together, windows)
            convolve(op, n, arrays, dz, dx[:0], add, first, last, dx[first * n : last * n])
