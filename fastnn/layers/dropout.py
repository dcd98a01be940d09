"""Dropout (Srivastava et al. 2014)."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

from fastnn._base.arguments import number
from fastnn._ops import Operation, dropout
from fastnn.layers.described import Described, described
from fastnn.layers.settling import settle


@described
class Dropout(Described):
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

    def __post_init__(self):
        settle(self, rate=number("rate", self.rate, low=0.0, high=1.0, open_high=True))

    def operations(self, shape):
        return (Operation(dropout.OP, shape[-1], shape[-1], math.prod(shape[:-1]), rate=self.rate),)
