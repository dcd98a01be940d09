"""Numbers as waves of trained frequencies, and the way back; see :mod:`fastnn._ops.periodic`."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._kernels.numba.vector.turns import sine_cosine
from fastnn._ops.periodic import PER_RADIAN, TURN


@inlined
def forward(op, arrays, when):
    x, y, n = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows), op.n_in
    units, count = op.geometry[0], op.geometry[1]
    w, phase = vector(arrays.params, op.w, n * count), vector(arrays.params, op.more[0], n * count)
    kernel_, bias = vector(arrays.params, op.more[1], n * units * count), vector(arrays.params, op.b, n * units)
    kept = arrays.workspace[op.room :] if op.room >= 0 else np.empty(2 * count, x.dtype)
    emit(y, x, w, phase, kernel_, bias, kept, (n, units, count, op.geometry[2], op.room >= 0))


@inlined
def backward(op, arrays, when):
    x, dy, n = read(op, arrays, 0, when.n_rows), output_gradient(op, arrays, when.n_rows), op.n_in
    units, count = op.geometry[0], op.geometry[1]
    w, kernel_ = vector(arrays.params, op.w, n * count), vector(arrays.params, op.more[1], n * units * count)
    kept, dx = arrays.workspace[op.room :], input_gradient(op, arrays, 0, when.n_rows)
    sizes = n, units, count, op.geometry[2]
    slopes = np.zeros(x.shape[0] * count, x.dtype)
    angle_slopes(slopes, dy, kernel_, kept, sizes)
    if op.dw >= 0:
        made = np.zeros(n * (2 * count + units * count + units), x.dtype)
        gradients(made, x, dy, slopes, kept, sizes)
        add = when.accumulate or op.adds_params
        take(arrays.grads, op.dw, made[: n * count], add)
        take(arrays.grads, op.dmore[0], made[n * count : 2 * n * count], add)
        take(arrays.grads, op.dmore[1], made[2 * n * count : (2 + units) * n * count], add)
        take(arrays.grads, op.db, made[(2 + units) * n * count :], add)
    if dx.shape[0]:
        input_slopes(dx, dy, w, slopes, sizes, adds(op, arrays, 0))


@inlined
def vector(params, at, size):
    return params[at : at + size]


@inlined
def take(grads, at, sums, add):
    """Set a parameter's gradient, or add to it."""
    if add:
        add_rows(grads[at : at + sums.shape[0]], sums, np.int64(1), sums.shape[0])
    else:
        grads[at : at + sums.shape[0]] = sums


@kernel
def emit(y, x, w, phase, kernel_, bias, kept, sizes):
    """The output, with cosines and behind them sines of each number kept where there is room for all of them."""
    n, units, count, hands_on, keeps = sizes
    wide = units + hands_on
    for i in range(x.shape[0]):
        j, at = i % n, i * 2 * count if keeps else 0
        for k in range(count):
            turns = float(w[j * count + k]) * float(x[i]) + float(phase[j * count + k]) * PER_RADIAN
            kept[at + count + k], kept[at + k] = sine_cosine(turns)
        for u in range(units):
            total = bias[j * units + u]
            for k in range(count):
                total += kernel_[(j * units + u) * count + k] * kept[at + k]
            y[i * wide + u] = total
        if hands_on:
            y[i * wide + units] = x[i]


@kernel
def angle_slopes(slopes, dy, kernel_, kept, sizes):
    """The gradients of the angles, in radians; ``slopes`` comes as zeros."""
    n, units, count, hands_on = sizes
    for i in range(slopes.shape[0] // count):
        j, at = i % n, i * count
        for u in range(units):
            for k in range(count):
                slopes[at + k] += dy[i * (units + hands_on) + u] * kernel_[(j * units + u) * count + k]
        for k in range(count):
            slopes[at + k] *= -kept[(2 * i + 1) * count + k]


@kernel
def gradients(made, x, dy, slopes, kept, sizes):
    """Of frequencies, phases, kernel and bias, one behind the other; ``made`` comes as zeros."""
    n, units, count, hands_on = sizes
    phases, kernels, biases = n * count, 2 * n * count, (2 + units) * n * count
    turn = x.dtype.type(TURN)
    for i in range(x.shape[0]):
        j = i % n
        for k in range(count):
            made[j * count + k] += x[i] * slopes[i * count + k]
            made[phases + j * count + k] += slopes[i * count + k]
        for u in range(units):
            slope, row = dy[i * (units + hands_on) + u], j * units + u
            made[biases + row] += slope
            for k in range(count):
                made[kernels + row * count + k] += slope * kept[2 * i * count + k]
    for k in range(phases):
        made[k] *= turn


@kernel
def input_slopes(dx, dy, w, slopes, sizes, add):
    n, units, count, hands_on = sizes
    turn = dx.dtype.type(TURN)
    for i in range(dx.shape[0]):
        total = dx.dtype.type(0)
        for k in range(count):
            total += w[(i % n) * count + k] * slopes[i * count + k]
        total *= turn
        if hands_on:
            total += dy[i * (units + hands_on) + units]
        dx[i] = dx[i] + total if add else total
