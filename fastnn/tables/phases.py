"""Calendar features: where a time lies in the hour, the day, the week, the month and the year, on a circle.

Each is a pair of sine and cosine, so that the end of a day lies beside its beginning. A cycle is used where rows
come more than once in it, and where the series is two of them long: less cannot tell what belongs to the cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn.tables.iso import DAY
from fastnn.tables.steps import HOUR, WEEK, Step

CYCLES = {
    "minute of hour": HOUR,
    "hour of day": DAY,
    "day of week": WEEK,
    "day of month": 30 * DAY,
    "day of year": 365 * DAY,
    "month of year": 365 * DAY,
}
TOLD = 2  # cycles that a series must be long


def cycles_of(step: Step, span: int) -> list[str]:
    """The cycles that rows a ``step`` apart, ``span`` microseconds in all, can tell.

    >>> from fastnn.tables.steps import Step
    >>> from fastnn.tables.iso import DAY
    >>> cycles_of(Step("microsecond", 3_600_000_000), 40 * DAY)
    ['hour of day', 'day of week']
    """
    if not step.dated:
        return []
    if step.unit == "month":
        names = ["month of year"] * (step.size < 12)
    else:
        size = DAY if step.unit == "business day" else step.size
        names = [name for name, length in CYCLES.items() if 2 * size <= length and name != "month of year"]
    return [name for name in names if span >= TOLD * CYCLES[name]]


@dataclass(frozen=True)
class Moments:
    """Times ``(n,)`` taken apart as the cycles need them."""

    values: np.ndarray  # int64 microseconds since 1970

    def phase(self, cycle: str) -> np.ndarray:
        """Where in the cycle each lies, ``(n,)`` of 0 to 1."""
        values = self.values
        if cycle in ("minute of hour", "hour of day"):
            return values % CYCLES[cycle] / CYCLES[cycle]
        if cycle == "day of week":
            return (values + 3 * DAY) % WEEK / WEEK  # 1970 began on a Thursday
        exact = values.astype("M8[us]")
        if cycle == "month of year":
            return exact.astype("M8[M]").astype(np.int64) % 12 / 12
        unit = "M8[M]" if cycle == "day of month" else "M8[Y]"
        begin = exact.astype(unit)
        first, end = (edge.astype("M8[us]").astype(np.int64) for edge in (begin, begin + 1))
        return (values - first) / (end - first)


def fill_phases(cycles: Sequence[str], values: np.ndarray, out: np.ndarray) -> None:
    """Write sine and cosine of each cycle of times ``(n,)`` to ``out`` ``(n, 2 * len(cycles))``."""
    moments = Moments(values)
    for index, cycle in enumerate(cycles):
        angle = 2 * np.pi * moments.phase(cycle)
        np.sin(angle, out=out[:, 2 * index], casting="same_kind")
        np.cos(angle, out=out[:, 2 * index + 1], casting="same_kind")
