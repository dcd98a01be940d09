"""A trained factor for each number of a row."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._ops import Operation, scale
from fastnn.layers.arguments import ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import settle


@described
class Scale(Described):
    """``y = x * scale`` along the last axis, with one trained factor for each of its numbers.

    Parameters
    ----------
    initializer : name or object of :mod:`fastnn.initializers`.
    regularizer : name or object of :mod:`fastnn.regularizers`, of the factors.
    constraint : name or object of :mod:`fastnn.constraints`, applied after every update.
    input_shape : shape of one sample, for the first layer.
    name : shown in summaries and files.

    Shapes: ``(..., n)`` -> ``(..., n)``; scale ``(n,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Scale
    >>> model = Sequential([Scale(input_shape=(2,))])
    >>> model.set_weights([[1.0, 0.5]])
    >>> model.predict([[3.0, 4.0]]).tolist()
    [[3.0, 2.0]]
    """

    hands_on_masks = True

    initializer: InitializerLike = default("ones")
    regularizer: RegularizerLike = default(None)
    constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)
        if self.constraint is not None:
            self.constraint.matrix((1,))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("scale", (shape[-1],), self.initializer, self.regularizer, self.constraint),)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (Operation(scale.OP, shape[-1], shape[-1], math.prod(shape[:-1]), w=0),)
