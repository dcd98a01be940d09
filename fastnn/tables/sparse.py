"""Encoded rows in compressed form (CSR): of a column with many categories only the ones."""

from __future__ import annotations

import numpy as np

from fastnn._base.sparse import CSR
from fastnn.tables.columns import CategoryFeature
from fastnn.tables.features import TableFeatures, with_columns
from fastnn.tables.table import Table

Triplets = tuple[np.ndarray, np.ndarray, np.ndarray]


def encode_sparse(features: TableFeatures, table: Table) -> CSR:
    """What :meth:`TableFeatures.encode` gives, codes behind all other numbers, without its zeros.

    Returns
    -------
    float32 values, int32 column indices that grow within each row, int64 row starts, and the shape ``(n, width)``.
    """
    table = with_columns(table, [feature.name for feature in features.features])
    parts: list[Triplets] = []
    first = 0
    offsets = [0] * len(features.numbers) + features.offsets
    for feature, offset in zip((*features.numbers, *features.codes), offsets, strict=True):
        column = table.columns[feature.name]
        if isinstance(feature, CategoryFeature):
            rows, places = feature.ones(column)
            values = np.ones(len(rows), np.float32)
        else:
            block = np.zeros((len(table), feature.width), np.float32)
            feature.fill(column, block)
            block += np.float32(offset)
            rows, places = np.nonzero(block)
            values = block[rows, places]
        parts.append((rows, places + first, values))
        first += feature.width
    return _joined(parts, (len(table), first))


def _joined(parts: list[Triplets], shape: tuple[int, int]) -> CSR:
    """Triplets, column by column of the table, in the order of rows."""
    rows = np.concatenate([part[0] for part in parts])
    order = np.argsort(rows, kind="stable")
    starts = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=starts[1:])
    columns = np.concatenate([part[1] for part in parts])[order].astype(np.int32)
    return CSR(np.concatenate([part[2] for part in parts])[order], columns, starts, shape)
