"""Small charts as SVG inside a page: lines, points and bars over two axes, in the page's colours.

Design: written here, not by matplotlib. A chart is 2 to 20 KB in place of 50, needs no package, takes no tenth of a
second, and follows the page into the dark, since its colours are classes of the page's style.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from fastnn._base.reprs import printable

LEFT, RIGHT, TOP, BOTTOM, LABEL = (
    56,
    20,
    10,
    24,
    18,
)  # around the plot, in units of the picture; the last under x's label
LETTER = 6.6  # wide
N_COLOURS = 8  # classes c0 to c7 of the style
MOST_POINTS = 400  # of a line; more cannot be seen

Ticks = list[tuple[float, str]]
Range = tuple[float, float]
Points = Sequence[float] | np.ndarray  # numbers, one after the other


class Chart:
    """One chart; what is drawn later lies above.

    Parameters
    ----------
    x, y : what the axes show, from and to; equal ends are moved apart.
    x_label, y_label : under and beside them.
    y_ticks : places with names, where the axis is not of numbers.
    """

    def __init__(
        self,
        x: Range,
        y: Range,
        x_label: str = "",
        y_label: str = "",
        *,
        y_ticks: Ticks | None = None,
        size: tuple[int, int] = (420, 300),
    ):
        self.x, self.y, self.size = _apart(x), _apart(y), size
        self.x_ticks, self.y_ticks = ticks(self.x), y_ticks if y_ticks is not None else ticks(self.y)
        widest = max((len(name) for _, name in self.y_ticks), default=0)
        self.left = max(LEFT, 16 + LETTER * widest + 14 * bool(y_label))
        self.labels, self.drawn = (x_label, y_label), [""]
        self.bottom = size[1] - BOTTOM - LABEL * bool(x_label)
        self.legend: list[tuple[str, str]] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where in the picture a point is; one outside is at the edge."""
        width, (x0, x1), (y0, y1) = self.size[0], self.x, self.y
        across = min(max((x - x0) / (x1 - x0), 0.0), 1.0)
        up = min(max((y - y0) / (y1 - y0), 0.0), 1.0)
        return (
            round(self.left + across * (width - self.left - RIGHT), 1),
            round(self.bottom - up * (self.bottom - TOP), 1),
        )

    def line(self, xs: Points, ys: Points, style: str, name: str = "") -> None:
        """A line through points, of which those that are no numbers are left out."""
        points = [self.place(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        if len(points) > MOST_POINTS:
            points = [points[i] for i in np.linspace(0, len(points) - 1, MOST_POINTS).astype(int)]
        if points:
            path = " ".join(f"{x:g},{y:g}" for x, y in points)
            self.drawn.append(f'<polyline class="{style}" points="{path}">{_title(name)}</polyline>')
        self._name(style, name)

    def points(self, xs: Points, ys: Points, style: str, radius: float = 3, titles: Sequence[str] = ()) -> None:
        """Points, each with what the pointer shows over it."""
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            if math.isfinite(x) and math.isfinite(y):
                cx, cy = self.place(x, y)
                title = _title(titles[i] if titles else "")
                self.drawn.append(f'<circle class="{style}" cx="{cx:g}" cy="{cy:g}" r="{radius:g}">{title}</circle>')

    def bars(self, edges: Points, heights: Points, style: str) -> None:
        """Upright bars between neighbouring edges."""
        for low, high, top in zip(edges, edges[1:], heights, strict=False):
            (x0, y0), (x1, y1) = self.place(low, 0.0), self.place(high, top)
            title = _title(f"{in_ticks(low)} to {in_ticks(high)}: {top:g}")
            size = f'width="{max(0.5, x1 - x0 - 1):g}" height="{max(0.0, y0 - y1):g}"'
            self.drawn.append(f'<rect class="{style}" x="{x0:g}" y="{y1:g}" {size}>{title}</rect>')

    def _name(self, style: str, name: str) -> None:
        if name:
            self.legend.append((style, name))

    def svg(self, title: str) -> str:
        """The picture, with a title for those who do not see it, and its legend."""
        width, height = self.size
        inside = "".join([*self._axes(), *self.drawn])
        names = "".join(f'<li class="{style}">{text(name)}</li>' for style, name in self.legend)
        legend = f'<ul class="legend">{names}</ul>' if names else ""
        return (
            f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{text(title)}">{inside}</svg>'
            f"<figcaption>{text(title)}{legend}</figcaption></figure>"
        )

    def _axes(self) -> list[str]:
        width, height = self.size
        made, bottom = [], self.bottom
        for value, name in self.x_ticks:
            x, _ = self.place(value, self.y[0])
            made.append(f'<line class="grid" x1="{x:g}" y1="{TOP}" x2="{x:g}" y2="{bottom}"/>')
            made.append(f'<text x="{x:g}" y="{bottom + 15}" text-anchor="middle">{text(name)}</text>')
        for value, name in self.y_ticks:
            _, y = self.place(self.x[0], value)
            made.append(f'<line class="grid" x1="{self.left:g}" y1="{y:g}" x2="{width - RIGHT}" y2="{y:g}"/>')
            made.append(f'<text x="{self.left - 6:g}" y="{y + 4:g}" text-anchor="end">{text(name)}</text>')
        x_label, y_label = self.labels
        middle = (self.left + width - RIGHT) / 2
        if x_label:
            made.append(
                f'<text class="axis" x="{middle:g}" y="{height - 8}" text-anchor="middle">{text(x_label)}</text>'
            )
        if y_label:
            at = f'transform="translate(12 {(TOP + bottom) / 2:g}) rotate(-90)"'
            made.append(f'<text class="axis" {at} text-anchor="middle">{text(y_label)}</text>')
        return made


def text(came: object, most: int = 60) -> str:
    """Any text for a page: what a stranger's file says is shown, and is neither obeyed nor endless.

    >>> text("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    return escape(printable(str(came), most)) if came != "" else ""


def ticks(ends: Range, most: int = 6) -> Ticks:
    """Round numbers between both ends, at most about so many.

    >>> [name for _, name in ticks((0.0, 1.0))]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    low, high = ends
    rough = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * k for k in (1, 2, 5, 10) if scale * k >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(k * step, in_ticks(k * step)) for k in range(first, last + 1)]


def in_ticks(value: float) -> str:
    """A number on an axis."""
    value = float(f"{value:.6g}")
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    commas = "," if abs(value) >= 10_000 else ""  # years have none
    return f"{value:{commas}.0f}" if value == round(value) else f"{value:{commas}.6g}"


def colour(k: int) -> str:
    """The style of the k-th of several lines."""
    return f"c{k % N_COLOURS}"


def _title(name: str) -> str:
    return f"<title>{text(name)}</title>" if name else ""


def _apart(ends: Range) -> Range:
    """Both ends as numbers that differ by more than rounding."""
    low, high = (float(end) if math.isfinite(end) else 0.0 for end in ends)
    least = 1e-9 * max(abs(low), abs(high), 1e-6)
    return (low, high) if high - low > least else (low - max(1.0, abs(low)) / 2, low + max(1.0, abs(low)) / 2)
