"""Rows as they are where a mask, the second input, is not 0, else zeros, whatever stands there; and the way back."""

from __future__ import annotations

import numpy as np

from fastnn._ops.base import Op


def forward(op, a, when):
    a.y[...] = np.where(a.xs[1] != 0, a.x, 0)


def backward(op, a, when):
    a.dx.take(np.where(a.xs[1] != 0, a.dy, 0))


OP = Op(27, "blank", forward, backward)
