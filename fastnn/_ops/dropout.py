"""``y = x * factor`` in training: 0 for a share ``rate`` of the numbers, ``1 / (1 - rate)`` for the others.

``shared`` rows of a sample, one behind the other, have the same factors: 1, or all of an image's positions.
"""

from __future__ import annotations

import numpy as np

from fastnn._base import random
from fastnn._ops.base import Op


def forward(op, a, when):
    if not when.training:
        a.y[...] = a.x
        return
    shared, n = a.sizes.shared, int(op["n_out"])
    first = when.first_row * int(op["repeat"]) // shared * n
    stream, rate = int(op["stream"]), float(op["rate"])
    factors = random.dropout_scale(when.seed, stream, when.step, rate, first, a.x.size // shared)
    a.keep(np.repeat(factors.reshape(-1, n), shared, axis=0))
    a.y[...] = a.x * a.z


def backward(op, a, when):
    a.dx.take(a.dy * a.z)


OP = Op(
    2, "dropout", forward, backward, keeps=lambda operation: True, geometry=("shared",), idle=lambda operation: True
)
