"""The largest number, or the mean, of every window of an image, and its way back; see ``_ops/pool.py``.

The geometry is that of windows, with whether means are taken in place of the groups. A tap is taken of all windows of a
line before the next one.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.runs import add_runs, give_to_largest, take_larger_runs
from fastnn._kernels.numba.windows import inside, place, sizes
from fastnn._ops.pool import MANY


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    size = sizes(op)
    if size[13] and size[5] * size[6] > MANY:
        means_of_many(op, x, y, when.n_rows)
    else:
        pool(op, x, y, when.n_rows)


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        if not adds(op, arrays, 0):
            dx[:] = 0
        x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
        hand_back(op, x, y, output_gradient(op, arrays, when.n_rows), dx, when.n_rows)


@kernel
def pool(op, x, y, n_rows):
    _, _, c, oh, ow, kh, kw, _, sw, _, _, _, _, average = sizes(op)
    y[:] = 0 if average else -np.inf
    for line in range(n_rows * oh):
        for ky in range(kh):
            for kx in range(kw):
                at, to, times = tap_of_line(op, line, ky, kx)
                if average:
                    add_runs(y, to, c, x, at, sw * c, times, c)
                else:
                    take_larger_runs(y, to, c, x, at, sw * c, times, c)
        if average:
            divide(op, line, y[line * ow * c : (line + 1) * ow * c])


@kernel
def means_of_many(op, x, y, n_rows):
    """Means of windows of many numbers, whose sums are made in float64."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, _, _, _ = sizes(op)
    sums = np.zeros(c, np.float64)
    for out in range(n_rows * oh * ow):
        line, down, across = out // ow, out // ow % oh * sh - top, out % ow * sw - left
        sums[:] = 0
        for i in range(max(down, 0), min(down + kh, h)):
            for k in range(max(across, 0), min(across + kw, wide)):
                at = ((line // oh * h + i) * wide + k) * c
                for j in range(c):
                    sums[j] += x[at + j]
        count = taps_inside(line % oh, sh, top, kh, h) * taps_inside(out % ow, sw, left, kw, wide)
        for j in range(c):
            y[out * c + j] = sums[j] / count


@kernel
def hand_back(op, x, y, dy, dx, n_rows):
    """Adds to ``dx`` what every window hands back; of a maximum, ``dy`` becomes what no tap has taken."""
    _, _, c, oh, ow, kh, kw, _, sw, _, _, _, _, average = sizes(op)
    for line in range(n_rows * oh):
        if average:
            divide(op, line, dy[line * ow * c : (line + 1) * ow * c])
        for ky in range(kh):
            for kx in range(kw):
                at, to, times = tap_of_line(op, line, ky, kx)
                if average:
                    add_runs(dx, at, sw * c, dy, to, c, times, c)
                else:
                    give_to_largest(x, dx, at, sw * c, y, dy, to, c, times, c)


@small_kernel
def tap_of_line(op, line, ky, kx):
    """Where a tap of a line of windows reads first, the number of the window that does, and how many read the image."""
    h, wide, c, oh, ow, _, _, sh, sw, top, left, _, _, _ = sizes(op)
    y, across = place(line % oh, ky, sh, 1, top), place(0, kx, sw, 1, left)
    low, high = inside(across, sw, wide - 1, ow if 0 <= y < h else 0)
    return ((line // oh * h + y) * wide + across + low * sw) * c, (line * ow + low) * c, high - low


@small_kernel
def taps_inside(out, stride, before, taps, length):
    """How many taps of a window are in the image along one axis."""
    first = out * stride - before
    return min(first + taps, length) - max(first, 0)


@kernel
def divide(op, line, numbers):
    """Numbers of the windows of a line, each by how many places of its window lie in the image."""
    h, wide, c, oh, ow, kh, kw, sh, sw, top, left, _, _, _ = sizes(op)
    lines = taps_inside(line % oh, sh, top, kh, h)
    for ox in range(ow):
        count = numbers.dtype.type(lines * taps_inside(ox, sw, left, kw, wide))
        for j in range(ox * c, (ox + 1) * c):
            numbers[j] /= count
