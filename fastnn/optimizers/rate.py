"""The learning rate of an optimiser: a number with the methods of Keras' variable, or a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import number
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn.optimizers.base import Optimizer

_OPERATIONS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rdivmod", "rpow"),
    *("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "bool", "int", "trunc", "round", "floor", "ceil"),
    *("repr", "str", "format", "hash"),
)


class LearningRate(float):
    """The rate as it was read: a float that can also be assigned, as Keras' variable can.

    Design: a float and not a live variable, so that a rate kept in a history or read before a fit stays what it was;
    only :meth:`assign` changes the number in hand too.

    Parameters
    ----------
    value : the rate, a number from 0 on.
    optimizer : the optimizer that it belongs to, or None.

    >>> from fastnn import optimizers
    >>> optimizer = optimizers.SGD(0.1)
    >>> optimizer.learning_rate.assign(0.5 * optimizer.learning_rate)
    >>> optimizer.learning_rate, float(optimizer.learning_rate.numpy())
    (0.05, 0.05)
    """

    _now: float
    _optimizer: Optimizer

    def __new__(cls, value: float, optimizer: Optimizer) -> LearningRate:
        made = super().__new__(cls, value)
        made._now, made._optimizer = value, optimizer
        return made

    def assign(self, value: float) -> None:
        """Make ``value``, a number >= 0, the optimiser's rate from its next update on."""
        self._optimizer.learning_rate = value
        self._now = number("learning_rate", value, low=0.0)

    def numpy(self) -> np.float64:
        """The rate as NumPy's scalar."""
        return np.float64(self._now)

    def __float__(self) -> float:
        return self._now

    def __reduce__(self) -> tuple[type, tuple[float]]:
        return float, (self._now,)  # a copy belongs to no optimiser


def _on_value(name: str) -> Callable[..., object]:
    method = getattr(float, name)

    def operation(self: LearningRate, *others: object) -> object:
        return method(self._now, *(other._now if isinstance(other, LearningRate) else other for other in others))

    return operation


for _name in _OPERATIONS:
    setattr(LearningRate, f"__{_name}__", _on_value(f"__{_name}__"))


class Rate:
    """The field ``learning_rate``: takes a number or a schedule, gives a :class:`LearningRate` or the schedule."""

    def __init__(self, default: float):
        self.default = default

    def __get__(self, optimizer: Optimizer | None, kind: type) -> Held:
        found: Any = self.default  # what the constructor's argument defaults to
        if optimizer is not None:
            kept = vars(optimizer)["learning_rate"]
            found = kept if isinstance(kept, Schedule) else LearningRate(kept, optimizer)
        held: Held = found
        return held

    def __set__(self, optimizer: Optimizer, came: float | Schedule) -> None:
        rate = came if isinstance(came, Schedule) else number("learning_rate", came, low=0.0)
        vars(optimizer)["learning_rate"] = rate


if TYPE_CHECKING:

    class Held(LearningRate):
        """A rate, or a schedule. Which, no type checker can know."""

        def __getattr__(self, name: str) -> Any: ...

    RateLike = Rate
else:  # who asks for the types of fields is told of no descriptor
    RateLike = object
