"""Tables written to files: CSV and TSV, also compressed, Parquet and Excel, by the ending of the name.

Numbers are written in the fewest digits that give them back. Gaps are empty fields.

Design: an ending that names another format is refused. CSV under the name of a spreadsheet (rejected) opens nowhere.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn.tables.numerals import EXACT
from fastnn.tables.table import Column, Text

BLOCK = 65536  # rows of CSV made at a time
MOST_EXCEL_ROWS = 1_048_575  # beside the header
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
ENDINGS = (".csv", ".tsv", ".parquet", ".xlsx")

Values = np.ndarray | Sequence[Any]


def check_ending(path: str) -> str:
    """The ending of :data:`ENDINGS` that a name has, ``.csv`` for a name without one.

    Raises
    ------
    ValueError
        the ending is another one, or the package that writes such files is missing.
    """
    name = os.path.basename(path).lower()
    inner, outer = os.path.splitext(name)
    ending = os.path.splitext(inner)[1] if outer in COMPRESSIONS else outer
    packed_other = outer in COMPRESSIONS and ending not in (".csv", ".tsv")
    if packed_other or ending not in (*ENDINGS, ""):
        packed = ", ".join(COMPRESSIONS)
        raise ValueError(
            f"{path}: name a file that ends in {', '.join(ENDINGS)}, or .csv and .tsv with {packed} behind"
        )
    if ending in (".parquet", ".xlsx"):
        _import_writer(path, ending)
    return ending or ".csv"


def _import_writer(path: str, ending: str) -> Any:
    import importlib

    package, extra = ("pyarrow", "table") if ending == ".parquet" else ("openpyxl", "excel")
    try:
        return importlib.import_module("pyarrow.parquet" if ending == ".parquet" else "openpyxl")
    except ImportError:
        raise ValueError(f"{path}: writing {ending} needs {package}; install fastnn-native[{extra}]") from None


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or one that no column has."""
    while name in taken:
        name = f"predicted {name}"
    return name


def table_bytes(path: str, columns: Mapping[str, Values]) -> bytes:
    """What a file named ``path`` shall hold for columns of equal length."""
    ending = check_ending(path)
    if ending == ".parquet":
        return _parquet(path, columns)
    if ending == ".xlsx":
        return _excel(path, columns)
    data = "".join(csv_blocks(columns, "\t" if ending == ".tsv" else ",")).encode()
    return COMPRESSIONS.get(os.path.splitext(path)[1].lower(), bytes)(data)


def csv_blocks(columns: Mapping[str, Values], separator: str = ",") -> Iterator[str]:
    """CSV text in blocks: a header line, then a line a row."""
    yield _csv([list(columns)], separator)
    n_rows = len(next(iter(columns.values())))
    for first in range(0, n_rows, BLOCK):
        part = [_shortest(values[first : first + BLOCK]) for values in columns.values()]
        yield _csv(zip(*part, strict=True), separator)


def _csv(rows: Iterable[Iterable[object]], separator: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _shortest(values: Values) -> list[Any]:
    """Values of which Python writes the fewest digits that give them back: float32 as such, not as float64."""
    if not isinstance(values, np.ndarray):
        return list(values)
    found: list[object] = (values.astype("U") if values.dtype == np.float32 else values).tolist()
    return found


def kept_values(column: Column) -> Values:
    """A column of an input as it was written: text with None for gaps, numbers with whole ones as such."""
    if isinstance(column, Text):
        texts = np.array([*column.values, None], dtype=object)
        found: Values = texts[column.codes].tolist()
        return found
    known = column.values[~column.gaps]
    whole = np.array_equal(known, np.round(known)) and np.abs(known).max(initial=0) < EXACT
    return [None if value != value else int(value) if whole else value for value in column.values.tolist()]


def typed(values: Values) -> Values:
    """Text as numbers where each is written as Python writes that number, so that 007 and 1e3 stay text."""
    known = [value for value in values if value is not None]
    if isinstance(values, np.ndarray) or not known or not all(isinstance(value, str) for value in known):
        return values
    for kind in (int, float):
        try:
            same = all(str(kind(value)) == value for value in known)
            if same and (kind is float or all(abs(int(value)) < 2**63 for value in known)):
                return [None if value is None else kind(value) for value in values]
        except ValueError:
            continue
    return values


def _parquet(path: str, columns: Mapping[str, Values]) -> bytes:
    import pyarrow

    writer = _import_writer(path, ".parquet")
    out = io.BytesIO()
    writer.write_table(pyarrow.table({name: pyarrow.array(typed(values)) for name, values in columns.items()}), out)
    return out.getvalue()


def _excel(path: str, columns: Mapping[str, Values]) -> bytes:
    writer = _import_writer(path, ".xlsx")
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    n_rows = len(next(iter(columns.values())))
    if n_rows > MOST_EXCEL_ROWS:
        raise ValueError(f"{path}: Excel holds {MOST_EXCEL_ROWS:,} rows, these are {n_rows:,}; write .csv or .parquet")
    book = writer.Workbook(write_only=True)
    sheet = book.create_sheet("predictions")

    def cell(value: Any) -> object:
        if not isinstance(value, str) or not value.startswith("="):
            return None if value != value else value
        text = WriteOnlyCell(sheet, value)
        text.data_type = "s"  # else a formula
        return text

    try:
        sheet.append([cell(name) for name in columns])
        for row in zip(*(_plain(typed(values)) for values in columns.values()), strict=True):
            sheet.append([cell(value) for value in row])
    except IllegalCharacterError as error:
        raise ValueError(f"{path}: Excel cannot hold control characters ({error}); write .csv or .parquet") from None
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(values: Values) -> list[object]:
    return [float(text) for text in _shortest(values)] if getattr(values, "dtype", None) == np.float32 else list(values)
