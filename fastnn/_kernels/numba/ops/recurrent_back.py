"""The way back through the steps of a sequence, for all recurrent kinds, a shard of samples at a time.

What the gates hand back stands in the order of ``x``, ``(samples, steps, columns)``: the gradients of the parameters
and of ``x`` are then one product each over all steps.

A cell's ``step_back(op, arrays, block, back, shard, t)`` makes of the gradients of the states after a step, in
``back.dstates``, those of its gates (``dz``, and ``ds`` of the state's part), of what it reads of the state (``dread``)
and, in their place, of the states before it, without what comes by ``dread``; of masked samples zeros and the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.activation import LINEAR
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient
from fastnn._kernels.numba.ops.recurrent import (
    GATE,
    SEQUENCES,
    STARTED,
    STATES,
    VARIANT,
    WRITES_BACK,
    ZEROS,
    block_of,
    counts,
    place_read,
    recurrent_kernel,
    state_before,
)
from fastnn._kernels.numba.table import activation_gradient, product
from fastnn._kernels.numba.vector.products import add_rows, transpose
from fastnn._kernels.numba.vector.rows import copy
from fastnn._ops.recurrent import SHARD


class Back(NamedTuple):
    """Arrays of the way back, for one shard."""

    columns: int
    wt: np.ndarray  # the kernels, transposed
    ut: np.ndarray
    dz: np.ndarray  # (samples, steps, columns)
    ds: np.ndarray  # likewise
    reads: np.ndarray  # (samples, steps, units)
    dstates: np.ndarray  # (states, SHARD, units)
    carried: np.ndarray  # (SHARD, units): gradient of an output that was repeated
    dread: np.ndarray  # (SHARD, units)


class Shard(NamedTuple):
    """Some samples of the block."""

    first: int
    rows: int


@inlined
def new_back(op, arrays, block, columns, has_two_parts):
    """Room for a shard; ``ds`` is ``dz`` where a cell's parts of the gates are added."""
    n, rows, dtype = op.n_out, min(SHARD, block.rows) * op.repeat, arrays.params.dtype
    wt, ut = np.empty(columns * op.n_in, dtype), np.empty(columns * n, dtype)
    transpose(arrays.params[op.w : op.w + op.n_in * columns], wt, op.n_in, columns)
    transpose(recurrent_kernel(op, arrays, columns), ut, n, columns)
    dz = np.empty(rows * columns, dtype)
    ds = np.empty(rows * columns, dtype) if has_two_parts else dz
    reads, states = np.empty(rows * n, dtype), np.empty(block.n_states * SHARD * n, dtype)
    return Back(columns, wt, ut, dz, ds, reads, states, np.empty(SHARD * n, dtype), np.empty(SHARD * n, dtype))


@kernel
def recurrent_gradient(op, arrays, block, back, shard):
    """Add a shard's part of the gradient of the recurrent kernel."""
    n, rows = op.n_out, shard.rows * op.repeat
    add_product(arrays, op.dmore[0], back.reads[: rows * n], n, back.ds, back.columns)


def backward_of(cell, step_back, recurrent_gradient=recurrent_gradient, has_two_parts=False):
    """The kernel of a kind."""
    sizes = n_gates, _, _ = cell.n_gates, cell.n_kept, cell.n_states

    @inlined
    def backward(op, arrays, when):
        block = block_of(op, arrays, when.n_rows, sizes, 0)
        back = new_back(op, arrays, block, n_gates * op.n_out, has_two_parts)
        dy = output_gradient(op, arrays, when.n_rows)
        if not (when.accumulate or op.adds_params):
            begin_with_zeros(op, arrays, back.columns)
        for first in range(0, when.n_rows, SHARD):
            shard = Shard(first, min(SHARD, when.n_rows - first))
            begin(op, block, back, shard, dy)
            for t in range(op.repeat - 1, -1, -1):
                take_output(op, block, back, shard, t, dy)
                keep_read(op, arrays, block, back, shard, t)
                step_back(op, arrays, block, back, shard, t)
                add_read(op, block, back, shard)
            if op.dmore[0] >= 0:
                recurrent_gradient(op, arrays, block, back, shard)
            hand_on_shard(op, arrays, block, back, shard)

    return backward


@kernel
def begin_with_zeros(op, arrays, columns):
    if op.dw >= 0:
        arrays.grads[op.dw : op.dw + op.n_in * columns] = 0
    if op.db >= 0:
        arrays.grads[op.db : op.db + n_biases(op) * columns] = 0
    if op.dmore[0] >= 0:
        arrays.grads[op.dmore[0] : op.dmore[0] + op.n_out * columns] = 0


@small_kernel
def n_biases(op):
    return 2 if op.geometry[VARIANT] else 1


@kernel
def begin(op, block, back, shard, dy):
    """The gradients of the last states."""
    n, size = op.n_out, dy.shape[0] // block.rows
    back.carried[:] = 0
    back.dstates[:] = 0
    if op.geometry[STATES]:
        for k in range(block.n_states):
            for i in range(shard.rows):
                at = (shard.first + i) * size + size - (block.n_states - k) * n
                copy(state_gradient(op, back, k, i), dy[at : at + n])


@small_kernel
def state_gradient(op, back, k, i):
    """Of the i-th sample of the shard."""
    n = op.n_out
    return back.dstates[(k * SHARD + i) * n : (k * SHARD + i + 1) * n]


@kernel
def take_output(op, block, back, shard, t, dy):
    """Add the gradient of a step's output to the state's; where it was repeated, the step before has it."""
    n, size, all_steps = op.n_out, dy.shape[0] // block.rows, op.geometry[SEQUENCES]
    masked, has_output = block.mask.shape[0] > 0, all_steps or t == op.repeat - 1
    place = (op.repeat - 1 - t if op.geometry[WRITES_BACK] else t) * n if all_steps else 0
    for i in range(shard.rows):
        dh, carried = state_gradient(op, back, 0, i), back.carried[i * n : (i + 1) * n]
        if has_output:
            at = (shard.first + i) * size + place
            add_rows(carried if masked else dh, dy[at : at + n], np.int64(1), n)
        if masked and counts(op, block, t, shard.first + i):
            add_rows(dh, carried, np.int64(1), n)
        if masked and (op.geometry[ZEROS] or counts(op, block, t, shard.first + i)):
            carried[:] = 0


@small_kernel
def place_in(op, shard_row, t):
    """Row of the shard's arrays that belongs to a step of a sample."""
    return shard_row * op.repeat + place_read(op, t)


@kernel
def keep_read(op, arrays, block, back, shard, t):
    """What the step read of the state before it, for the product over all steps."""
    n, before = op.n_out, state_before(op, arrays, block, t, 0)
    for i in range(shard.rows):
        at, to = (shard.first + i) * n, place_in(op, i, t) * n
        if block.factors.shape[0]:
            for j in range(n):
                back.reads[to + j] = before[at + j] * block.factors[at + j]
        else:
            copy(back.reads[to : to + n], before[at : at + n])


@kernel
def read_back(op, arrays, back, shard, t, columns):
    """``dread = ds @ u.T`` over the first ``columns``."""
    n, many = op.n_out, back.columns
    ds = back.ds[place_in(op, 0, t) * many :]
    nothing = back.dread[:0]
    product(arrays.kernels, 0, (nothing, ds, op.repeat * many, 1, back.ut, back.dread, shard.rows, columns, n))


@kernel
def add_read(op, block, back, shard):
    """What comes by what was read, to the state's gradient."""
    n, first = op.n_out, shard.first * op.n_out
    for i in range(shard.rows * n):
        back.dstates[i] += back.dread[i] * block.factors[first + i] if block.factors.shape[0] else back.dread[i]


@inlined
def cell_gradient(op, arrays, z, y, d):
    """``d`` back through the cell's activation, which made ``y`` of ``z``."""
    if op.activation != LINEAR:
        activation_gradient(arrays.kernels, op.activation, (z, y, d, op.n_out, op.parameter))


@inlined
def gate_gradient(op, arrays, z, y, d):
    if op.geometry[GATE] != LINEAR:
        activation_gradient(arrays.kernels, op.geometry[GATE], (z, y, d, op.n_out, op.numbers[0]))


@kernel
def add_product(arrays, at, a, n_a, b, n_b):
    """Add ``a.T @ b``, summed in ``spare``, to the gradient that stands there."""
    sums = arrays.spare[: n_a * n_b]
    product(arrays.kernels, 0, (sums[:0], a, 1, n_a, b, sums, n_a, a.shape[0] // n_a, n_b))
    add_rows(arrays.grads[at : at + n_a * n_b], sums, np.int64(1), n_a * n_b)


@kernel
def add_sums(arrays, at, a, rows, n):
    sums = arrays.spare[:n]
    sums[:] = 0
    add_rows(sums, a, rows, n)
    add_rows(arrays.grads[at : at + n], sums, np.int64(1), n)


@kernel
def hand_on_shard(op, arrays, block, back, shard):
    """The gradients of kernel, bias, input and first states."""
    columns, rows, n_in = back.columns, shard.rows * op.repeat, op.n_in
    first, last = shard.first * op.repeat * n_in, (shard.first * op.repeat + rows) * n_in
    if op.dw >= 0:
        add_product(arrays, op.dw, block.x[first:last], n_in, back.dz, columns)
    if op.db >= 0:
        add_sums(arrays, op.db, back.dz, rows, columns)
        if op.geometry[VARIANT]:
            add_sums(arrays, op.db + columns, back.ds, rows, columns)
    dx = input_gradient(op, arrays, 0, block.rows)
    if dx.shape[0]:
        part = dx[first:last]
        start = part if adds(op, arrays, 0) else part[:0]
        product(arrays.kernels, 0, (start, back.dz, columns, 1, back.wt, part, rows, columns, n_in))
    if op.geometry[STARTED]:
        for k in range(block.n_states):
            hand_on_start(op, arrays, block, back, shard, k)


@kernel
def hand_on_start(op, arrays, block, back, shard, k):
    """The gradient of a state before the first step."""
    i, n = op.n_inputs - block.n_states + k, op.n_out
    whole, size = input_gradient(op, arrays, i, block.rows), shard.rows * n
    if whole.shape[0]:
        out, given = whole[shard.first * n : shard.first * n + size], back.dstates[k * SHARD * n :]
        if adds(op, arrays, i):
            add_rows(out, given, np.int64(1), size)
        else:
            copy(out, given)
