"""Images read at places of a map that is drawn for each sample; see ``_ops/warp.py``, whose formulas are compiled here.

Whatever computes or adds is compiled without contraction, because the bits are those of all backends.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import exact_kernel, exact_small_kernel, inlined
from fastnn._kernels.numba.formulas import compiled
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.random import philox
from fastnn._kernels.numba.vector.turns import sine_cosine
from fastnn._ops import warp

KEPT, NOTHING, VALUE, CONSTANT = warp.KEPT, warp.NOTHING, warp.VALUE, warp.CONSTANT
drawn_map = compiled(warp.drawn_map, exact_small_kernel, sine_cosine=sine_cosine)
inside, uniform = (compiled(formula, exact_small_kernel) for formula in (warp.inside, warp.uniform))
HALF, LOW = np.uint64(16), np.uint64(0xFFFF)


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    kept = room(op, arrays, when.n_rows)
    keep(kept, when.training != 0 and op.rate > 0, op.seed, op.stream, when.step, when.first_row)
    image, out = op.geometry[0] * op.geometry[1] * op.geometry[2], op.repeat * op.n_out
    for i in range(when.n_rows):
        push(op, kept[KEPT * i : KEPT * (i + 1)], x[i * image : (i + 1) * image], y[i * out : (i + 1) * out])


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        if not adds(op, arrays, 0):
            dx[:] = 0
        dy, kept = output_gradient(op, arrays, when.n_rows), room(op, arrays, when.n_rows)
        image, out = op.geometry[0] * op.geometry[1] * op.geometry[2], op.repeat * op.n_out
        for i in range(when.n_rows):
            pull(op, kept[KEPT * i : KEPT * (i + 1)], dy[i * out : (i + 1) * out], dx[i * image : (i + 1) * image])


@inlined
def room(op, arrays, n_rows):
    """What is kept of each sample's draws; nothing in plans for prediction."""
    return arrays.workspace[max(op.room, 0) : max(op.room, 0) + (KEPT * n_rows if op.room >= 0 else 0)]


@exact_kernel
def keep(kept, draws, seed, stream, step, first):
    """Keep the halves of two words of each sample."""
    for i in range(kept.shape[0] // KEPT):
        kept[KEPT * i] = NOTHING
        if draws:
            words = philox(seed, first + i, stream + 1, step)
            for k in range(2):
                kept[KEPT * i + 2 * k], kept[KEPT * i + 2 * k + 1] = words[k] >> HALF, words[k] & LOW


@exact_small_kernel
def is_drawn(kept):
    return kept.shape[0] > 0 and kept[0] >= 0


@exact_kernel
def place_map(op, kept):
    """The map of a sample: as it was drawn, or that of the middle."""
    g = op.geometry
    if not is_drawn(kept):
        return 1.0, 0.0, float((g[0] - g[3]) // 2), 0.0, 1.0, float((g[1] - g[4]) // 2)
    u, v = uniform(np.float64(kept[0]), np.float64(kept[1])), uniform(np.float64(kept[2]), np.float64(kept[3]))
    return drawn_map(g, op.numbers, u, v)


@exact_small_kernel
def beside(place, bilinear):
    """The whole place before one along an axis, and how far behind it that lies."""
    before = np.floor(place) if bilinear else np.rint(place)
    return np.int64(before), place - before


@exact_small_kernel
def index(g, row, column):
    """Where a place of the image stands, -1 for one outside that has no number."""
    if g[6] == CONSTANT and (row < 0 or row >= g[0] or column < 0 or column >= g[1]):
        return -1
    return (inside(row, g[0], g[6]) * g[1] + inside(column, g[1], g[6])) * g[2]


@exact_small_kernel
def share(down, across, k):
    """The weight of the k-th of four places, row by row."""
    of_row = down if k >= 2 else 1.0 - down
    return of_row * (across if k % 2 else 1.0 - across)


@exact_kernel
def push(op, kept, x, y):
    """One sample's output."""
    g, (yy, yx, y0, xy, xx, x0) = op.geometry, place_map(op, kept)
    bilinear = is_drawn(kept) and g[7] != 0
    fill = y.dtype.type(op.numbers[VALUE])
    for i in range(g[3]):
        for j in range(g[4]):
            row, down = beside((yy * i + yx * j) + y0, bilinear)
            column, across = beside((xy * i + xx * j) + x0, bilinear)
            to = (i * g[4] + j) * g[2]
            for k in range(4 if bilinear else 1):
                at, weight = index(g, row + k // 2, column + k % 2), y.dtype.type(share(down, across, k))
                for channel in range(g[2]):
                    number = x[at + channel] if at >= 0 else fill
                    part = weight * number if bilinear else number
                    y[to + channel] = part if k == 0 else y[to + channel] + part


@exact_kernel
def pull(op, kept, dy, dx):
    """Adds one sample's gradient, in the order of the output."""
    g, (yy, yx, y0, xy, xx, x0) = op.geometry, place_map(op, kept)
    bilinear = is_drawn(kept) and g[7] != 0
    for i in range(g[3]):
        for j in range(g[4]):
            row, down = beside((yy * i + yx * j) + y0, bilinear)
            column, across = beside((xy * i + xx * j) + x0, bilinear)
            come = (i * g[4] + j) * g[2]
            for k in range(4 if bilinear else 1):
                at, weight = index(g, row + k // 2, column + k % 2), dx.dtype.type(share(down, across, k))
                for channel in range(g[2] if at >= 0 else 0):
                    slope = dy[come + channel]
                    dx[at + channel] += weight * slope if bilinear else slope
