"""Times as a column writes them: dates, moments, seconds since 1970, or plain numbers, in one array.

Dates and moments are microseconds since 1970 in UTC; a time without a zone counts as it stands. Other numbers say where
on an axis a row stands, and know of no calendar.

Design: only forms that mean one thing are read. 03/04/2024 (rejected) is a day in March or in April, by who wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from fastnn._base.arguments import shown
from fastnn.tables.iso import DAY, EPOCH, SECOND, UNREAD, Form, NoTime, read_iso
from fastnn.tables.numerals import number
from fastnn.tables.table import Column, Numbers, Text

FORMS = (
    "ISO dates and times (2024-01-31, 2024-01, 2024-01-31 12:30, 2024-01-31T12:30:00Z, also with +02:00), 31.1.2024, "
    "20240131, 202401, seconds since 1970 (also milli-, micro- and nanoseconds) and plain numbers are read"
)
COMPACT = (("day", "%Y%m%d", 18_000_101, 22_001_231), ("month", "%Y%m", 180_001, 220_012))
UNIX = (315_532_800, 4_102_444_800)  # seconds since 1970 from 1980 to 2100
UNIX_UNITS = {1: "seconds", 10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}  # so many a second


@dataclass(frozen=True)
class Times:
    """Times of rows: ``values`` ``(n,)`` int64 microseconds where they are of a calendar, else float64."""

    values: np.ndarray
    form: Form

    @property
    def dated(self) -> bool:
        """Whether they are of a calendar."""
        return self.form.kind != "number"

    def take(self, rows: np.ndarray) -> Times:
        """The times of these rows alone."""
        return Times(self.values[rows], self.form)


def read_times(name: str, column: Column, dated: bool | None = None) -> Times:
    """The times in a column.

    Parameters
    ----------
    name : of the column, for errors.
    column : texts or numbers without a gap.
    dated : whether they are of a calendar, as a model knows it; None where the numbers shall tell.

    Raises
    ------
    ValueError
        a row has no time, or what is not read as one; the message names column, row and value.

    >>> from fastnn.tables.iso import DAY
    >>> from fastnn.tables.table import column_from_values
    >>> times = read_times("t", column_from_values(["2024-02-28", "2024-02-29"]))
    >>> times.form.write(times.values + DAY)
    ['2024-02-29', '2024-03-01']
    """
    _check_there(name, column)
    if isinstance(column, Text) and np.isnan(number(column.values[int(column.codes[0])], column.decimal)):
        times = _read_texts(name, column)
    else:
        times = _of_numbers(_numbers(name, column), dated)
    if dated is not None and times.dated != dated:
        what = ("plain numbers", "dates or times")
        raise ValueError(f"column {name!r} holds {what[times.dated]}; the model was trained on {what[dated]} there")
    return times


def writes_times(column: Text) -> bool:
    """Whether a column has texts, and all are dates or moments."""
    if not column.values:
        return False
    try:
        read_iso(column.values)
    except NoTime:
        return False
    return True


def _check_there(name: str, column: Column) -> None:
    if not column.gaps.any():
        return
    row = int(column.gaps.argmax())
    word = f"; it holds the word {column.odd[0][0]!r}" if isinstance(column, Numbers) and column.odd else ""
    raise ValueError(f"column {name!r} has no time in row {row + 1}{word}; every row needs one: {FORMS}")


def not_read(name: str, column: Text, index: int, why: str = UNREAD) -> ValueError:
    row = int((column.codes == index).argmax())
    return ValueError(f"column {name!r} holds {shown(column.values[index])} in row {row + 1}, {why}; {FORMS}")


def _numbers(name: str, column: Column) -> np.ndarray:
    """Finite numbers ``(n,)``; the error for a text that is none."""
    if isinstance(column, Numbers):
        values = column.values
    else:
        of_texts = np.array([number(text, column.decimal) for text in column.values])
        wrong = np.flatnonzero(~np.isfinite(of_texts))
        if len(wrong):
            raise not_read(name, column, int(wrong[0]))
        values = of_texts[column.codes]
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        raise ValueError(f"column {name!r} holds {values[row]} in row {row + 1}, which is no time; {FORMS}")
    return values


def _of_numbers(values: np.ndarray, dated: bool | None) -> Times:
    """Days such as 20240131, seconds since 1970 and parts of them by the range of all, else plain numbers."""
    low, high = float(values.min()), float(values.max())
    if dated is not False:
        for kind, written, first, last in COMPACT:
            days = _compact_days(values, written) if first <= low <= high <= last else None
            if days is not None:
                return Times(days, Form(kind, sign=""))
        for units in UNIX_UNITS:
            if UNIX[0] * units <= low <= high <= UNIX[1] * units:
                whole, rest = np.divmod(values, units)
                return Times(whole.astype(np.int64) * SECOND + _rounded(rest * (SECOND / units)), Form("unix", units))
    return Times(values, Form("number"))


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values).astype(np.int64)


def _compact_days(values: np.ndarray, written: str) -> np.ndarray | None:
    """Whole numbers such as 20240131 or 202401 as days; None where one is none."""
    distinct, places = np.unique(values, return_inverse=True)
    try:
        texts = [f"{int(value)}" if value == int(value) else "" for value in distinct]
        days = [(datetime.strptime(text, written).replace(tzinfo=UTC) - EPOCH).days for text in texts]
    except ValueError:
        return None
    return np.array(days, np.int64)[places] * DAY


def _read_texts(name: str, column: Text) -> Times:
    """ISO dates and moments; each distinct text is read once."""
    counts = np.bincount(column.codes, minlength=len(column.values))
    present = np.flatnonzero(counts)
    try:
        read, form = read_iso([column.values[index] for index in present.tolist()])
    except NoTime as error:
        raise not_read(name, column, int(present[error.index]), error.why) from None
    places = np.empty(len(column.values), np.int64)
    places[present] = read
    return Times(places[column.codes], form)
