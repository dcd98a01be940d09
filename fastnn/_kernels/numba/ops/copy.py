"""Numbers moved and nothing computed; see ``_ops/copy.py``, which explains the geometry."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written

TOP, BOTTOM, LEFT, RIGHT, START = range(10, 15)  # in the geometry


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    size, out = x.shape[0] // when.n_rows, op.repeat * op.n_out
    for i in range(when.n_rows):
        spread(op, x[i * size : (i + 1) * size], y[i * out : (i + 1) * out])


@inlined
def backward(op, arrays, when):
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        if not adds(op, arrays, 0):
            dx[:] = 0
        dy = output_gradient(op, arrays, when.n_rows)
        size, out = dx.shape[0] // when.n_rows, op.repeat * op.n_out
        for i in range(when.n_rows):
            collect(op, dy[i * out : (i + 1) * out], dx[i * size : (i + 1) * size])


@small_kernel
def line_start(g, i, line):
    """Where in the input the line of the i-th plane begins, less its strides on the last axis."""
    last, rest = i % g[2], i // g[2]
    return g[START] + rest // g[1] * g[5] + rest % g[1] * g[6] + last * g[7] + (line - g[TOP]) * g[8]


@kernel
def spread(op, x, y):
    """One sample's output."""
    g = op.geometry
    y[:] = 0
    for i in range(g[0] * g[1] * g[2]):
        for line in range(g[TOP], g[BOTTOM]):
            at, to = line_start(g, i, line), (i * g[3] + line) * g[4]
            for j in range(g[LEFT], g[RIGHT]):
                y[to + j] = x[at + (j - g[LEFT]) * g[9]]


@kernel
def collect(op, dy, dx):
    """Adds one sample's gradient, in the order of the output."""
    g = op.geometry
    for i in range(g[0] * g[1] * g[2]):
        for line in range(g[TOP], g[BOTTOM]):
            to, at = line_start(g, i, line), (i * g[3] + line) * g[4]
            for j in range(g[LEFT], g[RIGHT]):
                dx[to + (j - g[LEFT]) * g[9]] += dy[at + j]
