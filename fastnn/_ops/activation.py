"""``y = activation(x)`` on its own, and what all kinds with an activation share."""

from __future__ import annotations

import numpy as np

from fastnn._ops.base import Op
from fastnn.activations import ACTIVATIONS

BY_CODE = {int(record.code): record for record in ACTIVATIONS.values()}


def activate(op, z: np.ndarray) -> np.ndarray:
    return apply(op["activation"], z, op["parameter"])


def apply(code, z: np.ndarray, parameter: float = 0.0) -> np.ndarray:
    """An activation by its code; as an int, for NumPy's comparison with an enum can swallow Ctrl-C (Python 3.11)."""
    return BY_CODE[int(code)].function(z, z.dtype.type(parameter))


def activation_gradient(op, a) -> np.ndarray:
    """``dz``, in place of ``a.dy``."""
    record, dz, y = BY_CODE[int(op["activation"])], a.dy, a.y
    if record.rowwise:
        dz[...] = record.derivative(y, dz)
    else:
        dz[...] = dz * record.derivative(a.z if op["z"] >= 0 else None, y, y.dtype.type(op["parameter"]))
    return dz


def forward(op, a, when):
    a.keep(a.x)
    a.y[...] = activate(op, a.x)


def backward(op, a, when):
    a.dx.take(activation_gradient(op, a))


OP = Op(1, "activation", forward, backward, activates=True)
