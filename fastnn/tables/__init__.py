"""Tables of raw data (CSV, TSV, Parquet) and their encoding as numbers for a network."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fastnn.tables.delimited import read_delimited
from fastnn.tables.encoding import Encoding
from fastnn.tables.features import fit_features
from fastnn.tables.parquet import read_parquet
from fastnn.tables.table import Numbers, Table, Text
from fastnn.tables.target import choose_task, fit_classes, fit_quantity

__all__ = [
    "Encoding",
    "Numbers",
    "Table",
    "Text",
    "choose_task",
    "fit_classes",
    "fit_features",
    "fit_quantity",
    "read_table",
]

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def read_table(path: Any, as_text: Collection[str] = ()) -> Table:
    """Read a table, by the ending of its name.

    Parameters
    ----------
    path : a file of one of the endings :data:`SUFFIXES`.
    as_text : columns that stay text even if all their values parse as numbers.

    >>> from fastnn.tables import read_table
    >>> with open("people.csv", "w") as file:
    ...     written = file.write("age,city\\n31,Bern\\n,Oslo\\n")
    >>> table = read_table("people.csv")
    >>> table, table.columns["age"]
    (<Table people.csv: 2 rows, 2 columns age, city>, <Numbers of 2 rows, 1 gaps>)
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise ValueError(f"{path}: the name of a table must end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    return read_parquet(path, as_text) if name.endswith(".parquet") else read_delimited(path, as_text)
