"""``y = activation(x)`` on its own, and what all kinds with an activation share."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsInt

import numpy as np

from fastnn._ops.base import Op, When, always
from fastnn.activations import ACTIVATIONS

if TYPE_CHECKING:
    from fastnn._ops.views import Views

BY_CODE = {int(record.code): record for record in ACTIVATIONS.values()}


def activate(op: np.void, z: np.ndarray) -> np.ndarray:
    return apply(op["activation"], z, op["parameter"])


def apply(code: SupportsInt, z: np.ndarray, parameter: float = 0.0) -> np.ndarray:
    """An activation by its code; as an int, for NumPy's comparison with an enum can swallow Ctrl-C (Python 3.11)."""
    found: np.ndarray = BY_CODE[int(code)].function(z, z.dtype.type(parameter))
    return found


def activation_gradient(op: np.void, a: Views) -> np.ndarray:
    """``dz``, in place of ``a.dy``, rounded to bf16 where the op multiplies such numbers."""
    record, dz, y = BY_CODE[int(op["activation"])], a.dy, a.y
    if record.rowwise:
        dz[...] = record.derivative(y, dz)
    else:
        dz[...] = dz * record.derivative(a.z if op["z"] >= 0 else None, y, y.dtype.type(op["parameter"]))
    if op["bfloat16"]:
        from fastnn._ops.bf16 import rounded

        dz[...] = rounded(dz)
    return dz


def forward(op: np.void, a: Views, when: When) -> None:
    a.keep(a.x)
    a.y[...] = activate(op, a.x)


def backward(op: np.void, a: Views, when: When) -> None:
    a.dx.take(activation_gradient(op, a))


OP = Op(1, "activation", forward, backward, activates=always, back_in_place=always)
