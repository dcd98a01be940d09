"""DATA that is read while it is used: which commands' DATA that is, and what the command line says of it.

A pattern in quotes, a folder of tables, ``--stream``, and a file above :data:`LARGE` bytes, which a note says.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fastnn._base.reprs import counted
from fastnn.data.csv_blocks import CsvOptions
from fastnn.data.files import KINDS, WILD

LARGE = 2**30  # bytes of a file from which on it is not read into memory as a whole
TABLES = tuple(ending for ending, kind in KINDS.items() if kind not in ("NPZ", "NPY"))
NEEDS_MEMORY = {  # options, and why not
    "text": "words are counted in texts that are all in memory",
    "window": "windows are cut from series that are all in memory",
    "image_size": "it is of pictures",
    "augment": "it is of pictures",
    "skip_damaged": "it is of pictures",
    "preset": "its networks train on different rows of a table in memory; a stream trains one network",
    "cv": "its networks train on different rows of a table in memory; a stream trains one network",
    "report": "it is of a table in memory",
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
    if getattr(arguments, "network", None) not in (None, "mlp"):
        raise _refused(f"--network {arguments.network}", "the rows of tables train an mlp")
    if getattr(arguments, "optimizer", None) == ONE_BATCH:
        raise _refused(f"--optimizer {ONE_BATCH}", "it takes all rows at once; take another one")


def _refused(option: str, why: str) -> ValueError:
    return ValueError(
        f"{option} cannot be had on DATA that is read as a stream, for {why}. Leave it out, or give one file of rows "
        f"that fit into memory, without --stream"
    )


def reading(arguments: argparse.Namespace, text: Collection[str] = ()) -> CsvOptions:
    """What the command line says of CSV; ``text`` are columns that are never numbers."""
    return CsvOptions(arguments.separator, arguments.decimal or ".", arguments.encoding or "utf-8", tuple(text))


def described(files: list[Any], n_rows: int, n_columns: int) -> str:
    """Files, rows and columns in a line."""
    name = os.path.basename(files[0].path) if len(files) == 1 else counted(len(files), f"{files[0].kind} file")
    return f"{name}: {counted(n_rows, 'row')}, {counted(n_columns, 'column')}"
