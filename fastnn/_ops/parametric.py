"""``y = x + alpha * (f(x) - x)`` with a trained ``alpha`` for each column: between nothing and an activation ``f``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import BY_CODE, activate
from fastnn._ops.base import Op, Operation, When
from fastnn._ops.scale import n_factors

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    bent = activate(op, a.x)
    a.keep(bent)
    a.y[...] = a.x + a.w * (bent - a.x)


def backward(op: np.void, a: Views, when: When) -> None:
    if a.dw:
        a.dw.take((a.dy * (a.z - a.x)).sum(axis=0))
    if a.dx:
        slope = BY_CODE[int(op["activation"])].derivative(a.x, a.z, a.x.dtype.type(op["parameter"]))
        a.dx.take(a.dy + a.w * (a.dy * np.asarray(slope, a.x.dtype) - a.dy))


def _always(operation: Operation) -> bool:
    return True


OP = Op(33, "parametric", forward, backward, keeps=_always, weights=n_factors, shape=lambda op: (int(op["n_out"]),))
