"""Layers that repeat numbers, or put axes into another order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

from fastnn._base.arguments import integer, shown
from fastnn._ops import Operation
from fastnn.layers.arguments import DataFormat, Interpolation, ShapeLike, Sizes, default
from fastnn.layers.described import described
from fastnn.layers.parameter import Shape
from fastnn.layers.rearranging import Rearranging
from fastnn.layers.settling import settle
from fastnn.layers.windows import check_data_format, check_rank, sizes

RESIZED = ("bilinear", "bicubic", "lanczos3", "lanczos5")  # Keras' interpolations that compute


@described
class UpSampling1D(Rearranging):
    """Each step of a signal several times.

    Parameters
    ----------
    size : how often.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, channels)`` -> ``(size * steps, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import UpSampling1D
    >>> Sequential([UpSampling1D(2, input_shape=(2, 1))]).predict([[[1.0], [5.0]]]).tolist()
    [[[1.0], [1.0], [5.0], [5.0]]]
    """

    size: int = 2
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self, size=integer("size", self.size, low=1))

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, 1)
        return (self.size * shape[0], shape[1])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        steps, c = shape
        return (self._gather(shape, ((steps, c), (self.size, 0), (c, 1))),)


@described
class UpSampling2D(Rearranging):
    """Each place of an image several times.

    Parameters
    ----------
    size : how often along both axes: a number, or one for each.
    data_format : None or ``"channels_last"``.
    interpolation : ``"nearest"``; Keras' others compute new numbers, and are not there.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(size[0] * height, size[1] * width, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import UpSampling2D
    >>> model = Sequential([UpSampling2D((2, 3), input_shape=(1, 2, 1))])
    >>> model.predict([[[[1.0], [5.0]]]])[0, :, :, 0].tolist()
    [[1.0, 1.0, 1.0, 5.0, 5.0, 5.0], [1.0, 1.0, 1.0, 5.0, 5.0, 5.0]]
    """

    size: Sizes = default(2)
    data_format: DataFormat | None = None
    interpolation: Interpolation = "nearest"
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data_format(self.data_format)
        came: object = self.interpolation
        how = came.lower() if isinstance(came, str) else ""
        if how in RESIZED:
            raise ValueError(
                f"UpSampling2D repeats numbers, interpolation='nearest', got {how!r}, which would compute new ones: "
                f"that is not there; UpSampling2D and a Conv2D behind it learn such a thing"
            )
        if how != "nearest":
            raise ValueError(f"interpolation must be 'nearest', got {shown(self.interpolation)}")
        settle(self, size=sizes("size", self.size, 2), interpolation=how)

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, 2)
        return (self.size[0] * shape[0], self.size[1] * shape[1], shape[2])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        h, w, c = shape
        return (self._gather(shape, ((h, w * c), (self.size[0], 0), (w, c), (self.size[1], 0), (c, 1))),)


@described
class RepeatVector(Rearranging):
    """A vector several times, as the steps of a signal.

    Parameters
    ----------
    n : how often.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(features,)`` -> ``(n, features)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import RepeatVector
    >>> Sequential([RepeatVector(3, input_shape=(2,))]).predict([[1.0, 5.0]]).tolist()
    [[[1.0, 5.0], [1.0, 5.0], [1.0, 5.0]]]
    """

    n: int
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self, n=integer("n", self.n, low=1))

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"{self!r} takes samples (features,), got the shape {tuple(shape)}; Flatten makes such")
        return (self.n, *shape)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._gather(shape, ((self.n, 0), (shape[0], 1))),)


@described
class Permute(Rearranging):
    """The axes of a sample in another order.

    Parameters
    ----------
    dims : which axis of the input, counted from 1, each axis of the output is.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(n_1, n_2, ...)`` -> ``(n_dims[0], n_dims[1], ...)``. Axes that stay side by side count as one; of what is
    left, five can be put into another order at once.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Permute
    >>> Sequential([Permute((2, 1), input_shape=(2, 3))]).predict([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]).tolist()
    [[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]]
    """

    dims: Sequence[int]
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        came = self.dims if isinstance(self.dims, tuple | list) else (self.dims,)
        dims = tuple(integer("dims", axis) for axis in came)
        if not dims or sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                f"dims must hold each axis from 1 to the last once, such as (2, 1), got {shown(self.dims)}"
            )
        settle(self, dims=dims)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != len(self.dims):
            raise ValueError(f"{self!r} orders {len(self.dims)} axes, got the shape {tuple(shape)}")
        return tuple(shape[axis - 1] for axis in self.dims)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        axes = [(shape[axis - 1], math.prod(shape[axis:])) for axis in self.dims]
        return (self._gather(shape, axes),)
