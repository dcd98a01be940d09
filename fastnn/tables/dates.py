"""Columns of dates and times: how much time has gone by, and where in the day, the week, the month and the year it is.

Elapsed time is days since 1970, encoded as any other number is; the calendar's cycles are pairs of sine and cosine
(:mod:`fastnn.tables.phases`).

Design: a cycle is used where the training rows lie at different places of it, and go through all of it at least once:
within less the elapsed time says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.reprs import counted, cut
from fastnn.tables.iso import DAY, NoTime, read_iso
from fastnn.tables.phases import CYCLES, Moments, fill_phases
from fastnn.tables.pieces import apart, check_pieces, fill_pieces, piece_borders, robust
from fastnn.tables.table import Column, Text
from fastnn.tables.times import not_read
from fastnn.tables.values import text_values

OF_DAYS, OF_MONTHS = ("day of week", "day of year"), ("month of year",)  # where the other ones say it better
TABLE_CYCLES = ("hour of day", "day of week", "day of month", "day of year", "month of year")


@dataclass(frozen=True)
class DateFeature:
    """Days since 1970 as clipped number and pieces, sine and cosine of ``cycles``, and 1 for a gap if ``gaps``.

    >>> from fastnn.tables.table import column_from_values
    >>> feature = DateFeature("day", 19000.0, 0.5, [], ["day of week"], False)
    >>> out = np.zeros((2, feature.width))
    >>> feature.fill(column_from_values(["2022-01-08", "2022-01-10"]), out)
    >>> out.round(3).tolist()
    [[0.0, -0.975, -0.223], [0.949, 0.0, 1.0]]
    """

    name: str
    center: float
    scale: float
    borders: Sequence[float]
    cycles: Sequence[str]
    gaps: bool

    as_text = True

    @property
    def n_pieces(self) -> int:
        """How many pieces of elapsed time there are."""
        return max(0, len(self.borders) - 1)

    @property
    def width(self) -> int:
        return 1 + self.n_pieces + 2 * len(self.cycles) + self.gaps

    def __repr__(self) -> str:
        what = [counted(self.n_pieces, "piece"), *self.cycles, *(["gaps"] * self.gaps)]
        return cut(f"<DateFeature {self.name!r}: {', '.join(what)}>")

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        check_pieces(self.name, self.center, self.scale, self.borders)
        if set(self.cycles) - CYCLES.keys() or len(set(self.cycles)) < len(self.cycles):
            raise ValueError(f"cycles of {self.name!r} must be of {', '.join(CYCLES)}, got {list(self.cycles)}")

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``; each text that differs is read and encoded once."""
        text = text_values(self.name, column)
        present, moments = read_dates(self.name, text)
        rows = np.zeros((len(text.values) + 1, self.width), np.float32)
        made = np.zeros((len(present), self.width), np.float32)
        fill_pieces(moments / DAY, self.center, self.scale, np.array(self.borders, np.float64), made)
        first = 1 + self.n_pieces
        fill_phases(self.cycles, moments, made[:, first : first + 2 * len(self.cycles)])
        rows[present] = made
        rows[-1, -1] = self.gaps  # the row of a gap, which has the code -1
        out[:] = rows[text.codes]

    def notes(self, column: Column) -> list[str]:
        """Nothing."""
        return []


def read_dates(name: str, text: Text) -> tuple[np.ndarray, np.ndarray]:
    """The places of the texts that rows have, and their microseconds since 1970; raises for what is no time."""
    present = np.flatnonzero(np.bincount(text.codes[text.codes >= 0], minlength=len(text.values)))
    if not len(present):
        return present, np.empty(0, np.int64)
    try:
        return present, read_iso([text.values[place] for place in present.tolist()])[0]
    except NoTime as error:
        raise not_read(name, text, int(present[error.index]), error.why) from None


def fit_dates(name: str, column: Text, pieces: int) -> DateFeature | None:
    """The encoding of a column of dates that differ; None where they do not."""
    _, moments = read_dates(name, column)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    ordered = np.sort(np.repeat(moments, counts[counts > 0])) / DAY
    if len(apart(ordered)) < 2:
        return None
    center, scale = robust(ordered)
    borders = piece_borders(ordered, pieces) if pieces else []
    return DateFeature(name, center, scale, borders, cycles_within(np.unique(moments)), bool(column.gaps.any()))


def cycles_within(moments: np.ndarray) -> list[str]:
    """The cycles that sorted microseconds ``(n,)`` go through at least once, at different places of it."""
    span, seen = int(moments[-1] - moments[0]), Moments(moments)
    phases = {name: seen.phase(name) for name in TABLE_CYCLES if span >= CYCLES[name]}
    found = [name for name, phase in phases.items() if (phase != phase[0]).any()]
    by_month = "day of month" in phases and "day of month" not in found  # one day of each: weekdays are chance there
    return [name for name in found if name not in (OF_DAYS if by_month else OF_MONTHS)]
