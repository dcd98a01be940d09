"""``y = activation(x)`` on its own, and what all kinds with an activation share."""

from __future__ import annotations

from fastnn._kernels.numba.bf16 import round_rows
from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.ops.arrays import hand_on, kept, output_gradient, read, written
from fastnn._kernels.numba.table import activate, activation_gradient
from fastnn._kernels.numba.vector.rows import copy
from fastnn.activations import ActivationCode

LINEAR = int(ActivationCode.LINEAR)


@inlined
def activate_rows(kernels, op, y, z):
    """Keep ``z`` where the op has a place for it, then ``y = activation(y)``."""
    if op.z >= 0:
        copy(z, y)
    if op.activation != LINEAR:
        activate(kernels, op.activation, (y, op.n_out, op.parameter))


@inlined
def output_gradient_back(op, arrays, n_rows):
    """``dz``, in place of the output's gradient; rounded where the op multiplies bf16 numbers."""
    dz = output_gradient(op, arrays, n_rows)
    if op.activation != LINEAR:
        z, y = kept(op, arrays, n_rows), written(op, arrays, n_rows)
        activation_gradient(arrays.kernels, op.activation, (z, y, dz, op.n_out, op.parameter))
    if op.bfloat16:
        round_rows(dz, dz)
    return dz


@inlined
def forward(op, arrays, when):
    y = written(op, arrays, when.n_rows)
    copy(y, read(op, arrays, 0, when.n_rows))
    activate_rows(arrays.kernels, op, y, kept(op, arrays, when.n_rows))


@inlined
def backward(op, arrays, when):
    hand_on(op, arrays, 0, output_gradient_back(op, arrays, when.n_rows), when.n_rows)
