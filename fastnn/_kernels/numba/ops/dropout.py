"""Dropout: ``y = x * factor`` in training."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import hand_on, kept, output_gradient, read, written
from fastnn._kernels.numba.vector.random import dropout_factors
from fastnn._kernels.numba.vector.rows import copy


@inlined
def forward(op, arrays, when):
    x, y = read(op, arrays, 0, when.n_rows), written(op, arrays, when.n_rows)
    if not when.training:
        copy(y, x)
        return
    factors = kept(op, arrays, when.n_rows)
    draw(op, factors, op.rate * when.dropping, when)
    for i in range(y.shape[0]):
        y[i] = x[i] * factors[i]


@inlined
def draw(op, factors, rate, when):
    """Factors of a block's rows, of which ``shared`` have the same and a share ``rate`` is 0."""
    shared = op.geometry[0]
    drawn = factors[: factors.shape[0] // shared]
    dropout_factors(drawn, op.seed, op.stream, when.step, rate, when.first_row * op.repeat // shared * op.n_out)
    if shared > 1:
        spread(factors, shared, op.n_out)


@kernel
def spread(factors, shared, n):
    """Each row at the front in ``shared`` places, from the last one on: none is written over before it is read."""
    for row in range(factors.shape[0] // (shared * n) - 1, -1, -1):
        for place in range(shared - 1, -1, -1):
            for j in range(n):
                factors[(row * shared + place) * n + j] = factors[row * n + j]


@inlined
def backward(op, arrays, when):
    dz, factors = output_gradient(op, arrays, when.n_rows), kept(op, arrays, when.n_rows)
    for i in range(dz.shape[0]):
        dz[i] *= factors[i]
    hand_on(op, arrays, 0, dz, when.n_rows)
