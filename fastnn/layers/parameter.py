"""What a layer says of its arrays: a record for each, and the checks of shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fastnn._base.arguments import shown
from fastnn._base.reprs import call_of
from fastnn._ops.base import NO_PENALTY
from fastnn.constraints import Constraint
from fastnn.initializers import Initializer
from fastnn.regularizers import L1L2

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


def without_batch(came: Any) -> Any:
    """A shape as Keras writes it, ``(None, 20)``, without the axis that stands for the batch."""
    return tuple(came[1:]) if isinstance(came, tuple | list) and len(came) > 1 and came[0] is None else came


def check_shape(argument: str, came: object) -> Shape:
    """An input shape as Keras takes it: a tuple of positive sizes without the batch axis, or one size."""
    if isinstance(came, int) and not isinstance(came, bool):
        came = (came,)
    if not isinstance(came, tuple | list) or not came:
        raise ValueError(
            f"{argument} must be a tuple of sizes without the batch axis, such as (20,), got {shown(came)}"
        )
    for size in came:
        if isinstance(size, bool) or not hasattr(size, "__index__") or size.__index__() < 1:
            raise ValueError(f"{argument} must hold whole sizes of at least 1, got {shown(came)}")
    if len(came) > MOST_AXES:
        raise ValueError(f"{argument} may have {MOST_AXES} axes, got {len(came)}")
    return tuple(size.__index__() for size in came)
