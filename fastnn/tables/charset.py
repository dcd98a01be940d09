"""Bytes of a text file as text: UTF-8, UTF-16 and UTF-32 by their mark, else the one encoding of western Europe.

Design: what is no UTF-8 is read as cp1252 (latin-1 with the printable signs that Windows adds), and a note says so. A
guess by frequencies of letters (rejected) is wrong now and then and says nothing.
"""

from __future__ import annotations

import codecs

from fastnn.tables.unpack import Unreadable

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = {
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "NPY (one array; NPZ is read)",
    b"SQLite": "SQLite",
    b"%PDF": "PDF",
    b"\xd0\xcf\x11\xe0": "old Excel (.xls; save it as .xlsx)",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"ARROW1": "Arrow (Feather; save it as Parquet)",
    b"RDX": "R data",
    b"\x80\x04": "pickle",
    b"\x80\x05": "pickle",
}


def decoded(name: str, data: bytes, encoding: str | None = None) -> tuple[str, list[str]]:
    """The text, and what a user should know about how it was read.

    Raises
    ------
    ValueError
        the bytes are not in the encoding that was given, or hold what no text has.
    """
    for magic, kind in BINARY.items():
        if data.startswith(magic):
            raise Unreadable(f"{name} is a {kind} file; tables are read from CSV, Parquet, Excel (.xlsx) and NPZ")
    if data[8:10] == b'{"' and data[6:8] == b"\0\0":
        raise Unreadable(f"{name} is a safetensors file, as models are, and no table")
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    text, notes = _text(name, data, encoding or marked or "utf-8", given=bool(encoding or marked))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable(
            f"{name} has a zero byte in line {line}: it is no text, or in an encoding that --encoding must name, "
            "such as utf-16-le"
        )
    return text.removeprefix("\ufeff"), notes


def _text(name: str, data: bytes, encoding: str, given: bool) -> tuple[str, list[str]]:
    try:
        return data.decode(encoding), []
    except UnicodeError as error:
        if given:
            position = getattr(error, "start", 0)
            raise Unreadable(f"{name} is not in the encoding {encoding} (at byte {position})") from None
    try:
        text, used = data.decode("cp1252"), "cp1252 (latin-1 as Windows writes it)"
    except UnicodeError:
        text, used = data.decode("latin-1"), "latin-1"
    return text, [f"{name} is not in UTF-8 and was read as {used}; --encoding names another one"]
