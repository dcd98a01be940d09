"""``y = x`` above zero and ``alpha * x`` below, with a trained ``alpha`` for each column (He et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, When
from fastnn._ops.scale import n_factors

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    a.y[...] = np.where(a.x > 0, a.x, a.x * a.w)


def backward(op: np.void, a: Views, when: When) -> None:
    if a.dw:
        a.dw.take(np.where(a.x > 0, 0, a.x * a.dy).sum(axis=0))
    if a.dx:
        a.dx.take(np.where(a.x > 0, a.dy, a.dy * a.w))


OP = Op(20, "prelu", forward, backward, weights=n_factors, shape=lambda op: (int(op["n_out"]),))
