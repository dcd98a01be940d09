"""What a table is: named columns of numbers or of text, and the rule that tells the two apart.

A column is numeric when every value that is no gap parses as a number. Gaps are empty fields and the
words of :data:`GAPS`. Spaces around a value do not count. All readers end in :func:`column_from_text`
or give what it would give, so a table does not depend on which reader was installed.

Design: text is kept as codes into its distinct values. Encoding works on the few distinct values and
gathers, which is some hundred times less work than looking at every row (an array of strings was rejected).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastnn.reprs import cut

GAPS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "?")
NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Numbers:
    """A numeric column.

    Attributes
    ----------
    values : ``(n,)`` float64, NaN for a gap.
    whole : whether every value was written as a whole number (``1``, not ``1.0``).
    """

    values: np.ndarray
    whole: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<Numbers of {len(self)} rows, {int(self.gaps.sum())} gaps>"

    def take(self, rows: np.ndarray) -> Numbers:
        """The column with these rows alone."""
        return Numbers(self.values[rows], self.whole)

    @property
    def gaps(self) -> np.ndarray:
        """``(n,)`` bool, where a value is missing."""
        return np.isnan(self.values)


@dataclass(frozen=True)
class Text:
    """A column of text.

    Attributes
    ----------
    codes : ``(n,)`` int32, index into ``values``, -1 for a gap.
    values : the distinct texts, sorted.
    """

    codes: np.ndarray
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<Text of {len(self)} rows, {len(self.values)} values, {int(self.gaps.sum())} gaps>"

    def take(self, rows: np.ndarray) -> Text:
        """The column with these rows alone; values that no row has any more stay in ``values``."""
        return Text(self.codes[rows], self.values)

    @property
    def gaps(self) -> np.ndarray:
        """``(n,)`` bool, where a value is missing."""
        return self.codes < 0


Column = Numbers | Text


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name; ``source`` is what messages call the table."""

    columns: dict[str, Column] = field(default_factory=dict)
    source: str = "table"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __repr__(self) -> str:
        return cut(f"<Table {self.source}: {len(self)} rows, {len(self.columns)} columns {', '.join(self.columns)}>")

    def take(self, rows: np.ndarray) -> Table:
        """The table with these rows alone."""
        return Table({name: column.take(rows) for name, column in self.columns.items()}, self.source)

    def without(self, name: str) -> Table:
        """The table without one column."""
        return Table({n: c for n, c in self.columns.items() if n != name}, self.source)


def column_from_text(codes: np.ndarray, values: Sequence[str], as_text: bool = False) -> Column:
    """A column from dictionary-coded text: ``codes`` ``(n,)`` into ``values``, negative for a gap.

    ``as_text`` keeps text that would parse as numbers, such as the codes ``"007"`` of a category.
    """
    stripped = [value.strip() for value in values]
    kept = sorted(set(stripped) - set(GAPS))
    if not as_text and all(NUMBER.fullmatch(value) for value in kept):
        numbers = np.array([float("nan") if value in GAPS else float(value) for value in stripped] + [np.nan])
        return Numbers(numbers[codes], bool(kept) and all(WHOLE.fullmatch(value) for value in kept))
    place = {value: code for code, value in enumerate(kept)}
    recoded = np.array([place.get(value, -1) for value in stripped] + [-1], dtype=np.int32)
    return Text(recoded[codes], tuple(kept))


def column_from_values(values: Sequence[str], as_text: bool = False) -> Column:
    """A column from one text a row."""
    place: dict[str, int] = {}
    codes = np.fromiter((place.setdefault(value, len(place)) for value in values), dtype=np.int64, count=len(values))
    return column_from_text(codes, list(place), as_text)


def column_from_array(array: np.ndarray) -> Column:
    """A column from a NumPy array ``(n,)`` of numbers, booleans or text."""
    if array.dtype.kind in "fiu":
        return Numbers(array.astype(np.float64), array.dtype.kind in "iu")
    if array.dtype.kind == "b":
        return Text(array.astype(np.int32), ("False", "True"))
    if array.dtype.kind == "U":
        return column_from_values(array.tolist())
    raise ValueError(f"arrays must hold numbers, booleans or text, got dtype {array.dtype}")
