"""``h' = activation(x @ w + b + h @ u)`` for every step of a sequence, and its way back."""

from __future__ import annotations

from fastnn._kernels.numba.compile import kernel
from fastnn._kernels.numba.ops.recurrent import (
    activated,
    counts,
    forward_of,
    input_part,
    keep_z,
    kept_of,
    read_of,
    recurrent_kernel,
    z_of,
)
from fastnn._kernels.numba.ops.recurrent_back import backward_of, cell_gradient, place_in, read_back, state_gradient
from fastnn._kernels.numba.table import product
from fastnn._kernels.numba.vector.rows import copy
from fastnn._ops.simple_rnn import CELL

H = CELL.n_kept  # the state, behind what else is kept of a step


@kernel
def step(op, arrays, block, t):
    n = op.n_out
    h = kept_of(op, block, t, H)[: block.rows * n]
    input_part(op, arrays, block, t, h)
    known = read_of(op, arrays, block, t)
    product(arrays.kernels, 0, (h, known, n, 1, recurrent_kernel(op, arrays, n), h, block.rows, n, n))
    keep_z(op, block, t, 0, h)
    activated(op, arrays, h)


@kernel
def step_back(op, arrays, block, back, shard, t):
    n, h = op.n_out, kept_of(op, block, t, H)
    z = z_of(op, block, t, h)
    for i in range(shard.rows):
        at, sample = place_in(op, i, t) * n, shard.first + i
        dz, dh = back.dz[at : at + n], state_gradient(op, back, 0, i)
        if counts(op, block, t, sample):
            copy(dz, dh)
            cell_gradient(op, arrays, z[sample * n : (sample + 1) * n], h[sample * n : (sample + 1) * n], dz)
            dh[:] = 0
        else:
            dz[:] = 0
    read_back(op, arrays, back, shard, t, n)


forward = forward_of(CELL, step)
backward = backward_of(CELL, step_back)
