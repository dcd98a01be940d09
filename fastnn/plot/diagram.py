"""A network as circles and lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn.plot import sources, style
from fastnn.plot.graph import graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 2.4  # points, the line of the largest weight
THINNEST, FAINTEST = 0.25, 0.12  # width and opacity of a weight near zero
DOTS = np.array([-0.26, 0.0, 0.26])  # the ellipsis, in distances between units


@dataclass
class Column:
    """The units of one layer: those that are drawn, and what is written under them."""

    texts: list[str]
    units: np.ndarray  # indices of the units that are drawn
    heights: np.ndarray
    gap: float | None  # where the ellipsis stands


def network(model: object, ax: Axes | None = None, *, max_units: int = 12) -> Axes:
    """Draw a network of Dense layers: circles are units, lines are weights; of any other model, its graph.

    A line is blue for a positive weight and orange for a negative one, and the wider the larger its size; widths
    compare over the whole picture. Of a layer with more than ``max_units`` units the first and the last are drawn, and
    an ellipsis between them. Biases are not drawn.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential`, or a fitted estimator with ``model_`` or ``coefs_``. A
        :class:`fastnn.Model` that is no chain of Dense layers is drawn by :func:`graph`.
    ax : Axes to draw into; None makes a figure.
    max_units : most circles in a layer, at least 2.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, or has layers other than Dense with a kernel.

    Examples
    --------
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Dense
    >>> ax = plot.network(Sequential([Dense(8, "tanh", input_shape=(2,)), Dense(1, "sigmoid")], seed=0))
    >>> [text.get_text().splitlines() for text in ax.texts]
    [['input', '2'], ['Dense', '8', 'tanh'], ['Dense', '1', 'sigmoid']]
    """
    if sources.is_graph(model):
        return graph(model, ax)
    layers, max_units = sources.dense_layers(model), integer("max_units", max_units, low=2)
    columns = [_column(["input"], len(layers[0].kernel), max_units)]
    for layer in layers:
        texts = [layer.name, layer.activation if layer.activation != "linear" else "", *layer.notes]
        columns.append(_column(texts, layer.kernel.shape[1], max_units))
    tallest = max(np.ptp(column.heights) for column in columns) + 2
    size = float(np.clip(1.55 * len(columns), 3.6, 12)), float(np.clip(0.3 * tallest + 0.9, 1.9, 7))
    with style.drawing(ax, size) as ax:
        ax.set_axis_off()
        ax.set(xlim=(-0.4, len(columns) - 0.6), ylim=(-tallest / 2, tallest / 2))
        _draw_weights(ax, columns, [layer.kernel for layer in layers])
        _draw_units(ax, columns, style.size_in_points(ax)[1] / tallest)
        _write(ax, columns)
    return ax


def _column(texts: list[str], n_units: int, max_units: int) -> Column:
    """A column around height zero, a unit of height between neighbours, the first unit on top."""
    written = [style.shown(texts[0], 18), f"{n_units:,}", *(text for text in texts[1:] if text)]
    if n_units <= max_units:
        return Column(written, np.arange(n_units), (n_units - 1) / 2 - np.arange(n_units), None)
    first = (max_units + 1) // 2
    places = max_units / 2 - np.delete(np.arange(max_units + 1), first)
    units = np.concatenate([np.arange(first), np.arange(n_units - (max_units - first), n_units)])
    return Column(written, units, places, max_units / 2 - first)


def _draw_weights(ax: Axes, columns: list[Column], kernels: list[np.ndarray]) -> None:
    """Lines between neighbouring columns, the smallest weights lowest."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    most = max(float(np.abs(kernel).max()) for kernel in kernels) or 1.0
    for x, (left, right, kernel) in enumerate(zip(columns, columns[1:], kernels, strict=False)):
        weights = kernel[np.ix_(left.units, right.units)].ravel()
        order = np.argsort(np.abs(weights), kind="stable")
        ends = np.empty((len(weights), 2, 2))
        ends[:, :, 0] = x, x + 1
        ends[:, :, 1] = np.stack(np.meshgrid(left.heights, right.heights, indexing="ij"), axis=-1).reshape(-1, 2)
        share = np.abs(weights) / most
        colours = np.empty((len(weights), 4))
        colours[:, :3] = np.where(weights[:, None] < 0, to_rgb(style.NEGATIVE), to_rgb(style.POSITIVE))
        colours[:, 3] = FAINTEST + (0.9 - FAINTEST) * share
        widths = THINNEST + (WIDEST - THINNEST) * share
        ax.add_collection(LineCollection(list(ends[order]), colors=colours[order], linewidths=widths[order], zorder=1))
    for label, colour in (("positive weight", style.POSITIVE), ("negative weight", style.NEGATIVE)):
        ax.plot([], [], color=colour, label=label)


def _draw_units(ax: Axes, columns: list[Column], distance: float) -> None:
    """Circles, whose size follows the distance between them (in points)."""
    diameter = float(np.clip(0.62 * distance, 2.5, 15))
    x = np.repeat(np.arange(len(columns)), [len(column.units) for column in columns])
    heights = np.concatenate([column.heights for column in columns])
    ax.scatter(x, heights, s=diameter**2, color="white", edgecolor="0.3", linewidth=0.9, zorder=2)
    for i, column in enumerate(columns):
        if column.gap is not None:
            ax.scatter(np.full(3, i), column.gap + DOTS, s=(diameter / 5) ** 2, color="0.3", linewidth=0, zorder=2)


def _write(ax: Axes, columns: list[Column]) -> None:
    """Names, widths and activations under the columns, as large as fits between neighbours; below them the legend."""
    from matplotlib.transforms import ScaledTranslation

    room = style.size_in_points(ax)[0] / (len(columns) - 0.2)
    longest = max(len(text) for column in columns for text in column.texts)
    size = float(np.clip(room / (0.64 * longest), 5.0, 9.0))
    below = ax.get_xaxis_transform()
    for i, column in enumerate(columns):
        ax.text(i, -0.01, "\n".join(column.texts), transform=below, ha="center", va="top", fontsize=size)
    height = 1.25 * size * max(len(column.texts) for column in columns) + 8.0
    beneath = ax.transAxes + ScaledTranslation(0.0, -height / 72, ax.figure.dpi_scale_trans)
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=beneath, ncols=2, borderaxespad=0.0)
