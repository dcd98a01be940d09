"""What a layer says of its arrays: a record for each, and the checks of shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastnn._base.arguments import shown
from fastnn._base.reprs import call_of
from fastnn._ops.base import NO_PENALTY
from fastnn.initializers import Initializer
from fastnn.regularizers import L1L2

if TYPE_CHECKING:
    from fastnn.constraints import Constraint

Shape = tuple[int, ...]
MOST_AXES = 31  # of a sample; NumPy's arrays have 32 in its older releases, one of which is the batch


@dataclass(frozen=True, repr=False)
class Parameter:
    """One array of a layer: its name there, its shape, how it starts, what it costs and whether it is trained."""

    name: str
    shape: Shape
    initializer: Initializer
    regularizer: L1L2 = NO_PENALTY
    constraint: Constraint | None = None
    trainable: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return call_of(self)


def constraint_of(came: object) -> Constraint | None:
    """The constraint that a user wrote; most parameters have none, and do not load them."""
    if came is None:
        return None
    from fastnn import constraints

    return constraints.get(came)


class OpenSize(int):
    """A size that differs from batch to batch; while shapes are worked out it has the value of an example.

    Which sizes follow from it shows when they are worked out once more with another value, :data:`OTHER`. Both are
    divisible by many numbers, so that strides and Reshape find what they want.
    """

    def __repr__(self) -> str:
        return "None"

    __str__ = __repr__


OPEN, OTHER = OpenSize(5040), 7560


def other_shape(shape: Shape) -> Shape:
    """The shape where open sizes have the other value."""
    return tuple(OTHER if isinstance(size, OpenSize) else size for size in shape)


def stated(shape: Shape) -> tuple[int | None, ...]:
    """The shape with None for open sizes."""
    return tuple(None if isinstance(size, OpenSize) else size for size in shape)


def without_batch(came: object) -> object:
    """A shape as Keras writes it, ``(None, 20)``, without the axis that stands for the batch."""
    return tuple(came[1:]) if isinstance(came, tuple | list) and len(came) > 1 and came[0] is None else came


def check_shape(argument: str, came: object, may_be_open: bool = False) -> Shape:
    """An input shape as Keras takes it: a tuple of positive sizes without the batch axis, or one size.

    One of them may be None where ``may_be_open`` says so; it becomes :data:`OPEN`.
    """
    if may_be_open and isinstance(came, tuple | list) and sum(size is None for size in came) == 1:
        came = tuple(OPEN if size is None else size for size in came)
    if isinstance(came, int) and not isinstance(came, bool):
        came = (came,)
    if not isinstance(came, tuple | list) or not came:
        raise ValueError(
            f"{argument} must be a tuple of sizes without the batch axis, such as (20,), got {shown(came)}"
        )
    for size in came:
        if isinstance(size, bool) or not hasattr(size, "__index__") or size.__index__() < 1:
            if may_be_open and came.count(None) > 1:
                raise ValueError(f"{argument} may have one size that is None, for lengths that differ, got {came}")
            raise ValueError(f"{argument} must hold whole sizes of at least 1, got {shown(came)}")
    if len(came) > MOST_AXES:
        raise ValueError(f"{argument} may have {MOST_AXES} axes, got {len(came)}")
    return tuple(size if isinstance(size, OpenSize) else size.__index__() for size in came)
