"""The learning rate over the steps that a schedule, an optimiser or a model will take, or over the epochs of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer, shown
from fastnn.callbacks import History
from fastnn.models.sequential import Sequential
from fastnn.optimizers import Optimizer
from fastnn.plot import sources, style
from fastnn.plot.curves import RATES, label_axes, line, spans_decades
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT_STEPS = 1000
MOST_POINTS = 5000  # of a curve; more cannot be told apart on any screen


def learning_rate(source: object, steps: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the learning rate over the steps (one step is one update, counted from 0), or over the epochs of a fit.

    The vertical axis is logarithmic where the rates are positive and span more than two decades. A schedule that
    follows the loss (:class:`fastnn.schedules.Plateau`) is drawn with the rate that it has now.

    Parameters
    ----------
    source : a schedule, an optimiser, a compiled :class:`fastnn.Sequential`; or a History (or its dict) that has a
        column ``"learning_rate"``.
    steps : how many steps to draw. None: those that the model has trained; before training, as far as the schedule
        changes and a quarter more; else 1000. Not for a History.
    ax : Axes to draw into; None makes a figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the source has no learning rates, the model is not compiled, or ``steps`` is no number of steps.

    Examples
    --------
    >>> from fastnn import plot, schedules
    >>> ax = plot.learning_rate(schedules.CosineDecay(0.0, 900, warmup_target=0.01, warmup_steps=100))
    >>> ax.get_xlabel()
    'step'
    """
    over_epochs = isinstance(source, dict | History)
    x, rates = _over_epochs(source, steps) if over_epochs else _over_steps(source, steps)
    with style.drawing(ax) as ax:
        if over_epochs:
            line(ax, x, rates, color=style.TRAINING)
        else:
            ax.plot(x, rates, color=style.TRAINING)
        finite = rates[np.isfinite(rates)]
        if len(finite) and finite.min() > 0 and spans_decades(finite):
            ax.set_yscale("log")
        elif len(finite) and finite.min() >= 0:
            ax.set_ylim(bottom=0.0)
        label_axes(ax, "epoch" if over_epochs else "step", "learning rate")
    return ax


def _over_epochs(source: object, steps: int | None) -> tuple[np.ndarray, np.ndarray]:
    epochs, columns = sources.columns(source)
    name = next((name for name in RATES if name in columns), None)
    if name is None:
        raise ValueError(f"the history has no column 'learning_rate'; it has {', '.join(columns)}")
    if steps is not None:
        raise ValueError("steps is for schedules, optimisers and models; a history has its epochs")
    return epochs, columns[name]


def _over_steps(source: object, steps: int | None) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(source, Schedule | Optimizer | Sequential):
        raise TypeError(
            f"source must be a schedule, an optimiser, a compiled model, or a History with a column "
            f"'learning_rate', got {shown(source)}"
        )
    optimizer = source.compiled_optimizer if isinstance(source, Sequential) else source
    schedule = optimizer.learning_rate if isinstance(optimizer, Optimizer) else optimizer
    trained = source.step if isinstance(source, Sequential) else 0
    n = integer("steps", steps, low=1) if steps is not None else trained or _natural_length(schedule)
    x = np.arange(n) if n <= MOST_POINTS else np.linspace(0, n - 1, MOST_POINTS).astype(np.int64)
    return x, schedule.rates(x) if isinstance(schedule, Schedule) else np.full(len(x), float(schedule))


def _natural_length(schedule: object) -> int:
    """Steps after which a schedule shows no more news, and a quarter more; an exponential one five of its periods."""
    decay = getattr(schedule, "decay_steps", 0) * (5 if hasattr(schedule, "decay_rate") else 1)
    changes = max([decay + getattr(schedule, "warmup_steps", 0), *getattr(schedule, "boundaries", ())])
    return int(changes * 1.25) or DEFAULT_STEPS
