"""``y = x * factor`` in training: 0 for a share ``rate`` of the numbers, ``1 / (1 - rate)`` for the others."""

from __future__ import annotations

from fastnn._base import random
from fastnn._ops.base import Op


def forward(op, a, when):
    if not when.training:
        a.y[...] = a.x
        return
    first = when.first_row * int(op["repeat"] * op["n_out"])
    stream, rate = int(op["stream"]), float(op["rate"])
    factors = random.dropout_scale(when.seed, stream, when.step, rate, first, a.x.size)
    a.keep(factors.reshape(a.x.shape))
    a.y[...] = a.x * a.z


def backward(op, a, when):
    a.dx.take(a.dy * a.z)


OP = Op(2, "dropout", forward, backward, keeps=lambda operation: True, idle=lambda operation: True)
