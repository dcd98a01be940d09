"""Which classes a model takes for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.plot import inputs, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

LEGIBLE = 4.5  # points; smaller numbers are left out, and a colour bar tells the counts
MANY = 10  # classes from which cells of zero stay empty


def confusion_matrix(
    target: object, prediction: object, labels: object = None, ax: Axes | None = None, *, normalize: bool = False
) -> Axes:
    """Draw how often each true class (row) was predicted as each class (column).

    Cells hold the counts; where there are more than 10 classes, zeros are left out, and where cells are too small for
    numbers, a colour bar tells them (with colours by the square root, so that rare errors are seen).

    Parameters
    ----------
    target, prediction : classes (whole numbers, booleans or text), ``(n,)``; or ``(n, classes)`` one-hot or
        probabilities, of which the largest counts. A prediction of one column of fractions is taken as the probability
        of class 1, which is predicted above one half.
    labels : the classes in the order wanted, also such as have no row; or names of the classes 0, 1, 2, ... None: the
        classes that occur, sorted.
    ax : Axes to draw into; None makes a figure.
    normalize : show shares of each row in place of counts.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        lengths differ, a value is no class or missing in ``labels``, or one side holds text and the other numbers.

    Examples
    --------
    >>> from fastnn import plot
    >>> ax = plot.confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], labels=["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '1', '2']
    """
    true, predicted = inputs.labels("target", target), inputs.labels("prediction", prediction, probabilities=True)
    inputs.same_length(target=true, prediction=predicted)
    inputs.same_kind("target", true, "prediction", predicted)
    _check_two_classes(true, prediction)
    classes, names = _classes(true, predicted, labels, max(_width(target), _width(prediction)))
    counts = count(
        inputs.positions("target", true, classes), inputs.positions("prediction", predicted, classes), len(classes)
    )
    cells = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if normalize else counts
    names = [style.shown(name, 20) for name in names]
    with style.drawing(ax, _figure_size(names)) as ax:
        _draw_cells(ax, cells, normalize)
        _name_sides(ax, names)
    return ax


def _check_two_classes(true: np.ndarray, prediction: object) -> None:
    """Raise when there are probabilities of class 1 for targets that are not 0 and 1."""
    came = np.asarray(prediction)
    if came.dtype.kind == "f" and came.size == len(true) and (came % 1).any() and not np.isin(true, (0, 1)).all():
        present = ", ".join(map(str, np.unique(true)[:20]))
        raise ValueError(f"one column of probabilities goes with the classes 0 and 1, but target has {present}")


def count(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Rows by true and predicted class, ``(n_classes, n_classes)``."""
    pairs = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return pairs.reshape(n_classes, n_classes)


def _figure_size(names: list[str]) -> tuple[float, float]:
    """Inches for cells of about a third of an inch, and for the names beside them."""
    side = float(np.clip(1.7 + 0.33 * len(names), 2.6, 9.5))
    beside = 0.067 * max(map(len, names))
    return side + beside + 0.5, side + 0.5 + (beside if beside > 0.8 * side / len(names) else 0.0)


def _width(came: Any) -> int:
    shape = np.shape(came)
    return shape[1] if len(shape) == 2 and shape[1] > 1 else 0


def _classes(true: np.ndarray, predicted: np.ndarray, labels: object, width: int) -> tuple[np.ndarray, list[str]]:
    """The classes in order, and their names."""
    present = np.unique(np.concatenate([true, predicted]))
    if labels is None:
        columns = np.arange(width) if width and present.dtype.kind in "iu" else present
        classes = np.union1d(columns, present)
        return classes, inputs.names(classes)
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iubfU" or len(np.unique(given)) != len(given):
        raise ValueError(f"labels must be a list of different classes or names, got {labels!r}")
    if given.dtype.kind != "U" or present.dtype.kind == "U":
        return given, inputs.names(given)
    outside = present[(present < 0) | (present >= len(given))]
    if len(outside):
        raise ValueError(f"labels are names of the classes 0 to {len(given) - 1}, but there is the class {outside[0]}")
    return np.arange(len(given)), inputs.names(given)


def _draw_cells(ax: Axes, cells: np.ndarray, normalize: bool) -> None:
    n = len(cells)
    most = 1.0 if normalize else max(cells.max(), 1)
    texts = [[f"{cell:.2f}" if normalize else str(cell) for cell in row] for row in cells]
    size = _font_size(ax, n, max(len(text) for row in texts for text in row))
    gamma = 1.0 if size >= LEGIBLE else 0.5
    style.framed(ax)
    image = _draw_image(ax, cells, most, gamma)
    if size < LEGIBLE:
        ax.figure.colorbar(image, ax=ax, shrink=0.8, label="share of the row" if normalize else "rows")
        return
    colours = style.text_colours(image.to_rgba(cells))
    for i, j in np.ndindex(cells.shape):
        if n <= MANY or float(texts[i][j]):
            ax.text(j, i, texts[i][j], ha="center", va="center", color=str(colours[i, j]), fontsize=size)


def _draw_image(ax: Axes, cells: np.ndarray, most: float, gamma: float) -> AxesImage:
    from matplotlib.colors import PowerNorm

    return ax.imshow(
        cells, cmap=style.sequential(), norm=PowerNorm(gamma, 0, most), aspect="equal", interpolation="nearest"
    )


def _font_size(ax: Axes, n: int, n_characters: int) -> float:
    """The size, in points, at which the widest number fits its cell."""
    cell = _cell(ax, n)
    return min(10.0, cell * 0.9 / (0.64 * n_characters), cell * 0.7)


def _cell(ax: Axes, n: int) -> float:
    """Side of a cell in points."""
    return min(style.size_in_points(ax)) / n


def _name_sides(ax: Axes, names: list[str]) -> None:
    """Class names as ticks, upright where they are wider than a column; every few where rows are too low for all."""
    n, cell = len(names), _cell(ax, len(names))
    size, every = float(np.clip(cell * 0.8, 6.0, 8.0)), max(1, int(np.ceil(6.0 / cell)))
    upright = max(map(len, names)) * 0.64 * size > cell * 0.95
    ax.set_xticks(range(0, n, every), names[::every], rotation=90 if upright else 0, fontsize=size)
    ax.set_yticks(range(0, n, every), names[::every], fontsize=size)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
