"""Where in the plane a model decides for which class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.types import DataLike
from fastnn.plot import inputs, style
from fastnn.plot.votes import Votes, vote

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MARGIN = 0.08  # of the points' range, left free on each side
TINT = 0.5  # of a class's colour where the model is certain; points in full colour stand out from it
FAINTEST = 0.12  # of it where the model is least certain


def decision_regions(model: object, x: object, y: object, ax: Axes | None = None, *, resolution: int = 200) -> Axes:
    """Draw the classes that a model of two inputs decides for, with the training points over them.

    Regions have their class's colour, fainter where the model is less certain; a line parts them (two classes: where
    the probability is one half). Classes differ by marker too, so that the picture needs no colour.

    Parameters
    ----------
    model : a :class:`fastnn.Sequential`, an estimator (``predict_proba`` or ``predict``) or a function ``f(x)``.
        It gives probabilities, ``(n, classes)`` or ``(n,)`` of the second class, or labels.
    x : points, ``(n, 2)``; a pandas frame's column names become those of the axes.
    y : their classes, ``(n,)``, or one-hot ``(n, classes)``.
    ax : Axes to draw into; None makes a figure.
    resolution : points of the grid along each side, at which the model is asked.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        ``x`` has not two columns, lengths differ, the model is not fitted, or it gives no probabilities or labels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import plot
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> ax = plot.decision_regions(lambda x: 1 / (1 + np.exp(4 * (x[:, 1] - x[:, 0]))), x, y)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['0', '1']
    """
    points = inputs.real("x", x)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"decision_regions draws models of two inputs: x must have shape (n, 2), got {points.shape}")
    labels, resolution = inputs.labels("y", y), integer("resolution", resolution, low=2)
    inputs.same_length(x=points, y=labels)
    sides = [_edges(column, resolution) for column in points.T]
    grid = np.stack(np.meshgrid(*(edges[:-1] + np.diff(edges) / 2 for edges in sides)), axis=-1)
    votes = vote(model, _like(x, grid.reshape(-1, 2)), labels)
    codes = inputs.positions("y", labels, votes.classes)
    across, up = (style.shown(name) for name in getattr(x, "columns", ("x[:, 0]", "x[:, 1]")))
    with style.drawing(ax, (5.4, 4.0)) as ax:
        style.framed(ax)
        _draw_regions(ax, votes, sides, grid)
        _draw_points(ax, points, codes, votes.classes)
        ax.set(xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]], xlabel=across, ylabel=up)
    return ax


def _edges(column: np.ndarray, resolution: int) -> np.ndarray:
    """Edges of the grid's cells along one side."""
    low, high = column.min(), column.max()
    margin = (high - low) * MARGIN or 0.5
    return np.linspace(low - margin, high + margin, resolution + 1)


def _like(x: DataLike, grid: np.ndarray) -> object:
    """The grid as the frame that ``x`` is: scikit-learn's estimators warn when column names go missing."""
    return type(x)(grid, columns=x.columns) if hasattr(x, "iloc") and hasattr(x, "columns") else grid


def _draw_regions(ax: Axes, votes: Votes, sides: list[np.ndarray], grid: np.ndarray) -> None:
    shape = grid.shape[:2]
    extent = (*sides[0][[0, -1]], *sides[1][[0, -1]])
    ax.imshow(
        tinted(votes).reshape(*shape, 3),
        extent=extent,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        zorder=0,
    )
    for k in range(len(votes.classes)):
        lead = votes.shares[:, k] - np.delete(votes.shares, k, axis=1).max(axis=1)
        if lead.min() < 0 < lead.max():  # contour warns when there is no line to draw
            ax.contour(*grid.transpose(2, 0, 1), lead.reshape(shape), [0.0], colors="0.25", linewidths=0.9, zorder=1)


def tinted(votes: Votes) -> np.ndarray:
    """Colours of the regions, ``(n, 3)``: the winner's, mixed with white by how sure the model is."""
    from matplotlib.colors import to_rgb

    n_classes = len(votes.classes)
    colours = np.array([to_rgb(style.look(k)[0]) for k in range(n_classes)])
    surplus = (votes.shares.max(axis=1) - 1 / n_classes) / (1 - 1 / n_classes)
    certainty = surplus if votes.certain else np.full(len(votes.shares), 0.5)
    strength = TINT * (FAINTEST + (1 - FAINTEST) * certainty.clip(0, 1))
    found: np.ndarray = 1 - strength[:, None] * (1 - colours[votes.shares.argmax(axis=1)])
    return found


def _draw_points(ax: Axes, points: np.ndarray, codes: np.ndarray, classes: np.ndarray) -> None:
    """Each class's points; a few large and rimmed, many small."""
    size = float(np.clip(6000 / len(points), 5, 28))
    for k, label in enumerate(inputs.names(classes)):
        colour, marker = style.look(k)
        ax.scatter(
            points[codes == k, 0],
            points[codes == k, 1],
            s=size,
            marker=marker,
            color=colour,
            edgecolor="0.1" if size > 10 else "none",
            linewidth=0.5,
            label=style.shown(label, 24),
            zorder=2,
        )
    style.legend(ax, outside=True, markerscale=float(np.sqrt(28 / size)))
