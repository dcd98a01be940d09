"""``fastnn predict``: raw rows in; predictions out, beside columns of the input where those are wanted."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

import fastnn
from fastnn._base.arguments import nearest
from fastnn._base.writing import write_atomically
from fastnn.cli.data import Images, Source, damaged_files, read_source, reading_options
from fastnn.cli.dropping import names_of
from fastnn.cli.forecast import continued
from fastnn.cli.output import check_output
from fastnn.cli.streams import is_streamed
from fastnn.tables import Encoding, Table
from fastnn.tables.reading import Reading
from fastnn.tables.series import SeriesFeatures
from fastnn.tables.table import Text, settle, with_gaps
from fastnn.tables.target import Classes
from fastnn.tables.write import Values, check_ending, csv_blocks, free_name, kept_values, table_bytes

if TYPE_CHECKING:
    from fastnn.models.model import Model

ALL = "all"


def predict(arguments: argparse.Namespace) -> int:
    """One line a row: kept columns, the predicted class or value, with --probabilities each class's probability."""
    to_file = arguments.out not in (None, "-")
    if to_file:
        check_output(arguments.out, arguments.data, arguments.model)
        check_ending(arguments.out)
    model, encoding = open_model(arguments)
    streamed = is_streamed(arguments)
    if arguments.probabilities and not isinstance(encoding.target, Classes):
        raise ValueError("--probabilities needs a model of classes; this one predicts numbers")
    if streamed:
        from fastnn.cli.stream_use import predict_stream

        return predict_stream(arguments, model, encoding)
    if isinstance(encoding.features, SeriesFeatures):
        columns, notes = continued(arguments, model, encoding)
    else:
        columns, notes = _of_rows(arguments, model, encoding)
    tell(notes)
    if to_file:
        write_atomically(arguments.out, table_bytes(arguments.out, columns))
        print(f"wrote {len(next(iter(columns.values()))):,} predictions to {arguments.out}", file=sys.stderr)
        return 0
    _print(csv_blocks(columns))
    return 0


def _of_rows(arguments: argparse.Namespace, model: Model, encoding: Encoding) -> tuple[dict[str, Values], list[str]]:
    """Columns of predictions behind those that are kept, and notes."""
    source, kept = _read(arguments, encoding)
    output = model.predict(encoding.features.encode(source.features))
    notes = [*source.notes, *encoding.notes(source.features)]
    return kept | _predicted(encoding, output, arguments, kept), notes


def _print(blocks: Iterable[str]) -> None:
    """CSV to standard output, in UTF-8 as in a file; on a terminal in the terminal's encoding."""
    if hasattr(sys.stdout, "reconfigure") and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    for text in blocks:
        sys.stdout.write(text)
    sys.stdout.flush()


def open_model(arguments: argparse.Namespace) -> tuple[Model, Encoding]:
    """The model of the command, on the threads and backend that it names, and its encoding."""
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    if arguments.backend:
        fastnn.set_backend(arguments.backend)
    try:
        model = fastnn.load(arguments.model)
    except ValueError:
        if _is_model(arguments.data):
            raise ValueError(
                f"{arguments.data} is the model, and {arguments.model} is none: MODEL stands before DATA"
            ) from None
        raise
    return model, Encoding.of(model)


def _is_model(path: str) -> bool:
    """Whether a file begins as a model does: with the length of its header, and the header."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def tell(notes: Iterable[str]) -> None:
    """Print notes where they do not mix with results."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _read(arguments: argparse.Namespace, encoding: Encoding) -> tuple[Source, dict[str, Values]]:
    """The rows to predict, and the columns to keep as they were written.

    Design: kept columns are read as text, so that 007 stays 007, and those the model takes as numbers are made numbers
    afterwards. Reading twice (rejected) is no way for standard input.
    """
    known = encoding.reading(**reading_options(arguments))
    if not arguments.keep:
        images = Images.like(encoding.features, damaged_files(arguments))
        return read_source(arguments.data, "test", encoding.target.name, known, images), {}
    wanted = names_of(arguments.keep)
    if not any(wanted):
        raise ValueError("--keep names no column; write names with commas between, or all")
    every = wanted == [ALL]
    as_text, keep = ((_Everything(),) * 2) if every else ([*known.as_text, *wanted], [*known.keep, *wanted])
    reading = replace(known, as_text=as_text, keep=keep, verbatim=_Everything() if every else wanted)
    source = read_source(arguments.data, "test", encoding.target.name, reading)
    if not isinstance(source.features, Table):
        raise ValueError(f"--keep needs columns with names; {source.name} holds images")
    there = dict(source.features.columns)
    if source.target is not None:
        there[source.target_name] = source.target
    missing = [name for name in wanted if name not in there and not every]
    if missing:
        raise ValueError(
            f"{source.name} has no column {', '.join(map(repr, missing))} to keep{nearest(missing[0], there)}; "
            f"it has {', '.join(map(repr, there))}"
        )
    kept = {name: kept_values(there[name]) for name in (there if every else wanted)}
    return replace(source, features=_settled(source.features, known, kept)), kept


def _settled(table: Table, known: Reading, kept: dict[str, Values]) -> Table:
    """The table with kept columns as they would have been read."""
    columns = {
        name: settle(with_gaps(column), name in known.as_text, known.as_numbers.get(name))
        if name in kept and isinstance(column, Text) and name not in known.verbatim
        else column
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


class _Everything(list[str]):
    """All names."""

    def __contains__(self, name: object) -> bool:
        return True


def _predicted(
    encoding: Encoding, output: np.ndarray, arguments: argparse.Namespace, kept: dict[str, Values]
) -> dict[str, Values]:
    """Columns of predictions, under names that no kept column has."""
    target = encoding.row_target
    columns: dict[str, Values] = {free_name(target.name, kept): target.decode(output)}
    if arguments.probabilities and isinstance(target, Classes):
        shares = target.probabilities(output)
        for index, label in enumerate(target.labels):
            columns[free_name(f"P({label})", kept | columns)] = shares[:, index]
    return columns
