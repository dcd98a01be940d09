"""``fastnn evaluate``: predictions beside known targets."""

from __future__ import annotations

import argparse

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.data import Images, damaged_files, read_source, reading_options, require_target
from fastnn.cli.forecast import evaluate_series
from fastnn.cli.predict import open_model, tell
from fastnn.cli.report import Report
from fastnn.cli.streams import is_streamed
from fastnn.cli.table_report import check_report, check_table, write_report
from fastnn.tables.series import SeriesFeatures
from fastnn.tables.summary import Summary
from fastnn.tables.table import Text, with_gaps
from fastnn.tables.target import Quantity, as_numbers


def evaluate(arguments: argparse.Namespace) -> int:
    """Print the results on rows whose target is known."""
    check_report(arguments, arguments.model)
    model, encoding = open_model(arguments)
    if is_streamed(arguments):
        from fastnn.cli.stream_use import evaluate_stream

        return evaluate_stream(arguments, model, encoding)
    if isinstance(encoding.features, SeriesFeatures):
        if arguments.report:
            raise ValueError("--report is for rows of a table, and this model is one of series; leave it out")
        lines, notes = evaluate_series(arguments, model, encoding)
        tell(notes)
        print("\n".join(lines))
        return 0
    target = encoding.row_target
    images = Images.like(encoding.features, damaged_files(arguments))
    reading = encoding.reading(**reading_options(arguments))
    source = read_source(arguments.data, "test", target.name, reading, images)
    column = require_target(source)
    if isinstance(target, Quantity):
        column = as_numbers(column) or column
    elif isinstance(column, Text):
        column = with_gaps(column, target.labels)
    known = np.flatnonzero(~column.gaps)
    if not len(known):
        raise ValueError(
            f"{source.name}: {source.target_name!r} is empty in every row; there is nothing to compare with"
        )
    x = encoding.features.encode(source.features)
    y = target.encode(column)[known]  # of all rows, for errors count them
    tell((*source.notes, *encoding.notes(source.features), *target.notes(column)))
    left_out = f" ({len(source) - len(known):,} without {source.target_name!r} left out)"
    print(f"{source.name}: {counted(len(known), 'row')}{left_out if len(known) < len(source) else ''}")
    print("\n".join(Report(target, y, model.predict(x)[known]).text()))
    if arguments.report:
        rows = (check_table(source.features).take(known), y)
        write_report(arguments.report, model.predict, encoding, rows, known + 1, summary=Summary.of(model))
    return 0
