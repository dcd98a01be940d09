"""``y = activation(what windows hand back to an image + b)``, and its way back; see ``_ops/conv_transpose.py``."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.ops.conv import bias_gradient, convolve, image_gradient, image_size, kernel_gradient


@inlined
def forward(op, arrays, when):
    x, y, z = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    y[:] = 0
    if op.b >= 0:
        for i in range(when.n_rows * op.repeat):
            y[i * op.n_out : (i + 1) * op.n_out] = arrays.params[op.b : op.b + op.n_out]
    image_gradient(op, op.n_in, x, arrays.params[op.w : op.w + op.weights], y, when.n_rows)
    activate_rows(arrays.kernels, op, y, z)


@inlined
def backward(op, arrays, when):
    dz, n, image = output_gradient_back(op, arrays, when.n_rows), op.n_in, image_size(op)
    if op.dw >= 0:
        kernel_gradient(op, n, arrays, dz, read(op, arrays, 0, when.n_rows), when)
    if op.db >= 0:
        bias_gradient(op, arrays, dz, when)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        w, out, add = arrays.params[op.w : op.w + op.weights], op.geometry[3] * op.geometry[4] * n, adds(op, arrays, 0)
        for i in range(when.n_rows):
            convolve(op, n, dz[i * image : (i + 1) * image], w, w[:0], add, dx[i * out : (i + 1) * out])
