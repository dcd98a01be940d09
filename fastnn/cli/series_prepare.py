"""From the rows of a table to windows of its series: the order of time, the task, the cut, the encoding.

All that is fitted comes from the steps before the cut: no window that is trained on has a target at or behind it.
Windows that are held out have all targets behind it, and may see what was before.

Design: the cut is one time for all groups, so that what one group does later tells nothing of what another one did
before. Without times it is the same share of each group.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.data import Source, require_target
from fastnn.cli.networks import RECURRENT, default_network
from fastnn.cli.prepare import class_weights_of
from fastnn.cli.recipe import FEWEST_HELD_OUT, SHARE
from fastnn.cli.series import PreparedSeries, encoded_targets
from fastnn.tables import Encoding, choose_task, fit_classes, fit_features
from fastnn.tables.features import TableFeatures
from fastnn.tables.notes import gap_words, odd_note, shortened
from fastnn.tables.order import Order, check_room, order_rows
from fastnn.tables.phases import cycles_of
from fastnn.tables.ranges import check_finite
from fastnn.tables.series import Forecast, SeriesFeatures, fit_forecast
from fastnn.tables.series_rows import Past, SeriesRows, drifts, series_rows, with_target
from fastnn.tables.table import Column, Table, Text
from fastnn.tables.target import Classes, as_numbers, told_labels
from fastnn.tables.times import writes_times

FITS = "a shorter window fits"


@dataclass(frozen=True)
class Cut:
    """Steps ``before`` the cut ``(n,)`` bool; where windows begin to ``train`` on, and those held out, ``later``."""

    before: np.ndarray
    train: np.ndarray
    later: np.ndarray


def prepare_series(source: Source, arguments: argparse.Namespace) -> PreparedSeries:
    """Order rows, choose the task, cut, fit the encoding on what is before the cut; prints what it found."""
    table, name, window = _table(source), source.target_name, arguments.window
    column, task, reason, told = _task(source, arguments)
    order = order_rows(with_target(table, name, column), arguments.time_column, arguments.group)
    print(f"{source.name}: {found_line(order, arguments.time_column)}")
    for note in (*source.notes, *told, *order.notes, *check_room(order, *needs(window, arguments.horizon or 1), FITS)):
        print(f"note: {note}")
    known = ~column.gaps[order.rows]
    cut = _cut(SeriesRows(order, np.empty((len(order), 0), np.float32), known, known), arguments)
    past = _past(name, column, task, order, cut.before)
    rows = past.rows(order)
    target = past.classes or fit_forecast(
        name,
        rows.targets(cut.train, window, arguments.horizon or 1),
        rows.last(cut.train, window),
    )
    print(f"task: {task} ({reason}){_ahead(target)}")
    inputs, dropped = _inputs(table, arguments)
    recurrent = (arguments.network or default_network(len(cut.train) * window)) in RECURRENT
    changes = recurrent and past.classes is None and drifts(rows, cut.before)
    steps = with_target(inputs, name, past.in_steps(order, changes))
    features, notes = _fit(steps, order, cut.before, changes, arguments)
    for note in (*dropped, *notes):
        print(f"note: {note}")
    print(f"a step: {step_line(features, name)}")
    print(_windows_line(order, cut, features.window))
    trained = {"data": f"{source.name}, {counted(len(cut.train), 'window')} of {window} steps, task {task}"}
    encoding = Encoding(features, target, trained)
    rows = series_rows(features, name, table, past, order)
    y = encoded_targets(encoding, rows, cut.train)
    return PreparedSeries(encoding, rows, cut.train, cut.later, class_weights_of(arguments, target, y))


def needs(window: int, horizon: int) -> tuple[int, str]:
    """How many steps a window and its targets are, and what they are called."""
    told = f"a window of {window} with the {'step' if horizon == 1 else f'{horizon} steps'} behind it"
    return window + horizon, told


def found_line(order: Order, time: str | None) -> str:
    """What a file holds: steps, groups, how far apart, from when to when."""
    groups = "" if order.groups == ("",) else f" of {counted(len(order.groups), 'group')}"
    if order.times is None:
        return f"{counted(len(order), 'step')}{groups}, in the order of the file"
    ends = np.array([order.times.values.min(), order.times.values.max()])
    first, last = order.times.form.write(ends)
    return f"{counted(len(order), 'step')}{groups}, {order.step.in_words()} ({time!r}, {first} to {last})"


def step_line(features: SeriesFeatures, target: str) -> str:
    """What a step of a series has, by name."""
    change = " (its change, for it drifts)" * features.changes
    names = shortened([f.name + change * (f.name == target) for f in features.columns.features], 20)
    cycles = f"; of the calendar {', '.join(features.cycles)} (sine and cosine)" if features.cycles else ""
    return f"{names}{cycles}: {counted(features.n_step, 'number')}"


def _table(source: Source) -> Table:
    if not isinstance(source.features, Table):
        raise ValueError(f"{source.name} holds images; --window is for tables whose rows follow each other in time")
    return source.features


def _task(source: Source, arguments: argparse.Namespace) -> tuple[Column, str, str, list[str]]:
    """The target's column, the task and its reason, and notes."""
    plain, told = told_labels(require_target(source))
    column = plain
    if column.gaps.all():
        raise ValueError(f"the target {source.target_name!r} is empty in every row")
    task, reason = (arguments.task, "as --task says") if arguments.task else choose_task(column)
    numbers = as_numbers(column)
    if task == "classify" and (arguments.horizon or 1) > 1:
        mend = "; --task regress predicts numbers" if numbers is not None else ""
        raise ValueError(
            f"--horizon {arguments.horizon} needs a target of numbers, and {source.target_name!r} is of classes "
            f"({reason}), which are predicted one step ahead: each further step would need a distribution of its "
            f"own{mend}"
        )
    if task == "regress":
        column = numbers or column
        check_finite(source.target_name, column)
    for name, feature in _table(source).columns.items():
        check_finite(name, feature)
    told = [*told, *odd_note(source.target_name, column)]
    n_gaps = int(column.gaps.sum())
    if n_gaps:
        told.append(
            f"{counted(n_gaps, 'row')} without {source.target_name!r}{gap_words(plain)}: windows see "
            "gaps there, and none of them is predicted"
        )
    return column, task, reason, told


def _past(name: str, column: Column, task: str, order: Order, before: np.ndarray) -> Past:
    """The target's values; classes are those that steps before the cut have."""
    if task == "regress":
        return Past.of_numbers(name, column)
    early = order.rows[before]
    return Past.of_classes(fit_classes(name, column.take(early[~column.gaps[early]])), column)


def _inputs(table: Table, arguments: argparse.Namespace) -> tuple[Table, list[str]]:
    """The columns that steps have beside the target, and notes: times and groups are none of them."""
    notes = []
    for name, column in table.columns.items():
        if name in (arguments.time_column, arguments.group):
            table = table.without(name)
        elif isinstance(column, Text) and writes_times(column):
            table = table.without(name)
            hint = "; --time-column takes it as the time of the rows" if arguments.time_column is None else ""
            notes.append(f"column {name!r} holds times, which say nothing of later ones, and is left out{hint}")
    return table, notes


def _fit(
    table: Table, order: Order, before: np.ndarray, changes: bool, arguments: argparse.Namespace
) -> tuple[SeriesFeatures, list[str]]:
    """The encoding of the steps before the cut, and notes on columns."""
    columns, notes = fit_features(table.take(order.rows[before]))
    assert isinstance(columns, TableFeatures)
    span = 0
    if order.times is not None and order.times.dated:
        early = order.times.values[before]
        span = int(early.max() - early.min())
    cycles = cycles_of(order.step, span)
    places = arguments.time_column, arguments.group
    return SeriesFeatures(arguments.window, columns, order.step, *places, cycles, changes), notes


def _cut(rows: SeriesRows, arguments: argparse.Namespace) -> Cut:
    """The windows before and behind the cut; all are trained on where too few would be held out, unless told."""
    share = SHARE if arguments.validation is None else arguments.validation
    window, horizon = arguments.window, arguments.horizon or 1
    starts = rows.windows(window, horizon)
    if not len(starts):
        raise ValueError("no window has a known target in each step behind it, and one before; fill gaps of the target")
    before = before_cut(rows.order, share)
    train = starts[before[starts + window + horizon - 1]]
    later = starts[~before[starts + window]]
    if arguments.validation is None and len(later) < FEWEST_HELD_OUT:
        few = f"{counted(len(starts), 'window')} {'is' if len(starts) == 1 else 'are'} too few to hold some out"
        print(f"note: {few}: what is said of the model is on windows it has seen")
        return Cut(np.ones(len(before), bool), starts, starts[:0])
    if share and not len(later):
        raise ValueError(f"--validation {share:g} holds no window out; give a larger share, or 0")
    if not len(train):
        raise ValueError(
            f"no window ends before the cut in time that holds {share:g} out; a shorter --window or a smaller "
            "--validation leaves some to train on"
        )
    return Cut(before, train, later)


def before_cut(order: Order, share: float) -> np.ndarray:
    """Which steps ``(n,)`` are before the last share of all times, of each group's steps where there are no times."""
    if order.times is not None:
        distinct = np.unique(order.times.values)
        kept = round((1 - share) * len(distinct))
        made: np.ndarray = order.times.values <= distinct[max(1, kept) - 1]
        return made
    sizes = np.diff(order.firsts)
    place = np.arange(len(order)) - np.repeat(order.firsts[:-1], sizes)
    found: np.ndarray = place < np.repeat(np.round((1 - share) * sizes), sizes)
    return found


def _ahead(target: Classes | Forecast) -> str:
    if isinstance(target, Forecast):
        return f", {target.ahead}"
    return f", the next step, {len(target.labels)} classes: {shortened(target.labels, 10)}"


def _windows_line(order: Order, cut: Cut, window: int) -> str:
    told = f"windows of {counted(window, 'step')}: {len(cut.train):,} to train on"
    if not len(cut.later):
        return told
    where = "the last steps"
    if order.times is not None:
        first = order.times.values[~cut.before].min()
        where = f"from {order.times.form.write(np.array([first]))[0]} on"
    return f"{told}, {len(cut.later):,} held out, whose targets are {where}"
