"""The first line of a CSV file: its separator, the names of the columns, and which of them is an index of the rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence

from fastnn.tables.reading import SEPARATORS
from fastnn.tables.table import Column
from fastnn.tables.unpack import Unreadable

LOOKED_AT = 50  # lines that tell the separator
MOST_CHARACTERS = 2**16
_UNNAMED = re.compile(r"\0(\d+)")  # stands for the name of a column without one; no file has it
_SEPARATOR_LINE = re.compile(r"\"?sep=([,;\t|])\"?(?=[\r\n])", re.IGNORECASE)
_WRITTEN_UNNAMED = re.compile(r"Unnamed: 0(_level_0)?|__index_level_\d+__")  # what pandas makes of an index


def separator_line(text: str) -> tuple[str, str | None]:
    """The text with its first line emptied where that is ``sep=;`` for Excel, and the separator that it names."""
    found = _SEPARATOR_LINE.match(text)
    return (text[found.end() :], found[1]) if found else (text, None)


def find_separator(text: str) -> str:
    """The separator under which the header has most names, and the lines after it as many fields each."""
    start = text[:MOST_CHARACTERS]
    whole = len(start) == len(text)
    counts = {separator: _counts(start, separator, whole) for separator in SEPARATORS}
    equal = {s: c[0] for s, c in counts.items() if c and c[0] > 1 and len(set(c)) == 1}
    widest = equal or {s: c[0] for s, c in counts.items() if c}
    return max(widest, key=lambda separator: widest[separator]) if widest else ","


def _counts(text: str, separator: str, whole: bool) -> list[int]:
    """Fields in each of the first lines that is not blank; the last one may be cut and is left out."""
    counts = []
    try:
        for fields in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if fields:
                counts.append(len(fields))
            if len(counts) > LOOKED_AT:
                break
    except csv.Error:
        return counts
    return counts if whole or len(counts) < 2 else counts[:-1]


def header(name: str, lines: Iterator[tuple[int, list[str]]]) -> list[str]:
    """The columns' names, with stand-ins for those that have none."""
    names = [field.strip() for field in next(lines, (0, []))[1]]
    if not any(names):
        raise Unreadable(f"{name} is empty" if not names else f"{name}: the first line must name the columns")
    double = next((n for n in names if n and names.count(n) > 1), None)
    if double is not None:
        raise Unreadable(f"{name} has two columns named {double!r}; the first line must name each column once")
    return [n or f"\0{index}" for index, n in enumerate(names)]


def is_index(name: str) -> bool:
    """Whether a column's name is what pandas writes for an index of the rows."""
    return _WRITTEN_UNNAMED.fullmatch(name) is not None


def without_name(file: str, names: Sequence[str], empty: Collection[str]) -> list[str]:
    """Columns without a name that are left out: the first, an index, and others of which all values are gaps."""
    unnamed = [name for name in names if _UNNAMED.fullmatch(name)]
    for name in unnamed:
        if len(names) == 1 or (name != names[0] and name not in empty):
            raise _no_name(file, names.index(name))
    return unnamed


def _no_name(file: str, place: int) -> Unreadable:
    return Unreadable(f"{file}: column {place + 1} has no name; the first line must name the columns")


def without_index(
    name: str, columns: dict[str, Column], keep: Collection[str] = ()
) -> tuple[dict[str, Column], list[str]]:
    """The columns without an index of the rows and without empty ones that have no name, and notes that say so."""
    first = next(iter(columns))
    notes, kept = [], dict(columns)
    for index, column in enumerate(columns):
        unnamed = _UNNAMED.fullmatch(column)
        indexed = column == first and column not in keep and is_index(column)
        if not (unnamed or indexed):
            continue
        if column == first and len(columns) > 1:
            told = "without a name" if unnamed else repr(column)
            notes.append(f"the first column, {told}, is taken for an index of the rows and left out")
        elif columns[column].gaps.all() and len(columns) > 1:
            notes.append(f"column {index + 1} has neither name nor values and is left out")
        else:
            raise _no_name(name, index)
        del kept[column]
    return kept, notes
