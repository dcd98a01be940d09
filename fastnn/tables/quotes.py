"""Quotes of CSV that are never closed: readers take all that follows into one field, and few say so."""

from __future__ import annotations

import re

import numpy as np

from fastnn.tables.unpack import Unreadable

QUOTE = ord('"')
CLOSE = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_BLANKS = re.compile(rb" *")


def check_quotes(name: str, data: bytes, separator: bytes) -> None:
    """Raise when a quoted field has no end, or ends in the middle of a later line's field."""
    if b'"' in data and not are_plain(data, separator):
        _walk(name, data, separator)


def are_plain(data: bytes, separator: bytes, cut: bool = False) -> bool:
    """Whether every quote opens at the start of a field, closes at its end, or is doubled inside one.

    With ``cut`` the bytes may end inside a field.
    """
    array = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(array == QUOTE)
    if len(places) % 2 and not cut:
        return False
    ends = np.zeros(256, bool)
    ends[[QUOTE, *separator, *b"\r\n"]] = True
    opening, closing = places[::2], places[1::2]
    before = ends[array[opening - 1]] | (opening == 0)
    after = ends[array[np.minimum(closing + 1, len(array) - 1)]]  # of the last byte it is the quote itself
    return bool(before.all() and after.all())


def _walk(name: str, data: bytes, separator: bytes) -> None:
    """Follow each quoted field from its opening to its end, as readers do."""
    opening = re.compile(rb"(?:\A|[\r\n" + re.escape(separator) + rb'])"')
    position = 0
    while found := opening.search(data, position):
        start = found.end()
        closed = CLOSE.match(data, start)
        if closed is None:
            raise Unreadable(f"{name}: the quote that line {_line(data, start)} opens is never closed")
        position = closed.end()
        end = position + len(_BLANKS.match(data, position)[0])  # type: ignore[index]  # matches anywhere
        after, inside = data[end : end + 1], data[start : position - 1]
        if after not in (b"", b"\r", b"\n", separator) and (b"\n" in inside or b"\r" in inside):
            raise Unreadable(
                f"{name}: the quote that line {_line(data, start)} opens is closed only in line "
                f"{_line(data, position)}, in the middle of a field: the first one was never closed"
            )


def _line(data: bytes, position: int) -> int:
    """The line of a position, from 1."""
    return data.count(b"\n", 0, position) + data.count(b"\r", 0, position) - data.count(b"\r\n", 0, position) + 1
