"""How one column of a table becomes numbers: standardised, one-hot, or the number of its category for an Embedding.

- numbers are standardised; a gap becomes the mean, and an indicator column says so if training rows had gaps
- text becomes one-hot columns: one a category, one for gaps if training rows had some; or one whole number
- text columns that say true and false count as numbers 1 and 0
- a column with one value becomes zero
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import number
from fastnn._base.reprs import call_of, counted
from fastnn.tables.notes import odd_note, shortened
from fastnn.tables.ranges import check_range
from fastnn.tables.table import Column
from fastnn.tables.values import number_values, text_values, truth_values


@dataclass(frozen=True)
class NumberFeature:
    """``(value - mean) * scale``, and 1 for a gap in a second column if ``gaps``.

    ``truth`` marks a column of true and false; ``words`` count as gaps.
    """

    name: str
    mean: float
    scale: float
    gaps: bool
    truth: bool = False
    words: Sequence[str] = ()

    @property
    def width(self) -> int:
        return 1 + self.gaps

    @property
    def as_text(self) -> bool:
        """Whether the column is to be read as text."""
        return self.truth

    def __repr__(self) -> str:
        return call_of(self)

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        number(f"mean of {self.name!r}", self.mean)
        number(f"scale of {self.name!r}", self.scale, low=0.0)

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``."""
        values = truth_values(self.name, column) if self.truth else number_values(self.name, column)
        missing = np.isnan(values)
        with np.errstate(over="ignore"):  # refused below
            standard = np.where(missing, 0.0, values - self.mean) * self.scale
        check_range(self.name, values, standard)
        out[:, 0] = standard
        if self.gaps:
            out[:, 1] = missing

    def notes(self, column: Column) -> list[str]:
        """What a user should know about rows that :meth:`fill` takes."""
        return odd_note(self.name, column)


class Categories:
    """What encodings of categories share: ``name`` of the column and its known ``values``."""

    name: str
    values: Sequence[object]
    as_text = True

    def __repr__(self) -> str:
        return call_of(self)

    def places(self, column: Column, unseen: int, gap: int) -> np.ndarray:
        """The place of each row's value among the known ones, ``(n,)``; ``unseen`` or ``gap`` where there is none."""
        text = text_values(self.name, column)
        place = {value: index for index, value in enumerate(self.values)}
        found: np.ndarray = np.array([place.get(value, unseen) for value in text.values] + [gap])[text.codes]
        return found

    def unseen_note(self, column: Column) -> list[str]:
        """The note on values that are not among the known ones, the most frequent first; none where all are."""
        text = text_values(self.name, column)
        counts = np.bincount(text.codes[text.codes >= 0], minlength=len(text.values))
        known = set(self.values)
        new = [i for i in np.argsort(-counts, kind="stable") if counts[i] and text.values[i] not in known]
        n_rows = int(counts[new].sum())
        have = "has" if n_rows == 1 else "have"
        words = shortened([text.values[i] for i in new])
        told = (
            f"column {self.name!r}: {n_rows:,} of {counted(len(text), 'row')} {have} a category that training rows had "
            f"not ({words})"
        )
        return [told] if n_rows else []


@dataclass(frozen=True, repr=False)
class CategoryFeature(Categories):
    """One-hot over ``values``, then a column for gaps if ``gaps``, then the bucket if ``bucket``."""

    name: str
    values: Sequence[str]
    gaps: bool
    bucket: bool

    @property
    def width(self) -> int:
        return len(self.values) + self.gaps + self.bucket

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if not self.width or len(set(self.values)) < len(self.values):
            raise ValueError(f"the categories of {self.name!r} must be there, and differ")

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``, which is zero."""
        rows, places = self.ones(column)
        out[rows, places] = 1.0

    def ones(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """The rows that have a one, in their order, and its place in each."""
        unseen = len(self.values) + self.gaps if self.bucket else -1
        places = self.places(column, unseen, len(self.values) if self.gaps else unseen)
        rows = np.flatnonzero(places >= 0)
        return rows, places[rows]

    def notes(self, column: Column) -> list[str]:
        """What a user should know about rows that :meth:`fill` takes."""
        return [] if self.bucket else self.unseen_note(column)


@dataclass(frozen=True, repr=False)
class CodeFeature(Categories):
    """The number of the category for an ``Embedding``: 1 for the first of ``values``; 0 for gaps and all others.

    ``others`` says whether training rows had such, so that the vector of 0 is trained.
    """

    name: str
    values: Sequence[str]
    others: bool

    width = 1

    @property
    def n_ids(self) -> int:
        """How many different numbers there are: as many vectors an ``Embedding`` needs."""
        return 1 + len(self.values)

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if not self.values or len(set(self.values)) < len(self.values):
            raise ValueError(f"the categories of {self.name!r} must be there, and differ")

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the numbers to ``out`` ``(n, 1)``."""
        out[:, 0] = self.places(column, -1, -1) + 1

    def notes(self, column: Column) -> list[str]:
        """What a user should know about rows that :meth:`fill` takes."""
        return [] if self.others else self.unseen_note(column)
