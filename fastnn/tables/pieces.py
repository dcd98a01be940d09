"""Numbers piece by piece: a column's robust number, and how far it has come in each stretch between its quantiles.

The number is ``x = (value - center) * scale`` by median and interquartile range, then clipped smoothly to within
plus and minus 3: ``x / sqrt(1 + (x / 3)**2)``. Piece ``t`` is ``clip((value - b[t]) / (b[t+1] - b[t]), 0, 1) - 0.5``
of the borders ``b``: piecewise-linear encoding (Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular
Deep Learning"), around zero. With it a network's first layer can bend at every border, and not only where its
activations do.

Design: a column of few values has a border at each of them, so that all functions of it are sums of pieces; quantiles
would pass over the rare ones. A gap is the middle of every piece, and an indicator says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastnn._base.arguments import number
from fastnn._base.reprs import counted, cut
from fastnn.tables.notes import odd_note
from fastnn.tables.ranges import LARGEST
from fastnn.tables.table import Column
from fastnn.tables.values import number_values

FEW_VALUES = 8  # different ones up to which each is a border
MOST_PIECES = 1024
CLIP = 3.0
FAR = 1e100  # beyond it the clipped number is CLIP in float64, and its square would overflow a little later
NEAR = 1e-12  # of their size: numbers that lie closer are one
TINY = 1e-300  # a spread whose reciprocal overflows
BLOCK = 2**15  # numbers that are made together, which stay in the cache


@dataclass(frozen=True)
class PieceFeature:
    """The clipped robust number, the pieces between ``borders``, and 1 for a gap in a last column if ``gaps``.

    ``words`` count as gaps; without ``borders`` there is the number alone.

    >>> from fastnn.tables.table import column_from_values
    >>> feature = PieceFeature("age", 30.0, 0.1, [20.0, 30.0, 50.0], True)
    >>> out = np.zeros((3, feature.width))
    >>> feature.fill(column_from_values(["30", "40", ""]), out)
    >>> out.round(3).tolist()
    [[0.0, 0.5, -0.5, 0.0], [0.949, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    name: str
    center: float
    scale: float
    borders: Sequence[float]
    gaps: bool
    words: Sequence[str] = ()

    as_text = False

    @property
    def n_pieces(self) -> int:
        """How many pieces there are."""
        return max(0, len(self.borders) - 1)

    @property
    def width(self) -> int:
        return 1 + self.n_pieces + self.gaps

    def __repr__(self) -> str:
        gaps = ", gaps" * self.gaps
        return cut(f"<PieceFeature {self.name!r}: center {self.center:.5g}, {counted(self.n_pieces, 'piece')}{gaps}>")

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        check_pieces(self.name, self.center, self.scale, self.borders)

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``."""
        values = number_values(self.name, column)
        fill_pieces(values, self.center, self.scale, np.array(self.borders, np.float64), out)
        if self.gaps:
            out[:, -1] = np.isnan(values)

    def notes(self, column: Column) -> list[str]:
        """What a user should know about rows that :meth:`fill` takes."""
        return odd_note(self.name, column)


def fill_pieces(values: np.ndarray, center: float, scale: float, borders: np.ndarray, out: np.ndarray) -> None:
    """Write the clipped number of each of ``values`` ``(n,)`` and its pieces to ``out`` ``(n, 1 + pieces or more)``."""
    missing = np.isnan(values)
    any_gap = bool(missing.any())
    with np.errstate(over="ignore"):  # clipped at once
        x = np.clip((values - center) * scale, -FAR, FAR)
    third = x / CLIP
    clipped = x / np.sqrt(1.0 + third * third)
    out[:, 0] = np.where(missing, 0.0, clipped) if any_gap else clipped
    n_pieces = len(borders) - 1
    if n_pieces < 1:
        return
    low, widths = borders[:-1], np.diff(borders)
    rows = max(1, BLOCK // n_pieces)
    room = np.empty((min(rows, len(values)), n_pieces))
    for first in range(0, len(values), rows):
        part = values[first : first + rows]
        t = np.subtract(part[:, None], low, out=room[: len(part)])
        with np.errstate(over="ignore"):  # of widths far below one
            np.divide(t, widths, out=t)
        np.clip(t, 0.0, 1.0, out=t)
        t -= 0.5
        if any_gap:
            t[missing[first : first + rows]] = 0.0
        out[first : first + rows, 1 : 1 + n_pieces] = t


def check_pieces(name: str, center: float, scale: float, borders: Sequence[float]) -> None:
    """Raise ``ValueError`` for numbers that :func:`robust` and :func:`piece_borders` never give."""
    number(f"center of {name!r}", center, low=-LARGEST, high=LARGEST)
    number(f"scale of {name!r}", scale, low=0.0, open_low=True)
    if len(borders) == 1 or len(borders) > 1 + MOST_PIECES:
        raise ValueError(f"{name!r} has {counted(len(borders), 'border')}; there are none, or 2 to {1 + MOST_PIECES:,}")
    for border in borders:
        number(f"a border of {name!r}", border, low=-LARGEST, high=LARGEST)
    for before, behind in pairwise(borders):
        if not before < behind:
            raise ValueError(f"the borders of {name!r} must grow, got {before!r} and then {behind!r}")


def quantiles(ordered: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Quantiles of sorted numbers ``(n,)`` at shares of 0 to 1, between neighbours on a straight line."""
    place = shares * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    part = place - below
    found: np.ndarray = ordered[below] * (1 - part) + ordered[above] * part
    return found


def robust(ordered: np.ndarray) -> tuple[float, float]:
    """Median and reciprocal of the interquartile range, or of half the range where that is 0; of numbers that vary."""
    low, center, high = quantiles(ordered, np.array([0.25, 0.5, 0.75]))
    spread = high - low
    if spread <= max(NEAR * abs(center), TINY):
        spread = (ordered[-1] - ordered[0]) / 2
    return float(center), float(1 / spread)


def piece_borders(ordered: np.ndarray, most: int) -> list[float]:
    """Borders of at most ``most`` pieces for sorted numbers: at all values where they are few, else at quantiles.

    A value of more rows than a piece has (zero, in columns of amounts) is a border of its own, and the quantiles are
    those of all others: of the numbers as they are, most would fall on it. How many they are grows with the root of the
    others' share: in proportion to it they are too few to tell others apart, and at their most they learn by heart.

    >>> piece_borders(np.array([1.0, 1, 1, 2, 5]), 4), piece_borders(np.arange(101.0), 4)
    ([1.0, 2.0, 5.0], [0.0, 25.0, 50.0, 75.0, 100.0])
    >>> piece_borders(np.concatenate([np.zeros(60), np.arange(1.0, 42.0)]), 5)
    [0.0, 1.0, 14.333333333333332, 27.666666666666664, 41.0]
    """
    distinct = apart(ordered)
    if len(distinct) > min(FEW_VALUES, most + 1):
        first = np.searchsorted(ordered, distinct)
        counts = np.diff(first, append=len(ordered))
        frequent = counts > len(ordered) / most
        own, others = distinct[frequent], ordered[np.repeat(~frequent, counts)]
        left = most + 1 - len(own)
        n_left = min(left, 2 + int((most - 1) * (len(others) / len(ordered)) ** 0.5))
        if n_left > 1 and len(others):
            own = np.sort(np.concatenate([own, quantiles(others, np.linspace(0.0, 1.0, n_left))]))
        distinct = apart(own)
    return distinct.tolist() if len(distinct) > 1 else []


def apart(ordered: np.ndarray) -> np.ndarray:
    """Sorted numbers without those that are the same as the one before, but for errors of rounding."""
    if not len(ordered):
        return ordered
    size = np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))
    found: np.ndarray = ordered[np.append(True, np.diff(ordered) > np.maximum(NEAR * size, TINY))]
    return found
