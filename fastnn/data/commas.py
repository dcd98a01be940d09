"""Texts of decimal-comma CSV that write numbers beyond what Arrow reads: ``1.234,50``, ``5,5 %``, with a few words.

What comes behind a stream reads texts with a decimal point, so they are written anew with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.tables.arrow_csv import codes
from fastnn.tables.numerals import numbers
from fastnn.tables.table import Numbers, settle, text_column

if TYPE_CHECKING:
    import pyarrow as pa


def hold_numbers(parts: Iterable[pa.ChunkedArray]) -> bool:
    """Whether the texts of a column are numbers with decimal commas, by the rule of a file in memory."""
    import pyarrow

    coded: Any = pyarrow.chunked_array([chunk for part in parts for chunk in part.chunks], pyarrow.string())
    coded = coded.combine_chunks().dictionary_encode()
    column = text_column(codes(coded.indices), coded.dictionary.to_pylist())
    return bool(column.values) and isinstance(settle(replace(column, decimal=",")), Numbers)


def in_points(column: pa.ChunkedArray) -> pa.Array:
    """A column in which numbers are written with a decimal point, and words as they are."""
    import pyarrow

    coded: Any = column.combine_chunks().dictionary_encode()
    values = [value.strip() for value in coded.dictionary.to_pylist()]
    found = numbers(values, ",")
    signed = ["," in value or "." in value for value in values]
    written = [
        repr(float(number)) if is_signed and not np.isnan(number) else value
        for value, number, is_signed in zip(values, found, signed, strict=True)
    ]
    return pyarrow.array(written, pyarrow.string()).take(coded.indices)
