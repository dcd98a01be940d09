"""A state behind gates, for every step of a sequence, and its way back; see ``_ops/gru.py``.

Of a step there are kept the gates ``(samples, 3 units)``, what ``r`` is multiplied with or, in the variant without a
bias of the state's part, ``r * h``, and the state. Without that bias, ``ds`` holds for the gradient of the recurrent
kernel what the columns of ``g`` were multiplied with, and behind it their gradient.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import kernel
from fastnn._kernels.numba.ops.recurrent import (
    VARIANT,
    activated,
    bias_of,
    counts,
    forward_of,
    gated,
    input_part,
    keep_z,
    kept_of,
    read_of,
    recurrent_kernel,
    state_before,
    z_of,
)
from fastnn._kernels.numba.ops.recurrent_back import (
    add_product,
    backward_of,
    cell_gradient,
    gate_gradient,
    place_in,
    read_back,
    state_gradient,
)
from fastnn._kernels.numba.table import product
from fastnn._kernels.numba.vector.products import add_rows
from fastnn._kernels.numba.vector.rows import copy
from fastnn._ops.gru import CELL

MULTIPLIED, H = 3, 4  # among what is kept of a step, behind the gates


@kernel
def step(op, arrays, block, t):
    n, rows = op.n_out, block.rows
    gates, h = kept_of(op, block, t, 0)[: 3 * rows * n], kept_of(op, block, t, H)
    before, known = state_before(op, arrays, block, t, 0), read_of(op, arrays, block, t)
    input_part(op, arrays, block, t, gates)
    if op.geometry[VARIANT]:
        multiply_after(op, arrays, block, t, known)
    else:
        multiply_before(op, arrays, block, t, known)
    for i in range(rows):
        three = gates[i * 3 * n : (i + 1) * 3 * n]
        keep_z(op, block, t, (3 * i + 2) * n, three[2 * n :])
        activated(op, arrays, three[2 * n :])
        for j in range(n):
            h[i * n + j] = three[j] * before[i * n + j] + (1 - three[j]) * three[2 * n + j]


@kernel
def multiply_after(op, arrays, block, t, known):
    """``z``, ``r`` and what goes through the activation, which is ``x @ w_g + b_g + r * (h @ u_g + b'_g)``."""
    n, rows = op.n_out, block.rows
    gates, multiplied = kept_of(op, block, t, 0), kept_of(op, block, t, MULTIPLIED)
    part, u = block.scratch[2 * rows * n : 5 * rows * n], recurrent_kernel(op, arrays, 3 * n)
    product(arrays.kernels, 0, (bias_of(op, arrays, 3 * n, 1), known, n, 1, u, part, rows, n, 3 * n))
    for i in range(rows):
        three, ours = gates[i * 3 * n : (i + 1) * 3 * n], part[i * 3 * n : (i + 1) * 3 * n]
        add_rows(three[: 2 * n], ours, np.int64(1), 2 * n)
        keep_z(op, block, t, 3 * i * n, three[: 2 * n])
        gated(op, arrays, three[: 2 * n])
        for j in range(n):
            multiplied[i * n + j] = ours[2 * n + j]
            three[2 * n + j] += three[n + j] * ours[2 * n + j]


@kernel
def multiply_before(op, arrays, block, t, known):
    """Likewise, with ``x @ w_g + b_g + (r * h) @ u_g``."""
    n, rows = op.n_out, block.rows
    gates, multiplied = kept_of(op, block, t, 0), kept_of(op, block, t, MULTIPLIED)[: rows * n]
    part, u = block.scratch[2 * rows * n : 4 * rows * n], block.scratch[5 * rows * n :]
    if t == 0:
        take_apart(recurrent_kernel(op, arrays, 3 * n), u, n)
    product(arrays.kernels, 0, (part[:0], known, n, 1, u, part, rows, n, 2 * n))
    for i in range(rows):
        three = gates[i * 3 * n : (i + 1) * 3 * n]
        add_rows(three[: 2 * n], part[i * 2 * n :], np.int64(1), 2 * n)
        keep_z(op, block, t, 3 * i * n, three[: 2 * n])
        gated(op, arrays, three[: 2 * n])
        for j in range(n):
            multiplied[i * n + j] = three[n + j] * known[i * n + j]
    part = part[: rows * n]
    product(arrays.kernels, 0, (part[:0], multiplied, n, 1, u[2 * n * n :], part, rows, n, n))
    for i in range(rows):
        add_rows(gates[(3 * i + 2) * n : (3 * i + 3) * n], part[i * n :], np.int64(1), n)


@kernel
def take_apart(u, out, n):
    """The columns of ``z`` and ``r``, ``(units, 2 units)``, and behind them those of ``g``."""
    for i in range(n):
        copy(out[i * 2 * n : (i + 1) * 2 * n], u[i * 3 * n :])
        copy(out[(2 * n + i) * n : (2 * n + i + 1) * n], u[(3 * i + 2) * n :])


@kernel
def step_back(op, arrays, block, back, shard, t):
    n, gates, before = op.n_out, kept_of(op, block, t, 0), state_before(op, arrays, block, t, 0)
    multiplied, z = kept_of(op, block, t, MULTIPLIED), z_of(op, block, t, gates)
    for i in range(shard.rows):
        at, sample = 3 * place_in(op, i, t) * n, shard.first + i
        place = slice(sample * n, (sample + 1) * n)
        dz, made = back.dz[at : at + 3 * n], (z[3 * sample * n :], gates[3 * sample * n :])
        if counts(op, block, t, sample):
            state_back(op, arrays, made, before[place], state_gradient(op, back, 0, i), dz)
        else:
            dz[:] = 0
        if op.geometry[VARIANT]:
            after_back(op, arrays, made, multiplied[place], dz, back.ds[at : at + 3 * n])
    if op.geometry[VARIANT]:
        read_back(op, arrays, back, shard, t, 3 * n)
    else:
        before_back(op, arrays, block, back, shard, t)


@kernel
def state_back(op, arrays, made, before, dh, dz):
    """Back through ``h = z * before + (1 - z) * g`` and the activations of ``z`` and ``g``, which made the gates."""
    n = op.n_out
    of, gates = made
    for j in range(n):
        dz[j], dz[2 * n + j] = dh[j] * (before[j] - gates[2 * n + j]), dh[j] * (1 - gates[j])
        dh[j] *= gates[j]
    gate_gradient(op, arrays, of[:n], gates[:n], dz[:n])
    cell_gradient(op, arrays, of[2 * n : 3 * n], gates[2 * n : 3 * n], dz[2 * n :])


@kernel
def after_back(op, arrays, made, multiplied, dz, ds):
    """The gradient of ``r``, and that of the state's part of the gates."""
    n = op.n_out
    of, gates = made
    for j in range(n):
        dz[n + j] = dz[2 * n + j] * multiplied[j]
    gate_gradient(op, arrays, of[n : 2 * n], gates[n : 2 * n], dz[n : 2 * n])
    copy(ds[: 2 * n], dz)
    for j in range(n):
        ds[2 * n + j] = dz[2 * n + j] * gates[n + j]


@kernel
def before_back(op, arrays, block, back, shard, t):
    """Back through ``(r * h) @ u_g``: the gradient of ``r``, and of what is read."""
    n, many, gates = op.n_out, 3 * op.n_out, kept_of(op, block, t, 0)
    z = z_of(op, block, t, gates)
    dz, nothing, part = back.dz[place_in(op, 0, t) * many :], back.dread[:0], block.scratch[2 * block.rows * n :]
    told = dz[2 * n :], op.repeat * many, 1, back.ut[2 * n * n :], part, shard.rows, n, n
    product(arrays.kernels, 0, (nothing, *told))
    for i in range(shard.rows):
        at, by_part = place_in(op, i, t), part[i * n : (i + 1) * n]
        dr, reads = back.dz[at * many + n : at * many + 2 * n], back.reads[at * n : (at + 1) * n]
        place = (shard.first + i) * many + n
        r = gates[place : place + n]
        for j in range(n):
            dr[j] = by_part[j] * reads[j]
            by_part[j] *= r[j]
        gate_gradient(op, arrays, z[place : place + n], r, dr)
    product(arrays.kernels, 0, (nothing, dz, op.repeat * many, 1, back.ut, back.dread, shard.rows, 2 * n, n))
    add_rows(back.dread, part, np.int64(1), shard.rows * n)


@kernel
def recurrent_gradient(op, arrays, block, back, shard):
    """Add a shard's part of the gradient of the recurrent kernel."""
    n, rows = op.n_out, shard.rows * op.repeat
    if op.geometry[VARIANT]:
        add_product(arrays, op.dmore[0], back.reads[: rows * n], n, back.ds, 3 * n)
        return
    multiplied, dg = back.ds[: rows * n], back.ds[rows * n : 2 * rows * n]
    for t in range(op.repeat):
        kept = kept_of(op, block, t, MULTIPLIED)
        for i in range(shard.rows):
            at = place_in(op, i, t)
            copy(multiplied[at * n : (at + 1) * n], kept[(shard.first + i) * n :])
            copy(dg[at * n : (at + 1) * n], back.dz[(3 * at + 2) * n :])
    add_columns(arrays, op.dmore[0], (back.reads[: rows * n], back.dz, 3 * n), n, 0, 2 * n)
    add_columns(arrays, op.dmore[0], (multiplied, dg, n), n, 2 * n, n)


@kernel
def add_columns(arrays, at, factors, n, first, count):
    """Add the front columns of ``a.T @ b`` to those from ``first`` on of the recurrent kernel's gradient."""
    a, b, width = factors
    sums = arrays.spare[: n * width]
    product(arrays.kernels, 0, (sums[:0], a, 1, n, b, sums, n, a.shape[0] // n, width))
    for i in range(n):
        to = at + i * 3 * n + first
        add_rows(arrays.grads[to : to + count], sums[i * width :], np.int64(1), count)


forward = forward_of(CELL, step, n_laid_out=3)
backward = backward_of(CELL, step_back, recurrent_gradient, has_two_parts=True)
