"""``y = activation(x * w + b)`` for every window of an image by products of whole numbers; see ``_ops/int8.py``."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.int8 import real_row, room_of_row, whole
from fastnn._kernels.numba.ops.activation import activate_rows
from fastnn._kernels.numba.ops.arrays import kept, read, written
from fastnn._kernels.numba.windows import place, sizes


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    multiply_windows(op, arrays.params, x, y, room_of_row(arrays.spare, window_numbers(op)))
    activate_rows(arrays.kernels, op, y, kept(op, arrays, when.n_rows))


@kernel
def window_numbers(op):
    return op.geometry[2] * op.geometry[5] * op.geometry[6]


@kernel
def multiply_windows(op, params, x, y, q):
    for i in range(y.shape[0] // op.n_out):
        read_window(op, x, i, q)
        real_row(op, params, q, window_numbers(op), y[i * op.n_out : (i + 1) * op.n_out])


@kernel
def read_window(op, x, i, q):
    """What a window reads as whole numbers; outside of the image there are zeros."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, _ = sizes(op)
    image, oy, ox, at = i // (oh * ow), i // ow % oh, i % ow, 0
    for ky in range(kh):
        y = place(oy, ky, sh, dh, top)
        for kx in range(kw):
            column = place(ox, kx, sw, dw, left)
            part = q[at : at + c]
            at += c
            if 0 <= y < h and 0 <= column < wide:
                first = ((image * h + y) * wide + column) * c
                whole(op, x[first : first + c], part)
            else:
                part[:] = 0
