"""Gradient descent, with and without momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.rate import Rate
from fastnn.optimizers.updates import OptimizerCode


@dataclass(repr=False)
class SGD(Optimizer):
    """Gradient descent: ``v = momentum v - lr g; w += v`` (Nesterov: ``w += momentum v - lr g``)."""

    learning_rate: Any = Rate(0.01)  # noqa: RUF009 (a descriptor)
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def code(self) -> OptimizerCode:
        if not self.momentum:
            return OptimizerCode.SGD
        return OptimizerCode.NESTEROV if self.nesterov else OptimizerCode.MOMENTUM

    def hyper(self) -> tuple[float, ...]:
        return (self.momentum,)
