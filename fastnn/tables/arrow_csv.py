"""CSV through pyarrow: numbers where its idea of a number is ours, the texts as they were written elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.tables.numerals import EXACT, GAPS
from fastnn.tables.reading import Reading
from fastnn.tables.table import Column, Numbers, Text, text_column

if TYPE_CHECKING:
    import pyarrow as pa


def read(data: bytes, separator: str, names: list[str], reading: Reading, required: bool) -> dict[str, Column] | None:
    """The columns; None without pyarrow, or for a file it refuses or may read differently."""
    try:
        import pyarrow
    except ImportError:
        if required:
            raise
        return None
    if data[:1] in (b"\n", b"\r"):
        return None
    try:
        table = _table(data, separator, names, {name: pyarrow.string() for name in names if name in reading.as_text})
        columns: dict[str, Any] = {name: _plain_numbers(table.column(name)) for name in names}
        columns |= {
            name: _text(table.column(name)) for name in names if pyarrow.types.is_string(table.column(name).type)
        }
        doubtful = [name for name, column in columns.items() if column is None]
        doubtful += _codes(data, separator, names, [n for n, c in columns.items() if isinstance(c, Numbers)])
        columns |= read_texts(data, separator, names, doubtful) if doubtful else {}
        gappy = [name for name in names if name in reading.as_text and table.column(name).null_count]
        if gappy:
            written = _texts(data, separator, names, gappy, nulls=())
            columns |= {name: _text(written.column(name), reading.gaps(name)) for name in gappy}
    except (pyarrow.ArrowException, OSError):
        return None
    return columns


def read_texts(
    data: bytes, separator: str, names: list[str], wanted: list[str], nulls: Collection[str] = GAPS
) -> dict[str, Column]:
    """These columns as they were written; the words ``nulls`` are gaps at once, others once they are looked at."""
    table = _texts(data, separator, names, wanted, nulls)
    return {name: _text(table.column(name)) for name in wanted}


def _texts(data: bytes, separator: str, names: list[str], wanted: list[str], nulls: Collection[str] = GAPS) -> pa.Table:
    import pyarrow

    return _table(data, separator, names, {name: pyarrow.string() for name in wanted}, wanted, nulls)


def _table(
    data: bytes,
    separator: str,
    names: list[str],
    types: dict[str, pa.DataType],
    include: list[str] | None = None,
    nulls: Collection[str] = GAPS,
) -> pa.Table:
    import pyarrow
    from pyarrow import csv

    return csv.read_csv(
        pyarrow.BufferReader(data),
        read_options=csv.ReadOptions(column_names=names, skip_rows_after_names=1),
        parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            null_values=list(nulls), strings_can_be_null=True, column_types=types, include_columns=include
        ),
    )


def _plain_numbers(column: pa.ChunkedArray) -> Numbers | None:
    """The numbers of a column; None where pyarrow's type is not ours (dates, booleans), or numbers are not exact."""
    import pyarrow.types as kinds

    if not (kinds.is_int64(column.type) or kinds.is_float64(column.type)):
        return None
    values = floats(column.combine_chunks())
    finite = np.isfinite(values).sum() == len(column) - column.null_count
    return Numbers(values) if finite and np.nanmax(np.abs(values), initial=0) < EXACT else None


def _text(column: pa.ChunkedArray, gaps: Collection[str] = GAPS) -> Text:
    coded = column.combine_chunks().dictionary_encode()
    return text_column(codes(coded.indices), coded.dictionary.to_pylist(), gaps=gaps)


def floats(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Numbers of an Arrow array as float64, NaN for a null."""
    return filled(array.cast("float64", safe=False), np.nan, np.dtype(np.float64))


def codes(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Indices of an Arrow array as int32, -1 for a null."""
    return filled(array.cast("int32"), -1, np.dtype(np.int32))


def filled(array: pa.Array | pa.ChunkedArray, null: float, dtype: np.dtype) -> np.ndarray:
    """The values of an array; Arrow's own ``to_numpy`` loads pandas, which takes as long as a large file."""
    if not len(array):
        return np.empty(0, dtype)
    validity, data = array.buffers()
    values = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize).copy()
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
        values[bits[array.offset : array.offset + len(array)] == 0] = null
    return values


def _codes(data: bytes, separator: str, names: list[str], numeric: list[str]) -> list[str]:
    """Columns of numbers in which one has a leading zero or is hexadecimal: numbers to pyarrow, doubtful to us."""
    from pyarrow import compute

    if not numeric or not _has_leading_zero(data, separator):
        return []
    table = _texts(data, separator, names, numeric)
    found = (compute.match_substring_regex(table.column(name), r"^\s*[+-]?0[0-9xX]") for name in numeric)
    return [name for name, hit in zip(numeric, found, strict=True) if compute.any(hit).as_py()]


def _has_leading_zero(data: bytes, separator: str) -> bool:
    """Whether a field may begin with a zero before a digit or an x."""
    array = np.frombuffer(data, np.uint8)
    before, after = np.zeros(256, bool), np.zeros(256, bool)
    before[list(b' \t\r\n"+-' + separator.encode())] = True
    after[list(b"0123456789xX")] = True
    zeros = np.flatnonzero(array[:-1] == ord("0"))
    zeros = zeros[after[array[zeros + 1]]]
    return bool((before[array[zeros - 1]] | (zeros == 0)).any())
