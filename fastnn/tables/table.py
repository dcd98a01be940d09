"""What a table is: named columns of numbers or of text, and how a column of texts becomes either.

A column is numeric when nearly every value that is no gap is a number (:mod:`fastnn.tables.numerals`). Spaces around a
value do not count. All readers end in :func:`settle` or give what it would give, so a table does not depend on which
reader was installed.

Design: text is kept as codes into its distinct values. Encoding works on the few distinct values and
gathers, which is some hundred times less work than looking at every row (an array of strings was rejected).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastnn._base.reprs import counted, cut
from fastnn.tables.numerals import GAPS, are_codes, numbers

FEW_ODD = 0.01  # share of rows with words among numbers below which they count as gaps
MANY_NUMBERS = 20  # different numbers from which a column with a few words more often is one of numbers
MANY_A_WORD = 10  # so many different numbers a word, at least
BLOCK = 1000  # texts looked at together


@dataclass(frozen=True)
class Numbers:
    """A numeric column.

    Attributes
    ----------
    values : ``(n,)`` float64, NaN for a gap.
    odd : words among the numbers that count as gaps, with how many rows of the table they stood in.
    """

    values: np.ndarray
    odd: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<Numbers of {counted(len(self), 'row')}, {counted(int(self.gaps.sum()), 'gap')}>"

    def take(self, rows: np.ndarray) -> Numbers:
        """The column with these rows alone.

        Parameters
        ----------
        rows : as of :meth:`Table.take`.
        """
        return Numbers(self.values[rows], self.odd)

    @property
    def gaps(self) -> np.ndarray:
        """``(n,)`` bool, where a value is missing."""
        found: np.ndarray = np.isnan(self.values)
        return found


@dataclass(frozen=True)
class Text:
    """A column of text.

    Attributes
    ----------
    codes : ``(n,)`` int32, index into ``values``, -1 for a gap.
    values : the distinct texts, sorted.
    decimal : what stands before fractions, where the texts write numbers.
    gap_words : words for a gap, with how many rows of the table they stood in; those of columns read as text.
    """

    codes: np.ndarray
    values: tuple[str, ...]
    decimal: str = "."
    gap_words: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        held = f"{counted(len(self.values), 'value')}, {counted(int(self.gaps.sum()), 'gap')}"
        return f"<Text of {counted(len(self), 'row')}, {held}>"

    def take(self, rows: np.ndarray) -> Text:
        """The column with these rows alone; values that no row has any more stay in ``values``.

        Parameters
        ----------
        rows : as of :meth:`Table.take`.
        """
        return Text(self.codes[rows], self.values, self.decimal, self.gap_words)

    @property
    def gaps(self) -> np.ndarray:
        """``(n,)`` bool, where a value is missing."""
        return self.codes < 0

    def as_numbers(self, words: Collection[str] = ()) -> Numbers | None:
        """The numbers that the texts write; None when too many values are words that are not among ``words``."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))
        value = _numbers_or_none(self.values, counts, self.decimal, words)
        if value is None:
            return None
        odd = np.flatnonzero(np.isnan(value) & (counts > 0))
        frequent = odd[np.argsort(-counts[odd], kind="stable")]
        told = tuple((self.values[i], int(counts[i])) for i in frequent)
        return Numbers(np.append(value, np.nan)[self.codes], told)


Column = Numbers | Text


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name.

    Attributes
    ----------
    columns : of numbers or text, by name.
    source : what messages call the table.
    notes : what a user should know about how it was read.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    source: str = "table"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __repr__(self) -> str:
        size = f"{counted(len(self), 'row')}, {counted(len(self.columns), 'column')}"
        return cut(f"<Table {self.source}: {size} {', '.join(self.columns)}>")

    def take(self, rows: np.ndarray) -> Table:
        """The table with these rows alone.

        Parameters
        ----------
        rows : numbers of the rows, or True and False for each.
        """
        return Table({name: column.take(rows) for name, column in self.columns.items()}, self.source, self.notes)

    def without(self, name: str) -> Table:
        """The table without one column.

        Parameters
        ----------
        name : of a column.
        """
        return Table({n: c for n, c in self.columns.items() if n != name}, self.source, self.notes)


def _numbers_or_none(
    values: Sequence[str], counts: np.ndarray, decimal: str, words: Collection[str]
) -> np.ndarray | None:
    """The number of each text, NaN for a word; None, without a look at the rest, when the words are too many."""
    parts, rows, odd_rows, n_odd = [], int(counts.sum()), 0, 0
    for first in range(0, len(values), BLOCK):
        part = values[first : first + BLOCK]
        parts.append(numbers(part, decimal))
        odd = [i for i in np.flatnonzero(np.isnan(parts[-1])).tolist() if part[i] not in words and counts[first + i]]
        n_odd += len(odd)
        odd_rows += int(counts[first : first + BLOCK][odd].sum())
        many = len(values) - n_odd > max(MANY_NUMBERS, MANY_A_WORD * n_odd) and 2 * odd_rows <= rows
        if n_odd and odd_rows >= FEW_ODD * rows and not many:
            return None
    return np.concatenate(parts) if parts else np.empty(0)


def text_column(codes: np.ndarray, values: Sequence[str], decimal: str = ".", gaps: Collection[str] = GAPS) -> Text:
    """A column from dictionary-coded text: ``codes`` ``(n,)`` into ``values``, negative for a gap, as ``gaps`` are."""
    stripped = [value.strip() for value in values]
    kept = sorted(set(stripped).difference(gaps))
    place = {value: code for code, value in enumerate(kept)}
    recoded = np.array([place.get(value, -1) for value in stripped] + [-1], dtype=np.int32)
    return Text(recoded[codes], tuple(kept), decimal, _gap_words(codes, stripped, gaps))


def with_gaps(column: Text, labels: Collection[str] = ()) -> Text:
    """A column that was read verbatim with the words for a gap as gaps, but for those that are ``labels``."""
    return text_column(column.codes, column.values, column.decimal, GAPS.difference(labels))


def _gap_words(codes: np.ndarray, values: Sequence[str], gaps: Collection[str]) -> tuple[tuple[str, int], ...]:
    words = [(index, value) for index, value in enumerate(values) if value in gaps and value]
    counts: dict[str, int] = {}
    for index, word in words:
        counts[word] = counts.get(word, 0) + int((codes == index).sum())
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def settle(column: Text, as_text: bool = False, words: Collection[str] | None = None) -> Column:
    """Numbers or text, by the column's values.

    Parameters
    ----------
    column : values as they were written.
    as_text : keep text that would be numbers, such as labels.
    words : words that count as gaps of a column that is known to hold numbers; None where it is not known.
    """
    found = None if as_text else column.as_numbers(words or ())
    if found is None:
        return column
    repeated = 2 * len(column.values) <= len(column)
    return column if words is None and repeated and are_codes(column.values) else found


def column_from_text(codes: np.ndarray, values: Sequence[str], as_text: bool = False) -> Column:
    """A column from dictionary-coded text, of the kind that its values have."""
    return settle(text_column(codes, values), as_text)


def column_from_values(values: Sequence[str], as_text: bool = False) -> Column:
    """A column from one text a row."""
    return column_from_text(*coded(values), as_text)


def coded(values: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Codes of the rows, and the distinct texts in the order in which they come."""
    place: dict[str, int] = {}
    codes = np.fromiter((place.setdefault(value, len(place)) for value in values), dtype=np.int64, count=len(values))
    return codes, list(place)


def column_from_array(array: np.ndarray, as_text: bool = False) -> Column:
    """A column from a NumPy array ``(n,)`` of numbers, booleans or text; ``as_text`` writes numbers out."""
    kind = array.dtype.kind
    if kind == "b":
        return Text(array.astype(np.int32), ("False", "True"))
    if kind == "U":
        return column_from_values(array.tolist(), as_text)
    if kind not in "fiu":
        raise ValueError(f"arrays must hold numbers, booleans or text, got dtype {array.dtype}")
    if not as_text:
        return Numbers(array.astype(np.float64))
    distinct, codes = np.unique(array, return_inverse=True)
    return text_column(codes.reshape(-1), [str(value) for value in distinct])  # NumPy's shortest exact digits


def listed(names: Sequence[str], most: int = 10) -> str:
    """Columns by name, for a message."""
    word = "column" if len(names) == 1 else f"{len(names)} columns"
    return f"{word} {', '.join(map(repr, names[:most]))}{', ...' if len(names) > most else ''}"
