"""What every op kernel is given, and how it finds its arrays: flat vectors of a block's rows.

An op kernel is ``forward(op, arrays, when)`` or ``backward(op, arrays, when)``: the op's record of the plan,
:class:`Arrays` and :class:`When`. The model's inputs come by their addresses, because their number differs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.vector.addresses import at_address
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._kernels.numba.vector.rows import copy


class Arrays(NamedTuple):
    """Vectors of the model, the plan's values and edges, and the table of kernels."""

    kernels: np.ndarray  # addresses, see table.py
    values: np.ndarray
    edges: np.ndarray
    params: np.ndarray
    grads: np.ndarray
    workspace: np.ndarray
    states: np.ndarray  # what the batch before has left
    inputs: np.ndarray  # addresses of the block's rows of each input
    spare: np.ndarray  # room for the gradient of the largest parameter, where blocks are added


class When(NamedTuple):
    """The block at hand."""

    n_rows: int | np.int64
    training: int | np.int64  # compiled, all of them are int64
    step: int | np.int64
    first_row: int | np.int64
    accumulate: int | np.int64
    dropping: float  # what the rates of dropout are multiplied by


@inlined
def value(arrays, number, n_rows):
    """The rows of a value."""
    size = n_rows * arrays.values[number].size
    if number < arrays.inputs.shape[0]:
        return at_address(arrays.inputs[number], size, arrays.workspace)
    offset = arrays.values[number].offset
    return arrays.workspace[offset : offset + size]


@inlined
def read(op, arrays, i, n_rows):
    """The rows of an op's i-th input."""
    return value(arrays, arrays.edges[op.first_edge + i].value, n_rows)


@inlined
def written(op, arrays, n_rows):
    """The rows of its output, and what stands behind them."""
    made = arrays.values[op.output]
    return arrays.workspace[made.offset : made.offset + n_rows * made.size]


@inlined
def kept(op, arrays, n_rows):
    """What it keeps for the way back; the output where it keeps nothing."""
    offset = op.z if op.z >= 0 else arrays.values[op.output].offset
    return arrays.workspace[offset : offset + n_rows * op.repeat * op.n_out]


@inlined
def output_gradient(op, arrays, n_rows):
    made = arrays.values[op.output]
    return arrays.workspace[made.grad : made.grad + n_rows * made.size]


@inlined
def input_gradient(op, arrays, i, n_rows):
    """Room of the gradient of the i-th input, empty where nobody wants it."""
    record = arrays.values[arrays.edges[op.first_edge + i].value]
    size = n_rows * record.size if record.grad >= 0 else 0
    first = max(record.grad, 0)
    return arrays.workspace[first : first + size]


@inlined
def adds(op, arrays, i):
    """Whether the i-th input's gradient has been set before."""
    return arrays.edges[op.first_edge + i].adds


@kernel
def hand_on(op, arrays, i, gradient, n_rows):
    """Set the gradient of the i-th input, or add to it."""
    dx = input_gradient(op, arrays, i, n_rows)
    if dx.shape[0] == 0:
        return
    if adds(op, arrays, i):
        add_rows(dx, gradient, np.int64(1), dx.shape[0])
    else:
        copy(dx, gradient)
