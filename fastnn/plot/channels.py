"""What convolutions look for, and what layers make of an image: a small picture a filter or channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import check_finite
from fastnn.plot import convolutions, inputs, sheet, sources, style
from fastnn.plot.images import MOST_TILES, mosaic, symmetric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_ROWS = 16  # filters, and channels, where each pair of them is a picture
FAINT = "#E9F1F7"  # for zero, so that a map of nothing else is seen on white


def filters(model: object, layer: object = None, ax: Axes | None = None, *, n: int | None = None) -> Axes:
    """Draw the kernels of a convolution as small pictures, all in one scale.

    Filters go in rows from the upper left; white is zero. Filters of three channels are pictures in colour: the
    channels' weights are red, green and blue, mid grey is zero, and the title says which weight is full colour. With
    other numbers of channels each filter is a row, and each channel of it a picture, up to 16.

    In ``Conv1D`` a filter is one picture, a channel a row and a step a column. In depthwise layers, and in the first
    step of separable ones, each channel has filters of its own, one picture each. In transposed layers a picture is
    what one number of an input's channel is spread into.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential`, or a fitted estimator with ``model_``.
    layer : a name as in ``model.activations``, a place in ``model.layers``, or the layer; None: the first convolution.
    ax : Axes to draw into; None makes a figure.
    n : how many filters, from the first; None: all, at most 64, or 16 where each has a row. The title says how many
        there are.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, no such layer or no convolution, or the layer has fewer filters. For Dense layers
        there is :func:`first_layer_images`.

    Examples
    --------
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Conv2D
    >>> ax = plot.filters(Sequential([Conv2D(6, 5, input_shape=(28, 28, 1)), Conv2D(16, 5)], seed=0))
    >>> ax.get_title(), ax.images[0].get_array().shape
    ('conv2d: 6 filters', (11, 17))
    """
    name, found = convolutions.find(sources.network(model), layer)
    pictures = convolutions.kernels(name, found)
    is_matrix = pictures.shape[3] not in (1, 3)
    many, word = len(pictures), convolutions.words(found)
    kept = pictures[: _how_many(n, many, word, MOST_ROWS if is_matrix else MOST_TILES)]
    title = f"{style.shown(name, 24)}: {_counted(len(kept), many, word)}"
    if is_matrix:
        kept, title = _rows(kept, title)
    elif pictures.shape[3] == 3:
        title += f"\nmid grey is 0, full colour ±{np.abs(kept).max():.3g}"
    n_columns = kept.shape[3] if is_matrix else sheet.columns(len(kept), kept.shape[1] / kept.shape[2])
    tiles = kept.transpose(0, 3, 1, 2).reshape(-1, *kept.shape[1:3], 1) if is_matrix else kept
    drawn = mosaic(tiles, n_columns)
    with style.drawing(ax, _inches(*drawn.shape[1::-1])) as ax:
        image = symmetric(ax, drawn, kept)
        ax.set_axis_off()
        ax.set_title(title)
        if tiles.shape[3] == 1:
            ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.8)
    return ax


def _rows(kept: np.ndarray, title: str) -> tuple[np.ndarray, str]:
    """The channels that are shown, and a title that counts them."""
    few = kept[..., :MOST_ROWS]
    return few, f"{title} (rows)\n{_counted(few.shape[3], kept.shape[3], 'channels')} (columns)"


def _how_many(n: int | None, many: int, word: str, most: int) -> int:
    if n is None:
        return min(many, most)
    if integer("n", n, low=1) > many:
        raise ValueError(f"n must be at most {many}, the number of {word}, got {n}")
    return n


def _counted(n: int, many: int, word: str) -> str:
    return f"{n} of {many} {word}" if n < many else f"{many} {word}" if many > 1 else f"1 {word.removesuffix('s')}"


def _inches(width: float, height: float) -> tuple[float, float]:
    """Size of a new figure for a sheet of some width and height with a title and colours' scale."""
    return 5.2, float(np.clip(4.1 * height / width + 0.6, 1.8, 5.0))


def feature_maps(
    model: object,
    image: object,
    layer: object = None,
    ax: Axes | None = None,
    *,
    n: int | None = None,
    shape: object = None,
) -> Axes:
    """Draw what a layer makes of an image: its channels as pictures, all in one scale, beside the image.

    Channels go in rows from the upper left. Where no value is below zero, as after relu, the darkest blue is the
    largest one; else white is zero and colours are symmetric about it. The image is drawn from its smallest number,
    black, to its largest.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential`, or a fitted estimator with ``model_``.
    image : one, as the model reads it: ``(height, width)`` or ``(height, width, channels)``; three channels are
        colours, of other numbers of them the mean is shown.
    layer : a name as in ``model.activations``, a place in ``model.layers``, or the layer; None: the first convolution.
        It must give ``(height, width, channels)``.
    ax : Axes to draw into; None makes a figure.
    n : how many channels, from the first; None: all, at most 64. The title says how many there are.
    shape : of the image, where the model reads flat rows.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        the model has no weights yet, no such layer, or reads images of another shape; or the layer gives no images.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import Sequential, plot
    >>> from fastnn.layers import Conv2D
    >>> model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1))], seed=0)
    >>> plot.feature_maps(model, np.eye(8)).get_title()
    'conv2d: 4 channels, 6 × 6'
    """
    network = sources.network(model)
    name, _ = convolutions.find(network, layer)
    row = inputs.real("image", image)
    inputs.fit_model("image", row.shape, network.layout.input_shape, many=False)
    sizes = inputs.sizes_of_image("image", row.shape, shape)
    maps = np.ascontiguousarray(network.activations(row.reshape(1, *network.layout.input_shape))[name][0])
    if maps.ndim != 3:
        raise ValueError(f"layer {name} gives {maps.shape}; feature maps are (height, width, channels)")
    check_finite(f"what {name} gives", maps)
    kept = maps[..., : _how_many(n, maps.shape[2], "channels", MOST_TILES)].astype(np.float64)
    title = f"{style.shown(name, 24)}: {_counted(kept.shape[2], maps.shape[2], 'channels')}, "
    tiles = mosaic(kept.transpose(2, 0, 1)[..., None], sheet.columns(kept.shape[2], kept.shape[0] / kept.shape[1]))
    with style.drawing(ax, (6.4, _inches(1.4 * tiles.shape[1], tiles.shape[0])[1])) as ax:
        drawn = _draw_maps(ax, tiles, kept)
        _draw_beside(ax, sheet.shaded(row.reshape(1, *sizes))[0], kept.shape[0])
        ax.set_axis_off()
        ax.set_title(title + f"{maps.shape[0]} × {maps.shape[1]}")  # noqa: RUF001 (the sign for times)
        ax.figure.colorbar(drawn, ax=ax, label="activation", shrink=0.8)
    return ax


def _draw_maps(ax: Axes, tiles: np.ndarray, maps: np.ndarray) -> AxesImage:
    if maps.min() < 0:
        return symmetric(ax, tiles, maps)
    style.framed(ax)
    most = float(maps.max()) or 1.0
    return ax.imshow(tiles, cmap=style.sequential(FAINT), vmin=0.0, vmax=most, interpolation="antialiased")


def _draw_beside(ax: Axes, picture: np.ndarray, tile: int) -> None:
    """The image left of what is drawn, as high as two tiles where there are so many."""
    right, bottom = (float(limit) for limit in (ax.get_xlim()[1], ax.get_ylim()[0]))
    high = min(bottom + 0.5, 2.2 * tile)
    wide = high * picture.shape[1] / picture.shape[0]
    space = 0.06 * (right + 0.5 + wide)
    sheet.draw(ax, picture, (-0.5 - space - wide, -0.5, wide, high))
    ax.set(xlim=(-0.5 - space - wide, right), ylim=(bottom, -0.5))
