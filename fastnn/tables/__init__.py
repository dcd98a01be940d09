"""Tables of raw data (CSV, Parquet, Excel) and their encoding as numbers for a network."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fastnn._base.types import StrPath
from fastnn.tables import excel, parquet
from fastnn.tables.checks import column_notes, count_shared_rows, shared_rows_note
from fastnn.tables.delimited import delimited_table
from fastnn.tables.encoding import Encoding
from fastnn.tables.fit import fit_features
from fastnn.tables.frames import table_of_frame
from fastnn.tables.options import FeatureOptions
from fastnn.tables.reading import Reading
from fastnn.tables.rows import RowEncoder
from fastnn.tables.table import Numbers, Table, Text
from fastnn.tables.target import choose_task, fit_classes, fit_quantity
from fastnn.tables.text_fit import TextOptions, fit_texts
from fastnn.tables.unpack import Unreadable, unpack

__all__ = [
    "Encoding",
    "FeatureOptions",
    "Numbers",
    "Reading",
    "RowEncoder",
    "Table",
    "Text",
    "TextOptions",
    "choose_task",
    "column_notes",
    "count_shared_rows",
    "fit_classes",
    "fit_features",
    "fit_quantity",
    "fit_texts",
    "read_table",
    "shared_rows_note",
    "table_of",
    "table_of_frame",
]

BINARY_ENDINGS = {".parquet": "Parquet", ".xlsx": "Excel", ".npz": "NPZ"}


def read_table(path: StrPath, as_text: Collection[str] = (), **known: Any) -> Table:
    """Read a table from a file of CSV, Parquet or Excel, plain or compressed: its first bytes tell, not its name.

    Parameters
    ----------
    path : the file. Compressed by gzip, bzip2, xz, zip (of one file) or zstd it may be, too.
    as_text : columns that stay text even if all their values are numbers, such as labels.
    **known : all else that is known, the fields of :class:`Reading`: ``separator``, ``decimal``, ``encoding`` of CSV,
        ``max_bytes`` that a compressed file may become, ``as_numbers``, ``keep``.

    Raises
    ------
    FileNotFoundError, PermissionError
        the file cannot be opened.
    ValueError
        the file is damaged or holds no table; the message names it.

    >>> from fastnn.tables import read_table
    >>> with open("people.csv", "w") as file:
    ...     written = file.write("age,city\\n31,Bern\\n,Oslo\\n")
    >>> table = read_table("people.csv")
    >>> table, table.columns["age"]
    (<Table people.csv: 2 rows, 2 columns age, city>, <Numbers of 2 rows, 1 gap>)
    """
    reading = Reading(as_text, **known)
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    return table_of(str(path), path.name, path.read_bytes(), reading)


def table_of(name: str, source: str, data: bytes, reading: Reading) -> Table:
    """The table in the bytes of a file; ``name`` stands in errors, ``source`` is what the table is called.

    Parameters
    ----------
    name : a word for it in summaries, histories and files; None makes one.
    source : a name for messages.
    data : a table, or what :func:`fastnn.tables.table_of_frame` takes.
    reading : how the file is read.
    """
    for _ in range(2):  # a compressed file may hold a workbook, which is a zip archive itself
        if excel.is_workbook(data):
            return excel.excel_table(name, source, data, reading)
        data = unpack(name, data, reading.max_bytes)
    if data.startswith(parquet.MAGIC):
        return parquet.parquet_table(name, source, io.BytesIO(data), reading)
    for ending, kind in BINARY_ENDINGS.items():
        if source.lower().endswith(ending):
            raise Unreadable(f"{name} is no {kind} file: it does not begin as one")
    return delimited_table(name, source, data, reading)
