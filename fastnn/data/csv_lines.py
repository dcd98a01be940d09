"""Where the lines of CSV end, by bytes: a file is cut there into blocks that are parsed alone.

A quote opens a field only where the field begins, and an end of a line inside such a field ends no line; elsewhere a
quote is a sign like others, as in ``5" pipe``. Lines end with a line feed, or with a carriage return in files that
have no line feeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from fastnn.tables.quotes import CLOSE, are_plain

FEED, RETURN, QUOTE = b"\n", b"\r", b'"'


def end_sign(data: bytes) -> bytes:
    """What ends lines in a file that begins with these bytes."""
    return RETURN if FEED not in data and RETURN in data.rstrip(RETURN) else FEED


def find_blocks(
    path: str, start: int, block_bytes: int, separator: bytes, sign: bytes
) -> Iterator[tuple[int, int, int]]:
    """First byte, bytes and rows of each block of lines behind the header; ``ValueError`` for a quote without end."""
    with open(path, "rb") as opened:
        opened.seek(start)
        first, rest = start, b""
        while True:
            data = opened.read(block_bytes)
            if b"\0" in data:
                before = first + len(rest) + data.index(0)
                raise ValueError(
                    f"{path} has a zero byte behind {before:,} others: it is no text, or in an encoding that a stream "
                    f"does not read, such as utf-16; write it in utf-8"
                )
            whole = rest + data
            ends = line_ends(whole, separator, sign)
            if not data and len(whole) and (not len(ends) or ends[-1] + 1 < len(whole)):
                ends = np.append(ends, len(whole) - 1)
            if len(ends):
                size = int(ends[-1]) + 1
                rows = count_rows(np.frombuffer(whole, np.uint8), ends, sign)
                if rows:
                    yield first, size, rows
                first, rest = first + size, whole[size:]
            else:
                rest = whole
            if not data:
                return
            if len(rest) > 64 * block_bytes:
                raise ValueError(f"{path}: a quote that begins behind byte {first:,} has no end")


def line_ends(data: bytes, separator: bytes, sign: bytes = FEED) -> np.ndarray:
    """Places of the ends of lines that stand in no quotes, in bytes that begin with a line."""
    array = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(array == sign[0])
    if QUOTE not in data:
        return ends
    if are_plain(data, separator, cut=True):
        inside = np.bitwise_xor.accumulate((array == QUOTE[0]).view(np.uint8))
        plain: np.ndarray = ends[inside[ends] == 0]
        return plain
    quoted = _quoted(data, separator)
    field = np.searchsorted(quoted[:, 0], ends, "right") - 1
    return ends[(field < 0) | (ends >= quoted[field, 1])] if len(quoted) else ends


def _quoted(data: bytes, separator: bytes) -> np.ndarray:
    """First byte and end of each field in quotes, ``(n, 2)``; the last one may go on behind the bytes."""
    opening = re.compile(rb"(?:\A|[\r\n" + re.escape(separator) + rb'])"')
    found, position = [], 0
    while opened := opening.search(data, position):
        closed = CLOSE.match(data, opened.end())
        position = closed.end() if closed else len(data)
        found.append((opened.end(), position))
    return np.array(found, np.int64).reshape(-1, 2)


def count_rows(array: np.ndarray, ends: np.ndarray, sign: bytes = FEED) -> int:
    """Lines that are not blank, up to the last of these ends."""
    begins = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - begins
    last = int(ends[-1])
    if array[last] != sign[0]:  # the file's last line has no end
        lengths = np.append(lengths[:-1], last + 1 - begins[-1])
    blank = (lengths == 0) | ((lengths == 1) & (array[begins] == RETURN[0]))
    return int(len(ends) - blank.sum())
