"""``fastnn predict`` and ``evaluate`` for models of series, which go on behind a file's rows, and are scored in it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.data import Source, read_source, reading_options, require_target
from fastnn.cli.forecasts import Forecasts
from fastnn.cli.series_prepare import found_line, needs
from fastnn.tables import Encoding, Table
from fastnn.tables.notes import shortened
from fastnn.tables.order import check_room, order_rows
from fastnn.tables.series import Forecast, SeriesFeatures, horizon_of
from fastnn.tables.series_rows import Past, SeriesRows, series_rows, with_target
from fastnn.tables.table import Text, with_gaps
from fastnn.tables.target import Classes
from fastnn.tables.write import Values, free_name

if TYPE_CHECKING:
    from fastnn.models.model import Model


def continued(arguments: argparse.Namespace, model: Model, encoding: Encoding) -> tuple[dict[str, Values], list[str]]:
    """Columns of the steps that come next in each group of the file, in its order, and notes."""
    features, target = _known(encoding)
    if arguments.keep:
        raise ValueError("--keep is for models of single rows; this one predicts steps that the file has no rows of")
    _, rows, notes = read_series(arguments, encoding)
    order, ends = rows.order, rows.order.firsts[1:]
    last = rows.last_known[ends - 1]
    begins = order.begins[ends - 1]
    there = ends - begins >= features.window
    if isinstance(target, Forecast):
        there &= last >= 0
    notes += _left_out(order.groups, ends - begins, there, features.window)
    notes += _unknown(target.name, rows, there)
    groups = np.flatnonzero(there)
    output = model.predict(rows.x(ends[groups] - features.window, features.window))
    columns = _places(features, rows, groups, horizon_of(target))
    if isinstance(target, Forecast):
        predicted = target.decode(output, rows.values[last[groups]])
        return columns | {free_name(target.name, columns): predicted.reshape(-1)}, notes
    columns[free_name(target.name, columns)] = target.decode(output)
    if arguments.probabilities:
        for index, label in enumerate(target.labels):
            columns[free_name(f"P({label})", columns)] = target.probabilities(output)[:, index]
    return columns, notes


def evaluate_series(arguments: argparse.Namespace, model: Model, encoding: Encoding) -> tuple[list[str], list[str]]:
    """Lines about all windows of the file whose targets are known, and notes."""
    features, target = _known(encoding)
    source, rows, notes = read_series(arguments, encoding)
    horizon = horizon_of(target)
    notes += check_room(rows.order, *needs(features.window, horizon), "give more steps")
    notes += target.notes(require_target(source)) if isinstance(target, Classes) else []
    starts = rows.windows(features.window, horizon)
    if not len(starts):
        raise ValueError(
            f"no window has a known {target.name!r} in each step behind it; there is nothing to compare with"
        )
    line = f"{source.name}: {found_line(rows.order, features.time)}; {counted(len(starts), 'window')}"
    return [line, *Forecasts(encoding, rows, starts, model).text()], notes


def _known(encoding: Encoding) -> tuple[SeriesFeatures, Classes | Forecast]:
    assert isinstance(encoding.features, SeriesFeatures)
    assert isinstance(encoding.target, Classes | Forecast)
    return encoding.features, encoding.target


def read_series(arguments: argparse.Namespace, encoding: Encoding) -> tuple[Source, SeriesRows, list[str]]:
    """The file, its steps, encoded, and notes."""
    features, target = _known(encoding)
    source = read_source(arguments.data, "test", target.name, encoding.reading(**reading_options(arguments)))
    if not isinstance(source.features, Table):
        raise ValueError(f"{source.name} holds images; the model was trained on a series in a table")
    column = require_target(source)
    if isinstance(target, Classes) and isinstance(column, Text):
        column = with_gaps(column, target.labels)
    past, table = Past.of(target, column), source.features
    order = order_rows(with_target(table, target.name, past.column), features.time, features.group, features.step)
    rows = series_rows(features, target.name, table, past, order)
    others = features.notes(Table({**table.columns, target.name: past.column}, source.name))
    return source, rows, [*source.notes, *order.notes, *others]


def _left_out(groups: tuple[str, ...], steps: np.ndarray, there: np.ndarray, window: int) -> list[str]:
    """A note on groups that cannot go on; the error where none can."""
    if not there.any():
        longest = int(steps.max())
        if longest >= window:
            raise ValueError(
                "the target is empty in all steps since the last gap in time; there is nothing to go on from"
            )
        whose = "the last steps of the file" if groups == ("",) else "the last steps of every group"
        raise ValueError(
            f"the model sees {window} steps without a gap, and {whose} are fewer, {longest} at most; give more of them"
        )
    names = [name for name, fits in zip(groups, there.tolist(), strict=True) if not fits]
    if not names:
        return []
    are = "group is" if len(names) == 1 else "groups are"
    return [
        f"{len(names):,} {are} not continued: fewer than {window} steps without a gap at the end, or no target among "
        f"them ({shortened(names)})"
    ]


def _unknown(name: str, rows: SeriesRows, there: np.ndarray) -> list[str]:
    """A note on targets that are missing where the model begins."""
    missing = int((~rows.known[rows.order.firsts[1:][there] - 1]).sum())
    if not missing:
        return []
    whose = "the last step has" if len(there) == 1 else f"the last step of {counted(missing, 'group')} has"
    return [f"{whose} no {name!r}: the steps behind it are predicted, from the last value that is known"]


def _places(features: SeriesFeatures, rows: SeriesRows, groups: np.ndarray, horizon: int) -> dict[str, Values]:
    """Columns that say which step of which group is predicted: a group and a time, or how many steps ahead."""
    order = rows.order
    columns: dict[str, Values] = {}
    if features.group is not None:
        columns[features.group] = [order.groups[index] for index in groups for _ in range(horizon)]
    if features.time is not None and order.times is not None:
        ends = order.times.values[order.firsts[1:][groups] - 1].tolist()
        times = np.concatenate([features.step.ahead(last, horizon) for last in ends])
        columns[features.time] = order.times.form.write(times)
    else:
        columns[free_name("step", columns)] = np.tile(np.arange(1, horizon + 1), len(groups))
    return columns
