"""CSV files as row groups: where each block of some megabytes begins, and how many rows it has.

A first reading of the bytes finds the ends of lines that no quotes enclose; blocks are then parsed alone, in any order.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastnn.data.commas import hold_numbers, in_points
from fastnn.data.csv_lines import end_sign, find_blocks, line_ends
from fastnn.data.files import File
from fastnn.tables.header import find_separator, header, is_index, separator_line, without_name
from fastnn.tables.numerals import GAPS, decimal_sign

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

BLOCK_BYTES = 2**22
LOOK = 2**16  # bytes by which the separator is found
LOOKED_AT = 4  # blocks of a file, at most, by which columns are numbers or text
BYTE_ENCODINGS = "utf-8, latin-1, cp1252 and others in which commas and ends of lines are single bytes"
_NO_NUMBER = re.compile(r"CSV column #(\d+): .*conversion error to double: invalid value ('.*')", re.DOTALL)


@dataclass(frozen=True)
class CsvOptions:
    """How CSV is to be read; separator and decimal sign are found out where they are None.

    Columns of ``text`` are never numbers to Arrow; those of ``numeric`` hold some all the same, beside words.

    With ``codes`` whole numbers that name things are text: one has a leading zero, or is too large for float64.
    """

    separator: str | None = None
    decimal: str | None = "."
    encoding: str = "utf-8"
    text: Collection[str] = ()
    codes: bool = False
    numeric: Collection[str] = ()


class LateText(ValueError):
    """A column of numbers, by the blocks that were looked at, has a word in another block."""

    def __init__(self, path: str, column: str, told: str):
        super().__init__(
            f"{path}: column {column!r} has {told}, and numbers in the blocks that were looked at; text=[{column!r}] "
            f"of a stream and of fit_encoding reads it as text"
        )
        self.column = column


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
        start, self.separator, line, sign = self._header()
        first = next(csv.reader([self._first_line(line)], delimiter=self.separator), [])
        self.names = header(file.path, iter([(1, first)]))
        self.blocks = list(find_blocks(file.path, start, BLOCK_BYTES, self.separator.encode(), sign))
        self.rows = [rows for _, _, rows in self.blocks]
        self.schema = pyarrow.schema([])
        self.decimal = options.decimal or "."
        self.written: Collection[str] = ()  # columns of text that write numbers with decimal commas
        if self.blocks:
            if options.decimal is None:
                self.decimal = self._found_decimal()
            self.schema = self._schema()
            if self.decimal == ",":
                self.written = self._written()

    def _header(self) -> tuple[int, str, bytes, bytes]:
        """Where rows begin, the separator, the line that names the columns, and what ends lines."""
        look = LOOK
        while True:
            with open(self.path, "rb") as opened:
                data = opened.read(look)
            marked = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
            text, said = separator_line(data[marked:].decode(self.options.encoding, "replace"))
            separator = self.options.separator or said or find_separator(text)
            sign, begin = end_sign(data), marked
            for end in (line_ends(data[marked:], separator.encode(), sign) + marked + 1).tolist():
                is_said = said is not None and begin == marked
                if data[begin:end].strip() and not is_said:
                    return end, separator, data[begin:end], sign
                begin = end
            if len(data) < look:
                return len(data), separator, data[begin:], sign
            look *= 16  # thousands of columns

    def _first_line(self, line: bytes) -> str:
        try:
            return line.decode(self.options.encoding)
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

        if self.decimal == ",":
            numbers = {field.name for field in self.schema if not pyarrow.types.is_string(field.type)}
            self.written = {*self.written, *numbers.intersection(names)}
        kinds = {field.name: pyarrow.string() if field.name in names else field.type for field in self.schema}
        self.schema = pyarrow.schema(kinds, metadata=self.schema.metadata)

    def count(self, place: int, filters: pc.Expression | None) -> int:
        """Rows of a block that a filter leaves."""
        return len(self.read(place, self.schema.names, filters))

    def read(self, place: int, columns: Sequence[str], filters: pc.Expression | None) -> pa.Table:
        """Columns of a block, an Arrow table."""
        import pyarrow

        types = {field.name: field.type for field in self.schema}
        wanted = list(columns) if filters is None else self.schema.names
        try:
            table = self._parsed(place, types, wanted)
        except pyarrow.ArrowInvalid as error:
            found = _NO_NUMBER.search(str(error))
            if found is None:
                raise
            raise LateText(self.path, self.names[int(found[1])], found[2]) from None
        table = (table if filters is None else table.filter(filters)).select(list(columns))
        for at, name in enumerate(columns):
            if name in self.written:
                table = table.set_column(at, table.schema.field(at), in_points(table.column(at)))
        return table

    def _looked_at(self) -> range:
        return range(0, len(self.blocks), max(1, len(self.blocks) // LOOKED_AT))

    def _found_decimal(self) -> str:
        """What stands before fractions in most columns of the blocks that are looked at, as in a file in memory."""
        import pyarrow

        signs: dict[str, list[str]] = {}
        for place in self._looked_at():
            for name, column in zip(self.names, self._parsed(place, {}, self.names).columns, strict=True):
                if pyarrow.types.is_floating(column.type):
                    signs.setdefault(name, []).append(".")
                elif pyarrow.types.is_string(column.type):
                    signs.setdefault(name, []).append(decimal_sign(column.unique().drop_null().to_pylist()))
        told = [{*found} - {""} for found in signs.values()]
        n_points, n_commas = (sum(found == {sign} for found in told) for sign in ".,")
        doubtful = self.separator != "," and any("?" in found for found in told)
        return "," if n_commas > n_points or (n_commas == n_points and doubtful) else "."

    def _schema(self) -> pa.Schema:
        """Text where a block that is looked at has anything but numbers; without columns of no name and no values."""
        import pyarrow
        import pyarrow.types as kinds

        places = self._looked_at()
        looked = [self._parsed(place, {}, self.names).schema for place in places]
        if any(kinds.is_binary(kind) for schema in looked for kind in schema.types):
            raise self._other_charset("there are bytes that are no letters in it")
        found = {name: [schema.field(name).type for schema in looked] for name in self.names}
        empty = {name for name, types in found.items() if all(map(kinds.is_null, types))}
        numbers = [
            name
            for name, types in found.items()
            if name not in empty | set(self.options.text)
            and all(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_null(kind) for kind in types)
        ]
        doubtful = self._doubtful(places, [name for name in numbers if any(map(kinds.is_integer, found[name]))])
        named = [name for name in self.names if name not in without_name(self.path, self.names, empty)]
        quantities = set(numbers) - doubtful
        index = [name for name in named[:1] if is_index(name) and len(named) > 1]
        return pyarrow.schema(
            {name: pyarrow.float64() if name in quantities else pyarrow.string() for name in named},
            metadata={"pandas": json.dumps({"index_columns": index})} if index else None,
        )

    def _written(self) -> set[str]:
        """Columns of text that are known to be numbers, or are by the blocks that are looked at."""
        import pyarrow

        texts = [field.name for field in self.schema if pyarrow.types.is_string(field.type)]
        known = {*self.options.numeric}.intersection(texts)
        asked = [name for name in texts if name not in {*self.options.text, *known}]
        as_text = dict.fromkeys(asked, pyarrow.string())
        looked = [self._parsed(place, as_text, asked) for place in self._looked_at()] if asked else []
        return known.union(name for name in asked if hold_numbers(table.column(name) for table in looked))

    def _doubtful(self, places: Sequence[int], whole: Sequence[str]) -> set[str]:
        """Columns of whole numbers that are no quantities: hexadecimal, or codes where these are looked for."""
        import pyarrow
        from pyarrow import compute

        found: set[str] = set()
        pattern = r"^\s*[+-]?(0[0-9xX]|[0-9]{16})" if self.options.codes else r"^\s*[+-]?0[xX]"
        for place in places if whole else ():
            if not self.options.codes and b"0x" not in self._bytes(place).lower():
                continue
            table = self._parsed(place, dict.fromkeys(whole, pyarrow.string()), whole)
            hits = (compute.any(compute.match_substring_regex(table.column(name), pattern)).as_py() for name in whole)
            found.update(name for name, hit in zip(whole, hits, strict=True) if hit)
        return found

    def _bytes(self, place: int) -> bytes:
        first, size, _ = self.blocks[place]
        with open(self.path, "rb") as opened:
            opened.seek(first)
            return opened.read(size)

    def _parsed(self, place: int, types: dict[str, pa.DataType], columns: Sequence[str]) -> pa.Table:
        import pyarrow
        import pyarrow.csv

        data = self._bytes(place)
        room = 2 * len(data) + 1024
        return pyarrow.csv.read_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self.names, use_threads=False, encoding=self.options.encoding, block_size=room
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=list(columns),
                null_values=list(GAPS),
                strings_can_be_null=True,
                decimal_point=self.decimal,
            ),
            memory_pool=pyarrow.system_memory_pool(),
        )


def check_charset(name: str) -> None:
    """``ValueError`` for a name that none has."""
    try:
        codecs.lookup(name)
    except (LookupError, TypeError):
        raise ValueError(f"no charset has the name {name!r}; utf-8, latin-1 and cp1252 are some") from None
