"""Raw rows of a part of files, in memory: what a report shows, and what drift is measured against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.passes import Part
from fastnn.data.survey import joined
from fastnn.tables.columns import CodeFeature
from fastnn.tables.table import Column, Table


def raw_rows(tables: Tables, part: Part | None) -> tuple[Table, np.ndarray]:
    """The columns of an encoding of the rows of a part, and the rows' numbers in the data, from 1, ``(n,)``.

    The target is one of the columns where the encoder reads it.
    """
    columns: dict[str, list[Column]] = {}
    numbers = []
    for found, places in _tables_of(tables, part):
        numbers.append(places + 1)
        for name, column in found.columns.items():
            columns.setdefault(name, []).append(column)
    named = np.concatenate(numbers) if numbers else np.empty(0, np.int64)
    return Table({name: joined(parts) for name, parts in columns.items()}, tables.name), named


def targets_of(tables: Tables, parts: Sequence[Part | None]) -> list[np.ndarray]:
    """The encoded targets of the rows of several parts, each ``(n,)``, from one pass over the target's column."""
    encoder = tables.encoder
    assert isinstance(encoder, TableEncoder)
    found: list[list[np.ndarray]] = [[] for _ in parts]
    for raw, places in _tables_of(tables, None, [encoder.encoding.row_target.name]):
        y = encoder.target_of(raw)
        for of_part, part in zip(found, parts, strict=True):
            of_part.append(y if part is None else y[part.mask(int(places[0]), len(places))])
    return [np.concatenate(each) for each in found]


def codes_of(tables: Tables, part: Part | None) -> dict[str, np.ndarray]:
    """The different numbers that columns for an ``Embedding`` become in the rows of a part, by name."""
    encoder = tables.encoder
    assert isinstance(encoder, TableEncoder)
    embedded = [each for each in encoder.encoding.features.features if isinstance(each, CodeFeature)]
    found = {each.name: np.zeros(each.n_ids, bool) for each in embedded}
    for raw, _ in _tables_of(tables, part, [each.name for each in embedded]) if embedded else ():
        for each in embedded:
            found[each.name][each.places(raw.columns[each.name], -1, -1) + 1] = True
    return {name: np.flatnonzero(seen) for name, seen in found.items()}


def _tables_of(
    tables: Tables, part: Part | None, columns: list[str] | None = None
) -> Iterator[tuple[Table, np.ndarray]]:
    """Raw columns, and the places of rows, of one row group after the other."""
    encoder, first = tables.encoder, 0
    assert isinstance(encoder, TableEncoder)
    wanted = encoder.columns if columns is None else columns
    for group, n in enumerate(tables.rows.tolist()):
        place, first = first, first + n
        mask = None if part is None else part.mask(place, n)
        places = place + (np.arange(n) if mask is None else np.flatnonzero(mask))
        if len(places):
            yield encoder.table(tables.table(group, wanted, mask), tables.where(group)), places
