"""Rows of a table as series: which rows follow each other in time, where rows are missing, and where windows begin.

Rows of a group stand together, groups in the order in which they come in the file. A *segment* is a stretch of a group
in which no row is missing; no window crosses its ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fastnn._base.arguments import nearest
from fastnn._base.reprs import counted
from fastnn.tables.notes import shortened
from fastnn.tables.steps import Step, find_step
from fastnn.tables.table import Column, Table, listed
from fastnn.tables.target import as_text
from fastnn.tables.times import Times, read_times


@dataclass(frozen=True)
class Order:
    """The steps of all groups, one behind the other.

    Attributes
    ----------
    rows : ``(n,)`` int64, the row of the file that each step is.
    groups : their names; one without a name where there are no groups.
    firsts : ``(n_groups + 1,)``, the step at which each group begins, and the end.
    times : of the steps; None where rows are in the order of time as they stand.
    step : how far rows lie apart.
    segments : ``(n_segments + 1,)``, the step at which each segment begins, and the end.
    notes : what a user should know.
    """

    rows: np.ndarray
    groups: tuple[str, ...]
    firsts: np.ndarray
    times: Times | None
    step: Step
    segments: np.ndarray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def begins(self) -> np.ndarray:
        """The step at which the segment of each step begins, ``(n,)`` int64."""
        return np.repeat(self.segments[:-1], np.diff(self.segments))

    def starts(self, needs: int) -> np.ndarray:
        """The steps at which windows begin that have ``needs`` steps in their segment, int64."""
        counts = np.maximum(0, np.diff(self.segments) - needs + 1)
        before = np.cumsum(counts) - counts
        return np.repeat(self.segments[:-1] - before, counts) + np.arange(counts.sum(), dtype=np.int64)

    def group_of(self, step: int) -> str:
        """The group that a step is in, as words for a message; nothing where there are no groups."""
        if self.groups == ("",):
            return ""
        return f" in group {self.groups[int(np.searchsorted(self.firsts, step, side='right')) - 1]!r}"


def order_rows(table: Table, time: str | None, group: str | None, step: Step | None = None) -> Order:
    """Rows in the order of groups and time.

    Parameters
    ----------
    table : with the columns that ``time`` and ``group`` name.
    time, group : columns; None where rows are in the order of time as they stand, and of one series.
    step : how far rows lie apart, as a model knows it; None to find it out.

    Raises
    ------
    ValueError
        a column is missing, a row has no time or no group, or two rows of a group have one time.
    """
    names, ranks = _ranks(table, group)
    times = None
    if time is not None:
        times = read_times(time, column_of(table, time, "time"), None if step is None else step.dated)
    rows = np.argsort(ranks, kind="stable") if times is None else np.lexsort((times.values, ranks))
    rows = rows.astype(np.int64, copy=False)
    firsts = np.searchsorted(ranks[rows], np.arange(len(names) + 1)).astype(np.int64)
    if times is None:
        return Order(rows, names, firsts, None, Step("row"), firsts)
    within = np.ones(len(rows) - 1, bool)
    within[firsts[1:-1] - 1] = False
    order = Order(rows, names, firsts, times.take(rows), step or Step("row"), firsts)
    order = replace(order, notes=tuple(_moved_note(order, within)))
    _check_apart(order, within, "" if step else ", or name the column that tells them apart with --group")
    return _with_segments(order, within, step)


def column_of(table: Table, name: str, what: str) -> Column:
    """A column by name, or the error that lists the columns there are."""
    if name not in table.columns:
        came = f"{name!r}{nearest(name, table.columns)}"
        raise ValueError(f"{table.source} has no {what} column {came}; it has {listed(list(table.columns), 20)}")
    return table.columns[name]


def _ranks(table: Table, group: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the groups in the order in which they come, and each row's place in them ``(n,)``."""
    if group is None:
        return ("",), np.zeros(len(table), np.int64)
    column = column_of(table, group, "group")
    if column.gaps.any():
        row = int(column.gaps.argmax()) + 1
        raise ValueError(f"column {group!r} names no group in row {row}; write one into every row")
    text = as_text(column)
    present, firsts = np.unique(text.codes, return_index=True)
    in_order = present[np.argsort(firsts)]
    places = np.zeros(len(text.values), np.int64)
    places[in_order] = np.arange(len(in_order))
    return tuple(text.values[code] for code in in_order), places[text.codes]


def _moved_note(order: Order, within: np.ndarray) -> list[str]:
    """A note on rows that stand behind later ones of their group, with the first of them."""
    behind = np.flatnonzero((np.diff(order.rows) < 0) & within)
    if not len(behind):
        return []
    assert order.times is not None
    step = int(behind[order.rows[behind].argmin()])
    written = order.times.form.write(order.times.values[step : step + 1])[0]
    first = f"row {order.rows[step] + 1} ({written}) stands behind a later one{order.group_of(step)}"
    return [f"rows are not in the order of time and are sorted: {first}"]


def _check_apart(order: Order, within: np.ndarray, hint: str) -> None:
    assert order.times is not None
    same = (np.diff(order.times.values) == 0) & within
    if not same.any():
        return
    index = int(same.argmax())
    written = order.times.form.write(order.times.values[index : index + 1])[0]
    first, second = sorted(order.rows[index : index + 2].tolist())
    more = f" (and so have {counted(int(same.sum()) - 1, 'more pair')})" if same.sum() > 1 else ""
    mend = "leave one of them out" + hint * (order.groups == ("",))
    if order.times.form.kind == "moment" and not order.times.form.zone:
        mend += "; where clocks were set back, times need their zone, such as +01:00"
    raise ValueError(
        f"rows {first + 1} and {second + 1} have the same time {written}{order.group_of(index)}{more}; {mend}"
    )


def _with_segments(order: Order, within: np.ndarray, known: Step | None) -> Order:
    """The order with its step, cut where rows are missing."""
    assert order.times is not None
    values = order.times.values
    if known is not None:
        _check_step(order.times, within, known)
    step = known or (find_step(order.times, within) if within.any() else Step("row"))
    if step.unit == "row":
        raise ValueError("a series needs two rows of one group at least")
    gaps = np.flatnonzero(step.gaps(values) & within)
    cuts = np.union1d(order.firsts, gaps + 1).astype(np.int64)
    notes = [*order.notes, *_gap_note(order, gaps, step)]
    return replace(order, step=step, segments=cuts, notes=tuple(notes))


def _check_step(times: Times, within: np.ndarray, known: Step) -> None:
    """Raise where rows usually lie farther apart than the model knows them, or closer."""
    apart = known.apart(times.values)[within]
    if len(apart) and not 0.5 < np.median(apart) <= known.most_apart:
        came = find_step(times, within).in_words()
        raise ValueError(
            f"the model was trained on {known.in_words()}, and this is {came}; bring the rows to that step, or train "
            "on such ones"
        )


def _gap_note(order: Order, gaps: np.ndarray, step: Step) -> list[str]:
    if not len(gaps):
        return []
    assert order.times is not None
    first = int(gaps[0])
    before, after = order.times.form.write(order.times.values[first : first + 2])
    many = f"{counted(len(gaps), 'gap')} in time" if len(gaps) > 1 else "a gap in time"
    where = f"between {before} and {after}{order.group_of(first)} (row {order.rows[first + 1] + 1})"
    return [f"{many} ({step.in_words()}), the first {where}; no window crosses one"]


def short_groups(order: Order, needs: int) -> list[str]:
    """The groups that have no window of ``needs`` steps."""
    longest = np.maximum.reduceat(np.diff(order.segments), np.searchsorted(order.segments[:-1], order.firsts[:-1]))
    return [name for name, steps in zip(order.groups, longest.tolist(), strict=True) if steps < needs]


def check_room(order: Order, needs: int, words: str, mend: str) -> list[str]:
    """Notes on groups that are too short for ``needs`` steps; the error where all are, with what would fit."""
    short = short_groups(order, needs)
    longest = int(np.diff(order.segments).max())
    if len(short) == len(order.groups):
        ends = "longest stretch without a gap" if len(order.segments) > len(order.firsts) else "series"
        ends = "longest group" if ends == "series" and len(order.groups) > 1 else ends
        cut = "; leave --time-column out to take rows as they stand" if "stretch" in ends else ""
        raise ValueError(f"{words} needs {needs} steps, and the {ends} has {longest}; {mend}{cut}")
    if not short:
        return []
    have = "has" if len(short) == 1 else "have"
    return [f"{counted(len(short), 'group')} {have} fewer steps than {words} needs, {needs} ({shortened(short)})"]
