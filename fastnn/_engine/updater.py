"""Updates one by one, with gradients that a user's loop brings."""

from __future__ import annotations

from fastnn._engine.plans import take_memory
from fastnn._engine.state import State
from fastnn._plan.compile import compile_plan
from fastnn._plan.layout import Layout
from fastnn.losses.records import INNER_PRODUCT
from fastnn.optimizers import Optimizer
from fastnn.schedules import Schedule


class Updater:
    """Plan, memory and learning rate of updates.

    Parameters
    ----------
    layout, state, seed : of the model, with what is not trained.
    optimizer : that makes them.
    """

    def __init__(self, layout: Layout, state: State, seed: int, optimizer: Optimizer):
        if optimizer.full_batch:
            raise ValueError("L-BFGS looks for its steps by itself, in fit; choose another optimizer for own loops")
        self.state, self.optimizer = state, optimizer
        losses = [INNER_PRODUCT] * len(layout.output_shapes)
        self.plan = compile_plan(layout.afresh, batch_size=1, losses=losses, optimizer=optimizer, seed=seed)
        self.memory = take_memory(self.state, self.plan, [], training=True)
        self._read()

    def _read(self) -> None:
        self.numbers = dict(vars(self.optimizer))
        self.others = {name: value for name, value in self.numbers.items() if name != "learning_rate"}
        rate = self.optimizer.learning_rate
        self.rate = None if isinstance(rate, Schedule) else float(rate)

    def fits(self, optimizer: Optimizer) -> bool:
        """Whether nothing but the learning rate has been set since; a new rate is read."""
        if optimizer is not self.optimizer or self.memory.slots is not self.state.slots:
            return False
        if vars(optimizer) != self.numbers:
            optimizer.check()
            if any(vars(optimizer)[name] != value for name, value in self.others.items()):
                return False
            self._read()
        return True

    def rate_at(self, step: int) -> float:
        """The learning rate of an update, ``step`` of them done before."""
        return float(self.optimizer.learning_rates(step, 1)[0]) if self.rate is None else self.rate

    def __repr__(self) -> str:
        return f"<Updater by {self.optimizer!r}>"
