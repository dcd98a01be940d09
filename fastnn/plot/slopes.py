"""Which pixels an output depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import numbers
from fastnn._base.types import DataLike
from fastnn.models.model import Model
from fastnn.plot import inputs, sources, style
from fastnn.plot.sheet import Sheet, shaded

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MOST = 16
FAINT = "#EFF5FA"  # for no slope, so that the map's edge is seen on white


def saliency(
    model: object,
    images: object,
    targets: object = None,
    ax: Axes | None = None,
    *,
    labels: object = None,
    n: int | None = None,
    shape: object = None,
) -> Axes:
    """Draw beside each image how much a class's output changes with each pixel.

    A map is the absolute gradient of one output by the input, the largest of a pixel's channels (Simonyan, Vedaldi and
    Zisserman 2013, "Deep inside convolutional networks", section 3), from zero to its own largest number. The words
    are the class and the output.

    Outputs are as the model gives them, after its last activation. The paper takes scores before it, as a model does
    that ends in logits. Where a sigmoid is so near to 0 or 1 that it has no slope left, the map is empty.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential` of one input and one row of outputs, or a
        fitted estimator with ``model_``.
    images : as the model reads them, ``(n, height, width)`` or ``(n, height, width, channels)``; three channels are
        colours, of other numbers of them the mean is shown. All are drawn from their smallest number, black.
    targets : the class of each image, ``(n,)``, or one for all; None: the one with the largest output.
    ax : Axes to draw into; None makes a figure.
    labels : names of the outputs; None: an estimator's classes, or 0, 1, 2, ...
    n : how many images, from the first; None: all, at most 16. A title says how many there are.
    shape : of the images, where the model reads flat rows.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, reads images of another shape or gives no row of outputs; there is no such class.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Conv2D, Flatten, Dense
    >>> layers = [Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), Flatten(), Dense(3, "softmax")]
    >>> model = Sequential(layers, seed=0)
    >>> ax = plot.saliency(model, np.eye(8)[None], targets=[2], labels=["cat", "dog", "owl"])
    >>> len(ax.images), ax.texts[0].get_text().split()[0]
    (2, 'owl')
    """
    network = sources.network(model)
    rows = numbers("images", images)
    inputs.fit_model("images", rows.shape[1:], network.layout.input_shape)
    sizes = inputs.sizes_of_image("images", rows.shape[1:], shape)
    count = min(len(rows), MOST) if n is None else integer("n", n, low=1)
    if count > len(rows):
        raise ValueError(f"n must be at most {len(rows)}, the number of images, got {n}")
    chosen, classes = inputs.real("images", rows[:count]), _classes(model, network)
    names = inputs.class_names(labels, classes)
    columns = None if targets is None else _columns(targets, len(rows), classes)[:count]
    maps, columns, values = slopes(network, chosen, columns)
    captions = [[_caption(names[k], value)] for k, value in zip(columns, values, strict=True)]
    plan = Sheet(sizes[0] / sizes[1], captions, span=2)
    width, height = plan.inches()
    with style.drawing(ax, (width + 0.9, max(height, 2.3))) as ax:
        style.framed(ax)
        _draw(ax, plan, shaded(chosen.reshape(-1, *sizes)), maps.reshape(-1, *sizes).max(axis=3))
        if count < len(rows):
            ax.set_title(f"{count} of {len(rows)} images")
    return ax


def _caption(name: str, value: float) -> str:
    return f"{style.shown(name, 14)} ({value:{'.3f' if 1e-3 <= abs(value) < 1e3 else '.2g'}})"


def _classes(model: object, network: Model) -> np.ndarray:
    """What the outputs stand for."""
    shapes = network.layout.output_shapes
    if len(shapes) > 1 or len(shapes[0]) != 1:
        told = ", ".join(map(str, shapes))
        raise ValueError(f"the model must give one row of outputs for an image, (n, classes), got {told}")
    known = getattr(model, "classes_", None)
    return np.asarray(known) if known is not None and len(known) == shapes[0][0] else np.arange(shapes[0][0])


def _columns(targets: DataLike, n: int, classes: np.ndarray) -> np.ndarray:
    """The output that each image's class is."""
    wanted = inputs.labels("targets", np.full(n, targets) if np.ndim(targets) == 0 else targets)
    if len(wanted) != n:
        raise ValueError(f"targets must be a class for each of the {n} images, got {len(wanted)}")
    return inputs.positions("targets", wanted, classes)


def slopes(model: Model, rows: np.ndarray, columns: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Absolute gradients of an output each, like ``rows``; which outputs these are, and their values."""
    given = model.predict(rows)
    chosen = given.argmax(axis=1) if columns is None else columns
    dy = np.zeros(given.shape)
    dy[np.arange(len(rows)), chosen] = 1.0
    found = np.abs(model.gradients(rows, dy=dy, wrt="inputs", training=False)).astype(np.float64)
    return inputs.real("the gradient", found), chosen, given[np.arange(len(rows)), chosen]


def _draw(ax: Axes, plan: Sheet, images: np.ndarray, maps: np.ndarray) -> None:
    for i, (image, slope) in enumerate(zip(images, maps, strict=True)):
        plan.draw(ax, i, image)
        drawn = plan.draw(ax, i, slope / (slope.max() or 1.0), 1, cmap=style.sequential(FAINT))
    plan.prepare(ax)
    ax.figure.colorbar(drawn, ax=ax, label="share of the largest slope", shrink=0.8)
