"""``y = activation(x * w + b)`` for every window of an image, and its way back; see ``_ops/conv.py``.

Products of the rows of some windows at a time, group by group (``windows.py``). Sums go over taps and channels in
order, those of dw over the windows.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.bf16 import kernel_of, round_rows
from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.depthwise import IMAGE, KERNEL, WINDOWS, begin_windows, is_depthwise
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.table import add_by_channel, move_rows, product, product_of_columns
from fastnn._kernels.numba.vector.products import add_rows, transpose
from fastnn._kernels.numba.windows import GATHER, HAND_BACK, are_pixels, part_size, window_size, windows_of_image
from fastnn._ops.conv import SHARD


@inlined
def forward(op, arrays, when):
    x, y, z = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    n, rows, together = op.n_out, when.n_rows * op.repeat, part_size(op, op.n_out)
    bias = arrays.params[op.b : op.b + n] if op.b >= 0 else arrays.params[:0]
    for first in range(0, rows, together):
        last = min(first + together, rows)
        part = y[first * n : last * n]
        convolve(op, n, arrays, x, bias, 0, first, last, part)
        activate_rows(arrays.kernels, op, part, z[first * n : last * n])


@inlined
def backward(op, arrays, when):
    dz = output_gradient_back(op, arrays, when.n_rows)
    if op.dw >= 0:
        kernel_gradient(op, op.n_out, arrays, read(op, arrays, 0, when.n_rows), dz, when)
    if op.db >= 0:
        bias_gradient(op, arrays, dz, when)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        if not adds(op, arrays, 0):
            dx[:] = 0
        image_gradient(op, op.n_out, arrays, dz, dx, when.n_rows)


@inlined
def rows_of(op, arrays, x, first, last, group):
    """Rows of windows, and how far they are apart: gathered in ``spare``, or the pixels of the image."""
    size, c = window_size(op), op.geometry[2]
    if are_pixels(op):
        return x[first * c + group * size :], c
    rows = arrays.spare[op.weights : op.weights + (last - first) * size]
    move_rows(arrays.kernels, GATHER, (op, x, first, last, group, rows))
    return rows, size


@inlined
def convolve(op, n, arrays, x, bias, adds, first, last, z):
    """Windows ``first`` up to ``last`` by ``n`` filters; with ``adds`` their sums go on from what is in ``z``."""
    groups, size = op.geometry[13], window_size(op)
    many = n // groups
    w = kernel_of(op, arrays, arrays.spare)
    if is_depthwise(op, n):
        if not adds:
            begin_windows(bias, n, z)
        add_by_channel(arrays.kernels, WINDOWS, (op, x, w, z, first, last))
        return
    for group in range(groups):
        at = group * many
        rows, pitch = rows_of(op, arrays, x, first, last, group)
        start = z[at:] if adds else bias[at : at + many]
        told = start, rows, pitch, 1, w[at:], z[at:], last - first, size, many, n
        product_of_columns(arrays.kernels, 0, told)


@inlined
def image_gradient(op, n, arrays, dz, dx, n_rows):
    """Adds to ``dx`` what every window hands back."""
    groups, size, together = op.geometry[13], window_size(op), part_size(op, n)
    many, windows = n // groups, n_rows * windows_of_image(op)
    turned = arrays.spare[: op.weights]
    if is_depthwise(op, n):
        w = kernel_of(op, arrays, arrays.spare)
        add_by_channel(arrays.kernels, IMAGE, (op, dx, w, dz, 0, windows))
        return
    transpose(arrays.params[op.w : op.w + op.weights], turned, size, n)
    if op.bfloat16:
        round_rows(turned, turned)
    for first in range(0, windows, together):
        last = min(first + together, windows)
        rows = arrays.spare[op.weights : op.weights + (last - first) * size]
        for group in range(groups):
            at = group * many
            told = dz[:0], dz[first * n + at :], n, 1, turned[at * size :], rows, last - first, many, size
            product(arrays.kernels, 0, told)
            move_rows(arrays.kernels, HAND_BACK, (op, dx, first, last, group, rows))


@inlined
def add_kernel_gradient(op, n, arrays, x, dz, first, last, sums):
    """Adds the part of dw that windows ``first`` up to ``last`` have."""
    groups, size = op.geometry[13], window_size(op)
    many = n // groups
    if is_depthwise(op, n):
        add_by_channel(arrays.kernels, KERNEL, (op, x, sums, dz[first * n :], first, last))
        return
    for group in range(groups):
        at = group * many
        rows, pitch = rows_of(op, arrays, x, first, last, group)
        told = sums[at:], rows, 1, pitch, dz[first * n + at :], sums[at:], size, last - first, many, n
        product_of_columns(arrays.kernels, 0, told)


@inlined
def kernel_gradient(op, n, arrays, x, dz, when):
    """dw, a shard of samples at a time, each summed in ``spare`` before it is added."""
    size, of_image, together = op.weights, windows_of_image(op), part_size(op, n)
    dw = arrays.grads[op.dw : op.dw + size]
    if not (when.accumulate or op.adds_params):
        dw[:] = 0
    for sample in range(0, when.n_rows, SHARD):
        sums, end = arrays.spare[:size], min(sample + SHARD, when.n_rows) * of_image
        sums[:] = 0
        for first in range(sample * of_image, end, together):
            add_kernel_gradient(op, n, arrays, x, dz, first, min(first + together, end), sums)
        add_rows(dw, sums, np.int64(1), size)


@inlined
def bias_gradient(op, arrays, dz, when):
    n, rows = op.n_out, SHARD * op.repeat
    db = arrays.grads[op.db : op.db + n]
    if not (when.accumulate or op.adds_params):
        db[:] = 0
    for first in range(0, when.n_rows * op.repeat, rows):
        last = min(first + rows, when.n_rows * op.repeat)
        sums = arrays.spare[:n]
        sums[:] = 0
        add_rows(sums, dz[first * n : last * n], last - first, n)
        add_rows(db, sums, np.int64(1), n)
