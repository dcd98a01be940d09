"""The updates of a fit: which function of the backend makes them, with what plan, memory and learning rates.

Numbers of the optimiser other than its rate are part of the plan. What a callback sets on the optimiser is looked for
before every call, so that it acts on the very next update.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base import interrupts
from fastnn._engine.data import Data
from fastnn._engine.lbfgs import Solver
from fastnn._engine.plans import take_memory
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Course
from fastnn.losses import CustomLoss
from fastnn.optimizers import LBFGS
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential


class Trainer:
    """Updates of one fit of ``model`` on ``data``, ``batch_size`` rows each.

    Attributes
    ----------
    plan, memory : what the backend trains on; others after the optimiser has changed.
    schedule : of the learning rate, None for a number.
    """

    def __init__(self, model: Sequential, backend: Any, data: Data, batch_size: int):
        self.model, self.backend, self.data, self.batch_size = model, backend, data, batch_size
        self.order = np.arange(len(data), dtype=np.int32)
        self.solver: Solver | None = None
        self._take_plan()
        self._read_optimizer()

    def heed(self) -> bool:
        """Take over what has been set on the optimiser since the last call; True for another one, which begins anew."""
        optimizer = self.model.compiled_optimizer
        if optimizer is self.optimizer and vars(optimizer) == self.numbers:
            return False
        optimizer.check()
        if isinstance(optimizer, LBFGS) != isinstance(self.optimizer, LBFGS):
            raise RuntimeError("within a fit the optimizer cannot become LBFGS or another one than it; compile between")
        another = optimizer is not self.optimizer
        if another:
            self.model.slots = None  # the state of another optimiser
        self.close()
        self._take_plan()
        self._read_optimizer()
        return another

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        """Make up to ``run.max_steps`` updates."""
        interrupts.check()
        first, count = int(run["step"]), int(run["max_steps"])
        rates = self.optimizer.learning_rates(first, count if self.schedule else 1)
        data = self.data
        with np.errstate(all="ignore"):  # a loss that is not finite is found and told, not warned of
            self.train(self.plan, self.memory, data.rows, Course(self.order, run, rates, sums))

    def close(self) -> None:
        """Leave the memory to the next fit."""
        self.pool.append(self.memory)

    def _take_plan(self) -> None:
        self.plan, self.pool = self.model.training_plan(self.batch_size, len(self.data))
        self.memory = take_memory(self.model, self.plan, self.pool, training=True)

    def _read_optimizer(self) -> None:
        self.optimizer = self.model.compiled_optimizer
        self.numbers = dict(vars(self.optimizer))
        rate = self.optimizer.learning_rate
        self.schedule = rate if isinstance(rate, Schedule) else None
        if isinstance(self.optimizer, LBFGS):
            self.solver = self.solver or Solver(self.backend, self.optimizer)
            self.train: Any = self.solver
        elif isinstance(self.plan.loss_records[0], CustomLoss):
            self.train = partial(steps.train_loop, self.backend, loss=reference.loss)
        else:
            self.train = self.backend.train
