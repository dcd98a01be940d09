"""CSV files as row groups: where each block of some megabytes begins, and how many rows it has.

A first reading of the bytes finds the ends of lines that no quotes enclose; blocks are then parsed alone, in any order.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.data.files import File
from fastnn.tables.header import find_separator, header
from fastnn.tables.numerals import GAPS

BLOCK_BYTES = 2**22
LOOK = 2**16  # bytes by which the separator is found
LOOKED_AT = 4  # blocks of a file, at most, by which columns are numbers or text
NEWLINE, RETURN, QUOTE = 10, 13, 34
BYTE_ENCODINGS = "utf-8, latin-1, cp1252 and others in which commas and ends of lines are single bytes"


@dataclass(frozen=True)
class CsvOptions:
    """How CSV is to be read; the separator is found out where it is None. ``text`` columns are never numbers."""

    separator: str | None = None
    decimal: str = "."
    encoding: str = "utf-8"
    text: Collection[str] = ()


class CsvFile:
    """Blocks of lines of a CSV file with a header.

    Attributes
    ----------
    schema : names and types of columns; numbers are float64, all else is text.
    rows : of each block.
    """

    def __init__(self, file: File, options: CsvOptions):
        import pyarrow

        self.path, self.options = file.path, options
        check_charset(options.encoding)
        if "16" in options.encoding or "32" in options.encoding:
            raise ValueError(f"{file.path}: a stream reads CSV in {BYTE_ENCODINGS}; {options.encoding} is none")
        with open(file.path, "rb") as opened:
            line = opened.readline()
            start = opened.tell()
            look = (line + opened.read(LOOK)).decode(options.encoding, "replace").removeprefix("\ufeff")
        self.separator = options.separator or find_separator(look)
        first = next(csv.reader([self._first_line(line)], delimiter=self.separator), [])
        self.names = header(file.path, iter([(1, first)]))
        self.blocks = list(find_blocks(file.path, start, BLOCK_BYTES))
        self.rows = [rows for _, _, rows in self.blocks]
        self.schema = pyarrow.schema([])
        if self.blocks:
            self.schema = self._schema()

    def _first_line(self, line: bytes) -> str:
        try:
            return line.decode(self.options.encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise self._other_charset(error.reason) from None

    def _other_charset(self, reason: str) -> ValueError:
        return ValueError(
            f"{self.path} is not in {self.options.encoding} ({reason}); say which it is in, such as latin-1 or cp1252: "
            f"--encoding on the command line, charset= of a stream"
        )

    def have_text(self, names: Collection[str]) -> None:
        """Read these columns as text."""
        import pyarrow

        kinds = {name: pyarrow.string() if name in names else self.schema.field(name).type for name in self.names}
        self.schema = pyarrow.schema(kinds)

    def count(self, place: int, filters: Any) -> int:
        """Rows of a block that a filter leaves."""
        return len(self.read(place, self.names, filters))

    def read(self, place: int, columns: Sequence[str], filters: Any) -> Any:
        """Columns of a block, an Arrow table."""
        types = {name: self.schema.field(name).type for name in self.names}
        wanted = list(columns) if filters is None else self.names
        table = self._parsed(place, types, wanted)
        return (table if filters is None else table.filter(filters)).select(list(columns))

    def _schema(self) -> Any:
        """Text where a block that is looked at has anything but numbers."""
        import pyarrow
        import pyarrow.types as kinds

        every = max(1, len(self.blocks) // LOOKED_AT)
        looked = [self._parsed(place, {}, self.names).schema for place in range(0, len(self.blocks), every)]

        if any(kinds.is_binary(kind) for schema in looked for kind in schema.types):
            raise self._other_charset("there are bytes that are no letters in it")

        def is_number(name: str) -> bool:
            found = [schema.field(name).type for schema in looked]
            numbers = [kind for kind in found if kinds.is_integer(kind) or kinds.is_floating(kind)]
            return bool(numbers) and all(kind in numbers or kinds.is_null(kind) for kind in found)

        return pyarrow.schema(
            {
                name: pyarrow.float64() if name not in self.options.text and is_number(name) else pyarrow.string()
                for name in self.names
            }
        )

    def _parsed(self, place: int, types: dict[str, Any], columns: Sequence[str]) -> Any:
        import pyarrow
        import pyarrow.csv

        first, size, _ = self.blocks[place]
        with open(self.path, "rb") as opened:
            opened.seek(first)
            data = opened.read(size)
        return pyarrow.csv.read_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self.names, use_threads=False, encoding=self.options.encoding, block_size=2 * size + 1024
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(columns),
                null_values=list(GAPS),
                strings_can_be_null=True,
                decimal_point=self.options.decimal,
            ),
            memory_pool=pyarrow.system_memory_pool(),
        )


def check_charset(name: str) -> None:
    """``ValueError`` for a name that none has."""
    try:
        codecs.lookup(name)
    except (LookupError, TypeError):
        raise ValueError(f"no charset has the name {name!r}; utf-8, latin-1 and cp1252 are some") from None


def find_blocks(path: str, start: int, block_bytes: int) -> Any:
    """First byte, bytes and rows of each block of lines behind the header; ``ValueError`` for a quote without end."""
    with open(path, "rb") as opened:
        opened.seek(start)
        first, rest = start, b""
        while True:
            data = opened.read(block_bytes)
            whole = rest + data
            ends = line_ends(whole)
            if not data:
                ends = (
                    np.append(ends, len(whole) - 1)
                    if len(whole) and (not len(ends) or ends[-1] + 1 < len(whole))
                    else ends
                )
            if len(ends):
                size = int(ends[-1]) + 1
                rows = count_rows(np.frombuffer(whole, np.uint8), ends)
                if rows:
                    yield first, size, rows
                first, rest = first + size, whole[size:]
            else:
                rest = whole
            if not data:
                return
            if len(rest) > 64 * block_bytes:
                raise ValueError(f"{path}: a quote that begins behind byte {first:,} has no end")


def line_ends(data: bytes) -> np.ndarray:
    """Places of the line feeds that stand in no quotes."""
    array = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(array == NEWLINE)
    if b'"' not in data:
        return ends
    inside = np.bitwise_xor.accumulate((array == QUOTE).view(np.uint8))
    outside: np.ndarray = ends[inside[ends] == 0]
    return outside


def count_rows(array: np.ndarray, ends: np.ndarray) -> int:
    """Lines that are not blank, up to the last of these ends."""
    begins = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - begins
    last = int(ends[-1])
    if array[last] != NEWLINE:  # the file's last line has no end
        lengths = np.append(lengths[:-1], last + 1 - begins[-1])
    blank = (lengths == 0) | ((lengths == 1) & (array[begins] == RETURN))
    return int(len(ends) - blank.sum())
