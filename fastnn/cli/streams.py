"""DATA that is read while it is used: which commands' DATA that is, and what the command line says of it.

A pattern in quotes, a folder of tables, ``--stream``, and a file above :data:`LARGE` bytes, which a note says.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from fastnn._base.reprs import counted
from fastnn.cli.dropping import dropped
from fastnn.cli.networks import RECURRENT
from fastnn.cli.texts import hints
from fastnn.data.arrow import Tables
from fastnn.data.csv_blocks import CsvOptions
from fastnn.data.encoding import Learned, inputs_of, with_late_texts, with_targets
from fastnn.data.files import KINDS, WILD, File, find_files
from fastnn.tables import Table
from fastnn.tables.target import Classes

LARGE = 2**30  # bytes of a file from which on it is not read into memory as a whole
TABLES = tuple(ending for ending, kind in KINDS.items() if kind not in ("NPZ", "NPY"))
NEEDS_MEMORY = {  # options, and why not
    "window": "a window reaches over rows in the order of time, of series that may stand in several files, and a "
    "stream reads row groups in any order",
    "image_size": "it is of pictures",
    "augment": "it is of pictures",
    "skip_damaged": "it is of pictures",
}
ONE_BATCH = "lbfgs"


def is_streamed(arguments: argparse.Namespace) -> bool:
    """Whether DATA is to be read as a stream; prints a note where that follows from its size.

    Raises
    ------
    ValueError
        ``--stream`` is given with what is no file of a table, or no folder or pattern of them.
    """
    data, asked = arguments.data, bool(arguments.stream)
    if not os.path.exists(data):
        is_pattern = any(sign in data for sign in WILD)
        if asked and not is_pattern and data == "-":
            raise ValueError("--stream reads files, more than once, and standard input comes once; leave it out")
        return is_pattern or asked
    if os.path.isdir(data):
        return asked or _is_folder_of_tables(Path(data))
    is_table = data.lower().endswith(TABLES)
    if asked and not is_table:
        raise ValueError(f"--stream reads files that end in {', '.join(TABLES)}, got {data}")
    if is_table and os.path.getsize(data) > LARGE:
        print(f"note: {data} has {os.path.getsize(data):,} bytes, so it is read while it is used (as --stream does)")
        return True
    return asked


def _is_folder_of_tables(folder: Path) -> bool:
    """Whether tables lie in a folder itself."""
    return any(path.suffix.lower() in TABLES and not path.name.startswith((".", "_")) for path in folder.iterdir())


def check_options(arguments: argparse.Namespace) -> None:
    """``ValueError`` for an option that needs all rows in memory, or would not act."""
    for name, why in NEEDS_MEMORY.items():
        if getattr(arguments, name, None) not in (None, False):
            raise _refused(f"--{name.replace('_', '-')}", why)
    fitting = (None, "mlp", *(RECURRENT if getattr(arguments, "text", None) else ()))
    if getattr(arguments, "network", None) not in fitting:
        raise _refused(f"--network {arguments.network}", "rows of tables train an mlp, and with --text gru and lstm")
    if getattr(arguments, "optimizer", None) == ONE_BATCH:
        raise _refused(f"--optimizer {ONE_BATCH}", "it takes all rows at once; take another one")


def _refused(option: str, why: str) -> ValueError:
    return ValueError(
        f"{option} cannot be had on DATA that is read as a stream, for {why}. Leave it out, or give one file of rows "
        f"that fit into memory, without --stream"
    )


def reading(arguments: argparse.Namespace, text: Collection[str] = ()) -> CsvOptions:
    """What the command line says of CSV; ``text`` are columns that are never numbers."""
    return CsvOptions(arguments.separator, arguments.decimal, arguments.encoding or "utf-8", tuple(text))


def tell_decimal(tables: Tables, arguments: argparse.Namespace, out: TextIO | None = None) -> None:
    """Print, to standard output or elsewhere, that decimal commas were found."""
    if arguments.decimal is None and any(getattr(file, "decimal", ".") == "," for file in tables.opened):
        print("note: the comma stands before fractions; --decimal says otherwise", file=out)


def opened(arguments: argparse.Namespace, text: Sequence[str] = ()) -> tuple[Tables, list[str]]:
    """The rows whose target is known, and the columns to learn from; prints what it found."""
    if arguments.target is None:
        raise ValueError("say with --target which column to predict")
    files = find_files(arguments.data, "DATA")

    def known(csv: CsvOptions) -> tuple[Tables, Tables, int]:
        tables = Tables(files, csv)
        return tables, *with_targets(tables, arguments.target)

    csv = replace(reading(arguments, text), codes=True)
    tables, kept, left_out = with_late_texts(known, csv, arguments.target)
    tell_decimal(tables, arguments)
    columns = inputs_of(tables, arguments.target)
    unwanted = dropped(arguments, arguments.data, columns)
    columns = [name for name in columns if name not in unwanted]
    tables.check_columns(text)
    found = described(files, int(tables.rows.sum()), len(columns))
    print(f"{found} to predict {arguments.target!r} from, read while they train")
    if left_out:
        print(f"note: {counted(left_out, 'row')} without {arguments.target!r} left out")
    if not kept.rows.sum():
        raise ValueError(f"the target {arguments.target!r} is empty in every row")
    return kept, columns


def tell_task(learned: Learned, texts: Collection[str] = ()) -> None:
    """Print what is predicted, and what should be known of the columns."""
    target, classes = learned.encoding.row_target, ""
    if isinstance(target, Classes):
        shown = ", ".join(map(str, target.labels[:10])) + (", ..." if len(target.labels) > 10 else "")
        classes = f", {len(target.labels)} classes: {shown}"
    print(f"task: {learned.task} ({learned.reason}){classes}")
    sample = {name: c for name, c in learned.survey.sample.columns.items() if name not in (target.name, *texts)}
    for note in (*learned.notes, *hints(Table(sample, ""))):
        print(f"note: {note}")


def described(files: Sequence[File], n_rows: int, n_columns: int) -> str:
    """Files, rows and columns in a line."""
    name = os.path.basename(files[0].path) if len(files) == 1 else counted(len(files), f"{files[0].kind} file")
    return f"{name}: {counted(n_rows, 'row')}, {counted(n_columns, 'column')}"
