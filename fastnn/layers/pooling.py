"""Pooling: the largest number, or the mean, of windows that move over signals and images, each channel by itself."""

from __future__ import annotations

import math
from dataclasses import field
from typing import ClassVar

from fastnn._base.arguments import flag
from fastnn._ops import Operation, masked_mean, pool
from fastnn.layers.arguments import DataFormat, PaddingName, ShapeLike, Sizes, StridesLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import settle
from fastnn.layers.windows import Windows, check_data_format, check_padding, check_rank, sizes

MOST_NUMBERS = 2**31  # of a sample: kernels keep the place of a maximum in 32 bits


class AnyPooling(Described):
    """What all poolings have in common: the axes beside the channels, and whether means are taken."""

    rank: ClassVar[int]
    average: ClassVar[bool]

    def _check(self, shape: Shape) -> None:
        check_rank(self, shape, self.rank)
        if math.prod(shape) >= MOST_NUMBERS:
            raise ValueError(f"{self!r} takes samples of less than 2**31 numbers, got the shape {tuple(shape)}")

    def _pooled(self, shape: Shape, windows: Windows) -> Operation:
        geometry = (*windows.geometry(self, shape), int(self.average))
        return Operation(pool.OP, shape[-1], shape[-1], math.prod(geometry[3:5]), geometry=geometry)


@described
class Pooling(AnyPooling):
    """What the poolings of windows take; :class:`MaxPooling2D` describes it."""

    pool_size: Sizes = default(2)
    strides: StridesLike = default(None)
    padding: PaddingName = "valid"
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data_format(self.data_format)
        size = sizes("pool_size", self.pool_size, self.rank)
        given: object = self.strides
        strides = size if given is None else sizes("strides", given, self.rank)
        settle(self, pool_size=size, strides=strides, padding=check_padding(self.padding))

    @property
    def windows(self) -> Windows:
        """The windows that move over the input."""
        return Windows(self.pool_size, self.strides, (1,) * self.rank, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        self._check(shape)
        return (*self.windows.outputs(self, shape), shape[-1])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._pooled(shape, self.windows),)


@described
class MaxPooling1D(Pooling):
    """The largest number of each window of a signal; arguments as of :class:`MaxPooling2D`.

    Shapes: ``(steps, channels)`` -> ``(new steps, channels)``; ``y[i, c] = max(x[i * strides + j, c])`` over ``j <
    pool_size``. The first of several largest numbers has the gradient.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import MaxPooling1D
    >>> model = Sequential([MaxPooling1D(2, padding="same", input_shape=(5, 1))])
    >>> model.predict([[[1.0], [3.0], [2.0], [0.0], [-4.0]]]).tolist()
    [[[3.0], [2.0], [-4.0]]]
    """

    rank, average = 1, False


@described
class MaxPooling2D(Pooling):
    """The largest number of each window of an image: ``y[i, j, c] = max(x[i * strides + k, j * strides + l, c])``.

    Parameters
    ----------
    pool_size : of the windows: a number, or one for each axis.
    strides : how far windows are apart, likewise; None for ``pool_size``, so that they stand side by side.
    padding : ``"valid"`` for windows inside the input alone: ``(n - pool_size) // strides + 1`` along an axis of ``n``;
        ``"same"`` for ``(n - 1) // strides + 1``, with padding that counts for nothing.
    data_format : None or ``"channels_last"``.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, channels)``. The first of several largest numbers
    of a window, in row-major order, has the gradient.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv2D, MaxPooling2D
    >>> Sequential([Conv2D(6, 5, padding="same", input_shape=(28, 28, 1)), MaxPooling2D()]).output_shape
    (None, 14, 14, 6)
    """

    rank, average = 2, False


@described
class AveragePooling1D(Pooling):
    """The mean of each window of a signal; arguments as of :class:`MaxPooling2D`.

    Shapes: ``(steps, channels)`` -> ``(new steps, channels)``; ``y[i, c] = mean(x[i * strides + j, c])`` over ``j <
    pool_size``. With ``padding="same"`` the mean is of the steps inside the signal. Keras computes that on TensorFlow
    and JAX; on PyTorch it repeats the last step where the padding behind is longer than that in front.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import AveragePooling1D
    >>> model = Sequential([AveragePooling1D(2, padding="same", input_shape=(3, 1))])
    >>> model.predict([[[1.0], [3.0], [5.0]]]).tolist()
    [[[2.0], [5.0]]]
    """

    rank, average = 1, True


@described
class AveragePooling2D(Pooling):
    """The mean of each window of an image; arguments as of :class:`MaxPooling2D`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, channels)``. With ``padding="same"`` the mean is
    of the places inside the image. Keras computes that on TensorFlow and JAX; on PyTorch it repeats the image's edge
    where the padding behind is longer than that in front.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import AveragePooling2D
    >>> model = Sequential([AveragePooling2D(2, input_shape=(2, 4, 1))])
    >>> model.predict([[[[1.0], [2.0], [0.0], [0.0]], [[3.0], [6.0], [0.0], [4.0]]]]).tolist()
    [[[[3.0], [1.0]]]]
    """

    rank, average = 2, True


@described
class GlobalPooling(AnyPooling):
    """What the global poolings take; :class:`GlobalMaxPooling2D` describes it."""

    data_format: DataFormat | None = None
    keepdims: bool = False
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data_format(self.data_format)
        settle(self, keepdims=flag("keepdims", self.keepdims))

    def output_shape(self, shape: Shape) -> Shape:
        self._check(shape)
        return (*(1,) * self.rank, shape[-1]) if self.keepdims else (shape[-1],)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        ones = (1,) * self.rank
        return (self._pooled(shape, Windows(shape[:-1], ones, ones, "valid")),)


@described
class GlobalMaxPooling1D(GlobalPooling):
    """The largest number of each channel of a signal; arguments as of :class:`GlobalMaxPooling2D`.

    Shapes: ``(steps, channels)`` -> ``(channels,)``, with ``keepdims`` ``(1, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GlobalMaxPooling1D
    >>> Sequential([GlobalMaxPooling1D(input_shape=(3, 2))]).predict([[[1.0, 5.0], [2.0, 0.0], [0.0, 1.0]]]).tolist()
    [[2.0, 5.0]]
    """

    rank, average = 1, False


@described
class GlobalMaxPooling2D(GlobalPooling):
    """The largest number of each channel of an image: ``y[c] = max(x[i, j, c])`` over all places.

    Parameters
    ----------
    data_format : None or ``"channels_last"``.
    keepdims : whether the axes that are pooled stay, with size 1.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(channels,)``, with ``keepdims`` ``(1, 1, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GlobalMaxPooling2D
    >>> Sequential([GlobalMaxPooling2D(keepdims=True, input_shape=(7, 7, 64))]).output_shape
    (None, 1, 1, 64)
    """

    rank, average = 2, False


@described
class GlobalAveragePooling1D(GlobalPooling):
    """The mean of each channel of a signal; arguments as of :class:`GlobalMaxPooling2D`.

    Of a sequence with a mask it is the mean over the steps that count, 0 where none does.

    Shapes: ``(steps, channels)`` -> ``(channels,)``, with ``keepdims`` ``(1, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GlobalAveragePooling1D
    >>> Sequential([GlobalAveragePooling1D(input_shape=(2, 2))]).predict([[[1.0, 5.0], [2.0, 0.0]]]).tolist()
    [[1.5, 2.5]]
    """

    rank, average = 1, True
    takes_masks = True

    def operations(self, shape: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        if not any(masks):
            return GlobalPooling.operations(self, shape)
        return (Operation(masked_mean.OP, shape[1], shape[1], inputs=(0, 1), geometry=(shape[0],)),)


@described
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel of an image; arguments as of :class:`GlobalMaxPooling2D`.

    Shapes: ``(height, width, channels)`` -> ``(channels,)``, with ``keepdims`` ``(1, 1, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, GlobalAveragePooling2D
    >>> Sequential([GlobalAveragePooling2D(input_shape=(7, 7, 64)), Dense(10)]).output_shape
    (None, 10)
    """

    rank, average = 2, True


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D  # Keras' other names
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
