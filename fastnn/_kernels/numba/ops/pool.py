"""The largest number, or the mean, of every window of an image, and its way back; see ``_ops/pool.py``.

The geometry is h w c oh ow kh kw sh sw top left, two ones and whether means are taken. Loops run over taps inside the
image alone, the innermost one over the channels, which stand side by side.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written

AVERAGE = 13


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    image, out = op.geometry[0] * op.geometry[1] * op.geometry[2], op.repeat * op.n_out
    for i in range(when.n_rows):
        pool(op, x[i * image : (i + 1) * image], y[i * out : (i + 1) * out])


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        if not adds(op, arrays, 0):
            dx[:] = 0
        x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
        dy = output_gradient(op, arrays, when.n_rows)
        image, out = op.geometry[0] * op.geometry[1] * op.geometry[2], op.repeat * op.n_out
        for i in range(when.n_rows):
            to, own = slice(i * image, (i + 1) * image), slice(i * out, (i + 1) * out)
            hand_back(op, x[to], y[own], dy[own], dx[to])


@small_kernel
def inside(out, stride, before, length, taps):
    """Where a window begins in the image along one axis, and where it ends."""
    first = out * stride - before
    return max(first, 0), min(first + taps, length)


@kernel
def pool(op, x, y):
    """All windows of one image."""
    g, c = op.geometry, op.geometry[2]
    for oy in range(g[3]):
        first_line, last_line = inside(oy, g[7], g[9], g[0], g[5])
        for ox in range(g[4]):
            first, last = inside(ox, g[8], g[10], g[1], g[6])
            out = y[(oy * g[4] + ox) * c : (oy * g[4] + ox + 1) * c]
            start = (first_line * g[1] + first) * c
            for j in range(c):
                out[j] = x.dtype.type(0) if g[AVERAGE] else x[start + j]
            for line in range(first_line, last_line):
                for across in range(first, last):
                    take(g[AVERAGE], x[(line * g[1] + across) * c :], out)
            if g[AVERAGE]:
                divide(out, (last_line - first_line) * (last - first))


@kernel
def take(average, x, out):
    """The numbers of a tap, all channels of it, join those of the taps before."""
    for j in range(out.shape[0]):
        number, before = x[j], out[j]
        larger = number > before or number != number
        out[j] = before + number if average else (number if larger else before)


@small_kernel
def divide(numbers, count):
    for j in range(numbers.shape[0]):
        numbers[j] /= numbers.dtype.type(count)


@kernel
def hand_back(op, x, y, dy, dx):
    """Adds to one image's ``dx`` what every window hands back; of a maximum, ``dy`` becomes what no tap has taken."""
    g, c = op.geometry, op.geometry[2]
    for oy in range(g[3]):
        first_line, last_line = inside(oy, g[7], g[9], g[0], g[5])
        for ox in range(g[4]):
            first, last = inside(ox, g[8], g[10], g[1], g[6])
            at = (oy * g[4] + ox) * c
            left, top = dy[at : at + c], y[at : at + c]
            if g[AVERAGE]:
                divide(left, (last_line - first_line) * (last - first))
            for line in range(first_line, last_line):
                for across in range(first, last):
                    to = (line * g[1] + across) * c
                    give(g[AVERAGE], x[to : to + c], top, left, dx[to : to + c])


@kernel
def give(average, x, top, left, dx):
    """One tap's part of the gradient: all channels of it."""
    for j in range(dx.shape[0]):
        takes = x[j] == top[j] or x[j] != x[j]
        if average:
            dx[j] += left[j]
        elif takes:
            dx[j] += left[j]
            left[j] = 0
