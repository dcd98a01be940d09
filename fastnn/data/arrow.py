"""Tables in files of Parquet, Arrow IPC and CSV: their row groups, read one by one by pyarrow (the extra ``table``).

A row group is one of Parquet, a record batch of Arrow IPC, or some megabytes of the lines of CSV
(:mod:`fastnn.data.csv_blocks`).

Design: Arrow's own scan of a dataset reads ahead, and its memory climbs with the size of the file. So each group is a
scan of its own, with every read-ahead off, in memory that goes back to the system.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.data.csv_blocks import CsvFile, CsvOptions, LateText
from fastnn.data.encoders import MatrixEncoder, TableEncoder
from fastnn.data.files import File, listed
from fastnn.data.parquet import LastFile, ParquetFile, pyarrow_dataset
from fastnn.data.sources import Arrays, Parts, Source

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

Encoder = MatrixEncoder | TableEncoder


class IpcFile:
    """Record batches of an Arrow IPC (Feather) file."""

    def __init__(self, file: File):
        pyarrow_dataset()
        import pyarrow

        with pyarrow.memory_map(file.path) as opened:
            reader = pyarrow.ipc.open_file(opened)
            self.schema = reader.schema
            one = pyarrow.ipc.IpcReadOptions(included_fields=[0], use_threads=False)
            counted = pyarrow.ipc.open_file(opened, options=one)
            self.rows = [counted.get_batch(place).num_rows for place in range(counted.num_record_batches)]
        self.path = file.path

    def count(self, place: int, filters: pc.Expression | None) -> int:
        """Rows of a batch that a filter leaves."""
        return len(self.read(place, self.schema.names, filters))

    def read(self, place: int, columns: Sequence[str], filters: pc.Expression | None) -> pa.Table:
        """Columns of a batch, an Arrow table."""
        import pyarrow

        wanted = list(columns) if filters is None else list(self.schema.names)
        fields = pyarrow.ipc.IpcReadOptions(included_fields=[self.schema.names.index(n) for n in wanted])
        with pyarrow.memory_map(self.path) as opened:
            table = pyarrow.Table.from_batches([pyarrow.ipc.open_file(opened, options=fields).get_batch(place)])
        return (table if filters is None else table.filter(filters)).select(list(columns))


def opened(files: Sequence[File], options: CsvOptions) -> list[ParquetFile | IpcFile | CsvFile]:
    """What reads each file; ``ValueError`` that names one that is damaged, or has no rows."""
    kinds: dict[str, Callable[[File], ParquetFile | IpcFile]] = {"Parquet": ParquetFile, "Arrow IPC": IpcFile}
    found: list[pa.Array] = []
    for file in files:
        try:
            if file.kind == "CSV":
                found.append(CsvFile(file, options))
            else:
                found.append(kinds[file.kind](file))
        except OSError as error:  # ArrowInvalid is none; its own are ValueErrors
            raise ValueError(f"{file.path} cannot be read as {file.kind}: {error}") from None
        except ValueError as error:
            told = f"{file.path} cannot be read as {file.kind}: {error}"
            raise ValueError(str(error) if str(error).startswith(file.path) else told) from None
        if not sum(found[-1].rows):
            raise ValueError(f"{file.path} has no rows; remove it, or name the files to read")
    if files[0].kind == "CSV":
        settle_types(found)
    return found


def settle_types(files: Sequence[CsvFile]) -> None:
    """Have CSV files read columns of the same name alike: as text where one of them has text there."""
    import pyarrow

    text = {
        name for file in files for name in file.schema.names if pyarrow.types.is_string(file.schema.field(name).type)
    }
    for file in files:
        file.have_text(text)


class Tables(Source):
    """Row groups of files with columns.

    Parameters
    ----------
    files : as they are now.   options : of CSV.   filters : a pyarrow expression, or None.
    """

    def __init__(self, files: Sequence[File], options: CsvOptions, filters: pc.Expression | None = None):
        self.files, self.filters = list(files), filters
        self.opened = opened(files, options)
        self.schema = self.opened[0].schema
        self.name = f"{len(files)} {files[0].kind} files" if len(files) > 1 else os.path.basename(files[0].path)
        self.places = [(number, place) for number, file in enumerate(self.opened) for place in range(len(file.rows))]
        self.rows = np.array([self._count(number, place) for number, place in self.places], np.int64)
        if not self.rows.sum():
            raise ValueError(f"the filter {filters} leaves no row of {self.name}")
        self.encoder: Encoder = MatrixEncoder([], None, None, np.dtype(np.float32))
        self.last: LastFile | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tables]:
        with LastFile() as last:
            yield self._with(last=last)

    def _with(self, **others: object) -> Tables:
        """The same but for some attributes."""
        made = object.__new__(Tables)
        made.__dict__.update(self.__dict__, **others)
        return made

    def where_also(self, filters: pc.Expression) -> Tables:
        """The rows of them that another filter leaves."""
        made = self._with(filters=filters if self.filters is None else self.filters & filters)
        made.rows = np.array([made._count(number, place) for number, place in self.places], np.int64)
        return made

    def encoded_by(self, encoder: Encoder) -> Tables:
        """The same rows, with what makes arrays of them; checks that all files have its columns, and alike."""
        self.check_columns(encoder.columns)
        return self._with(encoder=encoder)

    def check_columns(self, columns: Sequence[str]) -> None:
        """``ValueError`` for a file that lacks one of these columns, or has another type in it than the first file."""
        for file, each in zip(self.files, self.opened, strict=True):
            names = each.schema.names
            absent = [name for name in columns if name not in names]
            if absent:
                raise ValueError(f"{file.path} has no column {listed(absent)}; it has {listed(names)}")
            for name in columns:
                if names.count(name) > 1:
                    raise ValueError(f"{file.path} has two columns of the name {name!r}")
                here, first = each.schema.field(name).type, self.schema.field(name).type
                if kind_of(here) != kind_of(first):
                    raise ValueError(
                        f"column {name!r} differs in type: {file.path} has {here}, {self.files[0].path} has {first}"
                    )

    @property
    def row_bytes(self) -> int:  # type: ignore[override]
        encoded = 4 * self.encoder.encoding.features.width if isinstance(self.encoder, TableEncoder) else 0
        return max(8 * max(1, len(self.encoder.columns)), encoded)

    @property
    def has_targets(self) -> bool:
        return self.encoder.target is not None

    @property
    def marks(self) -> list[object]:
        files = [[os.path.basename(file.path), file.size] for file in self.files]
        return [files, self.encoder.marks, str(self.filters)]

    def where(self, group: int) -> str:
        number, place = self.places[group]
        return f"{self.files[number].path}, row group {place + 1}"

    def check(self, group: int) -> None:
        """``ValueError`` where the file of a group is no more what it was."""
        self.files[self.places[group][0]].check()

    def table(self, group: int, columns: Sequence[str], mask: np.ndarray | None = None) -> pa.Table:
        """Columns of a group as an Arrow table, after a look that its file is what it was."""
        self.check(group)
        number, place = self.places[group]
        try:
            file = self.opened[number]
            kept = (self.last,) if isinstance(file, ParquetFile) else ()
            found = file.read(place, columns, self.filters, *kept)
        except LateText:
            raise
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.where(group)} cannot be read: {error}") from None
        if len(found) != self.rows[group]:
            raise ValueError(f"{self.where(group)} has {len(found)} rows, and had {self.rows[group]}")
        if mask is None:
            return found
        import pyarrow

        return found.filter(pyarrow.array(mask))

    def read(self, group: int, mask: np.ndarray | None = None) -> Arrays:
        table = self.table(group, self.encoder.columns, mask)
        return self.encoder(table, self.where(group))

    def parts(self, group: int, mask: np.ndarray | None = None) -> Parts[Any]:
        table = self.table(group, self.encoder.columns, mask)
        make = self.encoder.parts if isinstance(self.encoder, MatrixEncoder) else self.encoder
        return make(table, self.where(group))

    def _count(self, number: int, place: int) -> int:
        import pyarrow

        file = self.opened[number]
        if self.filters is None:
            return int(file.rows[place])
        try:
            return int(file.count(place, self.filters))
        except LateText:
            raise
        except (pyarrow.ArrowException, ValueError) as error:
            told, names = str(error).partition("\n")[0], listed(file.schema.names)
            path = self.files[number].path
            raise ValueError(f"{path} cannot be filtered by {self.filters}: {told}; it has {names}") from None

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.places)))


def kind_of(type_: pa.DataType) -> str:
    """What columns of one name must have in common in all files."""
    import pyarrow.types as kinds

    if kinds.is_integer(type_) or kinds.is_floating(type_) or kinds.is_decimal(type_):
        return "numbers"
    if kinds.is_dictionary(type_):
        return kind_of(type_.value_type)
    if kinds.is_string(type_) or kinds.is_large_string(type_) or kinds.is_null(type_):
        return "text"
    if kinds.is_temporal(type_):
        return "times"
    return str(type_)
