"""Curves of a training: loss and metrics over the epochs.

Design: the loss and each metric have a panel of their own. Two scales in one panel (a twin axis, rejected) leave four
curves whose scale must be looked up in the legend, and crossings that mean nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import nearest
from fastnn.plot import sources, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = ("learning_rate", "lr")  # columns that plot.learning_rate draws and history leaves out
FEW = 20  # epochs up to which every value has a dot
DECADES = 2.0  # that values must span before a logarithmic scale shows more than a linear one


class Curves:
    """The columns of a history, by what they measure.

    Attributes
    ----------
    epochs : their numbers, from 1.
    names : ``"loss"`` and the metrics, without the ``val_`` twins.
    best : index of the epoch with the lowest validation loss (or the highest validation score); None without one.
    kept : index of the epoch whose weights the model has; None where nothing tells.
    """

    def __init__(self, source: object):
        self.epochs, self.columns = sources.columns(source)
        self.names = list(dict.fromkeys(name.removeprefix("val_") for name in self.columns))
        self.names = [name for name in self.names if name not in RATES]
        losses = self.columns.get("val_loss", -self.columns.get("val_score", np.full(1, np.nan)))
        finite = np.where(np.isfinite(losses), losses, np.inf)
        self.best = int(finite.argmin()) if np.isfinite(finite).any() else None
        self.kept = sources.kept_epoch(source, len(self.epochs))

    def check(self, name: str) -> None:
        """Raise unless there is a column of this name."""
        if name not in self.names:
            raise ValueError(
                f"the history has no {name!r}{nearest(name, self.names)}; it has {', '.join(self.columns)}"
            )

    def of(self, name: str) -> dict[str, np.ndarray]:
        """The training and the validation values of ``name``, those that there are."""
        pairs = (("training", name), ("validation", f"val_{name}"))
        return {label: self.columns[column] for label, column in pairs if column in self.columns}


def history(history: object, ax: Axes | None = None, *, metric: str | None = None, log: object = "auto") -> Axes:
    """Draw the training and validation curves of a fit over its epochs.

    A ring marks the epoch whose weights the model has, where the history tells it (``History.kept_epoch``); else the
    one with the lowest validation loss, or without one the highest validation score. A run that diverged is drawn as
    far as its values are finite, and a dotted line says where they first were not.

    Parameters
    ----------
    history : what ``fit`` returned, a dict of lists, a trained :class:`fastnn.Sequential`, or a fitted estimator
        with ``loss_curve_`` and perhaps ``validation_loss_curve_`` and ``validation_scores_``.
    ax : Axes to draw one panel into. None makes a figure with a panel for the loss and one for each metric.
    metric : draw this one alone, ``"loss"`` or a metric's name. None: the loss in ``ax``, all in a new figure.
    log : whether the vertical axis is logarithmic. ``"auto"``: where all finite values are positive and span more
        than two decades, except for metrics that rise, such as accuracy.

    Returns
    -------
    the Axes, of the loss when there are several; all of them are ``ax.figure.axes``.

    Raises
    ------
    ValueError, TypeError
        there are no epochs, no such metric, columns of different lengths, or ``log=True`` with values below zero.

    Examples
    --------
    >>> from fastnn import plot
    >>> ax = plot.history({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7], "accuracy": [0.6, 0.7, 0.9]})
    >>> [panel.get_ylabel() for panel in ax.figure.axes]
    ['loss', 'accuracy']
    """
    curves = Curves(history)
    if log not in ("auto", True, False):
        raise ValueError(f'log must be "auto", True or False, got {log!r}')
    if not curves.names:
        raise ValueError(f"the history has no loss; it has {', '.join(curves.columns)}")
    name = metric or ("loss" if "loss" in curves.names else curves.names[0])
    curves.check(name)
    logarithmic = _scale(name, curves.of(name), log)
    if ax is not None or metric is not None:
        with style.drawing(ax) as ax:
            _panel(ax, curves, name, logarithmic)
        return ax
    with style.new_figure((5.2, 3.6)) as figure:
        return draw_panels(figure, curves, log)


def draw_panels(figure: Figure, curves: Curves, log: object) -> Axes:
    """A panel for the loss and each metric in an empty figure, whose size is set; returns the first."""
    n = len(curves.names)
    n_columns = n if n <= 3 else math.ceil(math.sqrt(n))
    n_rows = math.ceil(n / n_columns)
    figure.set_size_inches(5.2 if n == 1 else 4.2 * n_columns, 3.6 if n_rows == 1 else 3.0 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for panel, name in zip(panels, curves.names, strict=False):
        style.prepare(panel)
        _panel(panel, curves, name, _scale(name, curves.of(name), log))
    for panel in panels[n:]:
        panel.remove()
    found: Axes = panels[0]
    return found


def _scale(name: str, values: dict[str, np.ndarray], log: object) -> bool:
    """Whether the axis of these curves shall be logarithmic."""
    together = np.concatenate(list(values.values()))
    finite = together[np.isfinite(together)]
    if log != "auto" or not len(finite) or finite.min() <= 0:
        if log is True and len(finite) and finite.min() <= 0:
            raise ValueError(f"log=True needs positive values, got {name} down to {finite.min():g}")
        return log is True
    return spans_decades(finite) and (name == "loss" or finite[-1] < finite[0])


def spans_decades(values: np.ndarray) -> bool:
    """Whether positive finite values show more on a logarithmic axis."""
    return bool(np.log10(values.max()) - np.log10(values.min()) > DECADES)


def _panel(ax: Axes, curves: Curves, name: str, logarithmic: bool) -> None:
    shown = curves.of(name)
    for label, values in shown.items():
        colour = style.VALIDATION if label == "validation" else style.TRAINING
        line(ax, curves.epochs, values, color=colour, label=label)
    _mark_epoch(ax, curves, shown)
    _mark_divergence(ax, curves.epochs, list(shown.values()))
    if logarithmic:
        ax.set_yscale("log")
    label_axes(ax, "epoch", style.shown(name))
    style.legend(ax, loc="best" if len(curves.epochs) < style.MANY else "upper right")


def _mark_epoch(ax: Axes, curves: Curves, shown: dict[str, np.ndarray]) -> None:
    """A ring at the epoch that was kept, or would have been the one to keep."""
    place, word = (curves.best, "best") if curves.kept is None else (curves.kept, "kept")
    label = "validation" if "validation" in shown else "training"
    if place is None or (word == "best" and label == "training") or not np.isfinite(shown[label][place]):
        return
    colour = style.VALIDATION if label == "validation" else style.TRAINING
    ring: dict[str, Any] = {"marker": "o", "markersize": 8, "markerfacecolor": "none", "linestyle": "none"}
    epoch = curves.epochs[place]
    ax.plot([epoch], [shown[label][place]], color=colour, label=f"{word}: epoch {epoch}", **ring)


def line(ax: Axes, x: np.ndarray, values: np.ndarray, **more: Any) -> None:
    """A curve with gaps where values are not finite; short curves, and points that no line reaches, have dots."""
    finite = np.isfinite(values)
    around = np.pad(finite, 1)
    dotted = finite if len(values) <= FEW else finite & ~around[:-2] & ~around[2:]
    ax.plot(x, np.where(finite, values, np.nan), marker=".", markevery=np.flatnonzero(dotted).tolist(), **more)


def _mark_divergence(ax: Axes, epochs: np.ndarray, shown: list[np.ndarray]) -> None:
    bad = ~np.all([np.isfinite(values) for values in shown], axis=0)
    if bad.any():
        first = epochs[bad.argmax()]
        ax.update_datalim(np.column_stack([epochs, epochs]), updatey=False)  # values that are not finite count for none
        ax.autoscale_view()
        ax.axvline(first, color="0.4", linestyle=":", linewidth=1.2, label=f"not finite: epoch {first}")


def label_axes(ax: Axes, x: str, y: str) -> None:
    """Names of the axes; whole numbers alone on the horizontal one."""
    style.whole_numbers(ax.xaxis)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
