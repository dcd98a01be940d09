"""``y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta)`` for each column, and its way back.

Part by part as ``_ops/batch_norm.py`` says, or of rows that count alone (``batch_norm_masked.py``); ``arrays.spare``
holds what a column is multiplied by.
"""

from __future__ import annotations

import math

import numpy as np

from fastnn._kernels.numba.compile import exact_kernel, inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, kept, read, written
from fastnn._kernels.numba.ops.batch_norm_masked import (
    MASKED,
    measure_counted,
    normalize_counted_back,
    sum_counted_slopes,
)
from fastnn._ops.batch_norm import PART, VECTORS


@inlined
def forward(op, arrays, when):
    x, y, n = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), op.n_out
    if when.training and not op.inference:
        if op.geometry[MASKED]:
            measure_counted(x, read(op, arrays, 1, when.n_rows), *statistics(op, arrays, True))
        else:
            measure(op, x, vectors(op, arrays, when.n_rows), when.n_rows)
    mean, variance = statistics(op, arrays, when.training and not op.inference)
    by = arrays.spare[:n]
    factors(op, arrays.params, variance, by)
    beta = arrays.params[op.b : op.b + n] if op.b >= 0 else arrays.params[:0]
    normalize(x, mean, by, beta, y)
    activate_rows(arrays.kernels, op, y, kept(op, arrays, when.n_rows))


@inlined
def backward(op, arrays, when):
    x, dy, n = read(op, arrays, 0, when.n_rows), output_gradient_back(op, arrays, when.n_rows), op.n_out
    mean, variance = statistics(op, arrays, not op.inference)
    room = vectors(op, arrays, when.n_rows)
    if op.geometry[MASKED]:
        sum_counted_slopes(x, dy, read(op, arrays, 1, when.n_rows), mean, room[2 * n : 4 * n])
    else:
        sum_slopes(op, x, dy, mean, room, when.n_rows)
    if op.dw >= 0:
        take_factor_gradient(op, variance, room, arrays.grads[op.dw : op.dw + n], when.accumulate or op.adds_params)
    if op.db >= 0:
        take_sum(room[2 * n : 3 * n], arrays.grads[op.db : op.db + n], when.accumulate or op.adds_params)
    dx = input_gradient(op, arrays, 0, when.n_rows)
    if dx.shape[0]:
        by = arrays.spare[:n]
        factors(op, arrays.params, variance, by)
        if op.geometry[MASKED] and not op.inference:
            mask = read(op, arrays, 1, when.n_rows)
            normalize_counted_back(op, (x, dy, mask), (mean, variance, by), room, dx, adds(op, arrays, 0))
        elif not op.inference:
            normalize_back(op, x, dy, mean, variance, by, room, dx, adds(op, arrays, 0))
        else:
            scale_back(dy, by, dx, adds(op, arrays, 0))


@inlined
def settle(op, arrays, when):
    """Have the moving statistics follow the batch."""
    n = op.n_out
    for i in range(2):
        kept, came = op.more[i], op.room + i * n
        follow(arrays.params[kept : kept + n], arrays.workspace[came : came + n], op.numbers[1])


@exact_kernel
def follow(kept, came, momentum):
    for j in range(kept.shape[0]):
        kept[j] = np.float64(kept[j]) * momentum + np.float64(came[j]) * (1 - momentum)


@inlined
def vectors(op, arrays, n_rows):
    """The op's room, as far as a block of so many samples wants it."""
    samples = op.geometry[0]
    parts = -(-n_rows // samples) * -(-samples * op.repeat // PART)
    return arrays.workspace[op.room : op.room + op.n_out * (VECTORS + 2 * parts)]


@inlined
def statistics(op, arrays, measured):
    """Mean and variance of the batch, or the moving ones."""
    n = op.n_out
    if measured:
        return arrays.workspace[op.room : op.room + n], arrays.workspace[op.room + n : op.room + 2 * n]
    return arrays.params[op.more[0] : op.more[0] + n], arrays.params[op.more[1] : op.more[1] + n]


@small_kernel
def part_at(op, i, n_rows):
    """First row and number of rows of the i-th part."""
    samples = op.geometry[0]
    parts, unit, rows = -(-samples * op.repeat // PART), samples * op.repeat, n_rows * op.repeat
    end = min((i // parts + 1) * unit, rows)
    first = min(i // parts * unit + i % parts * PART, end)
    return first, min(PART, end - first)


@kernel
def measure(op, x, room, n_rows):
    """Mean and variance of the batch at the beginning of the room; means are counted from the first row until then."""
    n, rows = op.n_out, 0
    for i in range(room.shape[0] // (2 * n) - VECTORS // 2):
        first, count = part_at(op, i, n_rows)
        if count:
            own = room[(VECTORS + 2 * i) * n : (VECTORS + 2 * i + 2) * n]
            measure_part(x[first * n : (first + count) * n], own[:n], own[n:])
    for j in range(n):
        mean, squares, rows = 0.0, 0.0, 0
        for i in range(room.shape[0] // (2 * n) - VECTORS // 2):
            first, count = part_at(op, i, n_rows)
            if count:
                own = (VECTORS + 2 * i) * n + j
                apart = np.float64(x[first * n + j]) - np.float64(x[j]) + np.float64(room[own]) - mean
                share = count / (rows + count)
                mean += apart * share
                squares += np.float64(room[own + n]) + apart * apart * (rows * share)
                rows += count
        room[j] = np.float64(x[j]) + mean
        room[n + j] = squares / rows


@kernel
def measure_part(x, mean, squares):
    """Mean, counted from the first row, and the sum of squares around it."""
    n = mean.shape[0]
    mean[:] = 0
    squares[:] = 0
    for first in range(0, x.shape[0], n):
        for j in range(n):
            mean[j] += x[first + j] - x[j]
    for j in range(n):
        mean[j] /= x.dtype.type(x.shape[0] // n)
    for first in range(0, x.shape[0], n):
        for j in range(n):
            apart = x[first + j] - x[j] - mean[j]
            squares[j] += apart * apart


@kernel
def sum_slopes(op, x, dy, mean, room, n_rows):
    """Sums of ``dy`` and of ``dy * (x - mean)`` behind the statistics."""
    n = op.n_out
    for i in range(room.shape[0] // (2 * n) - VECTORS // 2):
        first, count = part_at(op, i, n_rows)
        own = room[(VECTORS + 2 * i) * n : (VECTORS + 2 * i + 2) * n]
        own[:] = 0
        for row in range(first * n, (first + count) * n, n):
            for j in range(n):
                own[j] += dy[row + j]
                own[n + j] += dy[row + j] * (x[row + j] - mean[j])
    for j in range(2 * n):
        total = 0.0
        for i in range(VECTORS * n + j, room.shape[0], 2 * n):
            total += np.float64(room[i])
        room[2 * n + j] = total


@kernel
def factors(op, params, variance, by):
    """``gamma / sqrt(variance + epsilon)``"""
    for j in range(by.shape[0]):
        inverse = by.dtype.type(1) / by.dtype.type(math.sqrt(variance[j] + by.dtype.type(op.numbers[0])))
        by[j] = params[op.w + j] * inverse if op.w >= 0 else inverse


@kernel
def normalize(x, mean, by, beta, y):
    n = by.shape[0]
    for first in range(0, x.shape[0], n):
        for j in range(n):
            y[first + j] = (x[first + j] - mean[j]) * by[j]
    if beta.shape[0]:
        for first in range(0, x.shape[0], n):
            for j in range(n):
                y[first + j] += beta[j]


@kernel
def take_factor_gradient(op, variance, room, dw, added):
    n = op.n_out
    for j in range(n):
        inverse = dw.dtype.type(1) / dw.dtype.type(math.sqrt(variance[j] + dw.dtype.type(op.numbers[0])))
        gradient = room[3 * n + j] * inverse
        dw[j] = dw[j] + gradient if added else gradient


@kernel
def take_sum(total, db, added):
    for j in range(total.shape[0]):
        db[j] = db[j] + total[j] if added else total[j]


@kernel
def normalize_back(op, x, dy, mean, variance, by, room, dx, added):
    """What the statistics hand back goes along: of each column one share of its rows and one along the row."""
    n = op.n_out
    kind, rows = x.dtype.type, x.dtype.type(x.shape[0] // n)
    along, shared = room[VECTORS * n : (VECTORS + 1) * n], room[(VECTORS + 1) * n : (VECTORS + 2) * n]  # not needed now
    for j in range(n):
        along[j] = room[3 * n + j] / (variance[j] + kind(op.numbers[0])) / rows
        shared[j] = room[2 * n + j] / rows
    for first in range(0, x.shape[0], n):
        for j in range(n):
            gradient = (dy[first + j] - shared[j] - (x[first + j] - mean[j]) * along[j]) * by[j]
            dx[first + j] = dx[first + j] + gradient if added else gradient


@kernel
def scale_back(dy, by, dx, added):
    n = by.shape[0]
    for first in range(0, dy.shape[0], n):
        for j in range(n):
            gradient = dy[first + j] * by[j]
            dx[first + j] = dx[first + j] + gradient if added else gradient
