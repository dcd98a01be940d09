"""What DATA on the command line means: a table, an NPZ archive, an IDX folder, or a bundled set.

All become a :class:`Source`: features (a table, or uint8 images), and the column to predict if it is there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastnn.datasets import read_idx, read_idx_folder, read_npz
from fastnn.datasets.digits import TARGET, digits_table
from fastnn.definitions import unknown_name
from fastnn.tables import Table, read_table
from fastnn.tables.table import Column, column_from_array

BUNDLED = ("digits",)
SUFFIXES = (".csv", ".tsv", ".parquet", ".npz")
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
    def n_columns(self) -> int:
        """Columns beside the target; pixels of an image."""
        return len(self.features.columns) if isinstance(self.features, Table) else int(self.features[0].size)


def read_source(data: str, part: str, target: str | None = None, as_text: Collection[str] = ()) -> Source:
    """Read DATA.

    Parameters
    ----------
    data : file, folder, or name of a bundled set (a file of the same name goes before it); one IDX file
        holds images without targets.
    part : ``"train"`` or ``"test"``: which rows, where DATA has both.
    target : the column to predict; None where DATA itself knows.
    as_text : columns that stay text.
    """
    path = Path(data)
    if path.is_dir():
        images, labels = read_idx_folder(path, part)
        return _from_arrays(data, images, labels)
    if "ubyte" in path.name and path.is_file():
        return _from_arrays(data, read_idx(path), None)
    if data.lower().endswith(".npz") and path.is_file():
        return _from_arrays(data, *read_npz(path, part))
    if data in BUNDLED and not path.exists():
        return _from_table(digits_table(part), target or TARGET)
    if not path.exists() and not path.suffix and not path.parent.name:
        raise ValueError(f"no such file: {data}; and {unknown_name('bundled set', data, BUNDLED)}")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {data}")
    if not path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        raise ValueError(f"{data}: DATA must end in {', '.join(SUFFIXES)} (.csv.gz, .tsv.gz), or be an IDX folder")
    return _from_table(read_table(path, as_text), target)


def _from_table(table: Table, target: str | None) -> Source:
    if target is None:
        raise ValueError(f"say with --target which column to predict; {table.source} has {_listed(table)}")
    return Source(table.source, table.without(target), table.columns.get(target), target)


def require_target(source: Source) -> Column:
    """The column to predict, or the error that lists the columns there are."""
    if source.target is not None:
        return source.target
    if isinstance(source.features, Table):
        raise ValueError(f"{source.name} has no column {source.target_name!r}; it has {_listed(source.features)}")
    raise ValueError(f"{source.name} has no array y of targets")


def check_output(path: str, *inputs: str) -> None:
    """Refuse a file that cannot be written, or that would overwrite what the command reads."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise ValueError(f"no such folder: {folder}")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; name a file")
    try:
        tempfile.NamedTemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"the folder {folder} cannot be written to ({error.strerror})") from None
    for name in inputs:
        if os.path.abspath(name) == os.path.abspath(path) or (
            os.path.exists(name) and os.path.exists(path) and os.path.samefile(name, path)
        ):
            raise ValueError(f"{path} would be overwritten; name another file to write to")


def _from_arrays(data: str, x: np.ndarray, y: np.ndarray | None) -> Source:
    target = None if y is None else column_from_array(y)
    name = Path(data).name or data
    if x.dtype == np.uint8:
        return Source(name, x, target, ARRAY_TARGET)
    flat = x.reshape(len(x), -1)
    columns = {f"x{index}": column_from_array(flat[:, index]) for index in range(flat.shape[1])}
    return Source(name, Table(columns, name), target, ARRAY_TARGET)


def _listed(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
