"""CSV with a header line, its separator, decimal sign and encoding found out where they are not given.

pyarrow reads when it is installed, the standard library's ``csv`` otherwise; both give the same table.

Design: pyarrow is only a fast path (:mod:`fastnn.tables.arrow_csv`). A column whose type it infers differently from
our rule is read again as text and settled by that rule, and a file it refuses goes to the ``csv`` reader, whose
errors name the line. So there is one set of rules and one set of messages.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastnn.tables import arrow_csv
from fastnn.tables.charset import decoded
from fastnn.tables.header import find_separator, header, separator_line, without_index
from fastnn.tables.numerals import decimal_sign
from fastnn.tables.quotes import check_quotes
from fastnn.tables.reading import Reading
from fastnn.tables.table import Column, Numbers, Table, Text, coded, listed, settle, text_column
from fastnn.tables.unpack import Unreadable, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LIMIT = threading.Lock()


def read_delimited(
    path: Path, as_text: Collection[str] = (), fast: bool | None = None, *, reading: Reading | None = None
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : file, plain or compressed.
    as_text : columns that stay text even if all their values parse as numbers.
    fast : use pyarrow; None does so when it is installed.
    reading : all else that is known of the file, in place of ``as_text``.

    Raises
    ------
    ValueError
        the file has no header, no rows, lines of different length, a quote without an end; or is no text.
    """
    reading = reading or Reading(as_text)
    data = unpack(str(path), path.read_bytes(), reading.max_bytes)
    return delimited_table(str(path), path.name, data, reading, fast)


def delimited_table(name: str, source: str, data: bytes, reading: Reading, fast: bool | None = None) -> Table:
    """The table in the bytes of a CSV file; ``name`` stands in errors, ``source`` is what the table is called."""
    text, notes = decoded(name, data, reading.encoding)
    text, said = separator_line(text)
    separator = reading.separator or said or find_separator(text)
    if said or not data.isascii():
        data = text.encode(errors="surrogatepass")
    check_quotes(name, data, separator.encode())
    names = header(name, _lines(name, text, separator))
    columns = None
    if fast is None or fast:
        columns = arrow_csv.read(data, separator, names, reading, required=bool(fast))
    if columns is None:
        columns = _read_slowly(name, text, separator, names, reading)
    if not len(next(iter(columns.values()))):
        raise Unreadable(f"{name} has a header line but no rows")
    columns, dropped = without_index(name, columns, reading.keep)
    signs = _signs(columns)
    open_to_commas = {","} if separator == "," else {",", "?"}
    if reading.decimal == "," or (reading.decimal is None and not open_to_commas.isdisjoint(signs.values())):
        # points in columns that were read as numbers may separate thousands
        typed = [column for column, c in columns.items() if isinstance(c, Numbers)]
        columns |= arrow_csv.read_texts(data, separator, names, typed) if typed else {}
        signs = _signs(columns)
    decimals = {column: _decimal(columns[column], signs, sign, separator, reading) for column, sign in signs.items()}
    settled = {column: _settled(column, c, decimals.get(column, "."), reading) for column, c in columns.items()}
    return Table(settled, source, (*notes, *dropped, *_told(columns, settled, decimals)))


def _signs(columns: Mapping[str, Column]) -> dict[str, str]:
    """What stands before fractions in each column of text, as :func:`decimal_sign` says it."""
    return {name: decimal_sign(column.values) for name, column in columns.items() if isinstance(column, Text)}


def _decimal(column: Column, signs: Mapping[str, str], sign: str, separator: str, reading: Reading) -> str:
    """What is given, else the column's own sign, else that of most columns, else what the separator leaves."""
    if reading.decimal or sign in (".", ","):
        return reading.decimal or sign
    n_points, n_commas = (sum(other == mark for other in signs.values()) for mark in ".,")
    if n_points != n_commas:
        return ".,"[n_commas > n_points]
    return "," if separator != "," and isinstance(column, Text) and any("," in v for v in column.values) else "."


def _settled(name: str, column: Column, decimal: str, reading: Reading) -> Column:
    if isinstance(column, Numbers):
        return column
    return settle(replace(column, decimal=decimal), name in reading.as_text, reading.as_numbers.get(name))


def _told(columns: Mapping[str, Column], settled: Mapping[str, Column], decimals: Mapping[str, str]) -> list[str]:
    """A note on the columns whose numbers have decimal commas."""
    names = []
    for name, column in columns.items():
        if isinstance(column, Text) and decimals[name] == "," and isinstance(settled[name], Numbers):
            names += [name] if any("," in value for value in column.values) else []
    return [f"{listed(names)}: the comma stands before fractions; --decimal says otherwise"] if names else []


def _lines(name: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    with _fields_up_to(len(text)):
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
        except csv.Error as error:
            raise Unreadable(f"{name} line {reader.line_num}: {error}") from None


@contextmanager
def _fields_up_to(length: int) -> Iterator[None]:
    """A block in which ``csv``, whose limit is the process's, takes fields of this length."""
    with _LIMIT:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, length))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _read_slowly(name: str, text: str, separator: str, names: list[str], reading: Reading) -> dict[str, Column]:
    rows = []
    for line, fields in _lines(name, text, separator):
        if len(fields) != len(names):
            told = "; the first line must name the columns" if len(names) == 1 else ""
            raise Unreadable(f"{name} line {line} has {len(fields)} fields, the first line has {len(names)}{told}")
        rows.append(fields)
    by_column: Iterable[Sequence[str]] = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names)
    return {
        name: text_column(*coded(values), gaps=reading.gaps(name))
        for name, values in zip(names, by_column, strict=True)
    }
