"""Parquet files, whose row groups are read one by one by pyarrow (the extra ``table``)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastnn.data.files import File

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

BUFFER_BYTES = 2**16  # of a column that are read from a Parquet file at a time


def pyarrow_dataset() -> Any:
    """The module ``pyarrow.dataset``; ``ImportError`` that says what to install."""
    try:
        import pyarrow.dataset
        import pyarrow.fs
    except ImportError:
        raise ImportError(
            "a stream of Parquet, Arrow and CSV files needs pyarrow; install the extra fastnn-native[table]"
        ) from None
    return pyarrow.dataset


class ParquetFile:
    """Row groups of a Parquet file."""

    def __init__(self, file: File):
        dataset = pyarrow_dataset()
        import pyarrow

        self.file = file
        self.fragment = dataset.ParquetFileFormat().make_fragment(file.path, pyarrow.fs.LocalFileSystem())
        self.schema = self.fragment.physical_schema
        self.options = {
            "use_threads": False,
            "batch_readahead": 1,
            "fragment_readahead": 1,
            "memory_pool": pyarrow.default_memory_pool(),
            "fragment_scan_options": dataset.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True),
        }
        groups = self.fragment.metadata
        self.rows = [groups.row_group(place).num_rows for place in range(groups.num_row_groups)]

    def __reduce__(self) -> tuple[type[ParquetFile], tuple[File]]:
        return ParquetFile, (self.file,)  # Arrow's own parts cannot be sent to other processes

    def open(self) -> parquet.ParquetFile:
        """The file by Parquet's own reader, for who closes it."""
        from pyarrow import parquet

        options = {"metadata": self.fragment.metadata, "pre_buffer": False, "buffer_size": BUFFER_BYTES}
        return parquet.ParquetFile(self.fragment.path, **options)

    def count(self, place: int, filters: pc.Expression | None) -> int:
        """Rows of a group that a filter leaves."""
        return int(self.fragment.subset(row_group_ids=[place]).count_rows(filter=filters, **self.options))

    def read(
        self, place: int, columns: Sequence[str], filters: pc.Expression | None, last: LastFile | None = None
    ) -> pa.Table:
        """Columns of a group, an Arrow table; ``last`` keeps the file open for the next one.

        Without a filter by Parquet's own reader, which takes two thirds of the time of a scan.
        """
        if filters is None:
            with LastFile() if last is None else contextlib.nullcontext(last) as files:
                found = files.of(self).read_row_group(place, list(columns), use_threads=False)
            return found if found.column_names == list(columns) else found.select(list(columns))
        group = self.fragment.subset(row_group_ids=[place])
        return group.to_table(
            columns=list(columns), filter=filters, batch_size=max(1, self.rows[place]), **self.options
        )


class LastFile:
    """The file of a pass that was read last, which stays open: to open one takes a twentieth of a row group's time."""

    def __init__(self) -> None:
        self.file: ParquetFile | None = None
        self.opened: parquet.ParquetFile | None = None

    def of(self, file: ParquetFile) -> parquet.ParquetFile:
        """A file, open; another one is closed."""
        if self.opened is None or self.file is not file:
            self.close()
            self.file, self.opened = file, file.open()
        return self.opened

    def close(self) -> None:
        """Leave no file open."""
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def __enter__(self) -> LastFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
