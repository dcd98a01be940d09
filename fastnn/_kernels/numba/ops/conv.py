"""``y = activation(x * w + b)`` for every window of an image, and its way back; see ``_ops/conv.py``.

The geometry is h w c oh ow kh kw sh sw top left dh dw groups. Loops run over taps inside the image alone, the innermost
one over the filters of a group, which stand side by side.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._ops.conv import SHARD


@inlined
def forward(op, arrays, when):
    x, y, z = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    size, n = op.weights, op.n_out
    bias = arrays.params[op.b : op.b + op.n_out] if op.b >= 0 else arrays.params[:0]
    image, out = image_size(op), op.repeat * n
    w = arrays.params[op.w : op.w + size]
    for i in range(when.n_rows):
        part = y[i * out : (i + 1) * out]
        convolve(op, n, x[i * image : (i + 1) * image], w, bias, 0, part)
        activate_rows(arrays.kernels, op, part, z[i * out : (i + 1) * out])


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
        image_gradient(op, op.n_out, dz, arrays.params[op.w : op.w + op.weights], dx, when.n_rows)


@small_kernel
def sizes(op):
    """The geometry, as a tuple that can be taken apart."""
    g = op.geometry
    return g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13]


@small_kernel
def image_size(op):
    return op.geometry[0] * op.geometry[1] * op.geometry[2]


@small_kernel
def place(out, tap, stride, dilation, before):
    """Where a tap of a window reads along one axis; outside of the image below 0 or beyond its length."""
    return out * stride + tap * dilation - before


@kernel
def convolve(op, n, x, w, bias, adds, z):
    """All windows of one image, by ``n`` filters; with ``adds`` their sums go on from what is in ``z``."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, groups = sizes(op)
    few, many = c // groups, n // groups
    for oy in range(oh):
        for ox in range(ow):
            at = (oy * ow + ox) * n
            if not adds:
                for j in range(n):
                    z[at + j] = bias[j] if bias.shape[0] else x.dtype.type(0)
            for ky in range(kh):
                y = place(oy, ky, sh, dh, top)
                if y < 0 or y >= h:
                    continue
                for kx in range(kw):
                    across = place(ox, kx, sw, dw, left)
                    if across < 0 or across >= wide:
                        continue
                    source, first = (y * wide + across) * c, (ky * kw + kx) * few * n
                    for channel in range(c):
                        number, group = x[source + channel], channel // few
                        row, to = first + (channel - group * few) * n + group * many, at + group * many
                        for j in range(many):
                            z[to + j] += number * w[row + j]


@kernel
def image_gradient(op, n, dz, w, dx, n_rows):
    """Adds to ``dx`` what every window hands back."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, groups = sizes(op)
    few, many = c // groups, n // groups
    for i in range(n_rows):
        for oy in range(oh):
            for ox in range(ow):
                at = ((i * oh + oy) * ow + ox) * n
                for ky in range(kh):
                    y = place(oy, ky, sh, dh, top)
                    if y < 0 or y >= h:
                        continue
                    for kx in range(kw):
                        across = place(ox, kx, sw, dw, left)
                        if across < 0 or across >= wide:
                            continue
                        source, first = ((i * h + y) * wide + across) * c, (ky * kw + kx) * few * n
                        for channel in range(c):
                            group = channel // few
                            row, to = first + (channel - group * few) * n + group * many, at + group * many
                            total = dz.dtype.type(0)
                            for j in range(many):
                                total += dz[to + j] * w[row + j]
                            dx[source + channel] += total


@kernel
def add_kernel_gradient(op, n, x, dz, sums):
    """Adds one image's part of dw."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw, groups = sizes(op)
    few, many = c // groups, n // groups
    for ky in range(kh):
        for oy in range(oh):
            y = place(oy, ky, sh, dh, top)
            if y < 0 or y >= h:
                continue
            for kx in range(kw):
                for ox in range(ow):
                    across = place(ox, kx, sw, dw, left)
                    if across < 0 or across >= wide:
                        continue
                    source, first, at = (y * wide + across) * c, (ky * kw + kx) * few * n, (oy * ow + ox) * n
                    for channel in range(c):
                        number, group = x[source + channel], channel // few
                        row, to = first + (channel - group * few) * n + group * many, at + group * many
                        for j in range(many):
                            sums[row + j] += number * dz[to + j]


@inlined
def kernel_gradient(op, n, arrays, x, dz, when):
    """dw, a shard of samples at a time, each summed in ``spare`` before it is added."""
    image, out, size = image_size(op), op.geometry[3] * op.geometry[4] * n, op.weights
    dw = arrays.grads[op.dw : op.dw + size]
    if not (when.accumulate or op.adds_params):
        dw[:] = 0
    for first in range(0, when.n_rows, SHARD):
        sums = arrays.spare[:size]
        sums[:] = 0
        for i in range(first, min(first + SHARD, when.n_rows)):
            add_kernel_gradient(op, n, x[i * image : (i + 1) * image], dz[i * out : (i + 1) * out], sums)
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
