"""Parquet files, read by pyarrow (the extra ``table``).

Numbers stay numbers, booleans and dates become text, and text goes by the rule of
:mod:`fastnn.tables.table`, so that a model trained on a Parquet file predicts from a CSV file. What pandas wrote as the
index of the rows is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.arrow_csv import codes, floats
from fastnn.tables.numerals import EXACT
from fastnn.tables.reading import Reading
from fastnn.tables.table import Column, Numbers, Table, Text, column_from_array, listed, settle, text_column
from fastnn.tables.unpack import Unreadable, reading, too_large

if TYPE_CHECKING:
    from typing import IO

    import pyarrow as pa

MAGIC = b"PAR1"


def parquet_table(name: str, source: str, file: IO[bytes], how: Reading) -> Table:
    """The table of a Parquet file.

    Parameters
    ----------
    name, source : what errors call the file, and what the table is called.
    file : path, or binary file object.
    how : what is known of the columns.

    Raises
    ------
    ValueError
        pyarrow is missing; the file is damaged, has no rows, names twice, or columns that are no numbers and no text.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise Unreadable(f"{name}: reading Parquet needs pyarrow; install the extra fastnn-native[table]") from None
    with reading(name, "Parquet file"):
        opened = parquet.ParquetFile(file)
        about = opened.metadata
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if max(unpacked, 8 * about.num_rows * about.num_columns) > how.max_bytes:
            raise too_large(name, how.max_bytes)
        table = opened.read()
        table.validate(full=True)
        index = [column for column in index_columns(table.schema.metadata) if column not in how.keep]
    if not len(table):
        raise Unreadable(f"{name} has no rows")
    left_out = [column for column in index if column in table.column_names]
    notes = (f"{listed(left_out)}: pandas' index of the rows, left out",) if left_out else ()
    return table_of_arrow(name, source, table.drop_columns(left_out), how, notes)


def table_of_arrow(name: str, source: str, table: pa.Table, how: Reading, notes: tuple[str, ...] = ()) -> Table:
    """The columns of an Arrow table by the rule of this room; ``name`` stands in errors."""
    names = table.column_names
    if len(set(names)) < len(names):
        raise Unreadable(f"{name} has two columns of the same name")
    return Table({column: _column(name, column, table.column(column), how) for column in names}, source, notes)


def index_columns(metadata: dict[bytes, bytes] | None) -> list[str]:
    """Columns that pandas wrote as the index of the rows."""
    try:
        stored = json.loads((metadata or {}).get(b"pandas", b"{}"))
    except ValueError:
        return []
    names = stored.get("index_columns", []) if isinstance(stored, dict) else []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _column(file: str, name: str, chunks: pa.ChunkedArray, how: Reading) -> Column:
    import pyarrow.types as kinds

    as_text = name in how.as_text
    try:
        array = chunks.combine_chunks()
        array = array.dictionary_decode() if kinds.is_dictionary(array.type) else array
        kind = array.type
        if kinds.is_boolean(kind):
            return Text(codes(array), ("False", "True"))
        if kinds.is_floating(kind) and as_text:
            return column_from_array(_as_wide(array), as_text=True)
        if (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)) and not as_text:
            values = floats(array)
            if kinds.is_floating(kind) or not np.nanmax(np.abs(values), initial=0) >= EXACT:
                return Numbers(values)
        coded = array.cast("string").dictionary_encode()
        text = text_column(codes(coded.indices), coded.dictionary.to_pylist(), gaps=how.gaps(name))
    except Exception as error:  # pyarrow promises no kind of it
        raise Unreadable(
            f"{file}: column {name!r} holds {chunks.type}, which is neither numbers nor text ({type(error).__name__})"
        ) from None
    return settle(text, as_text, how.as_numbers.get(name))


def _as_wide(array: pa.Array) -> np.ndarray:
    """Floating numbers in their own width, whose digits are the fewest."""
    return floats(array).astype({"float": np.float32, "halffloat": np.float16}.get(str(array.type), np.float64))
