"""An op of a user's own: Python has it."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.vector.denormals import allow_denormals, restore
from fastnn._kernels.numba.visits import come_back


@inlined
def forward(op, arrays, when):
    visit(op, arrays, when, 0)


@inlined
def backward(op, arrays, when):
    visit(op, arrays, when, 1)


@inlined
def visit(op, arrays, when, back):
    control = allow_denormals()
    workspace, inputs = arrays.workspace.ctypes.data, arrays.inputs.ctypes.data
    told = (workspace, op.output, back, when.n_rows, inputs, when.training, when.accumulate)
    come_back(arrays.kernels, 0, told)
    restore(control)
