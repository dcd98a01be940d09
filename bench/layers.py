"""The layers of the timed networks: what is to be computed, for every peer to build in its own way.

Each says what shape it makes of one, which arrays it has, and how many multiply-adds a sample takes going forward; taps
that lie on the padding count, as they do wherever such figures are given; steps that are masked do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, ...]  # of a sample
EPSILON, MOMENTUM = 1e-3, 0.99  # of Norm


class Layer:
    """One without weights that leaves the shape as it is."""

    n_trained: int | None = None  # of its arrays, the first ones: what an optimiser moves; None for all

    def after(self, shape: Shape) -> Shape:
        return shape

    def arrays(self, shape: Shape) -> list[Shape]:
        """Shapes of its arrays."""
        return []

    def work(self, shape: Shape) -> int:
        """Multiply-adds of a sample."""
        return 0

    def work_on_input(self, shape: Shape) -> int:
        """Those of them that read the input itself: as many as dx takes."""
        return self.work(shape)


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

    n_trained = 2

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
    """Of each channel over all places, of each feature over all steps."""

    def after(self, shape):
        return shape[-1:]


class Flatten(Layer):
    def after(self, shape):
        return (math.prod(shape),)


@dataclass(frozen=True)
class Recurrent(Layer):
    """The last state of ``n`` numbers; ``"gru"`` resets after its product, as PyTorch's does.

    Columns of the kernels and biases are in fastnn's order: i, f, g, o of an LSTM, z, r, g of a GRU.
    """

    kind: str  # "lstm", "gru", "rnn"
    n: int
    there: int | None = None  # steps that are not masked, the first ones; None where there is no mask
    even: bool = True  # whether all rows have so many; else from 1 to twice as many less one, at random

    @property
    def columns(self) -> int:
        return {"lstm": 4, "gru": 3, "rnn": 1}[self.kind] * self.n

    def after(self, shape):
        return (self.n,)

    def arrays(self, shape):
        bias = (2, self.columns) if self.kind == "gru" else (self.columns,)
        return [(shape[-1], self.columns), (self.n, self.columns), bias]

    def work(self, shape):
        return (self.there or shape[0]) * self.columns * (shape[-1] + self.n)

    def work_on_input(self, shape):
        return (self.there or shape[0]) * self.columns * shape[-1]


@dataclass(frozen=True)
class Attention(Layer):
    """MultiHeadAttention of a sequence with itself: projections to queries, keys, values, and back."""

    heads: int
    width: int  # of a head

    def arrays(self, shape):
        n, inner = shape[1], self.heads * self.width
        return [*[(n, inner), (inner,)] * 3, (inner, n), (n,)]

    def work(self, shape):
        steps, n = shape
        return 2 * steps * self.heads * self.width * (2 * n + steps)

    def work_on_input(self, shape):
        return 3 * math.prod(shape) * self.heads * self.width


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector of ``width`` for each of ``n`` whole numbers."""

    n: int
    width: int

    def after(self, shape):
        return (*shape, self.width)

    def arrays(self, shape):
        return [(self.n, self.width)]


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
