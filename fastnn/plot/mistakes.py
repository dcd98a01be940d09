"""What a model gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import numbers
from fastnn.plot import inputs, style
from fastnn.plot.sheet import Sheet, shaded
from fastnn.plot.votes import Votes, vote

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 25


def misclassified(
    model: object,
    x: object,
    y: object,
    labels: object = None,
    ax: Axes | None = None,
    *,
    n: int | None = None,
    shape: object = None,
) -> Axes:
    """Draw the images that a model takes for another class, the worst first.

    The worst is the one whose own class has the smallest probability, and so the largest cross-entropy; of a model
    that gives no probabilities, the one whose own class lies furthest behind. Words are the true class and the one
    that the model decides for, with its probability.

    Parameters
    ----------
    model : a :class:`fastnn.Model`, an estimator (``predict_proba`` or ``predict``) or a function ``f(x)``. It gives
        probabilities, ``(n, classes)`` or ``(n,)`` of the second class, or labels.
    x : images as the model reads them, ``(n, height, width)`` or ``(n, height, width, channels)``; three channels are
        colours, of other numbers of them the mean is shown. All are drawn from their smallest number, black.
    y : their classes, ``(n,)``, or one-hot ``(n, classes)``.
    labels : names of the classes in the order of the model's outputs; None: the classes themselves.
    ax : Axes to draw into; None makes a figure.
    n : how many images at most; None: 25. The title says how many errors there are.
    shape : of the images, where rows of ``x`` are flat.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        ``x`` are no images, lengths differ, the model is not fitted, or it gives no probabilities or labels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import plot
    >>> x = np.random.default_rng(0).random((4, 8, 8))
    >>> ax = plot.misclassified(lambda x: np.tile([0.3, 0.7], (len(x), 1)), x, [0, 1, 1, 0], ["cat", "dog"])
    >>> ax.get_title(), ax.texts[0].get_text().splitlines()
    ('2 of 4 wrong', ['true cat', 'told dog (0.70)'])
    """
    rows, true = numbers("x", x), inputs.labels("y", y)
    inputs.same_length(x=rows, y=true)
    sizes, n = inputs.sizes_of_image("x", rows.shape[1:], shape), MOST if n is None else integer("n", n, low=1)
    votes = vote(model, x, true)
    names = inputs.class_names(labels, votes.classes)
    codes = inputs.positions("y", true, votes.classes)
    order = worst_first(votes, codes)
    shown = order[:n]
    images = inputs.real("x", rows[shown]).reshape(-1, *sizes) if len(shown) else np.empty((0, *sizes))
    plan = Sheet(sizes[0] / sizes[1], [_caption(votes, names, codes, i) for i in shown])
    with style.drawing(ax, plan.inches() if len(shown) else (3.6, 2.4)) as ax:
        style.framed(ax)
        ax.set_title(_title(len(shown), len(order), len(rows)))
        if len(shown):
            _draw(ax, plan, shaded(images))
        else:
            ax.set_axis_off()
            ax.text(0.5, 0.5, "nothing is wrong", ha="center", va="center", transform=ax.transAxes)
    return ax


def worst_first(votes: Votes, codes: np.ndarray) -> np.ndarray:
    """Rows whose largest share is not that of their own class."""
    own = votes.shares[np.arange(len(codes)), codes]
    behind = -own if votes.certain else votes.shares.max(axis=1) - own
    wrong = np.flatnonzero(votes.shares.argmax(axis=1) != codes)
    return wrong[np.argsort(-behind[wrong], kind="stable")]


def _caption(votes: Votes, names: list[str], codes: np.ndarray, row: int) -> list[str]:
    told = int(votes.shares[row].argmax())
    share = f" ({votes.shares[row, told]:.2f})" if votes.certain else ""
    return [f"true {style.shown(names[codes[row]], 14)}", f"told {style.shown(names[told], 14)}{share}"]


def _title(n_shown: int, n_wrong: int, n: int) -> str:
    told = f"{n_wrong or 'none'} of {n} wrong"
    return told if n_shown == n_wrong else f"{told}; the worst {n_shown}"


def _draw(ax: Axes, plan: Sheet, images: np.ndarray) -> None:
    for i, image in enumerate(images):
        plan.draw(ax, i, image)
    plan.prepare(ax)
