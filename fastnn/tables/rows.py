"""One raw row at a time, as a server gets them: the bits of :meth:`TableFeatures.encode` in some microseconds.

Design: plain Python looks at each value, and the pieces of all columns are made in one pass. What is no plain number or
text (times, truth, numbers in text) goes through the columns of a table, and so do all errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import shown
from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.features import Encoded, Feature, TableFeatures
from fastnn.tables.frames import column_of
from fastnn.tables.numerals import GAPS
from fastnn.tables.pieces import CLIP, FAR, PieceFeature
from fastnn.tables.ranges import LARGEST, check_range
from fastnn.tables.values import number_values

NARROW = 1e-200  # pieces below it may overflow in float64
_Plain = tuple[str, float, float, bool, int, int, bool]  # name, center, scale, in pieces?, first, end, gaps marked?


class RowEncoder:
    """What ``features.encode`` gives for single rows.

    Parameters
    ----------
    features : of a table, as :func:`fit_features` gives them.

    >>> from fastnn.tables import FeatureOptions, fit_features, table_of_frame
    >>> rows = table_of_frame({"age": [20, 30, 50, 60], "city": ["Bern", "Oslo", "Bern", "Oslo"]})
    >>> encoder = RowEncoder(fit_features(rows, FeatureOptions(pieces=8))[0])
    >>> encoder({"age": 40, "city": "Oslo"}).tolist()
    [[0.0, 0.5, 0.0, -0.5, 0.0, 1.0]]
    """

    def __init__(self, features: TableFeatures):
        if not isinstance(features, TableFeatures):
            raise TypeError(f"a RowEncoder is for the columns of a table, got {features!r}")
        self.features = features
        self._how = features.reading()
        self._widths = features.widths
        self._plain: list[_Plain] = []
        pieces: list[tuple[int, PieceFeature]] = []
        self._others: list[_Other] = []
        first = 0
        for feature in features.numbers:
            end = first + feature.width
            if isinstance(feature, PieceFeature):
                pieces.append((first, feature))
                self._plain.append((feature.name, feature.center, feature.scale, True, first, end, feature.gaps))
            elif isinstance(feature, NumberFeature) and not feature.truth:
                self._plain.append((feature.name, feature.mean, feature.scale, False, first, end, feature.gaps))
            else:
                self._others.append(_Other(feature.name, feature, 0, first, 0, _finder(feature, 0)))
            first = end
        for place, (code, offset) in enumerate(zip(features.codes, features.offsets, strict=True)):
            self._others.append(_Other(code.name, code, len(self._widths) - 1, place, offset, _finder(code, offset)))
        self._number_places = np.array([plain[4] for plain in self._plain], np.int64)
        self._lay_out(pieces)

    def _lay_out(self, found: list[tuple[int, PieceFeature]]) -> None:
        """All columns' pieces side by side: where they begin, how wide they are, whose they are, where they go."""
        borders = [np.array(feature.borders, np.float64) for _, feature in found]
        empty = np.empty(0)
        self._low = np.concatenate([empty, *(each[:-1] for each in borders)])
        self._spans = np.concatenate([empty, *(np.diff(each) for each in borders)])
        self._narrow = bool((self._spans < NARROW).any())
        self._owner = np.repeat(np.arange(len(found)), [feature.n_pieces for _, feature in found])
        places = [np.arange(place + 1, place + 1 + feature.n_pieces) for place, feature in found]
        self._piece_places = np.concatenate([empty, *places]).astype(np.int64)

    def __repr__(self) -> str:
        return f"RowEncoder({self.features!r})"

    def __call__(self, row: Mapping[str, object]) -> Encoded:
        """The row's inputs, float32 ``(1, width)``, or the list of numbers and codes.

        Raises
        ------
        ValueError, TypeError
            a column is not there, or its value is none that :meth:`TableFeatures.encode` takes; the message names it.
        """
        made = [np.zeros((1, width), np.float32) for width in self._widths]
        try:
            ones = self._put_numbers(row, made[0][0]) if self._plain else []
            for other in self._others:
                place = other.find(row[other.name])
                if place is None:
                    self._put_column(other, row[other.name], made[other.array])
                elif isinstance(other.feature, CodeFeature):
                    made[other.array][0, other.place] = place
                elif place >= 0:
                    ones.append(other.place + place)
        except (KeyError, TypeError, IndexError):
            if not hasattr(row, "keys"):
                raise TypeError(f"a row must be a dict of its values by column, got {shown(row)}") from None
            if all(feature.name in row for feature in self.features.features):
                raise
            raise self._absent(row) from None
        if ones:
            made[0][0, ones] = 1.0
        return made if len(made) > 1 else made[0]

    def _put_numbers(self, row: Mapping[str, object], out: np.ndarray) -> list[int]:
        """Write numbers and their pieces to ``out`` ``(width,)``; the places of the ones that mark gaps."""
        numbers: list[float] = []
        raw: list[float] = []
        gaps, ones = [], []
        for name, center, scale, in_pieces, place, end, marked in self._plain:
            value = row[name]
            if (type(value) is not float and type(value) is not int) or not -LARGEST <= value <= LARGEST:
                value = self._number(name, value)
            if value != value:
                gaps.append(slice(place, end))
                ones += [end - 1] * marked
            x = (value - center) * scale
            if in_pieces:
                raw.append(value)
                x = x if -FAR <= x <= FAR else math.copysign(FAR, x)
                third = x / CLIP
                numbers.append(x / math.sqrt(1.0 + third * third))
            else:
                numbers.append(x)
                if not -LARGEST <= x <= LARGEST:  # a gap, or an error
                    check_range(name, np.array([value]), np.array([x]))
        out[self._number_places] = numbers
        if raw:
            self._put_pieces(np.array(raw, np.float64), out)
        for gap in gaps:
            out[gap] = 0.0
        return ones

    def _put_pieces(self, raw: np.ndarray, out: np.ndarray) -> None:
        t = raw[self._owner]
        t -= self._low
        if self._narrow:  # 1 microsecond
            with np.errstate(over="ignore"):
                t /= self._spans
        else:
            t /= self._spans
        np.maximum(t, 0.0, out=t)
        np.minimum(t, 1.0, out=t)
        t -= 0.5
        out[self._piece_places] = t

    def _number(self, name: str, value: object) -> float:
        """A value as its column in a table has it, NaN for a gap."""
        if isinstance(value, np.floating | np.integer) and -LARGEST <= value <= LARGEST:
            return float(value)
        return math.nan if value is None else float(number_values(name, column_of(name, [value], self._how))[0])

    def _put_column(self, other: _Other, value: object, out: np.ndarray) -> None:
        """Write a value by way of a column of a table, ``out`` ``(1, width)``."""
        column = column_of(other.name, [value], self._how)
        room = out[:, other.place : other.place + other.feature.width]
        other.feature.fill(column, room)
        room += other.offset

    def _absent(self, row: Mapping[str, object]) -> ValueError:
        names = [feature.name for feature in self.features.features if feature.name not in row]
        has = ", ".join(map(repr, list(row)[:20]))
        return ValueError(
            f"the row has no {', '.join(map(repr, names))}, which the model was trained on; it has {has or 'nothing'}"
        )


@dataclass(frozen=True, slots=True)
class _Other:
    """A column of no plain number: its array, place and offset there, and how to find a text's place."""

    name: str
    feature: Feature
    array: int
    place: int
    offset: int
    find: Callable[[object], int | None]


def _finder(feature: Feature, offset: int) -> Callable[[object], int | None]:
    """The function from a value to the place of its one, -1 for none, or to its code; None for it to be looked at."""
    if isinstance(feature, CategoryFeature):
        unseen = len(feature.values) + feature.gaps if feature.bucket else -1
        gap = len(feature.values) if feature.gaps else unseen
        first = 0
    elif isinstance(feature, CodeFeature):
        unseen = gap = offset
        first = offset + 1
    else:
        return lambda value: None
    places = {**dict.fromkeys(GAPS, gap), **{text: first + place for place, text in enumerate(feature.values)}}

    def find(value: object) -> int | None:
        if type(value) is not str:
            return gap if value is None else None
        place = places.get(value)
        return places.get(value.strip(), unseen) if place is None else place

    return find
