"""What becomes of the sums of a fit: logs, and an entry in the history for every epoch that began an update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from fastnn._engine.compiled import Compiled
from fastnn._engine.evaluate import Kept, read_sums
from fastnn._plan.plan import Plan
from fastnn.callbacks import History, Logs

NAN = float("nan")


class Records:
    """The history of one fit, whose epochs the user counts from ``offset`` more than the model does.

    Attributes
    ----------
    logs : values of the last epoch that was entered.
    next : the first epoch without an entry, as the model counts.
    keeps : whether a metric needs all predictions of an epoch; logs of batches do not hold it.
    """

    def __init__(self, compiled: Compiled, first: int, offset: int):
        self.compiled, self.offset = compiled, offset
        self.history, self.next = History(), first
        self.keeps = compiled.keeps
        self.logs: Logs = {}

    def go_on(self, epochs: list[int], columns: Mapping[str, np.ndarray]) -> None:
        """Have the entries of a fit that ended early."""
        values = {name: [float(value) for value in column] for name, column in columns.items()}
        if any(len(column) != len(epochs) for column in values.values()):
            raise ValueError(f"the history of the checkpoint must have {len(epochs)} values each")
        if epochs:
            self.history.extend(epochs, values)
            self.next += len(epochs)
            self.logs = {name: column[-1] for name, column in values.items()}

    def running(self, plan: Plan, sums: np.ndarray, n_rows: int) -> Logs:
        """Values over the first rows of an epoch; the loss is NaN where it is not finite."""
        return {name: values[0] for name, values in self._values(plan, sums[:1], n_rows).items()}

    def columns(
        self,
        plan: Plan,
        sums: np.ndarray,
        n_rows: int,
        spoilt: bool = False,
        kept: dict[int, Kept] | None = None,
    ) -> dict[str, list[float]]:
        """Values of epochs that trained on so many rows; NaN in the last one when it is spoilt.

        ``kept`` is what the one epoch has kept for metrics that need all predictions.
        """
        found = self._values(plan, sums, 0 if spoilt and self.keeps else n_rows, kept)
        return {name: [*values[:-1], NAN] for name, values in found.items()} if spoilt else found

    def _values(
        self, plan: Plan, sums: np.ndarray, n_rows: int, kept: dict[int, Kept] | None = None
    ) -> dict[str, list[float]]:
        if not n_rows:
            return {name: [NAN] * len(sums) for name in self.names()}
        found = read_sums(self.compiled, plan, sums, n_rows, kept)
        for name in self.compiled.loss_names:
            found[name] = [value if math.isfinite(value) else NAN for value in found[name]]
        return found

    def names(self) -> list[str]:
        """Names of the values that training gives."""
        return [*self.compiled.loss_names, *(key for reading, *_ in self.compiled.metrics for key in reading.keys)]

    def enter(self, columns: dict[str, list[float]], tell: Callable[[int, Logs], object] | None) -> None:
        """Add epochs to the history, the last one with what ``tell`` has put into its logs, also when that raises."""
        n_epochs = len(columns["loss"])
        epochs = range(self.next + self.offset, self.next + self.offset + n_epochs)
        self.next += n_epochs
        self.logs = {name: values[-1] for name, values in columns.items()}
        if tell is None:
            self.history.extend(epochs, columns)
            return
        self.history.extend(epochs[:-1], {name: values[:-1] for name, values in columns.items()})
        try:
            tell(epochs[-1], self.logs)
        finally:
            self.history.extend(epochs[-1:], {name: [value] for name, value in self.logs.items()})
