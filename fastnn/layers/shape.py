"""Layers that name a shape and compute nothing."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn.layers.arguments import ShapeLike, TargetShape, default
from fastnn.layers.described import Described, described
from fastnn.layers.edges import Call, Edge
from fastnn.layers.parameter import Shape, check_shape, other_shape
from fastnn.layers.settling import settle


@described
class InputLayer(Described):
    """States the shape of one sample; :func:`Input` makes it, and gives its edge.

    Parameters
    ----------
    shape : shape of one sample, without the rows; None for a length that differs from batch to batch.
    name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, InputLayer
    >>> Sequential([InputLayer((20,)), Dense(3)]).output_shape
    (None, 3)
    """

    shape: Any
    name: str | None = field(default=None, compare=False)
    states_input = True
    n_inputs = 0
    stored_as = "Input"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape("shape", self.shape, may_be_open=True))

    @property
    def input_shape(self) -> Shape:  # type: ignore[override]  # other layers are given it
        found: Shape = self.shape
        return found

    @property
    def edge(self) -> Edge:
        """The edge that stands for the rows of this input."""
        if self.calls:
            return self.calls[0].outputs[0]
        return self._record(Call(self, (), [self.shape], others=[other_shape(self.shape)]))[0]

    def __call__(self, inputs: Any, mask: Any = None) -> Edge:
        raise TypeError(f"{self!r} reads no edge: it is where a graph begins, see fastnn.Input")


def Input(*arguments: Any, **named: Any) -> Edge:
    """Where a graph of layers begins: an edge for rows of ``shape``, the arguments of :class:`InputLayer`.

    Also the first in the list of a :class:`fastnn.Sequential`.

    Parameters
    ----------
    *arguments : as of :func:`fastnn.layers.Input` in Keras: ``shape``, ``name``, ``dtype``, ``batch_shape``.
    **named : the same by name.

    >>> from fastnn import Model
    >>> from fastnn.layers import Dense, Input
    >>> x = Input((20,), name="features")
    >>> Model(x, Dense(3)(x)).output_shape
    (None, 3)
    """
    return InputLayer(*arguments, **named).edge


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
        came: Any = self.target_shape
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
