"""Dates and moments in ISO 8601's forms, read from texts and written in the form of a file.

A date with points, 31.1.2024, is read, too: whoever writes points writes the day first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

SECOND, DAY = 10**6, 86400 * 10**6  # microseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNREAD = "which is no time that is read"
_ISO = re.compile(
    r"(?P<date>\d{4}(?P<sign>[-/]?)\d\d(?P=sign)\d\d)"
    r"(?:(?P<t>[T ])(?P<clock>\d\d(?::?\d\d(?P<seconds>:?\d\d(?P<fraction>[.,]\d{1,9})?)?)?)"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_POINTS = re.compile(r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})(?P<clock>[T ].+)?", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/](\d\d)", re.ASCII)


_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?!.*,)(?![T ]\d{3})")  # what NumPy reads in the same way


class NoTime(ValueError):
    """A text is no time: which one of them, and why."""

    def __init__(self, index: int, why: str = UNREAD):
        super().__init__(why)
        self.index, self.why = index, why


@dataclass(frozen=True)
class Form:
    """How times are written.

    ``kind`` is ``"number"``, ``"unix"`` (``units`` a second), ``"month"``, ``"day"`` (both with ``sign`` between
    numbers; with points the day is first) or ``"moment"``; that has ``t`` before the clock, ``seconds``, digits of a
    fraction and a ``zone``.
    """

    kind: str
    units: int = 1
    sign: str = "-"
    t: str = " "
    seconds: bool = True
    digits: int = 0
    zone: str = ""

    def write(self, values: np.ndarray) -> list[str | int | float]:
        """Times as the file has them, dates in ISO's form."""
        if self.kind == "number":
            return [int(value) if value == int(value) else value for value in values.tolist()]
        if self.kind == "unix":
            return [_in_units(value, self.units) for value in values.tolist()]
        zone = _zone(self.zone)
        try:
            return [self._text((EPOCH + timedelta(microseconds=value)).astimezone(zone)) for value in values.tolist()]
        except OverflowError:
            raise ValueError("times beyond the year 9999 cannot be written") from None

    def _text(self, moment: datetime) -> str:
        if self.kind == "month":
            return f"{moment.year:04d}{self.sign}{moment:%m}"
        parts = f"{moment.year:04d}", f"{moment:%m}", f"{moment:%d}"
        date = self.sign.join(parts[::-1] if self.sign == "." else parts)
        if self.kind == "day" and (moment.hour, moment.minute, moment.second) == (0, 0, 0):
            return date
        colon = ":" if self.sign else ""
        units = "%H", "%M", *(["%S"] if self.seconds or moment.second or self.digits else [])
        clock = format(moment, colon.join(units))
        fraction = f".{moment.microsecond:06d}"[: 1 + self.digits] if self.digits else ""
        return f"{date}{self.t}{clock}{fraction}{self.zone}"


def read_iso(texts: Sequence[str]) -> tuple[np.ndarray, Form]:
    """Microseconds since 1970 in UTC, ``(n,)`` int64, and the form that all texts have; ``NoTime`` for what is none.

    >>> values, form = read_iso(["2024-01-31 12:00", "2024-01-31 13:30"])
    >>> (int(values[1] - values[0]) // SECOND, form.write(values + DAY))
    (5400, ['2024-02-01 12:00', '2024-02-01 13:30'])
    """
    seen = _Seen()
    read = _alike(texts)
    if read is not None:
        seen.read(texts[0])
        return read, seen.form(read)
    values = np.empty(len(texts), np.int64)
    for index, text in enumerate(texts):
        try:
            values[index] = seen.read(text)
        except ValueError as error:
            raise NoTime(index, getattr(error, "why", UNREAD)) from None
    return values, seen.form(values)


def _alike(texts: Sequence[str]) -> np.ndarray | None:
    """Texts that differ in nothing but the digits of date and clock, all at once; None for others.

    NumPy reads a million of them in a third of a second, one by one they take 13.
    """
    found = _ISO.fullmatch(texts[0])
    if found is None or not _PLAIN.match(texts[0]):
        return None
    try:
        array = np.array(texts, "S")
    except UnicodeEncodeError:
        return None
    width, end = len(texts[0]), found.end("clock") if found["t"] else found.end("date")
    if array.itemsize != width:
        return None
    signs = array.view(np.uint8).reshape(len(texts), width)
    free = (signs[0] >= ord("0")) & (signs[0] <= ord("9")) & (np.arange(width) < end)
    digits = signs[:, free]
    if (signs[:, ~free] != signs[0, ~free]).any() or ((digits < ord("0")) | (digits > ord("9"))).any():
        return None
    try:
        offset = _zone((found["zone"] or "").replace("UTC", "Z")).utcoffset(None)
        read = np.ascontiguousarray(signs[:, :end]).view(f"S{end}")[:, 0].astype("M8[us]").astype(np.int64)
    except ValueError:
        return None
    return read - offset // timedelta(microseconds=1)


class _Seen:
    """What forms the texts of a column have had so far."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.zones: set[str] = set()
        self.signs: set[str] = set()
        self.t, self.seconds = " ", False

    def read(self, text: str) -> int:
        """Microseconds since 1970; ``NoTime``, or ``ValueError`` for a day or hour that there is not."""
        month = _MONTH.fullmatch(text)
        if month:
            self.kinds.add("month")
            return _micros(datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC))
        points = _POINTS.fullmatch(text)
        if points:
            text = f"{points['year']}-{points['month']:0>2}-{points['day']:0>2}{points['clock'] or ''}"
        found = _ISO.fullmatch(text)
        if found is None:
            raise NoTime(0)
        zone = (found["zone"] or "").replace("UTC", "Z")
        self.kinds.add("moment" if found["t"] else "day")
        self.signs.add("." if points else found["sign"].replace("/", "-"))
        if found["t"]:
            self.zones.add(zone)
            self.t, self.seconds = found["t"], self.seconds or bool(found["seconds"])
        if len(self.zones) > 1 and "" in self.zones:
            raise NoTime(0, "and of the times some have a zone and some have none")
        body = found["date"].replace("/", "-") + (f"T{found['clock']}" if found["t"] else "")
        return _micros(datetime.fromisoformat(body).replace(tzinfo=_zone(zone)))

    def form(self, values: np.ndarray) -> Form:
        """The form that all of them have; their ``values`` tell how many digits fractions need."""
        digits = 6 if (values % 1000).any() else 3 if (values % SECOND).any() else 0
        kind = next(kind for kind in ("moment", "day", "month") if kind in self.kinds)
        zone = next(iter(self.zones)) if len(self.zones) == 1 else "Z" if self.zones else ""
        sign = next(iter(self.signs)) if self.signs in ({""}, {"."}) else "-"
        return Form(kind, sign=sign, t=self.t, seconds=self.seconds, digits=digits, zone=zone)


def _in_units(value: int, units: int) -> int | float:
    """Microseconds in a part of seconds, exact where that is whole."""
    whole, rest = divmod(value * units, SECOND)
    return value * units / SECOND if rest else whole


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _zone(text: str) -> timezone:
    """The zone of a suffix, UTC for none."""
    if text in ("", "Z"):
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-offset if text[0] == "-" else offset)
