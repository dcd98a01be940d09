"""From raw rows to rows that are trained on: the task, the split, the encoding, and what is said of them.

Rows are split before anything is fitted, so that the held-out rows tell how the model does on data it never saw.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn._base.types import DataLike
from fastnn.cli.data import Source, require_target
from fastnn.cli.fit import Rows
from fastnn.cli.recipe import FEWEST_HELD_OUT, SHARE
from fastnn.cli.report import Report
from fastnn.cli.table_report import check_table, write_report
from fastnn.cli.texts import fit_inputs
from fastnn.cli.weights import class_weights
from fastnn.tables import Encoding, Table, choose_task, fit_classes, fit_quantity
from fastnn.tables.notes import gap_words, odd_note
from fastnn.tables.ranges import check_finite
from fastnn.tables.target import Classes, Target, as_numbers, told_labels
from fastnn.tabular.report import summary_of

if TYPE_CHECKING:
    from fastnn.models.model import Model


@dataclass(frozen=True)
class Prepared:
    """Encoded rows: those to train on and those held out (None without any); ``x`` is what the network takes."""

    encoding: Encoding
    x: DataLike
    y: np.ndarray
    held_out: tuple[DataLike, np.ndarray] | None
    class_weights: np.ndarray | None = None
    sources: tuple[Source, ...] = ()  # of the rows to train on, and of those held out where there are some
    numbers: tuple[np.ndarray, ...] = ()  # of their rows in the file, from 1
    unit, n_steps = "row", None

    @property
    def points(self) -> tuple[object, np.ndarray]:
        """Encoded rows and targets that can be drawn."""
        return self.x, self.y

    def weights(self, y: np.ndarray) -> np.ndarray | None:
        """How much each row counts, ``(n,)``; None where all count alike."""
        return None if self.class_weights is None else self.class_weights[y]

    def report(self, model: Model) -> Report:
        """Scores on the held-out rows, on the training rows without any."""
        x, y = self.held_out or (self.x, self.y)
        return Report(self.encoding.row_target, y, model.predict(x))

    def summary(self, model: Model) -> dict[str, str]:
        """What the model file keeps of its training table, so that a later one is held against it; {} of no table."""
        table = self.sources[0].features
        if not isinstance(table, Table):
            return {}
        x, _ = self.held_out or (self.x, self.y)
        return summary_of(self.encoding.features, table, self.encoding.row_target, model.predict(x)).metadata()

    def write_report(self, path: str, model: Model, seed: int) -> None:
        """The report on the held-out rows, on the training rows without any."""
        learned, *unseen = (check_table(source.features) for source in self.sources)
        _, y = self.held_out or (self.x, self.y)
        rows = (unseen[0] if unseen else learned), y
        known = {"training": (learned, self.y), "class_weights": self.class_weights, "seed": seed}
        write_report(path, model.predict, self.encoding, rows, self.numbers[-1], seen=not unseen, **known)

    def rows(self) -> Rows:
        """What ``fit`` takes."""
        return Rows(self.x, self.y, self.weights(self.y), self._validation())

    def _validation(self) -> tuple[object, ...] | None:
        """The held-out rows as ``fit`` takes them: they count as training rows do, for their loss says when to stop."""
        if self.held_out is None:
            return None
        weights = self.weights(self.held_out[1])
        return self.held_out if weights is None or not weights.any() else (*self.held_out, weights)


def prepare(source: Source, arguments: argparse.Namespace, seed: int) -> Prepared:
    """Choose the task, split, fit the encoding on the training rows, encode; prints what it found."""
    source, task, reason, numbers = usable_rows(source, arguments)
    columns = counted(source.n_columns, "column")
    classes = fit_classes(source.target_name, require_target(source)) if task == "classify" else None
    groups = None if classes is None else classes.encode(require_target(source))
    training, held_out = _split(len(source), arguments, seed, groups)
    learned = source.take(training)
    target: Target = classes or fit_quantity(source.target_name, require_target(learned))
    print(f"task: {task} ({reason}){describe(target, groups)}")
    features, notes = fit_inputs(learned.features, arguments)
    for note in notes:
        print(f"note: {note}")
    trained = {"data": f"{source.name}, {counted(len(training), 'row')} of {columns}, task {task}"}
    encoding = Encoding(features, target, trained)
    validation = _encode(encoding, source.take(held_out)) if len(held_out) else None
    x, y = _encode(encoding, learned)
    weights = class_weights_of(arguments, target, y)
    parts = [training, held_out] if len(held_out) else [training]
    sources = tuple(source.take(part) for part in parts)
    return Prepared(encoding, x, y, validation, weights, sources, tuple(numbers[part] for part in parts))


def usable_rows(source: Source, arguments: argparse.Namespace) -> tuple[Source, str, str, np.ndarray]:
    """The rows whose target is known, the task and why it is that, and the rows' numbers in the file, from 1.

    Prints what it found.
    """
    column, told = told_labels(require_target(source))
    task, reason = (arguments.task, "as --task says") if arguments.task else choose_task(column)
    if task == "regress":
        column = as_numbers(column) or column
    n_rows, keep, columns = len(column), ~column.gaps, counted(source.n_columns, "column")
    if not keep.any():
        raise ValueError(f"the target {source.target_name!r} is empty in every row")
    source = replace(source, target=column)
    _check_numbers(source, task)
    source = source.take(np.flatnonzero(keep))
    print(f"{source.name}: {counted(n_rows, 'row')}, {columns} to predict {source.target_name!r} from")
    for note in (*source.notes, *told, *odd_note(source.target_name, column)):
        print(f"note: {note}")
    if n_rows > len(source):
        words = gap_words(require_target(source))
        n_without = n_rows - len(source)
        have, are = ("has", "is") if n_without == 1 else ("have", "are")
        print(f"note: {counted(n_without, 'row')} {have} no {source.target_name!r}{words} and {are} left out")
    return source, task, reason, np.flatnonzero(keep) + 1


def class_weights_of(arguments: argparse.Namespace, target: object, y: np.ndarray) -> np.ndarray | None:
    """What rows of each class weigh, as ``--class-weight`` says, which it prints; None without it.

    ``y`` are the classes ``(n,)`` of the rows to train on.
    """
    if arguments.class_weight is None:
        return None
    if not isinstance(target, Classes):
        raise ValueError("--class-weight needs a target of classes; this one is numbers (--task classify)")
    weights = class_weights(arguments.class_weight, target, y)
    shown = ", ".join(f"{label} {weight:.4g}" for label, weight in list(zip(target.labels, weights, strict=True))[:10])
    print(f"class weights: {shown}{', ...' if len(weights) > 10 else ''}")
    return weights


def _check_numbers(source: Source, task: str) -> None:
    """Find what is wrong while row numbers are still those of the file."""
    if task == "regress":
        check_finite(source.target_name, require_target(source))
    if not isinstance(source.features, Table):
        return
    if not source.features.columns:
        why = "".join(f"; {note}" for note in source.notes)
        raise ValueError(f"{source.name} has no column besides {source.target_name!r} to learn from{why}")
    for name, feature in source.features.columns.items():
        check_finite(name, feature)


def _encode(encoding: Encoding, source: Source) -> tuple[object, np.ndarray]:
    return encoding.features.encode(source.features), encoding.row_target.encode(require_target(source))


def _split(
    n: int, arguments: argparse.Namespace, seed: int, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`split_rows` by --validation; without it too few rows to hold any out are all trained on."""
    share = SHARE if arguments.validation is None else arguments.validation
    training, held_out = split_rows(n, share, seed, groups)
    if arguments.validation is None and len(held_out) < FEWEST_HELD_OUT:
        print(too_few(n))
        return split_rows(n, 0.0, seed, groups)
    return training, held_out


def too_few(n: int) -> str:
    """The note on a table of which no rows are held out."""
    few = f"{counted(n, 'row')} {'is' if n == 1 else 'are'} too few to hold some out"
    return f"note: {few}: what is said of the model is on rows it has seen"


def split_rows(n: int, share: float, seed: int, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and held-out rows, shuffled by the seed; with ``groups`` the share of each group.

    A group keeps at least one row to train on.
    """
    if share and n < 2:
        raise ValueError("one row cannot be both trained on and held out; give more rows, or --validation 0")
    random = np.random.default_rng(seed)
    members = [np.arange(n)] if groups is None else [np.flatnonzero(groups == g) for g in np.unique(groups)]
    held_out = [random.permutation(rows)[: min(round(share * len(rows)), len(rows) - 1)] for rows in members]
    held = np.sort(np.concatenate(held_out))
    if share and not len(held):  # few rows, or none of a class has enough: the share of all, at least one
        spare = np.concatenate([random.permutation(rows)[1:] for rows in members])
        held = np.sort(random.permutation(spare)[: max(1, round(share * n))])
    return np.setdiff1d(np.arange(n), held), held


def describe(target: Target, groups: np.ndarray | None) -> str:
    """The classes and how many rows each has, behind a comma; nothing for numbers."""
    if groups is None or not isinstance(target, Classes):
        return ""
    counts = np.bincount(groups)
    shown = ", ".join(f"{label} ({count:,})" for label, count in list(zip(target.labels, counts, strict=True))[:10])
    return f", {len(counts)} classes: {shown}{', ...' if len(counts) > 10 else ''}"
