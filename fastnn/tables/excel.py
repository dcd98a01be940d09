"""Excel workbooks (.xlsx), read by openpyxl (the extra ``excel``): the first sheet, its first line the names.

Cells become the text that they would be in CSV, and so go by the same rules.
"""

from __future__ import annotations

import io
import warnings
import zipfile

from fastnn.tables.header import header, without_index
from fastnn.tables.reading import Reading
from fastnn.tables.table import Column, Table, Text, coded, settle, text_column
from fastnn.tables.unpack import Unreadable, reading, too_large, zip_names

MEMBER = "xl/workbook.xml"


def is_workbook(data: bytes) -> bool:
    """Whether bytes are a zip archive with a workbook."""
    return MEMBER in zip_names(data)


def excel_table(name: str, source: str, data: bytes, how: Reading) -> Table:
    """The table in the bytes of a workbook.

    Raises
    ------
    ValueError
        openpyxl is missing; the file is damaged or too large, or its first sheet has no header or no rows.
    """
    try:
        import openpyxl
    except ImportError:
        raise Unreadable(f"{name}: reading Excel needs openpyxl; install the extra fastnn-native[excel]") from None
    with reading(name, "Excel workbook"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl's, of styles and the like
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > how.max_bytes:
                raise too_large(name, how.max_bytes)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = book.worksheets
        rows = [[_written(cell) for cell in row] for row in sheets[0].iter_rows(values_only=True)] if sheets else []
        notes = [f"sheet {sheets[0].title!r} of {len(sheets)} is read"] if len(sheets) > 1 else []
    rows = [row for row in rows if any(row)]
    width = max(map(len, rows), default=0)
    names = header(name, iter([(1, rows[0] + [""] * (width - len(rows[0])))] if rows else []))
    if len(rows) < 2:
        raise Unreadable(f"{name} has a header line but no rows")
    by_column = zip(*(row + [""] * (width - len(row)) for row in rows[1:]), strict=True)
    columns: dict[str, Column] = {
        n: text_column(*coded(values), gaps=how.gaps(n)) for n, values in zip(names, by_column, strict=True)
    }
    columns, dropped = without_index(name, columns, how.keep)
    settled = {n: settle(c, n in how.as_text, how.as_numbers.get(n)) for n, c in columns.items() if isinstance(c, Text)}
    return Table(settled, source, (*notes, *dropped))


def _written(cell: object) -> str:
    """A cell as CSV would have it."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()
