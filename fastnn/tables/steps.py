"""How far rows of a series lie apart: the usual step, the gaps that are more than it, and the times that come next.

Months and business days are regular steps, although they are not always as long.

Design: holidays close markets for up to a week; so business days that are missing make a gap only beyond that. As gaps
(rejected) they would leave hardly a window of 32 days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import integer, number, unknown_name
from fastnn.tables.iso import DAY, SECOND
from fastnn.tables.times import Times

UNITS = {"row": 1, "number": None, "microsecond": 2**53, "business day": 1, "month": 12_000}  # with the largest sizes
HOLIDAYS = 5  # business days that may be missing side by side
WEEKEND = 3  # days from the first or last one of a month to its first or last business day, with a holiday
JITTER = 1.5  # steps apart from which a row is missing
USUAL = 0.25  # of the differences must be alike to be the step; else it is their median
HOUR, WEEK = 3600 * SECOND, 7 * DAY
_NAMES = (
    (WEEK, "week"),
    (DAY, "day"),
    (HOUR, "hour"),
    (60 * SECOND, "minute"),
    (SECOND, "second"),
    (1000, "millisecond"),
    (1, "microsecond"),
)


@dataclass(frozen=True)
class Step:
    """``size`` of a ``unit`` lies between rows; ``day`` is that of the month where months count, 31 for their ends."""

    unit: str
    size: float = 1.0
    day: int = 1

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if self.unit not in UNITS:
            raise unknown_name("unit of a step", self.unit, UNITS)
        number("the size of a step", self.size, low=0.0, high=UNITS[self.unit], open_low=True)
        if self.unit != "number" and self.size != int(self.size):
            raise ValueError(f"the size of a step in {self.unit}s must be whole, got {self.size}")
        integer("the day of the month", self.day, low=1, high=31)

    @property
    def dated(self) -> bool:
        """Whether its times are of a calendar."""
        return self.unit not in ("row", "number")

    @property
    def most_apart(self) -> float:
        """How many steps neighbours lie apart at most with no row missing."""
        return HOLIDAYS + 1 if self.unit == "business day" else JITTER

    def apart(self, values: np.ndarray) -> np.ndarray:
        """How many steps lie between neighbours ``(n - 1,)`` of times ``(n,)``."""
        if self.unit == "month":
            return np.diff(_months(values)) / self.size
        if self.unit == "business day":
            days = values.astype("M8[us]").astype("M8[D]")
            return np.busday_count(days[:-1], days[1:]).astype(np.float64)
        return np.diff(values) / self.size

    def gaps(self, values: np.ndarray) -> np.ndarray:
        """Between which neighbours ``(n - 1,)`` of times ``(n,)`` rows are missing."""
        return self.apart(values) > self.most_apart

    def ahead(self, last: int | float, count: int) -> np.ndarray:
        """The ``count`` times behind the last one."""
        steps = np.arange(1, count + 1)
        if self.unit == "month":
            day = np.datetime64(int(last), "us").astype("M8[D]").astype(np.int64) * DAY
            found: np.ndarray = _on_day(_months(np.array([last]))[0] + steps * int(self.size), self.day) + (
                int(last) - day
            )
            return found
        if self.unit == "business day":
            day = np.datetime64(int(last), "us").astype("M8[D]")
            clock = int(last) - int(day.astype(np.int64)) * DAY
            days = np.busday_offset(day, steps - (not np.is_busday(day)), roll="forward")
            return days.astype("M8[us]").astype(np.int64) + clock
        return last + steps * (int(self.size) if self.unit == "microsecond" else self.size)

    def in_words(self) -> str:
        """As ``a row an hour``."""
        if self.unit == "row":
            return "rows in the order of the file"
        if self.unit == "number":
            return f"a step of {self.size:g}"
        if self.unit == "business day":
            return "a row a business day"
        size, name = int(self.size), self.unit
        if self.unit == "microsecond":
            length, name = next(pair for pair in _NAMES if size % pair[0] == 0)
            size //= length
        elif size % 12 == 0:
            size, name = size // 12, "year"
        if size > 1:
            return f"a row every {size:,} {name}s"
        return f"a row {'an' if name == 'hour' else 'a'} {name}"

    def season(self) -> tuple[int, str] | None:
        """How many steps the usual season has, and what it is; None where the step tells of none."""
        if self.unit == "business day":
            return 5, "a week"
        if self.unit == "month":
            return (12 // int(self.size), "a year") if self.size < 12 and 12 % self.size == 0 else None
        if self.unit != "microsecond":
            return None
        if self.size < DAY:
            return (DAY // int(self.size), "a day") if DAY % self.size == 0 else None
        return {DAY: (7, "a week"), WEEK: (52, "a year")}.get(int(self.size))


def find_step(times: Times, within: np.ndarray) -> Step:
    """The usual step.

    Parameters
    ----------
    times : ``(n,)`` in order.
    within : bool ``(n - 1,)``, which neighbours are of one group.

    >>> from fastnn.tables.table import column_from_values
    >>> from fastnn.tables.times import read_times
    >>> times = read_times("t", column_from_values(["2024-01-31", "2024-02-29", "2024-03-31"]))
    >>> step = find_step(times, np.array([True, True]))
    >>> step.in_words(), times.form.write(step.ahead(times.values[-1], 2))
    ('a row a month', ['2024-04-30', '2024-05-31'])
    """
    differences = np.diff(times.values)[within]
    if not len(differences):
        raise ValueError("no group has two rows, which would tell the step of time")
    if not times.dated:
        scale = float(np.median(differences))
        return Step("number", _usual(np.round(differences / scale, 6)) * scale)
    size = int(_usual(differences))
    if size >= 28 * DAY:
        found = _month_step(times.values, within)
        if found is not None:
            return found
    if size == DAY and _only_business_days(times.values):
        return Step("business day")
    return Step("microsecond", size)


def _usual(differences: np.ndarray) -> float:
    """The most frequent one; the median where hardly any two are alike."""
    found, counts = np.unique(differences, return_counts=True)
    most = int(counts.argmax())
    return float(found[most]) if counts[most] >= USUAL * len(differences) else float(np.median(differences))


def _month_step(values: np.ndarray, within: np.ndarray) -> Step | None:
    """Months, where all times are on one day of them, or on the first or last business day."""
    months, days = _months(values), values.astype("M8[us]").astype("M8[D]").astype(np.int64)
    clocks = values - days * DAY
    from_first, to_last = days - _on_day(months, 1) // DAY, _on_day(months, 31) // DAY - days
    day = 31 if not to_last.any() else int(from_first.max()) + 1
    if (_on_day(months, day) // DAY != days).any():
        day = 31 if to_last.max() <= WEEKEND else 1 if from_first.max() <= WEEKEND else 0
    size = int(_usual(np.diff(months)[within]))
    return Step("month", size, day) if day and size and (clocks == clocks[0]).all() else None


def _only_business_days(values: np.ndarray) -> bool:
    """Whether there are weekends in between, and none of the times is in one; all have one clock."""
    days = np.unique(values.astype("M8[us]").astype("M8[D]"))
    if (values % DAY != values[0] % DAY).any() or not np.is_busday(days).all():
        return False
    return bool((np.busday_count(days[:-1], days[1:]) < np.diff(days).astype(np.int64)).any())


def _months(values: np.ndarray) -> np.ndarray:
    """Months since 1970, int64."""
    return values.astype("M8[us]").astype("M8[M]").astype(np.int64)


def _on_day(months: np.ndarray, day: int) -> np.ndarray:
    """Microseconds of a day in months since 1970, of the last one where there is no such day."""
    first = months.astype("M8[M]").astype("M8[D]")
    last = (months + 1).astype("M8[M]").astype("M8[D]") - 1
    found: np.ndarray = np.minimum(first + (day - 1), last).astype(np.int64) * DAY
    return found
