"""How far predictions are from targets: residuals of numbers, calibration of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import integer
from fastnn.plot import inputs, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

MANY = 5000  # residuals from which points would hide each other, and cells count them
MOST_CURVES = len(style.COLOURS)
TOLERANCE = 1e-6  # by which single precision may carry a probability past 0 or 1


def residuals(target: ArrayLike, prediction: ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw residuals, target minus prediction, against predictions.

    Up to 5000 are points, of one colour an output; more are counted in hexagonal cells, all outputs together, on
    a logarithmic scale of colours.

    Parameters
    ----------
    target, prediction : numbers, ``(n,)`` or ``(n, outputs)``.
    ax : Axes to draw into; None makes a figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        shapes differ, or there is a value that is not finite.

    Examples
    --------
    >>> from fastnn import plot
    >>> ax = plot.residuals([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
    >>> ax.collections[0].get_offsets().tolist()
    [[1.5, -0.5], [2.0, 0.0], [2.0, 1.0]]
    """
    true, predicted = _outputs("target", target), _outputs("prediction", prediction)
    inputs.same_length(target=true, prediction=predicted)
    if true.shape != predicted.shape:
        raise ValueError(
            f"target and prediction must have the same shape, got {np.shape(target)} and {np.shape(prediction)}"
        )
    with style.drawing(ax) as ax:
        if true.size > MANY:
            _count_in_cells(ax, predicted.ravel(), (true - predicted).ravel())
        else:
            _scatter(ax, predicted, true - predicted)
        ax.axhline(0.0, color="0.25", linewidth=1.0, zorder=3)
        ax.set_xlabel("prediction")
        ax.set_ylabel("target − prediction")  # noqa: RUF001 (the sign for minus)
    return ax


def _outputs(name: str, came: object) -> np.ndarray:
    array = inputs.real(name, came)
    if array.ndim > 2:
        raise ValueError(f"{name} must have shape (n,) or (n, outputs), got {array.shape}")
    return array.reshape(len(array), -1)


def _scatter(ax: Axes, predicted: np.ndarray, residual: np.ndarray) -> None:
    n_outputs, few = predicted.shape[1], predicted.size < 500
    coloured = 1 < n_outputs <= len(style.COLOURS)
    look: dict[str, Any] = {"s": 18 if few else 10, "alpha": 0.7 if few else 0.5, "linewidths": 0}
    for k in range(n_outputs):
        colour, marker = style.look(k if coloured else 0)
        label = f"output {k}" if coloured else None
        ax.scatter(predicted[:, k], residual[:, k], color=colour, marker=marker, label=label, **look)
    if coloured:
        for handle in style.legend(ax, outside=True).legend_handles:
            handle.set_alpha(1.0)  # type: ignore[union-attr]  # legends have handles


def _count_in_cells(ax: Axes, predicted: np.ndarray, residual: np.ndarray) -> None:
    cells = ax.hexbin(
        predicted, residual, gridsize=(60, 36), bins="log", mincnt=1, cmap=style.sequential("#C3DDED"), linewidths=0.2
    )
    ax.figure.colorbar(cells, ax=ax, label="residuals in a cell")


def calibration(target: object, probability: object, ax: Axes | None = None, *, n_bins: int = 10) -> Axes:
    """Draw how often what was predicted with some probability came true (a reliability curve).

    Predictions are sorted into ``n_bins`` equal intervals; a point is an interval's mean prediction and the share of
    its rows that are of the class. Bars are the share of all predictions in each interval. On the diagonal the
    probabilities are right; below it the class came true less often than was predicted.

    Parameters
    ----------
    target : classes, ``(n,)``, or one-hot ``(n, classes)``. With two classes the second is the one predicted.
    probability : of the second class, ``(n,)`` or ``(n, 1)``; or of each class, ``(n, classes)``, up to ten: a curve
        for each of them against all others (one curve for two classes).
    ax : Axes to draw into; None makes a figure.
    n_bins : number of intervals.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        lengths differ, probabilities lie outside 0 to 1, or targets and columns do not fit together.

    Examples
    --------
    >>> from fastnn import plot
    >>> ax = plot.calibration([0, 0, 1, 1, 1], [0.1, 0.3, 0.3, 0.9, 0.9], n_bins=2)
    >>> ax.get_lines()[1].get_ydata().round(2).tolist()
    [0.33, 1.0]
    """
    labels, shares = inputs.labels("target", target), _probabilities(probability)
    inputs.same_length(target=labels, probability=shares)
    classes, n_bins = _classes(labels, shares.shape[1]), integer("n_bins", n_bins, low=1)
    codes = inputs.positions("target", labels, classes)
    two = len(classes) == 2
    hits = [codes == 1] if two else [codes == k for k in range(len(classes))]
    columns = [shares[:, -1]] if two else list(shares.T)
    names = ["model"] if two else [style.shown(label, 20) for label in classes]
    with style.drawing(ax, (4.6 if two else 6.2, 4.2)) as ax:
        _draw_histogram(ax, np.concatenate(columns), n_bins)
        ax.plot([0, 1], [0, 1], color="0.4", linestyle="--", linewidth=1.0, label="perfect")
        for k, (hit, column, name) in enumerate(zip(hits, columns, names, strict=True)):
            colour, marker = style.look(k)
            ax.plot(*bins(hit, column, n_bins), color=colour, marker=marker, label=name)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability", ylabel="share that came true")
        style.legend(ax, outside=not two)
    return ax


def bins(hit: np.ndarray, probability: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean prediction and share of hits of each interval that has rows."""
    index = np.searchsorted(_edges(n_bins)[1:-1], probability)
    rows = np.bincount(index, minlength=n_bins)
    filled = rows > 0
    predicted, observed = (np.bincount(index, values, n_bins)[filled] / rows[filled] for values in (probability, hit))
    return predicted, observed


def _edges(n_bins: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, n_bins + 1)


def _draw_histogram(ax: Axes, probability: np.ndarray, n_bins: int) -> None:
    edges = _edges(n_bins)
    rows = np.bincount(np.searchsorted(edges[1:-1], probability), minlength=n_bins)
    ax.bar(
        edges[:-1], rows / len(probability), np.diff(edges), align="edge", color="0.5", alpha=0.25, edgecolor="white",
        linewidth=0.8, zorder=0, label="share of predictions",
    )  # fmt: skip


def _probabilities(came: object) -> np.ndarray:
    shares = inputs.real("probability", came)
    if shares.ndim > 2:
        raise ValueError(f"probability must have shape (n,) or (n, classes), got {shares.shape}")
    low, high = shares.min(), shares.max()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"probability must lie in [0, 1], got {low:g} to {high:g}; logits need a sigmoid or softmax first"
        )
    return shares.reshape(len(shares), -1).clip(0.0, 1.0)


def _classes(labels: np.ndarray, n_columns: int) -> np.ndarray:
    """The classes in the order of the columns; two for one column."""
    n, present = max(n_columns, 2), np.unique(labels)
    if n > MOST_CURVES:
        raise ValueError(
            f"calibration draws up to {MOST_CURVES} classes, got {n} columns; "
            f"draw one class with calibration(target == c, probability[:, c])"
        )
    if present.dtype.kind in "iub" and present[0] >= 0 and present[-1] < n:
        return np.arange(n)
    if len(present) != n:
        raise ValueError(
            f"target has {len(present)} classes, but probability is for {n}; it must have shape (n, classes)"
        )
    return present
