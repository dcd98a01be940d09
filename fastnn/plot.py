"""Pictures, drawn with matplotlib (the extra ``plot``), which is imported when one is wanted."""

from __future__ import annotations

import os
from typing import Any


def history(history: Any, ax: Any = None, metric: str = "loss") -> Any:
    """Draw the training and the validation curve of one value over the epochs.

    Parameters
    ----------
    history : what ``fit`` returned, or its ``.history`` dict.
    ax : matplotlib Axes to draw into; None makes a new figure.
    metric : the value, ``"loss"`` or a metric's name.

    Returns
    -------
    the Axes.
    """
    values = getattr(history, "history", history)
    if metric not in values:
        raise ValueError(f"the history has no {metric!r}; it has {', '.join(values) or 'no epochs'}")
    if ax is None:
        ax = _pyplot().subplots()[1]
    epochs = getattr(history, "epoch", None) or range(len(values[metric]))
    for name, label in ((metric, "training"), (f"val_{metric}", "validation")):
        if name in values:
            ax.plot([epoch + 1 for epoch in epochs], values[name], label=label, marker="." if len(epochs) < 3 else None)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(metric)
    ax.legend()
    return ax


def save_history(fitted: Any, path: Any) -> None:
    """Write the curves of the loss and of each metric of a fit, side by side, to a picture file."""
    from matplotlib.figure import Figure

    metrics = [name for name in fitted.history if not name.startswith("val_")]
    figure = Figure(figsize=(5.5 * max(1, len(metrics)), 4), layout="constrained")
    axes = figure.subplots(1, max(1, len(metrics)), squeeze=False)[0]
    for metric, ax in zip(metrics, axes, strict=False):
        history(fitted, ax, metric)
    figure.savefig(path, dpi=120)


def check_picture(path: Any) -> None:
    """Raise ``ImportError`` when matplotlib is missing, ``ValueError`` when it cannot write that kind of file."""
    kinds = _pyplot().figure().canvas.get_supported_filetypes()
    _pyplot().close()
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in kinds:
        raise ValueError(f"{path}: the name of a picture must end in .{', .'.join(sorted(kinds))}")


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError("pictures need matplotlib; install the extra fastnn-native[plot]") from None
    return pyplot
