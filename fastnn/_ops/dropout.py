"""``y = x * factor`` in training: 0 for a share ``rate`` of the numbers, ``1 / (1 - rate)`` for the others.

``shared`` rows of a sample, one behind the other, have the same factors: 1, or all of an image's positions. What is
drawn follows from the record's ``seed`` and ``stream``, the step and the place in the batch, as of all kinds that draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base import random
from fastnn._ops.base import Op, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    if not when.training:
        a.y[...] = a.x
        return
    a.keep(drawn(op, a, when, float(op["rate"]) * when.dropping))
    a.y[...] = a.x * a.z


def drawn(op: np.void, a: Views, when: When, rate: float) -> np.ndarray:
    """Factors of the block, ``(rows, n_out)``, of which a share ``rate`` is 0."""
    shared, n = a.sizes.shared, int(op["n_out"])
    first = when.first_row * int(op["repeat"]) // shared * n
    seed, stream = int(op["seed"]), int(op["stream"])
    factors = random.dropout_scale(seed, stream, when.step, rate, first, a.x.size // shared)
    return np.repeat(factors.reshape(-1, n), shared, axis=0)


def backward(op: np.void, a: Views, when: When) -> None:
    a.dx.take(a.dy * a.z)


OP = Op(
    2, "dropout", forward, backward, keeps=lambda operation: True, geometry=("shared",), idle=lambda operation: True
)
