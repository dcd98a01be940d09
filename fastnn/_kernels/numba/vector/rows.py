"""Rows of data for a block, compiled: copied by their indices, or written out dense when they are sparse.

``data`` is ``jit_walk.Data``, whose ``starts`` are empty when x is dense.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel


@kernel
def copy(out, values):
    """``out = values``; Numba's own assignment of slices compiles its error message too, for a second."""
    for i in range(out.shape[0]):
        out[i] = values[i]


@kernel
def gather(given, order, width, out):
    """Rows of ``given`` by their indices, to the front of ``out``; an empty ``given`` leaves ``out`` empty."""
    if given.shape[0]:
        for i in range(order.shape[0]):
            copy(out[i * width : (i + 1) * width], given[order[i] * width : (order[i] + 1) * width])
        return out[: order.shape[0] * width]
    return out[:0]


@kernel
def scatter(data, first, row, width, out):
    """Write sparse row ``row`` to the place of row ``first`` in ``out``."""
    to = out[first * width : (first + 1) * width]
    to[:] = 0
    for j in range(data.starts[row], data.starts[row + 1]):
        to[data.columns[j]] += data.values[j]


@inlined
def take_rows(data, order, width, out):
    """Rows of x by their indices, dense, to the front of ``out``."""
    if data.starts.shape[0]:
        for i in range(order.shape[0]):
            scatter(data, i, np.int64(order[i]), width, out)
        return out[: order.shape[0] * width]
    return gather(data.x, order, width, out)


@inlined
def rows_between(data, first, last, width, room):
    """Rows ``first`` to ``last`` of x, dense: where they are, or written into ``room``."""
    if data.starts.shape[0]:
        for i in range(last - first):
            scatter(data, i, first + i, width, room)
        return room[: (last - first) * width]
    return data.x[first * width : last * width]


@inlined
def new_room(tables, memory, data):
    """Room to write out a block of sparse rows for a prediction, whose workspace has none."""
    header = tables.header[()]
    return np.empty(header.block_rows * header.n_input if data.starts.shape[0] else 0, memory.params.dtype)
