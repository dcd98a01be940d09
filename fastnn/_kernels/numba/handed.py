"""What compiled functions are handed: the tables of a plan, its memory, rows, and room for a block of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.int8 import room_numbers
from fastnn._kernels.numba.vector.rows import lie_as_rows
from fastnn._kernels.numba.windows import room_of_part, window_size
from fastnn._ops import (
    attention,
    batch_norm,
    conv,
    conv_int8,
    conv_transpose,
    dense_int8,
    gru,
    layer_norm,
    lstm,
    simple_rnn,
)

# Convolutions, layers and sequences always sum their gradients in shards, and batches have factors.
WITH_SUMS = tuple(kind.OP.code for kind in (conv, conv_transpose, batch_norm, layer_norm, simple_rnn, lstm, gru))
WITH_WINDOWS = conv.OP.code, conv_transpose.OP.code
ATTENTION, DENSE_INT8, CONV_INT8 = attention.OP.code, dense_int8.OP.code, conv_int8.OP.code


class Tables(NamedTuple):
    """The plan, as ``records.py`` lays it out."""

    values: np.ndarray
    edges: np.ndarray
    ops: np.ndarray
    header: np.ndarray
    losses: np.ndarray
    optimizer: np.ndarray
    metrics: np.ndarray
    segments: np.ndarray
    spans: np.ndarray
    kernels: np.ndarray  # addresses, see table.py


class Memory(NamedTuple):
    """The vectors that kernels work in."""

    params: np.ndarray
    slots: np.ndarray
    states: np.ndarray
    grads: np.ndarray
    workspace: np.ndarray


class Data(NamedTuple):
    """Rows: SOURCE records of the inputs and ANSWER records of the outputs."""

    sources: np.ndarray
    answers: np.ndarray


class Room(NamedTuple):
    """Room for what a block gathers: addresses of its inputs, targets and weights of one output, a gradient."""

    inputs: np.ndarray
    target: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    spare: np.ndarray


@inlined
def new_row_room(tables, memory, data, predicts):
    """Room to write out a block of sparse rows or windows for a prediction, whose workspace has none."""
    size = 0
    for i in range(data.sources.shape[0]):
        if predicts and not lie_as_rows(data.sources[i]):
            size += tables.header[()].block_rows * tables.values[i].size
    return np.empty(size, memory.params.dtype)


@inlined
def attention_spare(op):
    """Numbers that a head wants: its keys or values transposed, two matrices, and twice the scores."""
    queries, keys, wide = op.geometry[1], op.geometry[2], max(op.geometry[3], op.geometry[4])
    return wide * (keys + 2 * max(queries, keys)) + 2 * queries * keys


@inlined
def new_room(tables, memory, gathers, accumulate):
    """Room for a block of rows; and where gradients of several blocks or ops are added, for the largest."""
    header, numbers, labels, spare = tables.header[()], 0, 0, 0
    for record in tables.losses:
        if not gathers:
            break
        numbers = max(numbers, 0 if record.sparse else record.repeat * record.n_out)
        labels = max(labels, record.repeat if record.sparse else 0)
    for op in tables.ops:
        if accumulate or header.shares_params or op.kind in WITH_SUMS or op.bfloat16:
            spare = max(spare, op.weights, op.n_out)
        if op.kind in WITH_WINDOWS:  # behind a kernel's sums or its transpose
            spare = max(spare, op.weights + room_of_part(op))
        if op.kind == ATTENTION:
            spare = max(spare, attention_spare(op))
        if op.kind == DENSE_INT8:
            spare = max(spare, room_numbers(op.n_in))
        if op.kind == CONV_INT8:
            spare = max(spare, room_numbers(window_size(op)))
    rows, dtype = header.block_rows, memory.params.dtype
    return Room(
        np.empty(header.n_inputs, np.int64),
        np.empty(rows * numbers, dtype),
        np.empty(rows * labels, np.int32),
        np.empty(rows if gathers else 0, dtype),
        np.empty(spare, dtype),
    )
