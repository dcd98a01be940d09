"""Layers that move numbers and compute nothing: padding, cropping, repeating, other orders of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Any, ClassVar

from fastnn._base.arguments import shown
from fastnn._ops import Operation, copy
from fastnn.layers.arguments import DataFormat, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import settle
from fastnn.layers.windows import check_data_format, check_rank, sizes

ONE = (1, 0)  # an axis of one number


def around(name: str, came: object, rank: int) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    """Counts before and behind: a pair for a signal, a pair for each axis of an image, from Keras' forms of them."""
    if not isinstance(came, tuple | list):
        came = (came,) * 2
    elif len(came) != 2:
        forms = "a pair" if rank == 1 else "a pair of them, or two pairs"
        raise ValueError(f"{name} must be a whole number or {forms}, got {shown(came)}")
    return sizes(name, came, 2, low=0) if rank == 1 else tuple(sizes(name, side, 2, low=0) for side in came)


class Rearranging(Described):
    """What these layers have in common: they say what the output's axes are in the input, and it is one operation."""

    def _gather(self, shape: Shape, axes: Sequence[tuple[int, int]], start: int = 0) -> Operation:
        """Axes ``(n, stride)`` of the output, read from number ``start`` of the input on."""
        found = copy.merged(axes)
        if len(found) > copy.AXES:
            raise ValueError(
                f"{self!r} tears a sample {tuple(shape)} into {len(found)} axes that lie apart, and at most "
                f"{copy.AXES} can be moved at once; two layers after each other can do it"
            )
        *_, lines, line = found = [*[ONE] * (copy.AXES - len(found)), *found]
        return self._copy(shape, found, (0, lines[0], 0, line[0]), start)

    def _copy(self, shape: Shape, axes: Sequence[tuple[int, int]], frame: Sequence[int], start: int = 0) -> Operation:
        made = self.output_shape(shape)
        counts, strides = zip(*axes, strict=True)
        geometry = (*counts, *strides, *frame, start)
        return Operation(copy.OP, shape[-1], made[-1], math.prod(made[:-1]), geometry=geometry)


class Framed(Rearranging):
    """A signal or an image, ``rank`` axes beside the channels, with something added or cut off around it."""

    rank: ClassVar[int]
    framed: ClassVar[str]  # the argument that says how much

    def __post_init__(self) -> None:
        check_data_format(getattr(self, "data_format", None))
        settle(self, **{self.framed: around(self.framed, getattr(self, self.framed), self.rank)})

    def _sides(self, came: Any) -> tuple[tuple[int, int], ...]:
        """A pair for each axis."""
        return (came,) if self.rank == 1 else came

    def _image(self, shape: Shape, came: Any) -> tuple[Any, ...]:
        """Height, width, channels, and the pairs of both axes; of a signal the height is 1."""
        return (1, *shape, (0, 0), came) if self.rank == 1 else (*shape, *came)


@described
class ZeroPadding(Framed):
    """What :class:`ZeroPadding1D` and :class:`ZeroPadding2D` take."""

    padding: int | Sequence[int] | Sequence[Sequence[int]] = 1
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    framed = "padding"

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, self.rank)
        sides = self._sides(self.padding)
        return (*(n + sum(side) for n, side in zip(shape, sides, strict=False)), shape[-1])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        h, w, c, (top, bottom), (left, right) = self._image(shape, self.padding)
        axes = [*[ONE] * 3, (top + h + bottom, w * c), ((left + w + right) * c, 1)]
        return (self._copy(shape, axes, (top, top + h, left * c, (left + w) * c)),)


@described
class ZeroPadding1D(ZeroPadding):
    """Zeros before and behind a signal.

    Parameters
    ----------
    padding : steps before and behind: a number, or a pair.
    data_format : None or ``"channels_last"``.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, channels)`` -> ``(before + steps + behind, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import ZeroPadding1D
    >>> Sequential([ZeroPadding1D((2, 1), input_shape=(1, 2))]).predict([[[1.0, 5.0]]]).tolist()
    [[[0.0, 0.0], [0.0, 0.0], [1.0, 5.0], [0.0, 0.0]]]
    """

    rank = 1


@described
class ZeroPadding2D(ZeroPadding):
    """Zeros around an image.

    Parameters
    ----------
    padding : lines and places: one number for all sides, ``(above and below, left and right)``, or ``((top, bottom),
        (left, right))``.
    data_format : None or ``"channels_last"``.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(top + height + bottom, left + width + right, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import ZeroPadding2D
    >>> Sequential([ZeroPadding2D(((1, 0), (2, 3)), input_shape=(28, 28, 3))]).output_shape
    (None, 29, 33, 3)
    """

    rank = 2


class Cropping(Framed):
    """A signal or an image without what is around its middle."""

    cropping: int | Sequence[int] | Sequence[Sequence[int]]
    framed = "cropping"

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, self.rank)
        sides = self._sides(self.cropping)
        left = tuple(n - sum(side) for n, side in zip(shape, sides, strict=False))
        if min(left) < 1:
            raise ValueError(f"{self!r} leaves nothing of a sample {tuple(shape)}: it would be {(*left, shape[-1])}")
        return (*left, shape[-1])

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        h, w, c, (top, bottom), (left, right) = self._image(shape, self.cropping)
        axes = ((h - top - bottom, w * c), ((w - left - right) * c, 1))
        return (self._gather(shape, axes, (top * w + left) * c),)


@described
class Cropping1D(Cropping):
    """A signal without its first and last steps.

    Parameters
    ----------
    cropping : steps before and behind: a number, or a pair.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, channels)`` -> ``(steps - before - behind, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Cropping1D
    >>> Sequential([Cropping1D((0, 2), input_shape=(3, 1))]).predict([[[1.0], [2.0], [3.0]]]).tolist()
    [[[1.0]]]
    """

    cropping: int | Sequence[int] | Sequence[Sequence[int]] = 1
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    rank = 1


@described
class Cropping2D(Cropping):
    """An image without what is around its middle.

    Parameters
    ----------
    cropping : lines and places: one number for all sides, ``(above and below, left and right)``, or ``((top, bottom),
        (left, right))``.
    data_format : None or ``"channels_last"``.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(height - top - bottom, width - left - right, channels)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Cropping2D
    >>> Sequential([Cropping2D(((2, 2), (4, 4)), input_shape=(28, 28, 3))]).output_shape
    (None, 24, 20, 3)
    """

    cropping: int | Sequence[int] | Sequence[Sequence[int]] = 0
    data_format: DataFormat | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    rank = 2
