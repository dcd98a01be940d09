"""An activation of which each unit has as much as it learns to want."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._base.arguments import shown
from fastnn._ops import Operation, parametric
from fastnn.layers.arguments import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter, settle


@described
class ParametricActivation(Described):
    """``y = x + alpha * (f(x) - x)`` with an activation ``f`` and a trained ``alpha`` for each number of the last axis.

    It starts as ``f``; where ``alpha`` is 0, it hands on what it reads (the parametric activations of RealMLP,
    Holzmueller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    activation : name or record of :mod:`fastnn.activations`, or a layer that is one; of single numbers, so neither
        softmax nor log_softmax.
    alpha_initializer, alpha_regularizer, alpha_constraint : names or objects of :mod:`fastnn.initializers`,
        :mod:`fastnn.regularizers` and :mod:`fastnn.constraints`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(..., n)`` -> ``(..., n)``; alpha ``(n,)``.

    Raises
    ------
    ValueError, TypeError
        an argument is wrong; the message names it.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import ParametricActivation
    >>> model = Sequential([ParametricActivation("relu", input_shape=(2,))])
    >>> model.set_weights([[1.0, 0.5]])
    >>> model.predict([[-2.0, -2.0]]).tolist()
    [[0.0, -1.0]]
    """

    hands_on_masks = by_step = True

    activation: ActivationLike
    alpha_initializer: InitializerLike = default("ones")
    alpha_regularizer: RegularizerLike = default(None)
    alpha_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)
        if self.activation.rowwise:
            raise ValueError(f"activation must be one of single numbers, and {shown(self.activation.name)} is of rows")
        if self.alpha_constraint is not None:
            self.alpha_constraint.matrix((1,))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (parameter(self, "alpha", (shape[-1],)),)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n = shape[-1]
        return (Operation(parametric.OP, n, n, math.prod(shape[:-1]), self.activation, w=0),)
