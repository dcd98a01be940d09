"""A cell behind gates, for every step of a sequence, and its way back; see ``_ops/lstm.py``.

Of a step there are kept the gates ``(samples, 4 units)``, the activation of ``c'``, and the states.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import kernel
from fastnn._kernels.numba.ops.recurrent import (
    activated,
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
    backward_of,
    cell_gradient,
    gate_gradient,
    place_in,
    read_back,
    state_gradient,
)
from fastnn._kernels.numba.table import product
from fastnn._ops.lstm import CELL

SQUASHED, H, C = 4, 5, 6  # among what is kept of a step, behind the gates


@kernel
def step(op, arrays, block, t):
    n, rows = op.n_out, block.rows
    gates, c_before = kept_of(op, block, t, 0)[: 4 * rows * n], state_before(op, arrays, block, t, 1)
    squashed, h, c = kept_of(op, block, t, SQUASHED), kept_of(op, block, t, H), kept_of(op, block, t, C)
    input_part(op, arrays, block, t, gates)
    known, u = read_of(op, arrays, block, t), recurrent_kernel(op, arrays, 4 * n)
    product(arrays.kernels, 0, (gates, known, n, 1, u, gates, rows, n, 4 * n))
    keep_z(op, block, t, 0, gates)
    for i in range(rows):
        four = gates[i * 4 * n : (i + 1) * 4 * n]
        gated(op, arrays, four[: 2 * n])
        activated(op, arrays, four[2 * n : 3 * n])
        gated(op, arrays, four[3 * n :])
        for j in range(n):
            c[i * n + j] = four[n + j] * c_before[i * n + j] + four[j] * four[2 * n + j]
            squashed[i * n + j] = c[i * n + j]
    activated(op, arrays, squashed[: rows * n])
    for i in range(rows):
        for j in range(n):
            h[i * n + j] = gates[(4 * i + 3) * n + j] * squashed[i * n + j]


@kernel
def step_back(op, arrays, block, back, shard, t):
    n, gates, c_before = op.n_out, kept_of(op, block, t, 0), state_before(op, arrays, block, t, 1)
    squashed, c, z = kept_of(op, block, t, SQUASHED), kept_of(op, block, t, C), z_of(op, block, t, gates)
    for i in range(shard.rows):
        at, sample = 4 * place_in(op, i, t) * n, shard.first + i
        dz, dh, dc = back.dz[at : at + 4 * n], state_gradient(op, back, 0, i), state_gradient(op, back, 1, i)
        if not counts(op, block, t, sample):
            dz[:] = 0
            continue
        here, place = slice(4 * sample * n, 4 * (sample + 1) * n), slice(sample * n, (sample + 1) * n)
        output_back(op, arrays, gates[here], (c[place], squashed[place]), dh, (dc, dz[3 * n :], back.dread[:n]))
        gates_back(op, arrays, (z[here], gates[here]), c_before[place], dc, dz)
    read_back(op, arrays, back, shard, t, 4 * n)


@kernel
def output_back(op, arrays, gates, cell, dh, gradients):
    """Back through ``h = o * squashed``: ``dc`` is added to, ``do`` set; the last array is room for a row."""
    n = op.n_out
    (c, squashed), (dc, do, by_c) = cell, gradients
    for j in range(n):
        do[j], by_c[j] = dh[j] * squashed[j], dh[j] * gates[3 * n + j]
        dh[j] = 0
    cell_gradient(op, arrays, c, squashed, by_c)
    for j in range(n):
        dc[j] += by_c[j]


@kernel
def gates_back(op, arrays, made, c_before, dc, dz):
    """Back through ``c = f * c_before + i * g``, and through all activations, which made ``gates`` of ``z``."""
    n = op.n_out
    z, gates = made
    for j in range(n):
        dz[j], dz[n + j], dz[2 * n + j] = dc[j] * gates[2 * n + j], dc[j] * c_before[j], dc[j] * gates[j]
        dc[j] *= gates[n + j]
    gate_gradient(op, arrays, z[: 2 * n], gates[: 2 * n], dz[: 2 * n])
    cell_gradient(op, arrays, z[2 * n : 3 * n], gates[2 * n : 3 * n], dz[2 * n : 3 * n])
    gate_gradient(op, arrays, z[3 * n :], gates[3 * n :], dz[3 * n :])


forward = forward_of(CELL, step)
backward = backward_of(CELL, step_back)
