"""CSV and TSV, plain or gzipped, in UTF-8 with a header line.

pyarrow reads when it is installed, the standard library's ``csv`` otherwise; both give the same table.
Separators are the comma (``.csv``) and the tab (``.tsv``); another one is an error that says so.

Design: pyarrow is only a fast path. A column whose type it infers differently from our rule is read
again as text and settled by that rule, and a file it refuses goes to the ``csv`` reader, whose
errors name the line. So there is one set of rules and one set of messages.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fastnn.tables.table import GAPS, Column, Numbers, Table, column_from_text, column_from_values


def read_delimited(path: Path, as_text: Collection[str] = (), fast: bool | None = None) -> Table:
    """Read a CSV or TSV file.

    Parameters
    ----------
    path : file, whose name ends in .csv, .tsv, or these with .gz.
    as_text : columns that stay text even if all their values parse as numbers.
    fast : use pyarrow; None does so when it is installed.

    Raises
    ------
    ValueError
        the file has no header, no rows, lines of different length, another separator or encoding.
    """
    separator = "\t" if ".tsv" in path.name.lower() else ","
    names = _header(path, separator)
    columns = None
    if fast is None or fast:
        columns = _read_fast(path, separator, names, as_text, required=bool(fast))
    if columns is None:
        columns = _read_slowly(path, separator, names, as_text)
    table = Table(columns, path.name)
    if not len(table):
        raise ValueError(f"{path} has a header line but no rows")
    return table


def _open(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank."""
    with _open(path) as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not in UTF-8; save it in that encoding") from None
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num}: {error}") from None
        except (EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is cut short or no gzip file ({error})") from None


def _header(path: Path, separator: str) -> list[str]:
    fields = next(_lines(path, separator), (0, []))[1]
    names = [name.strip() for name in fields]
    if not names:
        raise ValueError(f"{path} is empty")
    if len(names) == 1:
        for other, word, mend in (
            (";", "semicolons", "save it with commas"),
            ("\t", "tabs", "name it .tsv"),
            (",", "commas", "name it .csv"),
        ):
            if other in names[0] and other != separator:
                raise ValueError(f"{path} separates its columns by {word}; {mend}")
    if "" in names:
        raise ValueError(f"{path}: column {names.index('') + 1} has no name; the first line must name the columns")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"{path} has two columns named {double!r}; the first line must name each column once")
    return names


def _read_slowly(path: Path, separator: str, names: list[str], as_text: Collection[str]) -> dict[str, Column]:
    rows = []
    for line, fields in _lines(path, separator):
        if len(fields) != len(names):
            raise ValueError(f"{path} line {line} has {len(fields)} fields, the first line has {len(names)}")
        rows.append(fields)
    by_column: Any = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names)
    return {name: column_from_values(values, name in as_text) for name, values in zip(names, by_column, strict=True)}


def _read_fast(
    path: Path, separator: str, names: list[str], as_text: Collection[str], required: bool
) -> dict[str, Column] | None:
    """The columns as pyarrow reads them; None without pyarrow, or for a file it refuses or may read differently."""
    try:
        import pyarrow
    except ImportError:
        if required:
            raise
        return None
    try:
        data = _bytes(path)
        if data.lstrip(b"\xef\xbb\xbf")[:1] in (b"\n", b"\r") or b"\0" in data:
            return None
        hexadecimal = b"0x" in data or b"0X" in data  # numbers to pyarrow, text to us
        table = _arrow(data, separator, names, {name: pyarrow.string() for name in as_text if name in names})
        columns = {name: _from_arrow(table.column(name), name in as_text, hexadecimal) for name in names}
        odd = [name for name, column in columns.items() if column is None]
        if odd:
            table = _arrow(data, separator, names, {name: pyarrow.string() for name in odd}, include=odd)
            columns |= {name: _from_arrow(table.column(name), name in as_text) for name in odd}
    except (pyarrow.ArrowInvalid, OSError, EOFError):
        return None
    return columns  # type: ignore[return-value]


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.lower().endswith(".gz") else data


def _arrow(data: bytes, separator: str, names: list[str], types: dict[str, Any], include: list[str] | None = None):
    import pyarrow
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        pyarrow.BufferReader(data),
        read_options=arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=1),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            null_values=list(GAPS), strings_can_be_null=True, column_types=types, include_columns=include
        ),
    )


def _from_arrow(column: Any, as_text: bool, doubtful: bool = False) -> Column | None:
    """Our column from pyarrow's; None where pyarrow's idea of the type is not ours (dates, booleans, "-nan")."""
    import pyarrow.types as kinds
    from pyarrow import compute

    whole = kinds.is_int64(column.type)
    if whole or kinds.is_float64(column.type):
        values = np.array(compute.cast(column, "float64", safe=False).to_numpy())
        finite = np.isfinite(values).sum() == len(column) - column.null_count
        settled = finite and not (whole and (doubtful or np.nanmax(np.abs(values), initial=0) >= 1e18))
        return Numbers(values, whole) if settled else None
    if not kinds.is_string(column.type):
        return None
    coded = column.combine_chunks().dictionary_encode()
    codes = compute.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return column_from_text(codes, coded.dictionary.to_pylist(), as_text)
