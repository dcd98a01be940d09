"""What the kernels of recurrent kinds share: the walk over the steps of a block; see ``_ops/recurrent.py``.

What is kept of a step stands together, ``(samples, units)`` for each state and ``(samples, columns)`` for the gates, so
that a step's products go over all samples. A prediction keeps two steps, the last one and that at hand. The way back
(``recurrent_back.py``) takes a shard of samples at a time.

A cell's ``step(op, arrays, block, t)`` makes the states of a step from those before it, for all samples. With
``keeps_z`` the gates as they are before their activations, ``(samples, columns)``, stand behind the states.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.activation import LINEAR
from fastnn._kernels.numba.ops.arrays import read, written
from fastnn._kernels.numba.table import activate, product
from fastnn._kernels.numba.vector.random import dropout_factors
from fastnn._kernels.numba.vector.rows import copy
from fastnn._ops.recurrent import GEOMETRY

READS_BACK, WRITES_BACK, SEQUENCES, STATES, MASKED, ZEROS, STARTED, GATE, VARIANT, KEEPS_Z = range(len(GEOMETRY))


class Block(NamedTuple):
    """The arrays of one op for a block of samples."""

    rows: int  # samples
    n_kept: int
    n_states: int
    held_each: int  # numbers of a step that are kept
    x: np.ndarray
    mask: np.ndarray  # empty without one
    room: np.ndarray  # what is kept of the steps
    held: int  # steps that it has room for
    factors: np.ndarray  # of what is read of the state, empty for ones
    scratch: np.ndarray  # (5, samples, units): zeros, what is read of the state, and three for the cell; a kernel


@inlined
def block_of(op, arrays, n_rows, sizes, n_laid_out):
    n_gates, n_kept, n_states = sizes
    size = n_rows * op.n_out
    held, kept = (op.repeat if op.room >= 0 else 2), (n_kept + n_states + op.geometry[KEEPS_Z] * n_gates) * size
    room, factors = arrays.workspace[:0], arrays.workspace[:0]
    if op.room >= 0:
        room = arrays.workspace[op.room : op.room + held * kept]
        if op.rate > 0:
            factors = arrays.workspace[op.room + held * kept : op.room + held * kept + size]
    else:
        room = np.empty(held * kept, arrays.workspace.dtype)
    mask = read(op, arrays, 1, n_rows) if op.geometry[MASKED] else arrays.workspace[:0]
    scratch = np.empty(5 * size + n_laid_out * op.n_out * op.n_out, arrays.workspace.dtype)
    scratch[:size] = 0
    return Block(n_rows, n_kept, n_states, kept, read(op, arrays, 0, n_rows), mask, room, held, factors, scratch)


def forward_of(cell, step, n_laid_out=0):
    """The kernel of a kind, which may lay out so many times ``units`` columns of the recurrent kernel anew."""
    sizes = cell.n_gates, cell.n_kept, cell.n_states

    @inlined
    def forward(op, arrays, when):
        block, y = block_of(op, arrays, when.n_rows, sizes, n_laid_out), written(op, arrays, when.n_rows)
        draw_factors(op, block.factors, when)
        for t in range(op.repeat):
            step(op, arrays, block, t)
            keep_masked(op, arrays, block, t)
            write_step(op, block, t, y)
        write_states(op, block, y)

    return forward


@kernel
def draw_factors(op, factors, when):
    if when.training:
        dropout_factors(factors, op.seed, op.stream, when.step, op.rate, when.first_row * op.n_out)
    else:
        factors[:] = 1


@small_kernel
def kept_of(op, block, t, i):
    """Of what is kept of a step, all from the i-th array on."""
    return block.room[(t % block.held) * block.held_each + i * block.rows * op.n_out :]


@small_kernel
def z_of(op, block, t, gates):
    """The gates of a step before their activations; where those are not kept, ``gates`` themselves, which will do."""
    return kept_of(op, block, t, block.n_kept + block.n_states) if op.geometry[KEEPS_Z] else gates


@kernel
def keep_z(op, block, t, at, part):
    """Keep a part of the gates, from there on, that no activation has changed yet, where there is room for them."""
    if op.geometry[KEEPS_Z]:
        copy(kept_of(op, block, t, block.n_kept + block.n_states)[at : at + part.shape[0]], part)


@small_kernel
def state_before(op, arrays, block, t, k):
    """The k-th state before a step, ``(samples, units)``."""
    if t:
        return kept_of(op, block, t - 1, block.n_kept + k)
    if op.geometry[STARTED]:
        return read(op, arrays, op.n_inputs - block.n_states + k, block.rows)
    return block.scratch


@small_kernel
def read_of(op, arrays, block, t):
    """What a step reads of the state before it."""
    before = state_before(op, arrays, block, t, 0)
    if block.factors.shape[0] == 0:
        return before
    size = block.rows * op.n_out
    out = block.scratch[size : 2 * size]
    for i in range(size):
        out[i] = before[i] * block.factors[i]
    return out


@small_kernel
def place_read(op, t):
    """Where in the sequence a step reads."""
    return op.repeat - 1 - t if op.geometry[READS_BACK] else t


@small_kernel
def counts(op, block, t, i):
    """Whether a step of the i-th sample is not masked."""
    return block.mask.shape[0] == 0 or block.mask[i * op.repeat + place_read(op, t)] != 0


@small_kernel
def recurrent_kernel(op, arrays, columns):
    return arrays.params[op.more[0] : op.more[0] + op.n_out * columns]


@small_kernel
def bias_of(op, arrays, columns, which):
    """The input's part's bias, or that of the state's part; empty without one."""
    return arrays.params[op.b + which * columns : op.b + (which + 1) * columns] if op.b >= 0 else arrays.params[:0]


@kernel
def input_part(op, arrays, block, t, z):
    """``z = x @ w + b`` for a step of all samples, ``(samples, columns)``."""
    columns = z.shape[0] // block.rows
    w, bias = arrays.params[op.w : op.w + op.n_in * columns], bias_of(op, arrays, columns, 0)
    x = block.x[place_read(op, t) * op.n_in :]
    product(arrays.kernels, 0, (bias, x, op.repeat * op.n_in, 1, w, z, block.rows, op.n_in, columns))


@inlined
def activated(op, arrays, y):
    if op.activation != LINEAR:
        activate(arrays.kernels, op.activation, (y, op.n_out, op.parameter))


@inlined
def gated(op, arrays, y):
    if op.geometry[GATE] != LINEAR:
        activate(arrays.kernels, op.geometry[GATE], (y, op.n_out, op.numbers[0]))


@kernel
def keep_masked(op, arrays, block, t):
    """Leave the states of samples whose step is masked as they were."""
    if block.mask.shape[0]:
        n = op.n_out
        for k in range(block.n_states):
            before, after = state_before(op, arrays, block, t, k), kept_of(op, block, t, block.n_kept + k)
            for i in range(block.rows):
                if not counts(op, block, t, i):
                    copy(after[i * n : (i + 1) * n], before[i * n : (i + 1) * n])


@kernel
def write_step(op, block, t, y):
    """A step's output: the state, or where it is masked zeros or the output before."""
    n, size, all_steps, masked = op.n_out, y.shape[0] // block.rows, op.geometry[SEQUENCES], block.mask.shape[0] > 0
    if not (all_steps or masked or t == op.repeat - 1):
        return
    back = op.geometry[WRITES_BACK]
    place = (op.repeat - 1 - t if back else t) * n if all_steps else 0
    h, last = kept_of(op, block, t, block.n_kept), place + (n if back else -n)
    for i in range(block.rows):
        out = y[i * size + place : i * size + place + n]
        if counts(op, block, t, i):
            copy(out, h[i * n : (i + 1) * n])
        elif t == 0 or op.geometry[ZEROS]:
            out[:] = 0
        elif all_steps:
            copy(out, y[i * size + last : i * size + last + n])


@kernel
def write_states(op, block, y):
    """The states after the last step, behind the outputs."""
    n, size = op.n_out, y.shape[0] // block.rows
    if op.geometry[STATES]:
        for k in range(block.n_states):
            state, place = kept_of(op, block, op.repeat - 1, block.n_kept + k), size - (block.n_states - k) * n
            for i in range(block.rows):
                copy(y[i * size + place : i * size + place + n], state[i * n : (i + 1) * n])
