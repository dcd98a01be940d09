"""Gradient descent, with and without momentum."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.rate import Rate, RateLike
from fastnn.optimizers.updates import OptimizerCode


@dataclass(repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent: ``w -= lr g``, with ``momentum`` that of a heavy ball (Polyak 1964).

    Each update of a parameter ``w`` with the gradient ``g``: ``v = momentum v - lr g; w += v``, and with ``nesterov``
    ``w += momentum v - lr g`` (Sutskever et al. 2013); ``v`` begins at 0.

    Parameters
    ----------
    momentum : share of the last step that is gone again, from 0 (none is kept) to 1.
    nesterov : whether the gradient counts as that of the place where momentum leads.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    learning_rate: RateLike = Rate(0.01)  # noqa: RUF009 (a descriptor)
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def code(self) -> OptimizerCode:
        if not self.momentum:
            return OptimizerCode.SGD
        return OptimizerCode.NESTEROV if self.nesterov else OptimizerCode.MOMENTUM

    def hyper(self) -> tuple[float, ...]:
        return (self.momentum,)
