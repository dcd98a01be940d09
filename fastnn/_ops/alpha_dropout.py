"""Dropout that keeps the mean and variance of what SELU gives.

``y = a * x + b``, and ``a * LEAST + b`` for a share ``rate`` of the numbers, in training (Klambauer et al. 2017,
"Self-Normalizing Neural Networks", section "New Dropout Technique"). ``numbers`` holds ``a``, ``b`` and what a dropped
number becomes; they follow from the rate, and a rate of 0 changes nothing. Rows share what is drawn as in
``dropout.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops import dropout
from fastnn._ops.base import Op, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views

LEAST = -1.0507009873554805 * 1.6732632423543772  # what SELU tends to far below zero


def numbers_of(rate: float) -> tuple[float, float, float]:
    """``a``, ``b`` and what a dropped number becomes."""
    a = 1 / math.sqrt((1 - rate) * (1 + rate * LEAST * LEAST))
    b = -a * LEAST * rate
    return a, b, a * LEAST + b


def forward(op: np.void, a: Views, when: When) -> None:
    if not when.training or not op["rate"]:
        a.y[...] = a.x
        a.keep(1)
        return
    factor, shift, dropped = op["numbers"][:3].astype(a.x.dtype)
    stays = dropout.drawn(op, a, when, float(op["rate"])) > 0
    a.keep(stays * factor)
    a.y[...] = np.where(stays, a.x * factor + shift, dropped)


OP = Op(
    16,
    "alpha_dropout",
    forward,
    dropout.backward,
    keeps=lambda operation: True,
    geometry=dropout.OP.geometry,
    idle=lambda operation: True,
)
