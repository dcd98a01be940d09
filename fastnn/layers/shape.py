"""Layers that give the same numbers another shape, and compute nothing."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np

from fastnn._base.arguments import shown
from fastnn.layers.arguments import ShapeLike, TargetShape, default
from fastnn.layers.described import Described, described
from fastnn.layers.input import Input as Input  # where older pickles find it, and the layer
from fastnn.layers.input import InputLayer as InputLayer
from fastnn.layers.parameter import Shape, check_shape
from fastnn.layers.settling import settle


@described
class Flatten(Described):
    """``(a, b, ...)`` -> ``(a * b * ...,)``; rows stay where they are.

    Parameters
    ----------
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Flatten
    >>> model = Sequential([Flatten(input_shape=(28, 28)), Dense(10)], seed=1)
    >>> model.get_weights()[0].shape
    (784, 10)
    """

    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)


@described
class Reshape(Described):
    """Another shape for the same numbers; one size may be -1 and follows from the others.

    Parameters
    ----------
    target_shape : shape of a sample behind it; one size may be -1.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Reshape
    >>> Sequential([Reshape((2, -1), input_shape=(6,))]).output_shape
    (None, 2, 3)
    """

    target_shape: TargetShape
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        came: object = self.target_shape
        came = came.tolist() if isinstance(came, np.ndarray) else came
        sizes = came if isinstance(came, tuple | list) else (came,)
        if sum(size == -1 for size in sizes) > 1:
            raise ValueError(f"target_shape may hold one -1, got {shown(came)}")
        check_shape("target_shape", tuple(1 if size == -1 else size for size in sizes))
        settle(self, target_shape=tuple(sizes))

    def output_shape(self, shape: Shape) -> Shape:
        count, known = math.prod(shape), math.prod(size for size in self.target_shape if size != -1)
        fits = count % known == 0 if -1 in self.target_shape else count == known
        if not fits:
            raise ValueError(f"Reshape{self.target_shape} cannot hold the {count} numbers of shape {shape}")
        return tuple(count // known if size == -1 else size for size in self.target_shape)
