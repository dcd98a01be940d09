"""A file's series, encoded: its windows, what they predict, and what naive forecasts say of the same steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fastnn._base.windows import WindowRows
from fastnn.tables.order import Order
from fastnn.tables.series import Forecast, SeriesFeatures
from fastnn.tables.table import Column, Numbers, Table, Text
from fastnn.tables.target import Classes, Quantity

DRIFT = 0.1  # of the late steps of a series that drifts lie outside the range of the early ones


@dataclass(frozen=True)
class SeriesRows:
    """Steps in order, with what is known of the target.

    Attributes
    ----------
    order : of the steps.
    steps : ``(n, n_step)`` float32, encoded.
    values : ``(n,)`` the target: float64, NaN where it is missing, or int64 indices of classes.
    known : ``(n,)`` bool, where there is a target.
    """

    order: Order
    steps: np.ndarray
    values: np.ndarray
    known: np.ndarray

    def windows(self, window: int, horizon: int) -> np.ndarray:
        """The steps at which windows begin whose next ``horizon`` targets, and one before, are known, int64."""
        starts = self.order.starts(window + horizon)
        if self.known.all():
            return starts
        targets = np.lib.stride_tricks.sliding_window_view(self.known, horizon)
        whole = targets[starts + window].all(axis=1) & (self.last_known[starts + window - 1] >= 0)
        found: np.ndarray = starts[whole]
        return found

    def x(self, starts: np.ndarray, window: int) -> WindowRows:
        """The windows that begin at these steps, as rows for a model; none is copied."""
        if len(starts) and starts[-1] - starts[0] == len(starts) - 1:  # one after the other, for starts ascend
            return WindowRows(self.steps[starts[0] : starts[-1] + window], window)
        return WindowRows(self.steps, window, starts=starts)

    def targets(self, starts: np.ndarray, window: int, horizon: int) -> np.ndarray:
        """The ``horizon`` steps behind each window, ``(n, horizon)``."""
        found: np.ndarray = np.lib.stride_tricks.sliding_window_view(self.values, horizon)[starts + window]
        return found

    @cached_property
    def last_known(self) -> np.ndarray:
        """The last step of the segment with a target, up to each step itself, ``(n,)`` int64; -1 for none."""
        n = len(self.order)
        last = np.maximum.accumulate(np.where(self.known, np.arange(n), -1))
        return np.where(last >= self.order.begins, last, -1)

    def last(self, starts: np.ndarray, window: int) -> np.ndarray:
        """The last known target at the end of each window, ``(n,)``."""
        ends = starts + window - 1
        found: np.ndarray = self.values[ends if self.known.all() else self.last_known[ends]]
        return found

    def season_before(self, starts: np.ndarray, window: int, horizon: int, season: int) -> np.ndarray:
        """What stood as many whole seasons before each target as are needed to know it, ``(n, horizon)`` float64.

        NaN where the segment does not reach back so far.
        """
        begins = self.order.begins[starts]
        out = np.empty((len(starts), horizon))
        for ahead in range(1, horizon + 1):
            before = starts + (window - 1 + ahead - -(-ahead // season) * season)
            reached = (before >= begins) & self.known[np.maximum(before, 0)]
            out[:, ahead - 1] = np.where(reached, self.values[np.maximum(before, 0)], np.nan)
        return out


@dataclass(frozen=True)
class Past:
    """A target in the order of the file: its values, where they are known, and the column that steps have of it."""

    values: np.ndarray
    known: np.ndarray
    column: Column
    classes: Classes | None = None

    @staticmethod
    def of_numbers(name: str, column: Column) -> Past:
        """Numbers; the error where there is text."""
        values = Quantity(name, 0.0, 1.0).values(column)
        odd = column.odd if isinstance(column, Numbers) else ()
        return Past(values, ~np.isnan(values), Numbers(values, odd))

    @staticmethod
    def of_classes(classes: Classes, column: Column) -> Past:
        """Indices of classes; -1, a gap in what steps see, for those that the model does not know."""
        indices = classes.encode(column)
        return Past(indices, ~column.gaps, Text(indices.astype(np.int32), tuple(classes.labels)), classes)

    @staticmethod
    def of(target: Classes | Forecast, column: Column) -> Past:
        """What a target's column holds."""
        return Past.of_classes(target, column) if isinstance(target, Classes) else Past.of_numbers(target.name, column)

    def in_steps(self, order: Order, changes: bool) -> Column:
        """The column that steps have of it: as it is, or its changes, 0 where a segment begins."""
        if not changes:
            return self.column
        rows = self.rows(order)
        before = np.concatenate([[-1], rows.last_known[:-1]])
        before[order.segments[:-1]] = -1
        change = np.where(before >= 0, rows.values - rows.values[before], 0.0)
        out = np.empty(len(order))
        out[order.rows] = np.where(rows.known, change, np.nan)
        return Numbers(out)

    def rows(self, order: Order) -> SeriesRows:
        """In the order of time; steps that are not encoded have no numbers."""
        in_order = self.values[order.rows], self.known[order.rows]
        return SeriesRows(order, np.empty((len(order), 0), np.float32), *in_order)


def drifts(rows: SeriesRows, before: np.ndarray) -> bool:
    """Whether the last fifth of the steps ``before`` the cut, of each group, has values that were not there earlier."""
    outside = late = 0
    for first, end in zip(rows.order.firsts[:-1].tolist(), rows.order.firsts[1:].tolist(), strict=True):
        values = rows.values[first:end][(before & rows.known)[first:end]]
        n_early = len(values) - len(values) // 5
        early, last = values[:n_early], values[n_early:]
        if len(last):
            outside += int(((last < early.min()) | (last > early.max())).sum())
            late += len(last)
    return outside > DRIFT * late


def series_rows(features: SeriesFeatures, name: str, table: Table, past: Past, order: Order) -> SeriesRows:
    """The steps of a table, encoded; ``name`` is the target's."""
    column = past.in_steps(order, features.changes)
    steps = features.steps(features.encode(with_target(table, name, column)), order)
    return replace(past.rows(order), steps=steps)


def with_target(table: Table, name: str, column: Column) -> Table:
    """The columns of a step: the target goes before the others."""
    return replace(table, columns={name: column, **table.columns})
