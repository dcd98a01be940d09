"""What training saw of a table, in few numbers, so that a later table can be held against it.

Of a column of numbers: its quantiles with the rows between them; of text: the most frequent values with their rows; of
both the gaps. Stored as JSON under a key of its own in the model file's metadata, which older versions pass over.

>>> from fastnn.tables.table import column_from_values
>>> from fastnn.tables.summary import summarize_column
>>> summarize_column("size", column_from_values(["1", "2", "2", ""]))
NumberSummary(name='size', rows=4, gaps=1, mean=1.6666666666666667, borders=[1.0, 2.0], counts=[1, 2], dated=False)
>>> summarize_column("city", column_from_values(["Bern", "Oslo", "Bern", ""]))
CategorySummary(name='city', rows=4, gaps=1, values=['Bern', 'Oslo'], counts=[2, 1])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._base.reprs import counted, cut
from fastnn._base.stored import check_types, kind_and_fields, parse
from fastnn._base.types import Stored
from fastnn.tables.iso import DAY, NoTime, read_iso
from fastnn.tables.numerals import EXACT
from fastnn.tables.table import Column, Numbers, Table, Text

if TYPE_CHECKING:
    from fastnn.tables.encoding import Carrier

KEY, VERSION = "table_summary", 1
QUANTILES = 50  # steps between the least and the largest value
MOST_VALUES = 1000  # of text; an encoding keeps no more


@dataclass(frozen=True)
class NumberSummary:
    """``counts[i]`` of ``rows`` lie above ``borders[i - 1]`` and at most at ``borders[i]``; ``gaps`` have no value.

    Of a column that writes dates or times (``dated``) numbers are days since 1970.
    """

    name: str
    rows: int
    gaps: int
    mean: float
    borders: Sequence[float]
    counts: Sequence[int]
    dated: bool = False

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        _check_counts(self.name, self.rows, self.gaps, self.borders, self.counts, other=False)
        number(f"mean of {self.name!r}", self.mean)
        for border in self.borders:  # a whole number in a file may be larger than any float
            number(f"a border of {self.name!r}", border)
        if any(low >= high for low, high in zip(self.borders, self.borders[1:], strict=False)):
            raise ValueError(f"the borders of {self.name!r} must rise")

    def values(self, column: Column) -> np.ndarray:
        """The numbers of another table's column, ``(n,)`` float64; what is none there is NaN, as a gap is."""
        if isinstance(column, Numbers):
            return column.values
        found = days(column) if self.dated else None
        read = None if found is not None else column.as_numbers()
        return found if found is not None else np.full(len(column), np.nan) if read is None else read.values

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows of ``values`` ``(n,)`` in each place, ``(len(borders) + 1,)``: the last for those above all borders."""
        known = values[~np.isnan(values)]
        return np.bincount(np.searchsorted(self.borders, known), minlength=len(self.borders) + 1)


@dataclass(frozen=True)
class CategorySummary:
    """``counts[i]`` of ``rows`` have ``values[i]``, the most frequent first; ``gaps`` have none, the rest another."""

    name: str
    rows: int
    gaps: int
    values: Sequence[str]
    counts: Sequence[int]

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        _check_counts(self.name, self.rows, self.gaps, self.values, self.counts, other=True)
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"the values of {self.name!r} must differ")

    @property
    def others(self) -> int:
        """Rows of values that are not named."""
        return self.rows - self.gaps - sum(self.counts)


ColumnSummary = NumberSummary | CategorySummary


@dataclass(frozen=True)
class Summary:
    """Columns of the training table that the model reads, and what it said of them, if anyone asked."""

    columns: Sequence[ColumnSummary] = field(default_factory=list)
    predictions: ColumnSummary | None = None

    def __repr__(self) -> str:
        rows = self.columns[0].rows if self.columns else 0
        names = ", ".join(column.name for column in self.columns)
        return cut(f"<Summary of {counted(rows, 'row')}, {counted(len(self.columns), 'column')} {names}>")

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError("two columns have one name")
        for column in [*self.columns, *([self.predictions] if self.predictions else [])]:
            column.check()

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        predictions = None if self.predictions is None else kind_and_fields(self.predictions)
        return {"version": VERSION, "columns": [kind_and_fields(c) for c in self.columns], "predictions": predictions}

    def metadata(self) -> dict[str, str]:
        """What to hand to ``model.save``, beside the encoding's."""
        return {KEY: json.dumps(self.config())}

    @staticmethod
    def of(model: Carrier) -> Summary | None:
        """The summary that a loaded model carries, if it carries one.

        Raises
        ------
        ValueError
            it is damaged, or was written by a newer version.
        """
        return Summary.read(model.metadata[KEY]) if KEY in model.metadata else None

    @staticmethod
    def read(text: str) -> Summary:
        """The summary in a model's metadata, which must be whole."""
        try:
            stored = parse("summary", text)
            newer = integer("version", stored["version"], low=1) > VERSION
            made = None if newer else _made(stored)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"this model's summary of its training table is damaged ({cut(repr(error))})") from None
        if made is None:
            raise ValueError("this model's summary of its training table was written by a newer fastnn; update fastnn")
        return made


def summarize(table: Table, names: Sequence[str]) -> Summary:
    """The summary of these columns of a training table."""
    return Summary([summarize_column(name, table.columns[name]) for name in names])


def summarize_column(name: str, column: Column) -> ColumnSummary:
    """What there is in a column."""
    if isinstance(column, Numbers):
        return summarize_numbers(name, column.values)
    dates = days(column)
    if dates is not None:
        return replace(summarize_numbers(name, dates), dated=True)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    frequent = [i for i in np.argsort(-counts, kind="stable")[:MOST_VALUES] if counts[i]]
    values, rows = [column.values[i] for i in frequent], [int(counts[i]) for i in frequent]
    return CategorySummary(name, len(column), int(column.gaps.sum()), values, rows)


def days(column: Text) -> np.ndarray | None:
    """Days since 1970 that a column writes, ``(n,)`` float64, NaN for a gap; None where a text is no date or time.

    >>> from fastnn.tables.table import column_from_values
    >>> days(column_from_values(["1970-01-02", "", "1970-01-01 12:00"])).tolist()
    [1.0, nan, 0.5]
    """
    present = np.flatnonzero(np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)))
    if not len(present):
        return None
    by_value = np.full(len(column.values) + 1, np.nan)
    try:
        by_value[present] = read_iso([column.values[i] for i in present.tolist()])[0] / DAY
    except NoTime:
        return None
    found: np.ndarray | None = by_value[column.codes]
    return found


def summarize_numbers(name: str, values: np.ndarray) -> NumberSummary:
    """What there is in numbers ``(n,)``, of which NaN are gaps."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return NumberSummary(name, len(values), len(values), 0.0, [], [])
    borders = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILES + 1), method="inverted_cdf"))
    counts = np.bincount(np.searchsorted(borders, known), minlength=len(borders))
    return NumberSummary(
        name, len(values), len(values) - len(known), float(known.mean()), borders.tolist(), counts.tolist()
    )


def _check_counts(
    name: str, rows: int, gaps: int, places: Sequence[object], counts: Sequence[int], *, other: bool
) -> None:
    integer(f"rows of {name!r}", rows, low=0, high=int(EXACT))
    integer(f"gaps of {name!r}", gaps, low=0, high=rows)
    if len(places) != len(counts) or any(count < 0 for count in counts):
        raise ValueError(f"{name!r} must have a count, of at least 0, for each of its {len(places)} places")
    there = gaps + sum(counts)
    if there > rows or (there < rows and not other):
        raise ValueError(f"{name!r} counts {there} of {rows} rows")


def _made(stored: Mapping[str, Stored]) -> Summary:
    columns = [_column(column) for column in stored["columns"]]
    predictions = None if stored["predictions"] is None else _column(stored["predictions"])
    unread = stored.keys() - {"version", "columns", "predictions"}
    if unread:
        raise ValueError(f"nothing reads {', '.join(sorted(unread))}")
    made = check_types(Summary(columns, predictions))
    made.check()
    found: Summary = made
    return found


def _column(stored: Mapping[str, Stored]) -> ColumnSummary:
    kinds: dict[str, type[ColumnSummary]] = {
        "NumberSummary": NumberSummary,
        "CategorySummary": CategorySummary,
    }
    return kinds[stored["kind"]](**{key: value for key, value in stored.items() if key != "kind"})
