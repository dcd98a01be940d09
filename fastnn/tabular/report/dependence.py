"""Partial dependence and individual curves: what a model says when one column has another value and all else stays.

Friedman (2001), "Greedy Function Approximation"; Goldstein et al. (2015). Each value of the grid is encoded once and
set into the encoded rows, the column's places alone; rows by values are predicted in few calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.summary import days
from fastnn.tables.table import Column, Numbers, Table, Text
from fastnn.tables.target import Classes
from fastnn.tables.texts import TextFeatures
from fastnn.tabular.report.rows import Scored, arrays, as_encoded, said

if TYPE_CHECKING:
    from fastnn.tabular.report.found import Dependence

GRID = 24  # values of a column of numbers
MOST_VALUES = 12  # of text, the most frequent
MOST_ROWS = 500
INDIVIDUAL = 40  # rows whose own curves are kept
BLOCK = 4_000_000  # numbers of encoded rows that are predicted in one call


def partial_dependence(scored: Scored, names: Sequence[str], seed: int = 0) -> dict[str, Dependence]:
    """The curves of some columns by name; columns of free text, and those without a value, have none.

    Each is a dict of ``grid``, float64 ``(k,)`` or a list of texts, of which None is a gap; ``mean`` ``(k, n_out)``
    over the rows, and ``individual`` ``(rows, k, n_out)`` of some of them: probabilities of each class (of two the
    second), or numbers in the target's unit.
    """
    part = scored.sample(MOST_ROWS, seed)
    features = scored.encoding.features
    free = {text.name for text in features.texts} if isinstance(features, TextFeatures) else set()
    found: dict[str, Dependence] = {}
    for name in names:
        values = None if name in free else _grid(scored.table.columns[name])
        if values is not None:
            answers = _answers(part, name, values)
            found[name] = {
                "grid": values.values if isinstance(values, Numbers) else _texts(values),
                "mean": answers.mean(axis=0),
                "individual": answers[:INDIVIDUAL],
            }
    return found


def _grid(column: Column) -> Column | None:
    """The values to try: quantiles of numbers, the most frequent texts (and a gap, where there are some)."""
    if isinstance(column, Numbers):
        known = column.values[~np.isnan(column.values)]
        if not len(known):
            return None
        distinct = np.unique(known)
        if len(distinct) > GRID:
            distinct = np.unique(np.quantile(known, np.linspace(0.01, 0.99, GRID), method="inverted_cdf"))
        return Numbers(distinct)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    codes = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    if not len(codes):
        return None
    codes = _over_time(column, counts) if days(column) is not None else codes[:MOST_VALUES]
    gap = [-1] if column.gaps.any() else []
    return Text(np.append(codes, gap).astype(np.int32), column.values, column.decimal)


def _over_time(column: Text, counts: np.ndarray) -> np.ndarray:
    """Codes of dates in their order: all of few, else those between which about equally many rows lie."""
    there = np.flatnonzero(counts)
    when = days(Text(there.astype(np.int32), column.values))
    assert when is not None
    ordered = there[np.argsort(when, kind="stable")]
    if len(ordered) <= MOST_VALUES:
        return ordered
    before = np.cumsum(counts[ordered])
    return ordered[np.unique(np.searchsorted(before, np.linspace(1, before[-1], MOST_VALUES)))]


def _texts(column: Column) -> list[str | None]:
    assert isinstance(column, Text)
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def _answers(part: Scored, name: str, values: Column) -> np.ndarray:
    """What the network says of each row with each value, ``(rows, values, n_out)``."""
    rows, n_values = len(part.y), len(values)
    filled = part.table.take(np.zeros(n_values, np.int64))
    encoded = arrays(part.encoding.features.encode(Table({**filled.columns, name: values}, filled.source)))
    x = arrays(part.x)
    at_once = max(1, BLOCK // max(1, rows * sum(array.shape[1] for array in x)))
    found = []
    for first in range(0, n_values, at_once):
        some = range(first, min(n_values, first + at_once))
        many = [np.tile(array, (len(some), 1)) for array in x]
        for array, places in part.places[name]:
            many[array][:, places] = np.repeat(encoded[array][some.start : some.stop, places], rows, axis=0)
        found.append(_in_words_of(part, said(part.predict, as_encoded(many))).reshape(len(some), rows, -1))
    return np.concatenate(found).swapaxes(0, 1)


def _in_words_of(part: Scored, output: np.ndarray) -> np.ndarray:
    """Outputs as an analyst reads them: probabilities, or numbers in their unit."""
    target = part.target
    if isinstance(target, Classes):
        return output.astype(np.float64)
    return target.decode(output)[:, None]
