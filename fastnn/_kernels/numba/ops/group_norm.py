"""``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta``, mean and variance those of a group of channels."""

from __future__ import annotations

import math

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel, small_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written
from fastnn._kernels.numba.ops.layer_norm import factor, shift


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    normalize_groups(op, x, factor(op, arrays), shift(op, arrays), y)


@inlined
def backward(op, arrays, when):
    x, dy = read(op, arrays, 0, when.n_rows), output_gradient(op, arrays, when.n_rows)
    sums = arrays.workspace[op.room : op.room + 2 * when.n_rows * op.n_out]
    dx = input_gradient(op, arrays, 0, when.n_rows)
    normalize_groups_back(op, x, dy, factor(op, arrays), sums, dx, dx.shape[0] and adds(op, arrays, 0))
    added = when.accumulate or op.adds_params
    if op.dw >= 0:
        take_sums(sums, arrays.grads[op.dw : op.dw + op.n_out], op.n_out, added)
    if op.db >= 0:
        take_sums(sums, arrays.grads[op.db : op.db + op.n_out], 0, added)


@small_kernel
def group_measured(op, x, first):
    """Mean of the group that begins at ``first``, and what its numbers are multiplied by, in double."""
    n, channels, total, squares = op.n_out, op.n_out // op.geometry[0], 0.0, 0.0
    for at in range(first, first + op.repeat * n, n):
        for i in range(at, at + channels):
            total += np.float64(x[i])
    mean = total / (op.repeat * channels)
    for at in range(first, first + op.repeat * n, n):
        for i in range(at, at + channels):
            squares += (np.float64(x[i]) - mean) * (np.float64(x[i]) - mean)
    return mean, 1.0 / math.sqrt(squares / (op.repeat * channels) + op.numbers[0])


@kernel
def normalize_groups(op, x, gamma, beta, y):
    n, channels = op.n_out, op.n_out // op.geometry[0]
    for sample in range(0, x.shape[0], op.repeat * n):
        for group in range(0, n, channels):
            mean, by = group_measured(op, x, sample + group)
            for at in range(sample, sample + op.repeat * n, n):
                for j in range(group, group + channels):
                    normal = (np.float64(x[at + j]) - mean) * by
                    if gamma.shape[0]:
                        normal *= np.float64(gamma[j])
                    if beta.shape[0]:
                        normal += np.float64(beta[j])
                    y[at + j] = normal


@kernel
def normalize_groups_back(op, x, dy, gamma, sums, dx, added):
    """dx, and of each sample the sums of ``dy`` and of ``dy`` times the normal numbers for each channel."""
    n, channels, size = op.n_out, op.n_out // op.geometry[0], op.repeat * op.n_out
    for i in range(x.shape[0] // size):
        own = sums[2 * i * n : 2 * (i + 1) * n]
        for group in range(0, n, channels):
            mean, by = group_measured(op, x, i * size + group)
            shared, along = 0.0, 0.0
            for j in range(group, group + channels):
                total, product = 0.0, 0.0
                for at in range(i * size + j, (i + 1) * size, n):
                    total += np.float64(dy[at])
                    product += np.float64(dy[at]) * (np.float64(x[at]) - mean) * by
                own[j], own[n + j] = total, product
                weight = np.float64(gamma[j]) if gamma.shape[0] else 1.0
                shared, along = shared + weight * total, along + weight * product
            shared, along = shared / (op.repeat * channels), along / (op.repeat * channels)
            if dx.shape[0] == 0:
                continue
            for at in range(i * size, (i + 1) * size, n):
                for j in range(group, group + channels):
                    weight = np.float64(gamma[j]) if gamma.shape[0] else 1.0
                    gradient = (dy[at + j] * weight - shared - (np.float64(x[at + j]) - mean) * by * along) * by
                    dx[at + j] = dx[at + j] + gradient if added else gradient


@kernel
def take_sums(sums, gradient, first, added):
    """The sums of all samples, ``(samples, 2, channels)``, from ``first`` on."""
    n = gradient.shape[0]
    for j in range(n):
        total = 0.0
        for at in range(first + j, sums.shape[0], 2 * n):
            total += np.float64(sums[at])
        gradient[j] = gradient[j] + total if added else total
