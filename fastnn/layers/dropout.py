"""Dropout (Srivastava et al. 2014): of single numbers, of whole channels, and for SELU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from fastnn._base.arguments import number
from fastnn._ops import Operation, alpha_dropout, dropout
from fastnn.layers.arguments import Argument, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.noise_shape import check_noise_shape, shared_rows
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import changed, settle
from fastnn.layers.steps import StepForm
from fastnn.layers.windows import check_rank

if TYPE_CHECKING:
    from fastnn._ops.base import Op
    from fastnn.layers.steps import Steps


NoiseShape = Argument[Sequence[int | None] | None, tuple[int | None, ...] | None]


class Dropping(Described):
    """A layer that drops a share ``rate`` of what it reads."""

    hands_on_masks = by_step = True

    rate: float
    seed: int | None

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self, **more: object) -> None:
        settle(self, rate=number("rate", self.rate, low=0.0, high=1.0, open_high=True), **more)


class Sharing(Dropping):
    """A layer that may drop numbers of a sample together, as its ``noise_shape`` says."""

    noise_shape: NoiseShape

    def __post_init__(self) -> None:
        self._settle(noise_shape=check_noise_shape(self.noise_shape))

    def output_shape(self, shape: Shape) -> Shape:
        shared_rows(self, shape)
        return shape

    def _operation(self, kind: Op, shape: Shape, numbers: tuple[float, ...] = ()) -> Operation:
        width, rows, shared = shared_rows(self, shape)
        return Operation(kind, width, width, rows, rate=self.rate, seed=self.seed, geometry=(shared,), numbers=numbers)

    @property
    def steps(self) -> Steps | None:
        return None if self.noise_shape is None else self._steps

    def _steps(self, shape: Shape) -> StepForm:
        """Single steps are those of predictions, where nothing is drawn for the sequence that the noise shape has."""
        one = changed(self, noise_shape=None, input_shape=None, name=None)
        return StepForm(one, [], [(one, (0,))], (1,), True)


@described
class Dropout(Sharing):
    """Zeroes a share ``rate`` of its inputs in training and scales the rest by ``1 / (1 - rate)``.

    The mask follows from the seed, the layer's place, the step and the element's index, so every backend draws the same
    one. In prediction the layer does nothing.

    Parameters
    ----------
    rate : share of the numbers that become 0, in [0, 1).
    noise_shape : None, or which numbers are dropped together: None for the rows, then for each axis of a sample None or
        its size where each place draws its own, 1 where all places share what is drawn. ``(None, 1, n)`` drops features
        of a sequence at all of its steps, ``(None, steps, 1)`` whole steps, ``(None, 1, 1, n)`` channels of images.
        Axes of 1 are neighbours.
    seed : whole number in [0, 2**64) from which what is drawn follows in place of the model's seed, which may then
        differ; two layers of one seed still draw different numbers. None for the model's.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Dropout
    >>> model = Sequential([Dense(64, "relu", input_shape=(20,)), Dropout(0.5), Dense(1)], seed=1)
    >>> model.layers[1]
    Dropout(rate=0.5)
    """

    rate: float
    noise_shape: NoiseShape = default(None)
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._operation(dropout.OP, shape),)


class SpatialDropout(Dropping):
    """Zeroes whole channels."""

    rank: int

    def output_shape(self, shape: Shape) -> Shape:
        check_rank(self, shape, self.rank)
        return shape

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        places = math.prod(shape[:-1])
        n = shape[-1]
        return (Operation(dropout.OP, n, n, places, rate=self.rate, seed=self.seed, geometry=(places,)),)


@described
class SpatialDropout1D(SpatialDropout):
    """Zeroes a share ``rate`` of the channels of a signal in training, and scales the rest (Tompson et al. 2015).

    Neighbouring steps are alike, so that numbers dropped one by one would be known from those beside them. See
    :class:`Dropout` for what is drawn, and from what; ``rate`` and ``seed`` are as there.

    Parameters
    ----------
    rate : share of the numbers that are dropped in training, from 0 to less than 1.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, channels)``, as it came.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import SpatialDropout1D
    >>> model = Sequential([SpatialDropout1D(0.5, input_shape=(2, 4))], seed=2)
    >>> model([[[1.0] * 4] * 2], training=True).tolist()
    [[[2.0, 2.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0]]]
    """

    rate: float
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    rank = 1


@described
class SpatialDropout2D(SpatialDropout):
    """Zeroes a share ``rate`` of the channels of an image in training, and scales the rest.

    See :class:`SpatialDropout1D`. Shapes: ``(height, width, channels)``, as it came.

    Parameters
    ----------
    rate : share of the numbers that are dropped in training, from 0 to less than 1.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn.layers import SpatialDropout2D
    >>> SpatialDropout2D(0.5)
    SpatialDropout2D(rate=0.5)
    """

    rate: float
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    rank = 2


@described
class AlphaDropout(Sharing):
    """Dropout for SELU networks: mean and variance stay, in training, as SELU gives them.

    A share ``rate`` of the numbers becomes what SELU tends to far below zero; then all are scaled and shifted to the
    mean 0 and variance 1 that they had (Klambauer et al. 2017). In prediction the layer does nothing. Arguments are
    those of :class:`Dropout`.

    >>> from fastnn.layers import AlphaDropout
    >>> AlphaDropout(0.1)
    AlphaDropout(rate=0.1)
    """

    rate: float
    noise_shape: NoiseShape = default(None)
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._operation(alpha_dropout.OP, shape, numbers=alpha_dropout.numbers_of(self.rate)),)
