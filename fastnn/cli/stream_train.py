"""``fastnn train`` on rows that are read while they train: one network, a held-out part by keyed rows, one model file.

A first pass finds the encoding, a second one reads the held-out rows, of which at most :data:`MOST_HELD_OUT` stay in
memory for the validation after each epoch.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn._base.types import DataLike
from fastnn.cli.fit import Rows
from fastnn.cli.networks import RECURRENT
from fastnn.cli.prepare import class_weights_of
from fastnn.cli.recipe import SHARE, Recipe, choose_recipe
from fastnn.cli.report import Report
from fastnn.cli.stream_report import encoded_targets, summary_metadata_of
from fastnn.cli.streams import check_options, opened, tell_task
from fastnn.cli.table_report import write_report
from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.encoding import Learned, learn, sample_of
from fastnn.data.kept import kept_if_small
from fastnn.data.passes import How, Part, window_of
from fastnn.data.raw import raw_rows
from fastnn.data.stream import Stream
from fastnn.tables import Encoding, TextOptions
from fastnn.tables.options import FeatureOptions
from fastnn.tabular.streamed import PREDICTED, in_memory

if TYPE_CHECKING:
    from fastnn.models.model import Model

MOST_HELD_OUT = 100_000  # rows


@dataclass(frozen=True)
class PreparedStream:
    """Rows to train on, encoded as they come, and those held out (None without any), as ``train`` takes them.

    ``y`` are the targets of the rows that are in memory: those held out, else those of a sample.
    """

    encoding: Encoding
    tables: Tables
    stream: Stream
    held_out: tuple[DataLike, np.ndarray] | None
    learned: Learned
    class_weights: np.ndarray | None
    unit, n_steps = "row", None

    @property
    def y(self) -> range:
        """As long as the rows to train on."""
        return range(self.stream.n_rows or 0)

    @property
    def points(self) -> tuple[object, np.ndarray] | None:
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

    def summary(self, model: Model) -> dict[str, str]:
        """What the model file keeps of the training rows, from the sample of them."""
        x = self.stream.in_order(PREDICTED) if self.held_out is None else self.held_out[0]
        return summary_metadata_of(self.learned, model.predict(x))

    def write_report(self, path: str, model: Model, seed: int) -> None:
        """The report on the held-out rows, on the rows of the sample without any."""
        part = self.held_part
        sample = sample_of(self.learned)
        training = sample, encoded_targets(self.encoding, sample)
        known = {"training": training, "class_weights": self.class_weights, "seed": seed, "seen": part is None}
        rows = (sample, self.learned.survey.numbers + 1) if part is None else raw_rows(self.tables, part)
        (table, numbers), y = rows, encoded_targets(self.encoding, rows[0])
        write_report(path, model.predict, self.encoding, (table, y), numbers, **known)

    @property
    def held_part(self) -> Part | None:
        """Which rows are held out; None where none are."""
        part = self.stream.how.part
        return None if part is None else replace(part, is_held_out=True)

    def report(self, model: Model) -> Report:
        """Scores on the held-out rows, without any on the training rows."""
        if self.held_out is not None:
            x, y = self.held_out
            return Report(self.encoding.row_target, y, model.predict(x))
        targets = [batch[1] for batch in self.stream.in_order(PREDICTED)]
        return Report(self.encoding.row_target, np.concatenate(targets), model.predict(self.stream))


def prepare_stream(arguments: argparse.Namespace, seed: int) -> PreparedStream:
    """Find the files, split, look at all rows once, read those held out; prints what it found."""
    check_options(arguments)
    texts = list(dict.fromkeys(arguments.text or []))
    tables, columns = opened(arguments, texts)
    n_rows = int(tables.rows.sum())
    parts = _parts(n_rows, arguments, seed)
    how = TextOptions(arguments.text_unit, arguments.text_length, arguments.network in RECURRENT)
    options, target = FeatureOptions(dates=True), arguments.target
    learned = learn(tables, columns, target, arguments.task, options, parts[0], n_rows, texts, how)
    tell_task(learned, texts)
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
    held = [in_memory(Stream(source, replace(how, part=part)).in_order())[:2] for part in parts[1:]]
    sampled = target.encode(learned.survey.sample.columns[target.name])
    weights = class_weights_of(arguments, target, sampled)
    if weights is not None:
        source = tables.encoded_by(TableEncoder(encoding, class_weights=weights))
    stream = Stream(kept_if_small(source), replace(how, part=parts[0]))
    return PreparedStream(encoding, source, stream, held[0] if held else None, learned, weights)


def recipe_of(arguments: argparse.Namespace, prepared: PreparedStream) -> Recipe:
    """How to train."""
    return choose_recipe(arguments, len(prepared.y), prepared.held_out is not None)
