"""L-BFGS, which :mod:`fastnn._engine.lbfgs` runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastnn._base.arguments import integer, number
from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.rate import Rate, RateLike
from fastnn.optimizers.updates import OptimizerCode
from fastnn.schedules import Schedule


@dataclass(repr=False)
class LBFGS(Optimizer):
    """Limited-memory BFGS on all rows at once, for small data (Liu and Nocedal 1989).

    One epoch is one iteration, ``w += a d`` with ``d = -H g``: a direction from the last ``history_size`` steps and a
    line search that meets the strong Wolfe conditions. It needs neither a batch size nor a learning rate schedule;
    ``learning_rate`` is the first step tried.

    Parameters
    ----------
    history_size : how many pairs of steps and changes of the gradient ``H`` is made from, from 1 on.
    tolerance : training ends where the largest ``|g|`` is below it, from 0 on.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.

    >>> import numpy as np
    >>> from fastnn import Sequential, optimizers
    >>> from fastnn.layers import Dense
    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = Sequential([Dense(8, "tanh", input_shape=(1,)), Dense(1)], dtype="float64", seed=1)
    >>> model.compile(optimizers.LBFGS(), "mse")
    >>> history = model.fit(x, np.sin(3 * x), epochs=100)
    >>> history.history["loss"][-1] < 1e-4
    True
    """

    full_batch: ClassVar[bool] = True

    learning_rate: RateLike = Rate(1.0)  # noqa: RUF009 (a descriptor)
    history_size: int = 10
    tolerance: float = 1e-7

    def check(self) -> None:
        super().check()
        integer("history_size", self.history_size, low=1)
        number("tolerance", self.tolerance, low=0.0)
        if isinstance(self.learning_rate, Schedule) or self.clip[0] or self.weight_decay:
            raise ValueError("LBFGS takes neither a schedule nor clipping nor weight_decay")
        if self.learning_rate_factors or self.weight_decay_factors:
            raise ValueError("LBFGS has one step for all parameters, and takes no factors of single layers")

    @property
    def code(self) -> OptimizerCode:
        raise NotImplementedError("LBFGS is no fused update; fastnn._engine.lbfgs runs it")

    @property
    def n_slots(self) -> int:
        return 0
