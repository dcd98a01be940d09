"""What DATA on the command line means: a table, an NPZ archive, an IDX folder, or a bundled set.

All become a :class:`Source`: features (a table, or uint8 images), and the column to predict if it is there.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._base.arguments import unknown_name
from fastnn.datasets import read_idx_folder
from fastnn.datasets.digits import TARGET, digits_table
from fastnn.datasets.idx import idx_array, is_idx
from fastnn.datasets.npz import is_npz, npz_arrays
from fastnn.tables import Reading, Table, table_of
from fastnn.tables.excel import is_workbook
from fastnn.tables.table import Column, column_from_array
from fastnn.tables.unpack import unpack

BUNDLED = ("digits",)
ARRAY_TARGET = "y"


@dataclass(frozen=True)
class Source:
    """Rows to learn from or to predict."""

    name: str
    features: Table | np.ndarray
    target: Column | None
    target_name: str

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: np.ndarray) -> Source:
        """The source with these rows alone."""
        features = self.features.take(rows) if isinstance(self.features, Table) else self.features[rows]
        return Source(self.name, features, None if self.target is None else self.target.take(rows), self.target_name)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how DATA was read."""
        return self.features.notes if isinstance(self.features, Table) else ()

    @property
    def n_columns(self) -> int:
        """Columns beside the target; pixels of an image."""
        return len(self.features.columns) if isinstance(self.features, Table) else int(self.features[0].size)


def read_source(data: str, part: str, target: str | None = None, reading: Reading | None = None) -> Source:
    """Read DATA.

    Parameters
    ----------
    data : file, ``-`` for standard input, folder, or name of a bundled set (a file of the same name goes before it);
        one IDX file holds images without targets.
    part : ``"train"`` or ``"test"``: which rows, where DATA has both.
    target : the column to predict; None where DATA itself knows.
    reading : what is known of the file and its columns; the target is read as text where it says nothing.
    """
    path = Path(data)
    if reading is None:
        reading = Reading()
    if target is not None and target not in reading.keep and target not in reading.as_text:
        reading = replace(reading, as_text=[*reading.as_text, target], keep=[*reading.keep, target])
    if data == "-":
        return _from_bytes("standard input", "standard input", _standard_input(), part, target, reading)
    if path.is_dir():
        return _from_arrays(path.name or data, *read_idx_folder(path, part, reading.max_bytes))
    if data in BUNDLED and not path.exists():
        return _from_table(digits_table(part), target or TARGET)
    if not path.exists() and not path.suffix and not path.parent.name:
        raise ValueError(f"no such file: {data}; and {unknown_name('bundled set', data, BUNDLED)}")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {data}")
    return _from_bytes(data, path.name, path.read_bytes(), part, target, reading)


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard input") from None


def _from_bytes(name: str, source: str, data: bytes, part: str, target: str | None, reading: Reading) -> Source:
    """The rows in the bytes of a file, whose kind they tell."""
    if is_npz(data) or (name.lower().endswith(".npz") and data.startswith(b"PK")):
        return _from_arrays(source, *npz_arrays(name, data, part, reading.max_bytes))
    if not is_workbook(data):
        data = unpack(name, data, reading.max_bytes)
    if is_idx(data) or "ubyte" in source:
        return _from_arrays(source, idx_array(name, data), None)
    return _from_table(table_of(name, source, data, reading), target)


def reading_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of how to read DATA."""
    options = {name: getattr(arguments, name) for name in ("separator", "decimal", "encoding", "max_bytes")}
    return {name: value for name, value in options.items() if value is not None}


def _from_table(table: Table, target: str | None) -> Source:
    if target is None:
        raise ValueError(f"say with --target which column to predict; {table.source} has {_listed(table)}")
    return Source(table.source, table.without(target), table.columns.get(target), target)


def require_target(source: Source) -> Column:
    """The column to predict, or the error that lists the columns there are."""
    if source.target is not None:
        return source.target
    if isinstance(source.features, Table):
        hint = "; --sep names what stands between columns" if len(source.features.columns) == 1 else ""
        raise ValueError(f"{source.name} has no column {source.target_name!r}; it has {_listed(source.features)}{hint}")
    raise ValueError(f"{source.name} has no array y of targets")


def _from_arrays(name: str, x: np.ndarray, y: np.ndarray | None) -> Source:
    try:
        target = None if y is None else column_from_array(y, as_text=True)
        if x.dtype == np.uint8:
            return Source(name, x, target, ARRAY_TARGET)
        flat = x.reshape(len(x), -1)
        columns = {f"x{index}": column_from_array(flat[:, index]) for index in range(flat.shape[1])}
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return Source(name, Table(columns, name), target, ARRAY_TARGET)


def _listed(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
