"""The layers of the timed networks: what is to be computed, for every peer to build in its own way.

Each says what shape it makes of one, which arrays it has, and how many multiply-adds a sample takes going forward; taps
that lie on the padding count, as they do wherever such figures are given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]  # of a sample
EPSILON, MOMENTUM = 1e-3, 0.99  # of Norm


class Layer:
    """One without weights that leaves the shape as it is."""

    n_trained = 2  # of its arrays, the first ones: what an optimiser moves

    def after(self, shape: Shape) -> Shape:
        return shape

    def arrays(self, shape: Shape) -> list[Shape]:
        """Shapes of its arrays."""
        return []

    def work(self, shape: Shape) -> int:
        """Multiply-adds of a sample."""
        return 0


@dataclass(frozen=True)
class Dense(Layer):
    n: int

    def after(self, shape):
        return (self.n,)

    def arrays(self, shape):
        return [(*shape, self.n), (self.n,)]

    def work(self, shape):
        return shape[0] * self.n


@dataclass(frozen=True)
class Conv(Layer):
    """``n`` filters of ``k`` x ``k``; with ``"same"`` padding ``k`` is odd and strides are 1, so that both sides have
    equally much of it in every library."""

    n: int
    k: int
    padding: str = "same"
    strides: int = 1
    bias: bool = True
    depthwise: bool = False  # a filter for each channel, and ``n`` is their number

    def __post_init__(self):
        if self.padding == "same" and (self.k % 2 == 0 or self.strides != 1):
            raise ValueError(f"{self}: same padding is for odd windows and strides of 1; use padding='valid'")

    @property
    def around(self) -> int:
        """Zeros on each side."""
        return self.k // 2 if self.padding == "same" else 0

    def after(self, shape):
        height, width = ((size + 2 * self.around - self.k) // self.strides + 1 for size in shape[:2])
        return height, width, self.n

    def arrays(self, shape):
        kernel = (self.k, self.k, self.n, 1) if self.depthwise else (self.k, self.k, shape[2], self.n)
        return [kernel, (self.n,)] if self.bias else [kernel]

    def work(self, shape):
        return math.prod(self.after(shape)) * self.k**2 * (1 if self.depthwise else shape[2])


class Norm(Layer):
    """BatchNormalization."""

    def arrays(self, shape):
        return [shape[-1:]] * 4


@dataclass(frozen=True)
class Act(Layer):
    name: str


@dataclass(frozen=True)
class MaxPool(Layer):
    """Of squares that do not overlap."""

    size: int

    def after(self, shape):
        return shape[0] // self.size, shape[1] // self.size, shape[2]


class Average(Layer):
    """Of each channel."""

    def after(self, shape):
        return shape[2:]


class Flatten(Layer):
    def after(self, shape):
        return (math.prod(shape),)


@dataclass(frozen=True)
class Residual(Layer):
    """``x`` plus what the layers make of it, in the same shape."""

    layers: tuple[Layer, ...]


def walk(layers, shape: Shape):
    """Each layer in the order in which it acts, with the shape that it reads."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from walk(layer.layers, shape)
        else:
            yield layer, shape
            shape = layer.after(shape)


def channels_first(w: np.ndarray, image: Shape) -> np.ndarray:
    """A dense kernel behind a flattened image, for numbers in the order channels, height, width."""
    return w.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(w.shape)
