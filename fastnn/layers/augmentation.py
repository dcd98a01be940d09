"""Augmentation: images shifted, turned, zoomed, flipped and cropped at random while a model trains.

Keras' names, arguments and semantics. In prediction and evaluation the layers hand on what they are given, and plans
for these do without them; a :class:`RandomCrop` takes the middle. What is drawn for an image follows from the seed (the
layer's own, without one the model's), the layer's place, the step and the image's place in its batch: every backend and
any number of threads draws the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

from fastnn._base.arguments import lookup, number, shown
from fastnn._ops import Operation, warp
from fastnn.layers.arguments import Argument, DataFormat, Factor, FillMode, FlipMode, Interpolation, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import settle
from fastnn.layers.windows import check_data_format, check_rank, count

FILLS = {"constant": warp.CONSTANT, "reflect": warp.REFLECT, "wrap": warp.WRAP, "nearest": warp.NEAREST}
INTERPOLATIONS = {"nearest": 0, "bilinear": 1}
FLIPS = {
    "horizontal": (1.0, 1.0, 1.0, -1.0),
    "vertical": (1.0, -1.0, 1.0, 1.0),
}  # both factors, as they are and flipped
FLIPS["horizontal_and_vertical"] = (1.0, -1.0, 1.0, -1.0)
MOST_NUMBERS = 2**31  # of an image: places along a line are counted in 32 bits


class Warping(Described):
    """What these layers have in common: each reads an image at places of a map that is drawn."""

    seed: int | None

    def _warp(
        self, shape: Shape, move: int, ranges: tuple[float, ...] = (), read: tuple[int, int] = (0, 0)
    ) -> Operation:
        """The operation; ``read`` is the fill mode and whether numbers are interpolated."""
        check_rank(self, shape, 2)
        if math.prod(shape) >= MOST_NUMBERS:
            raise ValueError(f"{self!r} takes images of less than 2**31 numbers, got the shape {tuple(shape)}")
        h, w, c = self.output_shape(shape)
        geometry = (*shape, h, w, move, *read)
        return Operation(warp.OP, c, c, h * w, rate=1.0, geometry=geometry, numbers=ranges, seed=self.seed)

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, 2)
        return shape


class Interpolating(Warping):
    """A layer that reads between the pixels of an image, and outside of it."""

    fill_mode: FillMode
    interpolation: Interpolation
    fill_value: float

    def _settle(self, **factors: object) -> None:
        check_data_format(getattr(self, "data_format", None))
        settle(
            self,
            fill_mode=_known("fill_mode", self.fill_mode, FILLS),
            interpolation=_known("interpolation", self.interpolation, INTERPOLATIONS),
            fill_value=number("fill_value", self.fill_value),
            **factors,
        )

    def _read(self, shape: Shape, move: int, *ranges: tuple[float, float]) -> Operation:
        first, second = ranges[0], ranges[-1]
        numbers = (*first, *second, self.fill_value)
        return self._warp(shape, move, numbers, (FILLS[self.fill_mode], INTERPOLATIONS[self.interpolation]))


def _known(argument: str, came: object, table: Mapping[str, object]) -> str:
    """A name of a table, in small letters."""
    name = came.lower() if isinstance(came, str) else came
    lookup(argument, name, dict.fromkeys(table))
    return str(name)


def _factor(name: str, came: object, low: float, high: float, open_low: bool = False) -> float | tuple[float, float]:
    """A share, or a pair of them, the smaller one first."""
    if not isinstance(came, tuple | list):
        return number(name, came, low=low, high=high, open_low=open_low)
    if len(came) != 2:
        raise ValueError(f"{name} must be a number or two of them (low, high), got {shown(came)}")
    first, last = sorted(number(name, part, low=low, high=high, open_low=open_low) for part in came)
    return first, last


def _range(factor: float | tuple[float, float], around: float = 0.0) -> tuple[float, float]:
    """What is drawn from, around a number: as far below as above for a single factor."""
    low, high = factor if isinstance(factor, tuple) else (-abs(factor), abs(factor))
    return around + low, around + high


@described
class RandomFlip(Warping):
    """In training, half of the images are flipped.

    Parameters
    ----------
    mode : ``"horizontal"`` exchanges left and right, ``"vertical"`` top and bottom; ``"horizontal_and_vertical"``, the
        default, exchanges both in the same images, which turns them by half a turn, as in Keras 3.
    data_format : None or ``"channels_last"``.
    seed, input_shape, name : as of :class:`fastnn.layers.Dropout`.

    Shapes: ``(height, width, channels)`` stays. One layer for each direction flips them independently.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import RandomFlip
    >>> model = Sequential([RandomFlip("horizontal", input_shape=(1, 3, 1))], seed=1)
    >>> images = np.tile([[[[1.0], [2.0], [3.0]]]], (4, 1, 1, 1))
    >>> model(images, training=True)[:, 0, :, 0].tolist()
    [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """

    mode: FlipMode = "horizontal_and_vertical"
    seed: int | None = None
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data_format(self.data_format)
        settle(self, mode=_known("mode", self.mode, FLIPS))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._warp(shape, warp.FLIP, FLIPS[self.mode]),)


@described
class RandomTranslation(Interpolating):
    """In training, images are shifted, each by an amount of its own.

    Parameters
    ----------
    height_factor, width_factor : how far down and to the right, in shares of the height and of the width: drawn evenly
        between ``-factor`` and ``factor``, or between the two numbers of a pair ``(low, high)``; all in [-1, 1].
    fill_mode : what is read outside of an image ``a b c d``: ``"reflect"`` ``d c b a | a b c d | d c b a``, ``"wrap"``
        ``a b c d | a b c d``, ``"nearest"`` ``a a a a | a b c d | d d d d``, ``"constant"`` ``fill_value``.
    interpolation : ``"bilinear"`` between the four pixels around a place, or ``"nearest"``, the nearest pixel.
    fill_value : outside, with ``fill_mode="constant"``.
    data_format : None or ``"channels_last"``.
    seed, input_shape, name : as of :class:`fastnn.layers.Dropout`.

    Shapes: ``(height, width, channels)`` stays. ``y[i, j] = x[i - down, j - right]``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv2D, RandomTranslation
    >>> model = Sequential([RandomTranslation(0.1, (0, 0.2), input_shape=(28, 28, 1)), Conv2D(6, 5)])
    >>> model.layers[0]
    RandomTranslation(height_factor=0.1, width_factor=(0.0, 0.2), input_shape=(28, 28, 1))
    """

    height_factor: Factor
    width_factor: Factor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        names = ("height_factor", "width_factor")
        self._settle(**{name: _factor(name, getattr(self, name), low=-1.0, high=1.0) for name in names})

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._read(shape, warp.TRANSLATE, _range(self.height_factor), _range(self.width_factor)),)


@described
class RandomRotation(Interpolating):
    """In training, images are turned around their middle, each by an angle of its own.

    Parameters
    ----------
    factor : how far, in turns of 360 degrees, counter-clockwise: drawn evenly between ``-factor`` and ``factor``, or
        between the two numbers of a pair ``(low, high)``; all in [-1, 1].
    fill_mode, interpolation, fill_value, data_format : as of :class:`RandomTranslation`.
    seed, input_shape, name : as of :class:`fastnn.layers.Dropout`.

    Shapes: ``(height, width, channels)`` stays. ``y[m + p] = x[m + R @ p]``, with the middle ``m`` and the turn ``R``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import RandomRotation
    >>> model = Sequential([RandomRotation((0.25, 0.25), input_shape=(2, 2, 1))])
    >>> model([[[[1.0], [2.0]], [[3.0], [4.0]]]], training=True).round(6).tolist()
    [[[[2.0], [4.0]], [[1.0], [3.0]]]]
    """

    factor: Factor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        degrees = "factor (a share of a full turn: 30 degrees are 30 / 360)"
        self._settle(factor=_factor(degrees, self.factor, low=-1.0, high=1.0))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._read(shape, warp.ROTATE, _range(self.factor)),)


@described
class RandomZoom(Interpolating):
    """In training, images are made smaller or larger around their middle, each by a factor of its own.

    Parameters
    ----------
    height_factor : 0.2 makes an image show 20 % more of its height (smaller), -0.2 as much less (larger): drawn evenly
        between ``-factor`` and ``factor``, or between the two numbers of a pair ``(low, high)``; all in (-1, 1].
    width_factor : likewise; None for the factor drawn for the height, so that nothing is stretched.
    fill_mode, interpolation, fill_value, data_format : as of :class:`RandomTranslation`.
    seed, input_shape, name : as of :class:`fastnn.layers.Dropout`.

    Shapes: ``(height, width, channels)`` stays. ``y[m + p] = x[m + (1 + factor) * p]``, with the middle ``m``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import RandomZoom
    >>> model = Sequential([RandomZoom((1.0, 1.0), (0.0, 0.0), fill_mode="constant", input_shape=(3, 1, 1))])
    >>> model([[[[1.0]], [[2.0]], [[3.0]]]], training=True).ravel().tolist()
    [0.0, 2.0, 0.0]
    """

    height_factor: Factor
    width_factor: Argument[float | Sequence[float] | None, float | tuple[float, float] | None] = default(None)
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        came = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        given = {name: factor for name, factor in came.items() if name == "height_factor" or factor is not None}
        factors = {name: _factor(name, factor, -1.0, 1.0, open_low=True) for name, factor in given.items()}
        self._settle(**factors)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        if self.width_factor is None:
            return (self._read(shape, warp.ZOOM_EQUALLY, _range(self.height_factor, 1.0)),)
        ranges = _range(self.height_factor, 1.0), _range(self.width_factor, 1.0)
        return (self._read(shape, warp.ZOOM, *ranges),)


@described
class RandomCrop(Warping):
    """In training, a part of each image, from a place of its own; in prediction its middle.

    Parameters
    ----------
    height, width : of the part, at most those of the image.
    data_format : None or ``"channels_last"``.
    seed, input_shape, name : as of :class:`fastnn.layers.Dropout`.

    Shapes: ``(h, w, channels)`` -> ``(height, width, channels)``. All places are equally likely. Keras draws one for
    all images of a batch, and enlarges images that are too small, which are refused here.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import RandomCrop
    >>> Sequential([RandomCrop(1, 2, input_shape=(1, 4, 1))]).predict([[[[1.0], [2.0], [3.0], [4.0]]]]).tolist()
    [[[[2.0], [3.0]]]]
    """

    height: int
    width: int
    seed: int | None = None
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data_format(self.data_format)
        settle(self, height=count("height", self.height), width=count("width", self.width))

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, 2)
        if self.height > shape[0] or self.width > shape[1]:
            raise ValueError(
                f"{self!r} takes images of at least ({self.height}, {self.width}), got the shape {tuple(shape)}; "
                f"ZeroPadding2D or UpSampling2D before it would make them larger"
            )
        return (self.height, self.width, shape[-1])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._warp(shape, warp.CROP),)
