"""The look that all pictures share, and the Axes they are drawn into.

Everything global in matplotlib is dealt with here: the style holds inside :func:`drawing` only. Ticks and grid are
set on the Axes and not by the style, because matplotlib makes ticks when it draws, long after the style has gone.

Design: a new figure is pyplot's when the program has pyplot loaded or runs in IPython, else the caller's alone. So
``plt.show()``, ``plt.savefig()`` and a notebook's cell show it as they show other libraries' pictures (IPython shows
what pyplot has open, and an Axes that is returned shows as text), while a server that never loads pyplot
collects no open figures. Always pyplot (rejected) leaks a figure a call there; never pyplot (rejected) shows nothing
in notebooks; by the kind of backend (rejected) ``plt.savefig`` would write an empty picture on some machines.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

# Okabe and Ito's colours, which colour-blind readers tell apart, the strongest first; others stand for their
# yellow and black, which vanish on white or beside lines, and make ten.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"),
    *("#56B4E9", "#6B5B4B", "#999933", "#332288", "#8F8F8F"),
)
MARKERS = "osD^vPX<>"  # their number has no divisor in common with COLOURS', so that pairs repeat after 90 classes
TRAINING, VALIDATION = COLOURS[:2]
NEGATIVE, POSITIVE = COLOURS[1], COLOURS[0]
STYLE: dict[str, object] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.fontsize": 8.0,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "lines.linewidth": 1.5,
    "lines.markersize": 5.0,
}
GRID: dict[str, Any] = {"color": "0.5", "alpha": 0.25, "linewidth": 0.6}
MANY = 5000  # vertices from which matplotlib's search for a free corner takes noticeable time


def look(k: int) -> tuple[str, str]:
    """Colour and marker of class or output ``k``."""
    return COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]


@contextmanager
def drawing(ax: Axes | None, size: tuple[float, float] = (5.2, 3.6)) -> Iterator[Axes]:
    """A block with the style in force and the Axes to draw into: the one given, or that of a new figure.

    An error inside takes a new figure away again. ``size`` is that of a new figure, in inches.
    """
    if ax is not None:
        with styled():
            yield checked(ax)
        return
    with new_figure(size) as figure:
        made = figure.subplots()
        prepare(made)
        yield made


def prepare(ax: Axes) -> None:
    """Give Axes of our own their grid and ticks; a user's keep theirs."""
    ax.grid(True, **GRID)
    ax.tick_params(labelsize=8, width=0.8)


@contextmanager
def styled() -> Iterator[None]:
    """A block with the style in force."""
    with _matplotlib().rc_context(STYLE):
        yield


def _matplotlib() -> ModuleType:
    try:
        import matplotlib
    except ImportError:
        raise ImportError("pictures need matplotlib; install the extra fastnn-native[plot]") from None
    return matplotlib


@contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Figure]:
    """A block with the style in force and a new figure, which an error inside takes away again.

    The figure is made before the style holds: pyplot's first one loads the backend, which in a notebook changes
    settings for good, and these the end of the style would put back.
    """
    _matplotlib()
    pyplot = _pyplot_in_use()
    if pyplot is None:
        from matplotlib.figure import Figure

        with styled():
            yield Figure(figsize=size, layout="constrained")
        return
    figure = pyplot.figure(figsize=size, layout="constrained")
    try:
        with styled():
            yield figure
    except BaseException:
        pyplot.close(figure)
        raise


def _pyplot_in_use() -> ModuleType | None:
    loaded, ipython = sys.modules.get("matplotlib.pyplot"), sys.modules.get("IPython")
    if loaded is None and ipython is not None and ipython.get_ipython() is not None:
        from matplotlib import pyplot

        return pyplot
    return loaded


def checked(ax: object) -> Axes:
    """A user's ``ax``, or ``TypeError``."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, such as plt.subplots()[1], got {type(ax).__name__}")
    return ax


def legend(ax: Axes, *, outside: bool = False, **more: object) -> Legend:
    """A legend in a free corner, or right of the picture where the figure's layout makes room for it."""
    if outside and ax.figure.get_layout_engine() is not None:
        more |= {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    elif outside and len(ax.get_legend_handles_labels()[0]) > 5:
        more |= {"loc": "upper right", "ncols": 2}
    return ax.legend(**more)


def framed(ax: Axes) -> None:
    """Prepare for an image: a frame, and nothing that would lie over it."""
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set(visible=True, color="0.6", linewidth=0.8)


def whole_numbers(*axes: Axis) -> None:
    """Ticks at whole numbers alone, where the axis chooses its ticks by itself."""
    from matplotlib.ticker import MaxNLocator

    for axis in axes:
        locator = axis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(integer=True, min_n_ticks=1)


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of the Axes, as far as they are known before the layout."""
    box = ax.get_window_extent()
    points = 72.0 / ax.figure.dpi
    return box.width * points, box.height * points


def diverging() -> Colormap:
    """Orange below zero, near white at zero, blue above; nothing where there is no number."""
    return _colormap("fastnn_diverging", ("#5C2800", NEGATIVE, "#F7F7F7", POSITIVE, "#002F4A"))


def sequential(lightest: str = "#FFFFFF") -> Colormap:
    """From ``lightest`` to dark blue."""
    return _colormap("fastnn_sequential", (lightest, "#7DB6DA", POSITIVE, "#00243A"))


def _colormap(name: str, colours: tuple[str, ...]) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, colours).with_extremes(bad=(0.0, 0.0, 0.0, 0.0))


def luminance(rgba: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB colours ``(..., 3 or 4)`` (WCAG 2)."""
    rgb = rgba[..., :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    found: np.ndarray = linear @ np.array([0.2126, 0.7152, 0.0722])
    return found


def text_colours(rgba: np.ndarray) -> np.ndarray:
    """Black or white, whichever contrasts more with each background; the worst contrast is 4.58 to 1."""
    return np.where(luminance(rgba) > 0.179, "black", "white")


def shown(text: object, most: int = 40) -> str:
    """A name as matplotlib shall write it: cut to ``most`` characters, without a meaning for ``$`` and ``_``.

    A pair of dollars would make a formula of what is between them; a legend leaves out what begins with an underscore.
    """
    label = str(text)
    cut = label if len(label) <= most else label[: most - 1] + "…"
    return " " * cut.startswith("_") + cut.replace("$", r"\$")
