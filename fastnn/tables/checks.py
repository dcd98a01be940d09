"""What is suspicious about a table before anything is trained on it, in sentences that name the column and the cause.

Constant columns, columns of gaps and texts that name rows are told by :func:`fastnn.tables.fit_features`, which leaves
them out; words among numbers by the reader. Here stand the checks of what is used none the less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import counted
from fastnn.tables.disguise import disguised_notes
from fastnn.tables.iso import NoTime, read_iso
from fastnn.tables.table import Column, Numbers, Table, Text, listed

FEWEST_ROWS = 20  # that tell an identifier
MANY_DIFFERENT, MANY_WORDS, MANY_CHARACTERS, LOOKED_AT = 0.5, 3, 30, 200  # by which a column looks like text
DENSE = 2  # numbers from the least to the largest for each row, at most, of rows that are counted
MOST_DATES = 0.9  # of the texts that are looked at, which are dates for all to be called so
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
DATE = re.compile(
    r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?:[T ,].*)?"
    rf"|(?:[a-z]+,? )?\d{{1,2}}\.?[ -](?:{MONTHS})[a-z]*\.?,?[ -]\d{{2,4}}\b.*"
    rf"|(?:{MONTHS})[a-z]*\.? \d{{1,2}},? \d{{4}}\b.*",
    re.ASCII | re.IGNORECASE,
)
NAMED = re.compile(r"(?i:(?:^|[\W_])(?:id|uuid|guid|index|serial)$|^id[\W_])|(?<=[a-z])I[dD]$")


def column_notes(data: Table, name: str, target: Column) -> list[str]:
    """Notes on suspicious columns of training rows.

    Parameters
    ----------
    data : the rows, without the target or with it.
    name, target : of the target; text where it holds classes (:func:`fastnn.tables.target.as_text`), else numbers.
    """
    columns = {other: column for other, column in data.columns.items() if other != name}
    return disguised_notes(columns, name, target) + identifier_notes(columns) + unread_dates_notes(columns)


def identifier_notes(columns: Mapping[str, Column]) -> list[str]:
    """The note on columns of numbers that seem to name rows; none where there are none.

    >>> from fastnn.tables import table_of_frame
    >>> identifier_notes(table_of_frame({"customer_id": range(5000, 5100)}).columns)[0]
    "column 'customer_id': another number in every row, which seems to name it; leave it out if it does (--drop on the \
command line)"
    """
    found = [name for name, column in columns.items() if isinstance(column, Numbers) and _names_rows(name, column)]
    what = "another number in every row, which seems to name it; leave it out if it does (--drop on the command line)"
    return [f"{listed(found)}: {what}"] if found else []


def _names_rows(name: str, column: Numbers) -> bool:
    """Whether whole numbers are all different, and in order, nearly without gaps between them, or called so."""
    values = column.values
    if len(values) < FEWEST_ROWS or not np.isfinite(values).all() or (values != np.round(values)).any():
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return len(values) > 1 and (bool((steps == steps[0]).all()) or _is_dense(values) or bool(NAMED.search(name)))
    ordered = np.diff(np.sort(values))
    return bool((ordered > 0).all()) and (_is_dense(values) or bool(NAMED.search(name)))


def _is_dense(values: np.ndarray) -> bool:
    return float(values.max() - values.min()) + 1 <= DENSE * len(values)


def unread_dates_notes(columns: Mapping[str, Column]) -> list[str]:
    """The note on columns of dates in forms that are not read; none where there are none.

    >>> from fastnn.tables import table_of_frame
    >>> unread_dates_notes(table_of_frame({"day": [f"{day}/3/2024" for day in range(1, 31)]}).columns)[0]
    "column 'day': dates that are not read ('1/3/2024') and count as categories; write year-month-day, 2024-05-31"
    """
    found = {name: first for name, column in columns.items() if (first := _unread_date(column))}
    told = ", ".join(f"{shown(first)}" for first in list(found.values())[:3])
    what = "and count as categories; write year-month-day, 2024-05-31"
    return [f"{listed(list(found))}: dates that are not read ({told}) {what}"] if found else []


def _unread_date(column: Column) -> str:
    """The first of a column's texts where nearly all of them look like dates, and not all are in ISO's form."""
    if not isinstance(column, Text):
        return ""
    present = np.unique(column.codes[column.codes >= 0])
    some: list[str] = [column.values[i] for i in present[:: 1 + len(present) // LOOKED_AT]]
    if len(some) < 2 or sum(map(bool, map(DATE.fullmatch, some))) < MOST_DATES * len(some):
        return ""
    try:
        read_iso(some)
    except NoTime:
        return some[0]
    return ""


def looks_like_text(column: Column) -> bool:
    """Whether a column holds sentences, most of them different, which one-hot columns make nothing of."""
    if not isinstance(column, Text):
        return False
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    present = np.flatnonzero(counts)
    if len(present) < MANY_DIFFERENT * len(column) or not len(present):
        return False
    some = [column.values[i] for i in present[:: 1 + len(present) // LOOKED_AT]]
    long = [len(value.split()) >= MANY_WORDS or len(value) >= MANY_CHARACTERS for value in some]
    return 2 * sum(long) > len(long)


def text_notes(columns: Mapping[str, Column]) -> list[str]:
    """The note on columns of sentences that are read as categories; none where there are none.

    >>> from fastnn.tables import table_of_frame
    >>> text_notes(table_of_frame({"review": [f"a good film of {year}" for year in range(1950, 2000)]}).columns)
    ["column 'review': sentences, which count as categories here; texts are read by fit_texts (fastnn train --text)"]
    """
    found = [name for name, column in columns.items() if looks_like_text(column)]
    what = "sentences, which count as categories here; texts are read by fit_texts (fastnn train --text)"
    return [f"{listed(found)}: {what}"] if found else []


def count_shared_rows(first: Table, other: Table) -> int:
    """How many rows of ``other`` are in ``first``, too: all columns alike, and gaps in the same ones.

    Parameters
    ----------
    first : rows as an encoding gives them.
    other : rows of the other side.

    Raises
    ------
    ValueError
        ``other`` lacks a column.

    >>> from fastnn.tables import table_of_frame
    >>> first, other = (table_of_frame({"a": values, "b": ["x"] * 2}) for values in ([1, None], [None, 2]))
    >>> count_shared_rows(first, other)
    1
    """
    absent = [name for name in first.columns if name not in other.columns]
    if absent:
        raise ValueError(f"{other.source} has no {listed(absent)}, so its rows cannot be those of {first.source}")
    sums = np.zeros(len(first), np.uint64), np.zeros(len(other), np.uint64)
    for name, column in first.columns.items():
        for place, keys in enumerate(_keys(column, other.columns[name])):
            sums[place][:] = _mixed(sums[place] ^ keys)
    return int(np.isin(sums[1], sums[0]).sum())


def shared_rows_note(training: Table, held_out: Table) -> list[str]:
    """The note on held-out rows that are training rows, too; none where there are none.

    Parameters
    ----------
    training : rows that a model learns from.
    held_out : rows that it is judged on.
    """
    count = count_shared_rows(training, held_out)
    are = "is a training row" if count == 1 else "are training rows"
    what = (
        f"{count:,} of {counted(len(held_out), 'held-out row')} {are}, too, alike in all columns: scores flatter there"
    )
    return [what] if count else []


def _keys(first: Column, other: Column) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that are alike where values of two columns are, uint64; gaps are alike."""
    if isinstance(first, Numbers) and isinstance(other, Numbers):
        return _bits(first.values), _bits(other.values)
    known: dict[str, int] = {}
    return _codes(first, known), _codes(other, known)


def _bits(values: np.ndarray) -> np.ndarray:
    plain = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, one zero
    return plain.view(np.uint64)


def _codes(column: Column, known: dict[str, int]) -> np.ndarray:
    if isinstance(column, Numbers):
        distinct, codes = np.unique(column.values, return_inverse=True)
        texts, codes = [repr(value) for value in distinct.tolist()], np.where(column.gaps, -1, codes.reshape(-1))
        column = Text(codes, tuple(texts))
    places = [known.setdefault(value, len(known)) for value in column.values]
    found: np.ndarray = np.array([*places, -1])[column.codes].astype(np.uint64)
    return found


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Numbers of 64 bits whose bits all depend on each other (the end of SplitMix64)."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = keys ^ (keys >> np.uint64(31))
    return found
