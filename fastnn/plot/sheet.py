"""Sheets of images with words above them, in one Axes.

Lengths are in widths of an image; down is positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

GAP, INNER = 0.16, 0.05  # between cells, and between the images of a cell
POINTS = 7.5  # size of the words where there is room
SIDE = 0.85  # least width of an image in a new figure, in inches
CHARACTER, LINE = 0.56, 1.25  # width of a character and height of a line, in sizes of the font
EVEN = 0.6  # how much a shape counts beside the share of empty places
NARROW, WIDE = 3.6, 14.0  # least width, in which a title has room, and greatest side of a new figure, in inches


@dataclass(frozen=True)
class Sheet:
    """Cells in rows from the upper left, each of ``span`` images of one shape side by side, with lines above them.

    Parameters
    ----------
    ratio : height of an image.
    captions : the lines above each cell, as many for each.
    span : images of a cell.
    """

    ratio: float
    captions: Sequence[Sequence[str]]
    span: int = 1

    @property
    def wide(self) -> float:
        """Width of a cell."""
        return self.span + (self.span - 1) * INNER

    @property
    def font(self) -> float:
        """Size of the words at which the longest line fits its cell, and at most so large as suits an image."""
        longest = max((len(line) for lines in self.captions for line in lines), default=1)
        return min(0.13, self.wide / (CHARACTER * max(longest, 1)))

    @property
    def head(self) -> float:
        """Room above an image."""
        return LINE * self.font * max((len(lines) for lines in self.captions), default=0) + 0.03

    @property
    def n_columns(self) -> int:
        """So many that the sheet is about as wide as high."""
        return columns(len(self.captions), (self.ratio + self.head + GAP) / (self.wide + GAP))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of all."""
        n_rows = math.ceil(len(self.captions) / self.n_columns)
        return (
            self.n_columns * (self.wide + GAP) - GAP,
            n_rows * (self.head + self.ratio + GAP) - GAP,
        )

    def inches(self) -> tuple[float, float]:
        """Size of a new figure in which the words are well read; a title has room in it."""
        image = max(SIDE, POINTS / 72 / self.font)
        across, down = (image * side + 0.3 for side in self.size)
        return min(max(across, NARROW), WIDE), min(down + 0.3, WIDE)

    def prepare(self, ax: Axes) -> None:
        """Write the words, and set the limits."""
        across, down = self.size
        ax.set_axis_off()
        ax.set_aspect("equal")
        width, height = style.size_in_points(ax)
        points = self.font * min(width / across, height / down)
        for i, lines in enumerate(self.captions):
            left, top = self.place(i)
            ax.text(left, top - 0.03, "\n".join(lines), fontsize=min(points, 9.0), va="bottom", linespacing=LINE - 0.15)
        ax.set(xlim=(0, across), ylim=(down, 0))

    def place(self, cell: int, number: int = 0) -> tuple[float, float]:
        """Left and upper edge of an image of a cell."""
        row, column = divmod(cell, self.n_columns)
        return column * (self.wide + GAP) + number * (1 + INNER), row * (self.head + self.ratio + GAP) + self.head

    def draw(self, ax: Axes, cell: int, picture: np.ndarray, number: int = 0, **how: object) -> AxesImage:
        """Draw an image of a cell."""
        return draw(ax, picture, (*self.place(cell, number), 1.0, self.ratio), **how)


def columns(n: int, ratio: float) -> int:
    """Columns for ``n`` cells of a height by width: few places stay empty, and all is a little wider than high."""
    square = 1.1 * math.sqrt(n * ratio)
    fair = range(max(1, math.floor(0.75 * square)), min(n, math.ceil(1.25 * square)) + 1)
    return min(fair or [n], key=lambda c: (math.ceil(n / c) * c - n) / n + EVEN * abs(math.log(c / square)))


def draw(ax: Axes, picture: np.ndarray, box: tuple[float, float, float, float], **how: object) -> AxesImage:
    """A picture from 0 to 1, grey or of three colours, or with another ``cmap``, in (left, top, width, height)."""
    left, top, width, height = box
    look: dict[str, Any] = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0, "interpolation": "antialiased"} | how
    return ax.imshow(picture, extent=(left, left + width, top + height, top), **look)


def shaded(images: np.ndarray) -> np.ndarray:
    """Images ``(n, h, w, c)`` from 0, their smallest number, to 1: ``(n, h, w, 3)``, or ``(n, h, w)`` of the mean."""
    shown = images if images.shape[3] == 3 else images.mean(axis=3)
    low, high = float(shown.min()), float(shown.max())
    return (shown - low) / ((high - low) or 1.0)
