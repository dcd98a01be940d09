"""``--report``: the page, and more lines for the terminal, on a model of a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.types import DataLike
from fastnn.cli.output import check_output
from fastnn.tables import Encoding, Table
from fastnn.tabular.report import TableReport, make_report, report_of

if TYPE_CHECKING:
    from fastnn.tabular.fitting import Fitted

ENDINGS = (".html", ".htm")
NOT_OF_SERIES = "--report is for rows of a table; leave it out with --window"
Part = tuple[Table, np.ndarray]  # rows, and their encoded targets


def check_report(arguments: argparse.Namespace, *inputs: str) -> None:
    """Refuse, before the work, a report that could not be written, or one of what is no table."""
    if arguments.report is None:
        return
    if not arguments.report.lower().endswith(ENDINGS):
        raise ValueError(f"{arguments.report}: a report is a page of HTML, so its name must end in .html")
    check_output(arguments.report, arguments.data, *inputs)
    if getattr(arguments, "window", None):
        raise ValueError(NOT_OF_SERIES)


def write_report(
    path: str,
    predict: Callable[[DataLike], np.ndarray],
    encoding: Encoding,
    rows: Part,
    numbers: Sequence[int] | np.ndarray,
    **known: Any,
) -> None:
    """Print what a report says in lines, and write its page; ``known`` is what :func:`make_report` takes besides."""
    _write(make_report(predict, encoding, *rows, numbers=numbers, **known), path)


def _write(report: TableReport, path: str) -> None:
    report.save(path)
    print("\n".join(["", *report.text()]))
    print(f"wrote {path}", flush=True)


def write_recipe_report(
    path: str, table: Table, numbers: np.ndarray, fitted: Fitted, seed: int, **known: object
) -> None:
    """Print and write the report of several networks, as :func:`fastnn.tabular.report.report_of` makes it."""
    _write(report_of(fitted, table, numbers=numbers, seed=seed, **known), path)


def check_table(features: object) -> Table:
    """The table; what is none has no report."""
    if not isinstance(features, Table):
        raise ValueError("--report is for tables, and these rows are images; leave it out")
    return features
