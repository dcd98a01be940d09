"""Normal noise in training."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._base.arguments import number
from fastnn._ops import Operation, noise
from fastnn.layers.arguments import ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.dropout import Dropping
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import settle

MOST_DEVIATION = 1e30


class Noise(Described):
    """A layer that adds or multiplies noise."""

    hands_on_masks = by_step = True

    multiplies: bool
    seed: int | None

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise."""
        raise NotImplementedError

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n, rows, kind = shape[-1], math.prod(shape[:-1]), (int(self.multiplies),)
        return (Operation(noise.OP, n, n, rows, rate=self.deviation, seed=self.seed, geometry=kind),)


@described
class GaussianNoise(Noise):
    """Adds normal noise of mean 0 and standard deviation ``stddev`` in training: ``y = x + stddev * drawn``.

    What is drawn follows from ``seed``, without one the model's, the layer's place, the step and the element's index,
    so every backend draws the same. In prediction the layer does nothing.

    Parameters
    ----------
    stddev : standard deviation of what is added in training.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    input_shape, name : as of :class:`Layer`.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import GaussianNoise
    >>> model = Sequential([GaussianNoise(0.5, input_shape=(2000,))], seed=0)
    >>> float(model(np.zeros((1, 2000)), training=True).std().round(1))
    0.5
    """

    stddev: float
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    multiplies = False

    def __post_init__(self) -> None:
        settle(self, stddev=number("stddev", self.stddev, low=0.0, high=MOST_DEVIATION))

    @property
    def deviation(self) -> float:
        return self.stddev


@described
class GaussianDropout(Noise, Dropping):
    """Multiplies by normal noise of mean 1 and variance ``rate / (1 - rate)`` in training (Srivastava et al. 2014).

    Mean and variance are those of the factors of :class:`Dropout` at the same rate. See :class:`GaussianNoise` for what
    is drawn.

    Parameters
    ----------
    rate : the noise has the variance ``rate / (1 - rate)``, that of Dropout at this rate; from 0 to less than 1.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn.layers import GaussianDropout
    >>> GaussianDropout(0.2).deviation
    0.5
    """

    rate: float
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    multiplies = True

    @property
    def deviation(self) -> float:
        return math.sqrt(self.rate / (1 - self.rate))
