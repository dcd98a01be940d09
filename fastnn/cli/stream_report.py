"""What is said of a model of a stream beyond its scores: the page of ``--report``, and what its file keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn.cli.table_report import write_report
from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.encoding import Learned, sample_of
from fastnn.data.passes import Part
from fastnn.data.raw import raw_rows
from fastnn.data.survey import joined
from fastnn.tables import Encoding, Table
from fastnn.tables.summary import Summary
from fastnn.tabular.report import summary_of
from fastnn.tabular.stream_fitting import mean_of

if TYPE_CHECKING:
    from fastnn.models.model import Model
    from fastnn.tabular.stream_fitting import StreamFitted

MOST_REPORTED = 100_000  # raw rows that are in memory for a report


def encoded_targets(encoding: Encoding, table: Table) -> np.ndarray:
    """``(n,)``, the targets of raw rows."""
    target = encoding.row_target
    return target.encode(table.columns[target.name])


def summary_metadata_of(learned: Learned, output: np.ndarray) -> dict[str, str]:
    """What a model file keeps of the training rows, of which a sample is at hand, and of what the model says."""
    encoding = learned.encoding
    return summary_of(encoding.features, sample_of(learned), encoding.row_target, output).metadata()


def write_fitted_report(path: str, tables: Tables, learned: Learned, fitted: StreamFitted, **known: object) -> None:
    """The report of several networks, each fold's on rows of it: a keyed part of them where they are many."""
    encoding, source = fitted.encoding, tables.encoded_by(TableEncoder(fitted.encoding))
    sample, training = sample_of(learned), np.ones(len(learned.survey.numbers), bool)
    parts, n_rows = fitted.folds, sum(map(len, fitted.y))
    found = [raw_rows(source, replace(part, share=part.share * min(1.0, MOST_REPORTED / n_rows))) for part in parts]
    for part in parts:
        training &= ~part.mask_of(learned.survey.numbers)
    output = []
    for (rows, _), members in zip(found, fitted.told_by, strict=True):
        x = encoding.features.encode(rows)
        output.append(mean_of(members, [each.model.predict(x) for each in members if each.model is not None]))
    table = _stacked([each for each, _ in found])
    folds = np.repeat(np.arange(len(found)), [len(numbers) for _, numbers in found])
    if training.any():
        rest = sample.take(np.flatnonzero(training))
        known["training"] = rest, encoded_targets(encoding, rest)
    if len(found) > 1:
        known |= {"output": np.concatenate(output), "folds": folds}
    known_rows = table, encoded_targets(encoding, table)
    write_report(path, fitted.model.predict, encoding, known_rows, np.concatenate([n for _, n in found]), **known)


def _stacked(tables: list[Table]) -> Table:
    """The rows of several tables of the same columns."""
    columns = {name: joined([table.columns[name] for table in tables]) for name in tables[0].columns}
    return Table(columns, tables[0].source)


def write_use_report(path: str, model: Model, encoding: Encoding, tables: Tables) -> None:
    """The report of ``evaluate``: on all rows, or on a keyed part of them where they are many."""
    n_rows = int(tables.rows.sum())
    part = Part(0, MOST_REPORTED / n_rows, True) if n_rows > MOST_REPORTED else None
    if part is not None:
        print(f"note: the report is on {MOST_REPORTED:,} of the rows or so, drawn by their numbers")
    encoder = TableEncoder(encoding, knows_all=False)
    table, numbers = raw_rows(tables.encoded_by(encoder), part)
    write_report(path, model.predict, encoding, (table, encoder.target_of(table)), numbers, summary=Summary.of(model))
