"""Rows of whole numbers times packed kernels; see ``_ops/int8.py``, which says how both are made.

Design: whole numbers of a row stand in ``spare``, as 32 bits each. Nothing of real numbers is contracted, so that the
bits are those of the other backends.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import exact_kernel, inlined
from fastnn._ops.int8 import DEEP, MOST, WIDE


@inlined
def room_of_row(spare, n):
    """Room for a row's whole numbers, and for the sums of a panel's columns."""
    return spare[: room_numbers(n)].view(np.int32)


@inlined
def room_numbers(n):
    return n + DEEP + WIDE


@exact_kernel
def whole(op, x, q):
    """The whole numbers of inputs."""
    inverse, zero = x.dtype.type(op.numbers[0]), int(op.numbers[1])
    low, high = x.dtype.type(-zero), x.dtype.type(MOST - zero)
    for i in range(x.shape[0]):
        z = x[i] * inverse
        z = x.dtype.type(0) if z != z else z
        q[i] = np.int32(np.rint(min(max(z, low), high)))


@exact_kernel
def real_row(op, params, q, n, y):
    """``y`` of a row of ``n`` whole numbers, before its activation; what is behind them in ``q`` is room."""
    row = -(-n // DEEP) * DEEP
    q[n:row] = 0
    sums = q[row : row + WIDE]
    scale, bias = params[op.more[0] : op.more[0] + op.n_out], params[op.b : op.b + op.n_out]
    for first in range(0, op.n_out, WIDE):
        w = params[op.w + first * row // params.itemsize :].view(np.int8)
        sums[:] = 0
        for k in range(0, row, 4):
            add_four(q[k : k + 4], w[k * WIDE : (k + 4) * WIDE], sums)
        for j in range(min(WIDE, op.n_out - first)):
            y[first + j] = params.dtype.type(sums[j]) * scale[first + j] + bias[first + j]


@exact_kernel
def add_four(q, w, sums):
    """Adds the products of four numbers of a row and four rows of a panel."""
    for j in range(WIDE):
        sums[j] += q[0] * w[4 * j] + q[1] * w[4 * j + 1] + q[2] * w[4 * j + 2] + q[3] * w[4 * j + 3]
