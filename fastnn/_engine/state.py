"""What lasts of a model: its parameters, the optimiser with its slots, and the counters. Saved, resumed and copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastnn._base.reprs import call_of
from fastnn.layers.place import Holder
from fastnn.optimizers import Optimizer
from fastnn.schedules import Schedule


@dataclass(eq=False)
class State:
    """What training changes.

    Attributes
    ----------
    holder : has the vector ``params``, which it may replace between two calls when layers of models join.
    optimizer, slots : how updates are made, with what it remembers ``(n_slots, n_params)``; None before there is any.
    dropout_schedule : what the rates of dropout are multiplied by at each step; None for 1.
    states : what stateful layers remember of the batch before; they have views of it.
    epoch, step : epochs and updates trained so far.
    calls : calls with dropout, beside updates.
    stop_training, stop_evaluating, stop_predicting : what callbacks set to end a call.
    """

    holder: Holder
    optimizer: Optimizer | None = None
    slots: np.ndarray | None = None
    states: np.ndarray | None = None
    epoch: int = 0
    step: int = 0
    calls: int = 0
    dropout_schedule: Schedule | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False

    @property
    def params(self) -> np.ndarray:
        """All parameters, ``(n_params,)``."""
        return self.holder.params

    def drops(self, first_step: int, n_steps: int) -> np.ndarray | float:
        """Factors of the rates of dropout of each step from ``first_step`` (from 0).

        Raises
        ------
        ValueError
            the schedule gives one above 1, which might drop all.
        """
        if self.dropout_schedule is None:
            return 1.0
        found = self.dropout_schedule.rates(np.arange(first_step, first_step + n_steps))
        if n_steps and found.max() > 1:
            raise ValueError(
                f"dropout_schedule must give factors up to 1, and {self.dropout_schedule!r} gives {found.max():g}; "
                f"start it at 1"
            )
        return found

    def dropping(self, step: int) -> float:
        """The factor of the rates of dropout in one step (from 0), as of :meth:`drops`."""
        return 1.0 if self.dropout_schedule is None else float(np.max(self.drops(step, 1)))

    def begin_with(self, optimizer: Optimizer | None) -> None:
        """Have another optimiser, whose state starts afresh."""
        self.optimizer, self.slots, self.step = optimizer, None, 0

    def drop_moments(self) -> None:
        """Have the optimiser and stateful layers begin afresh."""
        self.slots = None
        if self.states is not None:
            self.states[...] = 0

    def forget(self) -> None:
        """Start afresh with parameters that nothing has trained."""
        self.slots, self.epoch, self.step = None, 0, 0

    def __repr__(self) -> str:
        return call_of(self)


class HasState(Protocol):
    """A model, of which this is what the engine asks here."""

    @property
    def state(self) -> State: ...


def attribute(name: str) -> property:
    """A property of a model that is an attribute of its state."""

    def read(model: HasState) -> object:
        return getattr(model.state, name)

    def write(model: HasState, came: object) -> None:
        setattr(model.state, name, came)

    return property(read, write)
