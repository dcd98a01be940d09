"""From the arguments of :func:`fastnn.data.stream` to a source of files with columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.data.arrow import Tables
from fastnn.data.csv_blocks import CsvOptions
from fastnn.data.encoders import MatrixEncoder, TableEncoder
from fastnn.data.files import File, listed
from fastnn.tables.parquet import index_columns
from fastnn.tables.reading import Reading

if TYPE_CHECKING:
    import pyarrow.compute as pc


def tables_source(files: Sequence[File], options: tuple[Any, ...], dtype: np.dtype, csv: CsvOptions) -> Tables:
    """The rows of files with columns, and what makes arrays of them."""
    target, columns, weight, filters, encoding = options
    text, numeric = csv.text, csv.numeric
    if encoding is not None:
        if columns is not None:
            raise TypeError("an encoding knows its columns; leave columns out")
        encoder = TableEncoder(encoding, target is not False, weight, dtype)
        if target not in (None, False, encoding.row_target.name):
            raise ValueError(f"the encoding predicts {encoding.row_target.name!r}, got target={target!r}")
        text, numeric = tuple({*text, *texts_of(encoder.how)}), tuple(encoder.how.as_numbers)
    source = Tables(files, replace(csv, text=text, numeric=numeric), expression(filters))
    if encoding is not None:
        return source.encoded_by(encoder)
    index = index_columns(source.schema.metadata)
    besides = [] if target is None else [target] if isinstance(target, str) else list(target)
    besides += [weight] if weight is not None else []
    source.check_columns(besides)
    others = [name for name in source.schema.names if name not in (*besides, *index)]
    wanted = others if columns is None else list(columns)
    if not wanted:
        raise ValueError(f"{source.name} has no column of inputs beside {listed(besides)}")
    return source.encoded_by(MatrixEncoder(wanted, target, weight, dtype))


def texts_of(how: Reading) -> list[str]:
    """Columns of CSV that are read as text: those that stay text, and numbers among which words are gaps."""
    return [*how.as_text, *(name for name, words in how.as_numbers.items() if words)]


def expression(filters: pc.Expression | Sequence[tuple[str, str, object]] | None) -> pc.Expression | None:
    """A filter as a pyarrow expression; lists of ``(column, sign, value)`` are taken as pyarrow takes them."""
    if filters is None or not isinstance(filters, list | tuple):
        return filters
    from pyarrow import parquet

    try:
        return parquet.filters_to_expression(list(filters))
    except (TypeError, ValueError) as error:
        raise ValueError(f"filters must be an expression, or [(column, sign, value), ...]: {error}") from None
