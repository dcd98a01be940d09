"""Parquet files, read by pyarrow (the extra ``table``).

Numbers stay numbers, booleans and dates become text, and text goes by the rule of
:mod:`fastnn.tables.table`, so that a model trained on a Parquet file predicts from a CSV file.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.tables.table import Column, Numbers, Table, Text, column_from_text


def read_parquet(path: Path, as_text: Collection[str] = ()) -> Table:
    """Read a Parquet file; columns in ``as_text`` stay text even if all their values parse as numbers."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(f"{path}: reading Parquet needs pyarrow; install the extra fastnn-native[table]") from None
    try:
        table = parquet.read_table(path, partitioning=None)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is no Parquet file, or is cut short ({error})") from None
    if not len(table):
        raise ValueError(f"{path} has no rows")
    if len(set(table.column_names)) < len(table.column_names):
        raise ValueError(f"{path} has two columns of the same name")
    columns = {
        name: _column(path, name, table.column(name).combine_chunks(), name in as_text) for name in table.column_names
    }
    return Table(columns, path.name)


def _column(path: Path, name: str, array: Any, as_text: bool) -> Column:
    import pyarrow
    import pyarrow.types as kinds
    from pyarrow import compute

    if kinds.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if kinds.is_boolean(kind) and not as_text:
        codes = compute.fill_null(array.cast("int32"), -1).to_numpy(zero_copy_only=False)
        return Text(codes.astype(np.int32), ("False", "True"))
    numeric = kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)
    try:
        if numeric and not as_text:
            values = compute.cast(array, "float64", safe=False).to_numpy(zero_copy_only=False)
            return Numbers(np.array(values), kinds.is_integer(kind))
        coded = array.cast("string").dictionary_encode()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        raise ValueError(f"{path}: column {name!r} holds {kind}, which is neither numbers nor text") from None
    codes = compute.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return column_from_text(codes, coded.dictionary.to_pylist(), as_text)
