"""A rate that falls when the loss stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn.schedules.base import Schedule


@dataclass(repr=False)
class Plateau(Schedule):
    """Times ``factor`` when the loss has not improved by ``min_delta`` for ``patience`` epochs.

    The rate is then ``max(rate * factor, min_lr)``, from the next epoch on.

    Parameters
    ----------
    learning_rate : the rate, from 0 on.
    factor : what the rate is multiplied by where nothing improves.
    patience : epochs without an improvement, after which the rate falls.
    min_delta : smaller changes are no improvement.
    min_lr : the rate never falls below.

    >>> import numpy as np
    >>> from fastnn import Sequential, optimizers, schedules
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile(optimizers.SGD(schedules.Plateau(0.01, factor=0.5, patience=2, min_delta=10.0)), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=5)
    >>> model.optimizer.learning_rate.learning_rate
    0.0025
    """

    learning_rate: float = 0.001
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._best, self._waited = float("inf"), 0

    def get_state(self) -> list[float]:
        return [self._best, self._waited]

    def set_state(self, state: Sequence[float]) -> None:
        best, waited = state
        self._best, self._waited = float(best), integer("waited", waited, low=0)

    def check(self) -> None:
        number("learning_rate", self.learning_rate, low=0.0)
        number("factor", self.factor, low=0.0, high=1.0, open_high=True)
        integer("patience", self.patience, low=1)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        return np.full(len(steps), float(self.learning_rate))

    def on_epoch_end(self, loss: float) -> None:
        if loss < self._best - self.min_delta:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.learning_rate, self._waited = max(self.learning_rate * self.factor, self.min_lr), 0
