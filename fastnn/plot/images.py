"""Weights as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn.plot import inputs, sources, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_TILES = 64
GAP = 1 / 14  # between tiles, in widths of a tile


def weights(model: object, layer: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the kernel of a layer: a row an input, a column a unit; white is zero.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential`, or a fitted estimator with ``model_`` or ``coefs_``.
    layer : which of the layers that have a kernel; negative numbers count from the last.
    ax : Axes to draw into; None makes a figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, or no such layer.

    Examples
    --------
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Dense
    >>> ax = plot.weights(Sequential([Dense(8, "tanh", input_shape=(4,)), Dense(1)], seed=0), layer=-1)
    >>> ax.images[0].get_array().shape
    (8, 1)
    """
    layers = sources.dense_layers(model)
    index = integer("layer", layer)
    if not -len(layers) <= index < len(layers):
        told = ", ".join(f"{i} {one.name}" for i, one in enumerate(layers))
        raise ValueError(f"layer must be one of those with a kernel ({told}), got {layer}")
    with style.drawing(ax, (5.2, 4.0)) as ax:
        image = symmetric(ax, layers[index].kernel, layers[index].kernel)
        ax.set_aspect("auto")
        ax.figure.colorbar(image, ax=ax, label="weight")
        style.whole_numbers(ax.xaxis, ax.yaxis)
        ax.set(xlabel=f"unit of {style.shown(layers[index].name, 24)}", ylabel="input")
    return ax


def first_layer_images(model: object, shape: object, n: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw what each unit of the first layer looks for in an image: its weights, in the image's shape.

    Units go in rows from the upper left. All have one scale: with one channel, white is zero; with three, the
    channels' weights are the tile's red, green and blue, and mid grey is zero.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential`, or a fitted estimator with ``model_`` or ``coefs_``.
    shape : of the images: ``(height, width)``, ``(height, width, 1)`` or ``(height, width, 3)``.
    n : how many units, from the first; None: all, at most 64.
    ax : Axes to draw into; None makes a figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, its inputs do not make images of that shape, or it has fewer units.

    Examples
    --------
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Dense
    >>> ax = plot.first_layer_images(Sequential([Dense(12, "relu", input_shape=(64,)), Dense(10)], seed=0), (8, 8))
    >>> ax.images[0].get_array().shape
    (26, 35)
    """
    kernel = sources.dense_layers(model)[0].kernel
    n_units = kernel.shape[1]
    shape = inputs.image_shape(shape, len(kernel), f"the first layer has {len(kernel)} inputs")
    n = min(n_units, MOST_TILES) if n is None else integer("n", n, low=1)
    if n > n_units:
        raise ValueError(f"n must be at most {n_units}, the units of the first layer, got {n}")
    n_columns = math.ceil(math.sqrt(n * shape[0] / shape[1]))
    tiles = mosaic(kernel[:, :n].T.reshape(n, *shape), n_columns)
    with style.drawing(ax, (5.2, 4.4)) as ax:
        image = symmetric(ax, tiles, kernel[:, :n])
        ax.set_axis_off()
        ax.set_title(f"{n} of {n_units} units" if n < n_units else f"{n} units")
        if shape[2] == 1:
            ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.8)
    return ax


def mosaic(tiles: np.ndarray, n_columns: int) -> np.ndarray:
    """Tiles ``(n, h, w, c)`` side by side in one image with gaps of NaN; without the last axis for one channel."""
    n, height, width, channels = tiles.shape
    n_rows, gap = math.ceil(n / n_columns), max(1, round(GAP * width))
    framed = np.full((n_rows * n_columns, height + gap, width + gap, channels), np.nan)
    framed[:n, :height, :width] = tiles
    rows = framed.reshape(n_rows, n_columns, height + gap, width + gap, channels).swapaxes(1, 2)
    image = rows.reshape(n_rows * (height + gap), n_columns * (width + gap), channels)[:-gap, :-gap]
    return image[..., 0] if channels == 1 else image


def symmetric(ax: Axes, shown: np.ndarray, scale: np.ndarray) -> AxesImage:
    """An image whose colours are symmetric about zero and end at the largest number of ``scale``."""
    style.framed(ax)
    most = float(np.abs(scale).max()) or 1.0
    if shown.ndim == 3:
        solid = np.isfinite(shown).all(axis=2, keepdims=True)
        rgba = np.concatenate([np.where(solid, 0.5 + 0.5 * shown / most, 1.0), solid], axis=2)
        return ax.imshow(rgba, interpolation="antialiased")
    return ax.imshow(shown, cmap=style.diverging(), vmin=-most, vmax=most, interpolation="antialiased")
