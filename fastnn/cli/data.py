"""What DATA on the command line means: a table, an NPZ archive, a folder of IDX files or of pictures, or a bundled set.

All become a :class:`Source`: features (a table, or uint8 images), and the column to predict if it is there.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastnn._base.arguments import nearest, unknown_name
from fastnn._base.reprs import counted
from fastnn._base.types import Config
from fastnn.cli.dropping import dropped
from fastnn.cli.streams import TABLES
from fastnn.datasets import read_idx_folder
from fastnn.datasets.digits import TARGET, digits_images, digits_table
from fastnn.datasets.folder import is_picture_folder, read_image_folder
from fastnn.datasets.idx import PREFIXES, idx_array, is_idx
from fastnn.datasets.npz import is_npz, npz_arrays
from fastnn.tables import Reading, Table, table_of
from fastnn.tables.excel import is_workbook
from fastnn.tables.features import Pixels, no_header
from fastnn.tables.table import Column, column_from_array
from fastnn.tables.unpack import unpack

BUNDLED = ("digits",)
ARRAY_TARGET, CLASS = "y", "class"


@dataclass(frozen=True)
class Source:
    """Rows to learn from or to predict."""

    name: str
    features: Table | np.ndarray
    target: Column | None
    target_name: str
    told: tuple[str, ...] = ()  # of what is no table

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: np.ndarray) -> Source:
        """The source with these rows alone."""
        features = self.features.take(rows) if isinstance(self.features, Table) else self.features[rows]
        return replace(self, features=features, target=None if self.target is None else self.target.take(rows))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how DATA was read."""
        return self.features.notes if isinstance(self.features, Table) else self.told

    @property
    def n_columns(self) -> int:
        """Columns beside the target; pixels of an image."""
        return len(self.features.columns) if isinstance(self.features, Table) else int(self.features[0].size)


@dataclass(frozen=True)
class Images:
    """How rows are wanted that are images.

    ``size`` is the height and width of pictures, ``channels`` 1 or 3; None for what they have.
    ``damaged`` files are an ``"error"``, or ``"skip"``.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    damaged: str = "error"

    @staticmethod
    def like(features: object, damaged: str = "error") -> Images | None:
        """As a model was trained on; None for one of tables."""
        if not isinstance(features, Pixels):
            return None
        if len(features.shape) not in (2, 3):
            return Images(damaged=damaged)
        height, width, *channels = features.shape
        return Images((height, width), channels[0] if channels else 1, damaged)


def read_source(
    data: str, part: str, target: str | None = None, reading: Reading | None = None, images: Images | None = None
) -> Source:
    """Read DATA.

    Parameters
    ----------
    data : file, ``-`` for standard input, folder, or name of a bundled set (a file of the same name goes before it);
        one IDX file holds images without targets.
    part : ``"train"`` or ``"test"``: which rows, where DATA has both.
    target : the column to predict; None where DATA itself knows.
    reading : what is known of the file and its columns; the target is read as text where it says nothing.
    images : given where the bundled digits shall be images, and for pictures.
    """
    path = Path(data)
    if reading is None:
        reading = Reading()
    if target is not None and target not in reading.keep and target not in reading.as_text:
        reading = replace(reading, as_text=[*reading.as_text, target], keep=[*reading.keep, target])
    if data == "-":
        return _from_bytes("standard input", "standard input", _standard_input(), part, target, reading)
    if path.is_dir() and is_picture_folder(path):
        return _from_pictures(path, part, images or Images(), reading.max_bytes)
    if path.is_dir():
        _check_folder(path, part)
        return _from_arrays(path.name or data, *read_idx_folder(path, part, reading.max_bytes))
    if data in BUNDLED and not path.exists() and images:
        x, y = digits_images(part)
        return Source(data, x, column_from_array(y, as_text=True), TARGET)
    if data in BUNDLED and not path.exists():
        return _from_table(digits_table(part), target or TARGET)
    if not path.exists() and not path.suffix and not path.parent.name:
        raise ValueError(f"no such file: {data}; and {unknown_name('bundled set', data, BUNDLED)}")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {data}")
    return _from_bytes(data, path.name, path.read_bytes(), part, target, reading)


def _check_folder(folder: Path, part: str) -> None:
    """``ValueError`` for a folder in which there is nothing to read."""
    if any(folder.glob(f"{PREFIXES[part]}-images*")):
        return
    deeper = next((path for path in folder.rglob("*") if path.suffix.lower() in TABLES), None)
    mend = f"; there is {deeper}: a pattern in quotes or --stream reads it" if deeper else ""
    raise ValueError(
        f"the folder {folder} has no table ({', '.join(TABLES)}), no folder of pictures for each class, and no "
        f"{PREFIXES[part]}-images-idx3-ubyte, as MNIST's has{mend}"
    )


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


def reading_options(arguments: argparse.Namespace) -> Config:
    """What the command line says of how to read DATA."""
    options = {name: getattr(arguments, name) for name in ("separator", "decimal", "encoding", "max_bytes")}
    return {name: value for name, value in options.items() if value is not None}


def damaged_files(arguments: argparse.Namespace) -> str:
    """What the command line says of damaged pictures."""
    return "skip" if arguments.skip_damaged else "error"


def _from_table(table: Table, target: str | None) -> Source:
    if target is None:
        raise ValueError(f"say with --target which column to predict; {table.source} has {_listed(table)}")
    return Source(table.source, table.without(target), table.columns.get(target), target)


def without_dropped(source: Source, arguments: argparse.Namespace) -> Source:
    """The rows without the columns that ``--drop`` names; of images a ``ValueError``."""
    if not arguments.drop:
        return source
    table = source.features
    if not isinstance(table, Table):
        raise ValueError("--drop is for columns of tables, and these rows are images; leave it out")
    for name in dropped(arguments, source.name, table.columns):
        table = table.without(name)
    return replace(source, features=table)


def require_target(source: Source) -> Column:
    """The column to predict, or the error that lists the columns there are."""
    if source.target is not None:
        return source.target
    if isinstance(source.features, Table):
        hint = "; --sep names what stands between columns" if len(source.features.columns) == 1 else ""
        hint += no_header(source.features)
        came = f"{source.target_name!r}{nearest(str(source.target_name), source.features.columns)}"
        raise ValueError(f"{source.name} has no column {came}; it has {_listed(source.features)}{hint}")
    raise ValueError(f"{source.name} has no array y of targets")


def _from_pictures(folder: Path, part: str, images: Images, max_bytes: int) -> Source:
    found = read_image_folder(folder, part, images.size, images.channels, images.damaged, max_bytes)
    target = None if found.classes is None else column_from_array(found.classes, as_text=True)
    told = [f"pictures are {' x '.join(map(str, found.x.shape[1:3]))}, {'in colours' if found.x.ndim > 3 else 'grey'}"]
    if found.damaged:
        shown = ", ".join(found.damaged[:3]) + (", ..." if len(found.damaged) > 3 else "")
        many, are = counted(len(found.damaged), "file"), "are" if len(found.damaged) > 1 else "is"
        told.append(f"{many} cannot be read and {are} left out: {shown}")
    return Source(folder.name or str(folder), found.x, target, CLASS, tuple(told))


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
