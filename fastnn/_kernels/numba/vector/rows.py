"""Rows of data for a block, compiled: copied by their indices, or written out dense when they are sparse.

A ``source`` is a SOURCE record: windows have a ``pitch``, sparse rows ``starts`` and none, dense rows neither.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.vector.addresses import at_address

STARTS, COLUMNS = np.empty(0, np.int64), np.empty(0, np.int32)


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
def scatter(source, row, width, out):
    """Write a sparse row out, dense."""
    starts = at_address(source.starts, row + 2, STARTS)
    first, last = starts[row], starts[row + 1]
    columns, values = at_address(source.columns, last, COLUMNS), at_address(source.values, last, out)
    out[:] = 0
    for j in range(first, last):
        out[columns[j]] += values[j]


@inlined
def lie_as_rows(source):
    """Whether rows are dense and lie one behind the other, so that kernels read them where they are."""
    return source.starts == 0 and source.pitch == 0


@kernel
def write_row(source, row, width, out):
    """Write a row of an input out, dense."""
    if source.starts and not source.pitch:
        scatter(source, row, width, out)
        return
    begin = at_address(source.starts, row + 1, STARTS)[row] if source.starts else row
    pitch = source.pitch if source.pitch else width
    copy(out, at_address(source.x + begin * pitch * out.itemsize, width, out))


@inlined
def take_rows(source, order, width, out):
    """Rows of an input by their indices, dense, to the front of ``out``."""
    for i in range(order.shape[0]):
        write_row(source, np.int64(order[i]), width, out[i * width : (i + 1) * width])


@inlined
def rows_of_source(source, first, last, width, room):
    """Address of rows ``first`` to ``last`` of an input, dense: where they are, or written into ``room``."""
    if lie_as_rows(source):
        return np.int64(source.x + first * width * room.itemsize)
    for i in range(last - first):
        write_row(source, first + i, width, room[i * width : (i + 1) * width])
    return np.int64(room.ctypes.data)
