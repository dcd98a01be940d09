"""Several inputs become one: their sum, difference, product, mean, maximum or minimum, number by number.

A row of an input holds as many numbers as one of the output, or a single number, which then stands for all of them;
its gradient is the sum of theirs. Where inputs are equally large, a maximum (minimum) is taken as two at a time, from
the first input on, and of two equal ones each takes half of the gradient, as in PyTorch: of three, the last has one
half and the others a quarter each.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import reduce
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate, activation_gradient
from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


class Join(IntEnum):
    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2
    AVERAGE = 3
    MAXIMUM = 4
    MINIMUM = 5


FORMULAS = {
    Join.ADD: np.add,
    Join.SUBTRACT: np.subtract,
    Join.MULTIPLY: np.multiply,
    Join.AVERAGE: np.add,
    Join.MAXIMUM: np.maximum,
    Join.MINIMUM: np.minimum,
}


def forward(op: np.void, a: Views, when: When) -> None:
    join = Join(int(op["geometry"][0]))
    z = reduce(FORMULAS[join], a.xs)
    if join == Join.AVERAGE:
        z = z / len(a.xs)
    a.keep(z)
    a.y[...] = activate(op, z)


def backward(op: np.void, a: Views, when: When) -> None:
    join, dz = Join(int(op["geometry"][0])), activation_gradient(op, a)
    for x, dx, gradient in zip(a.xs, a.dxs, gradients(join, a.xs, dz), strict=True):
        dx.take(gradient if x.shape == gradient.shape else gradient.sum(axis=1, keepdims=True))


def gradients(join: Join, xs: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
    """Of each input, as wide as the output."""
    if join == Join.SUBTRACT:
        return [dy, -dy]
    if join == Join.MULTIPLY:
        others = [[x for j, x in enumerate(xs) if j != i] for i in range(len(xs))]
        return [reduce(np.multiply, those, dy) for those in others]
    if join in (Join.MAXIMUM, Join.MINIMUM):
        return _shares(FORMULAS[join], xs, dy)
    return [dy / len(xs) if join == Join.AVERAGE else dy for _ in xs]


def _shares(formula: np.ufunc, xs: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
    """From the last input to the first: what it takes of the gradient, and what it leaves to those before it."""
    found, left = [], dy
    for before, x in zip(list(accumulate(xs, formula))[-2::-1], xs[:0:-1], strict=True):
        both = np.where(x == before, left / 2, 0)
        found.append(np.where((x == formula(x, before)) & (x != before), left, both))
        left = np.where((before == formula(x, before)) & (x != before), left, both)
    return [left, *found[::-1]]


def keeps(operation: Operation) -> bool:
    """Room for one input's gradient, and for which numbers have met an input as large as the output."""
    return operation.activation.keeps_z or not activates(operation)


def activates(operation: Operation) -> bool:
    """Those whose way back does not look at what they gave."""
    return operation.geometry[0] in (Join.ADD, Join.SUBTRACT, Join.AVERAGE)


def hands_on_alike(operation: Operation) -> bool:
    """Those whose first input has the gradient that all others have."""
    return operation.geometry[0] in (Join.ADD, Join.AVERAGE)


OP = Op(
    4,
    "merge",
    forward,
    backward,
    keeps=keeps,
    geometry=("join",),
    activates=activates,
    back_in_place=hands_on_alike,
    forward_in_place=activates,
)
