"""Dropout (Srivastava et al. 2014): of single numbers, of whole channels, and for SELU."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

from fastnn._base.arguments import number
from fastnn._ops import Operation, alpha_dropout, dropout
from fastnn.layers.described import Described, described
from fastnn.layers.settling import settle
from fastnn.layers.windows import check_rank


class Dropping(Described):
    """A layer that drops a share ``rate`` of what it reads."""

    hands_on_masks = by_step = True

    rate: float

    def __post_init__(self):
        settle(self, rate=number("rate", self.rate, low=0.0, high=1.0, open_high=True))


@described
class Dropout(Dropping):
    """Zeroes a share ``rate`` of its inputs in training and scales the rest by ``1 / (1 - rate)``.

    The mask follows from the model's seed, the layer's place, the step and the element's index, so
    every backend draws the same one. In prediction the layer does nothing.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Dropout
    >>> model = Sequential([Dense(64, "relu", input_shape=(20,)), Dropout(0.5), Dense(1)], seed=1)
    >>> model.layers[1]
    Dropout(rate=0.5)
    """

    rate: float
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)

    def operations(self, shape):
        return (Operation(dropout.OP, shape[-1], shape[-1], math.prod(shape[:-1]), rate=self.rate, geometry=(1,)),)


class SpatialDropout(Dropping):
    """Zeroes whole channels."""

    rank: int

    def output_shape(self, shape):
        check_rank(self, shape, self.rank)
        return shape

    def operations(self, shape):
        places = math.prod(shape[:-1])
        return (Operation(dropout.OP, shape[-1], shape[-1], places, rate=self.rate, geometry=(places,)),)


@described
class SpatialDropout1D(SpatialDropout):
    """Zeroes a share ``rate`` of the channels of a signal in training, and scales the rest (Tompson et al. 2015).

    Neighbouring steps are alike, so that numbers dropped one by one would be known from those beside them. See
    :class:`Dropout` for what is drawn, and from what.

    Shapes: ``(steps, channels)``, as it came.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import SpatialDropout1D
    >>> model = Sequential([SpatialDropout1D(0.5, input_shape=(2, 4))], seed=2)
    >>> model([[[1.0] * 4] * 2], training=True).tolist()
    [[[2.0, 2.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0]]]
    """

    rate: float
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    rank = 1


@described
class SpatialDropout2D(SpatialDropout):
    """Zeroes a share ``rate`` of the channels of an image in training, and scales the rest.

    See :class:`SpatialDropout1D`. Shapes: ``(height, width, channels)``, as it came.

    >>> from fastnn.layers import SpatialDropout2D
    >>> SpatialDropout2D(0.5)
    SpatialDropout2D(rate=0.5)
    """

    rate: float
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    rank = 2


@described
class AlphaDropout(Dropping):
    """Dropout for SELU networks: mean and variance stay, in training, as SELU gives them.

    A share ``rate`` of the numbers becomes what SELU tends to far below zero; then all are scaled and shifted to the
    mean 0 and variance 1 that they had (Klambauer et al. 2017). In prediction the layer does nothing.

    >>> from fastnn.layers import AlphaDropout
    >>> AlphaDropout(0.1)
    AlphaDropout(rate=0.1)
    """

    rate: float
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)

    def operations(self, shape):
        more = {"rate": self.rate, "numbers": alpha_dropout.numbers_of(self.rate)}
        return (Operation(alpha_dropout.OP, shape[-1], shape[-1], math.prod(shape[:-1]), **more),)
