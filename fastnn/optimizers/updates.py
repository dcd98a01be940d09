"""The formulas of the optimisers' updates, which every backend applies to flat vectors.

A formula takes ``w`` (parameters), ``g`` (gradients), ``s`` (a tuple of slots) and ``c`` (scalars of
this step) and returns the new ``w`` and ``s``. ``c[0]`` is always ``learning_rate * weight_decay``:
decay is decoupled (Loshchilov and Hutter 2019) and comes before the update, as in Keras.

Design: everything that depends on the step alone sits in ``c``, so that the inner loop of every
backend has neither powers nor branches. Variants with other slots are codes of their own (SGD,
MOMENTUM, NESTEROV), so that a plain descent carries no dead slot through memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._base.types import Numbers


class OptimizerCode(IntEnum):
    """Number of each update in the plan; the C enum ``fnn_optimizer_code`` is the same."""

    SGD = 0
    MOMENTUM = 1
    NESTEROV = 2
    RMSPROP = 3
    RMSPROP_MOMENTUM = 4
    ADAGRAD = 5
    ADADELTA = 6
    ADAM = 7
    NADAM = 8
    ADAMAX = 9
    LION = 10
    AMSGRAD = 11
    FTRL = 12


class ClipCode(IntEnum):
    """How gradients are clipped before the update; the C enum ``fnn_clip_code`` is the same."""

    NONE = 0
    VALUE = 1
    NORM = 2
    GLOBAL_NORM = 3


N_SCALARS = 10  # length of c
N_HYPER = 8  # numbers an optimiser hands to the backends


def u_sgd(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    return w - c[0] * w - c[1] * g, s


def u_momentum(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    v = c[1] * s[0] - c[2] * g
    return w - c[0] * w + v, (v,)


def u_nesterov(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    v = c[1] * s[0] - c[2] * g
    return w - c[0] * w + c[1] * v - c[2] * g, (v,)


def u_rmsprop(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    v = c[1] * s[0] + c[2] * g * g
    return w - c[0] * w - c[3] * g / np.sqrt(v + c[4]), (v,)


def u_rmsprop_momentum(
    w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]
) -> tuple[Numbers, Sequence[Numbers]]:
    v = c[1] * s[0] + c[2] * g * g
    mean = c[1] * s[1] + c[2] * g
    moved = c[6] * s[2] + c[3] * g / np.sqrt(v - c[5] * mean * mean + c[4])
    return w - c[0] * w - moved, (v, mean, moved)


def u_adagrad(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    total = s[0] + g * g
    return w - c[0] * w - c[1] * g / np.sqrt(total + c[2]), (total,)


def u_adadelta(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    v = c[1] * s[0] + c[2] * g * g
    delta = g * np.sqrt(s[1] + c[4]) / np.sqrt(v + c[4])
    return w - c[0] * w - c[3] * delta, (v, c[1] * s[1] + c[2] * delta * delta)


def u_adam(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    m = c[1] * s[0] + c[2] * g
    v = c[3] * s[1] + c[4] * g * g
    return w - c[0] * w - c[5] * m / (np.sqrt(v) * c[6] + c[7]), (m, v)


def u_nadam(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    m = c[1] * s[0] + c[2] * g
    v = c[3] * s[1] + c[4] * g * g
    return w - c[0] * w - (c[5] * m + c[6] * g) / (np.sqrt(v) * c[7] + c[8]), (m, v)


def u_adamax(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    m = c[1] * s[0] + c[2] * g
    u = np.maximum(c[3] * s[1], np.abs(g))
    return w - c[0] * w - c[4] * m / (u + c[5]), (m, u)


def u_lion(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    return w - c[0] * w - c[1] * np.sign(c[2] * s[0] + c[3] * g), (c[4] * s[0] + c[5] * g,)


def u_amsgrad(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    m = c[1] * s[0] + c[2] * g
    v = c[3] * s[1] + c[4] * g * g
    largest = np.maximum(s[2], v)
    return w - c[0] * w - c[5] * m / (np.sqrt(largest) * c[6] + c[7]), (m, v, largest)


def u_ftrl(w: Numbers, g: Numbers, s: Sequence[Numbers], c: Sequence[Numbers]) -> tuple[Numbers, Sequence[Numbers]]:
    kept, total = w - c[0] * w, s[0] + g * g
    linear = s[1] + (g + c[2] * kept) - c[1] * (np.sqrt(total) - np.sqrt(s[0])) * kept
    clipped = np.minimum(np.maximum(linear, -c[4]), c[4])
    return (clipped - linear) / (c[1] * np.sqrt(total) + c[3]), (total, linear)


UPDATES: dict[OptimizerCode, Callable[..., tuple[Numbers, Sequence[Numbers]]]] = {
    OptimizerCode.SGD: u_sgd,
    OptimizerCode.MOMENTUM: u_momentum,
    OptimizerCode.NESTEROV: u_nesterov,
    OptimizerCode.RMSPROP: u_rmsprop,
    OptimizerCode.RMSPROP_MOMENTUM: u_rmsprop_momentum,
    OptimizerCode.ADAGRAD: u_adagrad,
    OptimizerCode.ADADELTA: u_adadelta,
    OptimizerCode.ADAM: u_adam,
    OptimizerCode.NADAM: u_nadam,
    OptimizerCode.ADAMAX: u_adamax,
    OptimizerCode.LION: u_lion,
    OptimizerCode.AMSGRAD: u_amsgrad,
    OptimizerCode.FTRL: u_ftrl,
}
N_SLOTS = dict(zip(OptimizerCode, (0, 1, 1, 1, 3, 1, 2, 2, 2, 2, 1, 3, 2), strict=True))
