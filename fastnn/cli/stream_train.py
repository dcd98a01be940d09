"""``fastnn train`` on rows that are read while they train: one network, a held-out part by keyed rows, one model file.

A first pass finds the encoding, a second one reads the held-out rows, of which at most :data:`MOST_HELD_OUT` stay in
memory for the validation after each epoch.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.fit import Rows
from fastnn.cli.prepare import class_weights_of
from fastnn.cli.recipe import SHARE, choose_recipe
from fastnn.cli.report import Report
from fastnn.cli.streams import check_options, described, reading
from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.encoding import Learned, inputs_of, learn, with_targets
from fastnn.data.files import find_files
from fastnn.data.passes import How, Part, window_of
from fastnn.data.stream import Stream
from fastnn.tables import Encoding
from fastnn.tables.options import FeatureOptions
from fastnn.tables.target import Classes

if TYPE_CHECKING:
    from fastnn.models.model import Model

MOST_HELD_OUT = 100_000  # rows


@dataclass(frozen=True)
class PreparedStream:
    """Rows to train on, encoded as they come, and those held out (None without any), as ``train`` takes them.

    ``y`` are the targets of the rows that are in memory: those held out, else those of a sample.
    """

    encoding: Encoding
    stream: Stream
    held_out: tuple[Any, np.ndarray] | None
    learned: Learned
    class_weights: np.ndarray | None = None
    unit, n_steps = "row", None

    @property
    def y(self) -> range:
        """As long as the rows to train on."""
        return range(self.stream.n_rows or 0)

    @property
    def points(self) -> tuple[Any, np.ndarray] | None:
        """Encoded rows and targets that can be drawn: those that are in memory."""
        return self.held_out

    def sized(self, batch_size: int) -> PreparedStream:
        """The same with batches of so many rows."""
        how = replace(self.stream.how, batch_size=batch_size)
        return replace(self, stream=Stream(self.stream.source, how))

    def rows(self) -> Rows:
        """What ``fit`` takes."""
        if self.held_out is None or self.class_weights is None:
            return Rows(self.stream, None, None, self.held_out)
        x, y = self.held_out
        weights = self.class_weights[y]
        return Rows(self.stream, None, None, (x, y, weights) if weights.any() else self.held_out)

    def report(self, model: Model) -> Report:
        """Scores on the held-out rows, without any on the training rows."""
        if self.held_out is not None:
            x, y = self.held_out
            return Report(self.encoding.row_target, y, model.predict(x))
        targets = [batch[1] for batch in self.stream.in_order(4096)]
        return Report(self.encoding.row_target, np.concatenate(targets), model.predict(self.stream))


def prepare_stream(arguments: argparse.Namespace, seed: int) -> PreparedStream:
    """Find the files, split, look at all rows once, read those held out; prints what it found."""
    check_options(arguments)
    if arguments.target is None:
        raise ValueError("say with --target which column to predict")
    files = find_files(arguments.data, "DATA")
    tables = Tables(files, reading(arguments))
    columns = inputs_of(tables, arguments.target)
    found = described(files, int(tables.rows.sum()), len(columns))
    print(f"{found} to predict {arguments.target!r} from, read while they train")
    tables, left_out = with_targets(tables, arguments.target)
    if left_out:
        print(f"note: {counted(left_out, 'row')} without {arguments.target!r} left out")
    parts = _parts(int(tables.rows.sum()), arguments, seed)
    learned = learn(
        tables, columns, arguments.target, arguments.task, FeatureOptions(dates=True), parts[0], int(tables.rows.sum())
    )
    print(f"task: {learned.task} ({learned.reason}){_classes(learned)}")
    for note in learned.notes:
        print(f"note: {note}")
    return _prepared(tables, learned, parts, arguments, seed)


def _parts(n_rows: int, arguments: argparse.Namespace, seed: int) -> list[Part | None]:
    """The rows to train on, and those held out where there are some."""
    share = SHARE if arguments.validation is None else arguments.validation
    if not share:
        return [None]
    bounded = min(share, MOST_HELD_OUT / n_rows)
    if bounded < share:
        print(f"note: {bounded:.3g} of the rows are held out, not {share:g}: {MOST_HELD_OUT:,} are as many as it takes")
    return [Part(seed, bounded, False), Part(seed, bounded, True)]


def _prepared(
    tables: Tables, learned: Learned, parts: list[Part | None], arguments: argparse.Namespace, seed: int
) -> PreparedStream:
    target = learned.encoding.row_target
    trained = {"data": f"{tables.name}, {counted(learned.survey.n_rows, 'row')}, task {learned.task}"}
    encoding = replace(learned.encoding, trained=trained)
    source = tables.encoded_by(TableEncoder(encoding))
    how = How(4096, window_of(source, None), True, seed)
    held = [_in_memory(Stream(source, replace(how, part=part)).in_order()) for part in parts[1:]]
    sampled = target.encode(learned.survey.sample.columns[target.name])
    weights = class_weights_of(arguments, target, sampled)
    if weights is not None:
        source = tables.encoded_by(TableEncoder(encoding, class_weights=weights))
    stream = Stream(source, replace(how, part=parts[0]))
    return PreparedStream(encoding, stream, held[0] if held else None, learned, weights)


def _in_memory(stream: Stream) -> tuple[Any, np.ndarray]:
    """All rows of a stream."""
    batches = list(stream)
    y = np.concatenate([batch[1] for batch in batches])
    if isinstance(batches[0][0], list):
        return [np.concatenate(arrays) for arrays in zip(*(batch[0] for batch in batches), strict=True)], y
    return np.concatenate([batch[0] for batch in batches]), y


def _classes(learned: Learned) -> str:
    """The classes and how many rows each has, behind a comma; nothing for numbers."""
    target = learned.encoding.row_target
    if not isinstance(target, Classes):
        return ""
    shown = ", ".join(map(str, target.labels[:10])) + (", ..." if len(target.labels) > 10 else "")
    return f", {len(target.labels)} classes: {shown}"


def recipe_of(arguments: argparse.Namespace, prepared: PreparedStream) -> Any:
    """How to train."""
    return choose_recipe(arguments, len(prepared.y), prepared.held_out is not None)
