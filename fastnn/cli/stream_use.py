"""``fastnn predict`` and ``fastnn evaluate`` on rows that are read while they are used."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.output import check_output
from fastnn.cli.report import Report
from fastnn.cli.stream_report import write_use_report
from fastnn.cli.streams import check_options, reading, tell_decimal
from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.encoding import with_targets
from fastnn.data.files import find_files
from fastnn.data.passes import How
from fastnn.data.stream import Stream
from fastnn.data.tables import texts_of
from fastnn.data.writing import parts, predicted, write_predictions
from fastnn.tables import Encoding
from fastnn.tables.features import TableFeatures
from fastnn.tables.texts import TextFeatures
from fastnn.tables.write import csv_blocks

if TYPE_CHECKING:
    from fastnn.models.model import Model

ALL = "all"


def predict_stream(arguments: argparse.Namespace, model: Model, encoding: Encoding) -> int:
    """Predictions of one row group after the other, into a file or to standard output."""
    tables = _tables(arguments, encoding)
    if arguments.out not in (None, "-"):
        check_output(arguments.out, *(file.path for file in tables.files))
    keep = _names(arguments.keep or [], tables)
    tables.check_columns(keep)
    stream = Stream(tables.encoded_by(TableEncoder(encoding, target=False)), How(4096, 1, False))
    if arguments.out not in (None, "-"):
        n = write_predictions(model, stream, arguments.out, keep=keep, probabilities=arguments.probabilities)
        print(f"wrote {n:,} predictions to {arguments.out}", file=sys.stderr)
        return 0
    for block in _blocks(model, encoding, stream, keep, arguments.probabilities):
        sys.stdout.write(block)
    sys.stdout.flush()
    return 0


def _blocks(model: Model, encoding: Encoding, stream: Stream, keep: list[str], probabilities: bool) -> Iterator[str]:
    """CSV text, with one header."""
    is_first = True
    for kept, x in parts(stream, keep):
        columns = {name: column.to_pylist() for name, column in kept.items()}
        blocks = csv_blocks(columns | predicted(encoding.row_target, model.predict(x), probabilities, kept))
        header = next(blocks)
        yield from [header] * is_first
        yield from blocks
        is_first = False


def evaluate_stream(arguments: argparse.Namespace, model: Model, encoding: Encoding) -> int:
    """Print the results on rows whose target is known; outputs and targets are in memory, rows are not."""
    tables, left_out = with_targets(_tables(arguments, encoding), encoding.row_target.name)
    n = int(tables.rows.sum())
    if not n:
        raise ValueError(f"{tables.name}: {encoding.row_target.name!r} is empty in every row")
    stream = Stream(tables.encoded_by(TableEncoder(encoding, knows_all=False)), How(4096, 1, False))
    y, outputs = [], []
    for portion in stream.portions():
        n_whole = len(portion.order)  # the rows behind them come with the next portion
        y.append(portion.y[:n_whole])
        outputs.append(model.predict(portion.x)[:n_whole])
    told = f" ({left_out:,} without {encoding.row_target.name!r} left out)" if left_out else ""
    print(f"{tables.name}: {counted(n, 'row')}{told}")
    print("\n".join(Report(encoding.row_target, np.concatenate(y), np.concatenate(outputs)).text()))
    if arguments.report:
        write_use_report(arguments.report, model, encoding, tables)
    return 0


def _tables(arguments: argparse.Namespace, encoding: Encoding) -> Tables:
    check_options(arguments)
    if not isinstance(encoding.features, TableFeatures | TextFeatures):
        raise ValueError("this model is not of the rows of a table, and DATA is read as a stream; give one file")
    how = encoding.reading()
    options = replace(reading(arguments, texts_of(how)), numeric=tuple(how.as_numbers))
    tables = Tables(find_files(arguments.data, "DATA"), options)
    tell_decimal(tables, arguments, sys.stderr)
    return tables


def _names(given: list[str], tables: Tables) -> list[str]:
    """Columns to keep, with commas between; ``all`` is all of them."""
    names = [name.strip() for line in csv.reader(given, skipinitialspace=True) for name in line]
    return list(tables.schema.names) if names == [ALL] else list(dict.fromkeys(names))
