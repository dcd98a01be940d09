"""Normal noise in training, added or multiplied."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops import dropout
from fastnn._kernels.numba.ops.arrays import hand_on, kept, output_gradient, read, written
from fastnn._kernels.numba.vector.random import draw_noise
from fastnn._kernels.numba.vector.rows import copy


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    if not when.training:
        copy(y, x)
        return
    noise = kept(op, arrays, when.n_rows)  # the output where noise is added
    draw_noise(noise, op.seed, op.stream, when.step, op.rate, when.first_row * op.repeat * op.n_out)
    for i in range(y.shape[0]):
        if op.geometry[0]:
            noise[i] += noise.dtype.type(1)
            y[i] = x[i] * noise[i]
        else:
            y[i] = x[i] + noise[i]


@inlined
def backward(op, arrays, when):
    if op.geometry[0]:
        dropout.backward(op, arrays, when)
    else:
        hand_on(op, arrays, 0, output_gradient(op, arrays, when.n_rows), when.n_rows)
