"""What a model of series knows of its data: which columns a step has, how steps follow each other, what is predicted.

A step is encoded as a row of a table is, with the target's own value among its columns, and phases of the calendar
behind them.

Design: numbers are predicted as the change from the last known value. Levels (rejected) cannot be told beyond those
of the training steps: a GRU on a random walk with drift had 3.4 times the error of the last value. Over AR(1), AR(2)
and seasonal series the change was as good or better; on a logistic map (errors of half a per cent) levels were. A step
has the target's level, or its change where a recurrent network shall go on with a trend, for that saturates at levels
that are new: on 16 trends of 150 to 1,500 steps changes lowered a GRU's error by 14 per cent on average. Elsewhere they
raise it by 1 to 3, and on trends that of dense layers by 4.

Groups share one network and one scale, and their names are no inputs, so that a model serves groups that it never saw:
a scale for each (rejected) changed errors by -4 to 4 per cent, names as inputs (rejected) raised them by 0 to 29.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fastnn._base import arguments
from fastnn._base.reprs import call_of, counted
from fastnn._base.types import Config
from fastnn.tables.columns import NumberFeature
from fastnn.tables.features import TableFeatures, features_from_config
from fastnn.tables.order import Order
from fastnn.tables.phases import CYCLES, fill_phases
from fastnn.tables.steps import Step
from fastnn.tables.table import Table
from fastnn.tables.target import Classes


@dataclass(frozen=True)
class SeriesFeatures:
    """The encoding of steps: ``columns``, then two numbers for each of ``cycles``.

    ``window`` steps are what the network sees. ``time`` and ``group`` are columns of the file, None without one. With
    ``changes`` the target is there as the change from the last known step before.
    """

    window: int
    columns: TableFeatures
    step: Step
    time: str | None = None
    group: str | None = None
    cycles: Sequence[str] = ()
    changes: bool = False

    @property
    def n_step(self) -> int:
        """How many numbers a step has."""
        return self.columns.width + 2 * len(self.cycles)

    @property
    def width(self) -> int:
        """How many numbers a window has."""
        return self.window * self.n_step

    def __repr__(self) -> str:
        return f"<SeriesFeatures of {counted(self.window, 'step')}, {counted(self.n_step, 'number')} a step>"

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        arguments.integer("window", self.window, low=1)
        self.columns.check()
        if self.columns.codes:
            raise ValueError("a step of a series is one row of numbers, without codes for an Embedding")
        self.step.check()
        unknown = set(self.cycles) - CYCLES.keys()
        if unknown or len(set(self.cycles)) < len(self.cycles) or (self.cycles and not self.step.dated):
            raise ValueError(f"cycles must be of {', '.join(CYCLES)} and of times with dates, got {list(self.cycles)}")
        if (self.time is None) != (self.step.unit == "row") or (self.time is not None and self.time == self.group):
            raise ValueError("a column of times goes with their step, and is not that of the groups")

    def check_target(self, target: object) -> None:
        """Raise ``ValueError`` where a target is none of a series with these steps."""
        if not isinstance(target, Classes | Forecast):
            raise ValueError("a series has a target of classes, or of numbers as changes")
        past = [f for f in self.columns.features if f.name == target.name]
        if not past or (isinstance(target, Forecast) and not isinstance(past[0], NumberFeature)):
            raise ValueError(f"a step has no {target.name!r}, which is predicted")
        if self.changes and not isinstance(target, Forecast):
            raise ValueError("classes do not change by numbers")
        if {self.time, self.group} & {f.name for f in self.columns.features}:
            raise ValueError("the columns of times and of groups are no inputs")

    def steps(self, rows: np.ndarray, order: Order) -> np.ndarray:
        """Steps in order, ``(n, n_step)`` float32, from the encoded columns of the file's rows ``(n, width)``."""
        if not self.cycles or order.times is None:
            found: np.ndarray = rows[order.rows]
            return found
        out = np.empty((len(order), self.n_step), np.float32)
        out[:, : rows.shape[1]] = rows[order.rows]
        fill_phases(self.cycles, order.times.values, out[:, rows.shape[1] :])
        return out

    def encode(self, table: object) -> np.ndarray:
        """The columns of a table's rows, ``(n, columns.width)`` float32, the target among them."""
        if not isinstance(table, Table):
            raise ValueError("the model was trained on series in a table with named columns, and this is an array")
        made: Any = self.columns.encode(table)
        found: np.ndarray = made  # a step has no codes
        return found

    def notes(self, table: Table) -> list[str]:
        """What a user should know about rows of a table that :meth:`encode` takes."""
        return self.columns.notes(table)

    def text_columns(self) -> list[str]:
        """Columns to read as text, whatever their values look like."""
        return self.columns.text_columns() + ([] if self.group is None else [self.group])

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Columns to read as numbers, each with the words that count as gaps there."""
        return self.columns.number_columns()

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        return {
            "kind": "series",
            "window": self.window,
            "columns": self.columns.config(),
            "step": asdict(self.step),
            "time": self.time,
            "group": self.group,
            "cycles": list(self.cycles),
            "changes": self.changes,
        }

    @staticmethod
    def from_config(stored: Config) -> SeriesFeatures:
        """The encoding that :meth:`config` described."""
        known = {key: value for key, value in stored.items() if key != "kind"}
        columns = features_from_config(known.pop("columns"))
        if not isinstance(columns, TableFeatures):
            raise ValueError("steps of a series are rows of a table")
        return SeriesFeatures(columns=columns, step=Step(**known.pop("step")), **known)


@dataclass(frozen=True)
class Forecast:
    """A target of numbers, the next ``horizon`` steps: trained as ``(value - last known value - mean) / spread``."""

    name: str
    mean: float
    spread: float
    horizon: int

    def __repr__(self) -> str:
        return call_of(self)

    @property
    def n_out(self) -> int:
        return self.horizon

    @property
    def ahead(self) -> str:
        """Which steps are predicted, and how, in words."""
        steps = "the next step" if self.horizon == 1 else f"the next {self.horizon} steps"
        return f"{steps}, as changes from the last value"

    def encode(self, values: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Standardised changes ``(n, horizon)`` float32 from ``last`` ``(n,)`` to ``values`` ``(n, horizon)``."""
        found: np.ndarray = ((values - last[:, None] - self.mean) / self.spread).astype(np.float32)
        return found

    def decode(self, output: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Predicted values ``(n, horizon)`` float64 from ``output`` ``(n, horizon)`` and the last known ones."""
        found: np.ndarray = output.astype(np.float64) * self.spread + self.mean + last[:, None]
        return found

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        arguments.number("mean", self.mean)
        arguments.number("spread", self.spread, low=0.0, open_low=True)
        arguments.integer("horizon", self.horizon, low=1)

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        return {"kind": "forecast", **asdict(self)}

    @staticmethod
    def from_config(stored: Config) -> Forecast:
        """The target that :meth:`config` described."""
        return Forecast(**{key: value for key, value in stored.items() if key != "kind"})


def horizon_of(target: object) -> int:
    """How many steps a series' target is of; classes are told one step ahead."""
    return target.horizon if isinstance(target, Forecast) else 1


def fit_forecast(name: str, values: np.ndarray, last: np.ndarray) -> Forecast:
    """Mean and spread of the changes of training windows, from ``last`` ``(n,)`` to ``values`` ``(n, horizon)``."""
    changes = values - last[:, None]
    mean, spread = float(changes.mean()), float(changes.std())
    if spread <= 1e-12 * max(abs(mean), float(np.abs(last).max())):
        what = f"changes by {mean:g} in every step" if mean else f"has the value {last[0]:g} in every row"
        raise ValueError(f"the target {name!r} {what}: there is nothing to learn")
    return Forecast(name, mean, spread, values.shape[1])
