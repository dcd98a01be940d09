"""Fully connected layers and activations on their own."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np

from fastnn._base.arguments import integer
from fastnn._ops import Operation, activation, dense
from fastnn.layers.arguments import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter, settle


@described
class Dense(Described):
    """``y = activation(x @ kernel + bias)`` along the last axis.

    Parameters
    ----------
    units : width of the output.
    activation : name, record of :mod:`fastnn.activations`, or None for linear.
    use_bias : whether there is a bias.
    kernel_initializer, bias_initializer : names or objects of :mod:`fastnn.initializers`.
    kernel_regularizer, bias_regularizer : names or objects of :mod:`fastnn.regularizers`.
    activity_regularizer : likewise, of the layer's output; divided by the rows of a batch, as Keras does.
    kernel_constraint, bias_constraint : names or objects of :mod:`fastnn.constraints`, applied after every update.
    input_shape : shape of one sample, for the first layer; ``input_dim=n`` means ``(n,)``.
    input_dim : ``n`` means ``input_shape=(n,)``.
    name : shown in summaries and files.

    Shapes: ``(..., n_in)`` -> ``(..., units)``; kernel ``(n_in, units)``, bias ``(units,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(64, "relu", kernel_initializer="he_normal", input_shape=(20,)), Dense(1)], seed=1)
    >>> [w.shape for w in model.get_weights()]
    [(20, 64), (64,), (64, 1), (1,)]
    """

    hands_on_masks = by_step = True

    units: int
    activation: ActivationLike = default(None)
    use_bias: bool = True
    kernel_initializer: InitializerLike = default("glorot_uniform")
    bias_initializer: InitializerLike = default("zeros")
    kernel_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    kernel_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    input_dim: int | None = None
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        told: dict[str, object] = {"units": integer("units", self.units, low=1)}
        if self.input_dim is not None:
            told |= {"input_shape": (integer("input_dim", self.input_dim, low=1),), "input_dim": None}
        settle(self, **told)
        for constraint, shape in ((self.kernel_constraint, (1, self.units)), (self.bias_constraint, (self.units,))):
            if constraint is not None:
                constraint.matrix(shape)

    @property
    def kernel(self) -> np.ndarray:
        """The kernel as it is now, ``(n_in, units)``, not to be written to."""
        return self.parameter("kernel")

    @property
    def bias(self) -> np.ndarray | None:
        """The bias as it is now, ``(units,)``, not to be written to; None without one."""
        return self.parameter("bias") if self.use_bias else None

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        kernel = parameter(self, "kernel", (shape[-1], self.units))
        return (kernel, parameter(self, "bias", (self.units,))) if self.use_bias else (kernel,)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (
            Operation(
                dense.OP,
                shape[-1],
                self.units,
                math.prod(shape[:-1]),
                self.activation,
                w=0,
                b=1 if self.use_bias else -1,
                activity=self.activity_regularizer,
            ),
        )


@described
class Activation(Described):
    """An activation as a layer of its own, ``y = activation(x)``; after a linear Dense the plan joins the two.

    Parameters
    ----------
    activation : a name, a record of :mod:`fastnn.activations`, or None for linear.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Activation
    >>> Sequential([Activation("relu", input_shape=(2,))]).predict([[-1.0, 3.0]]).tolist()
    [[0.0, 3.0]]
    """

    hands_on_masks = by_step = True

    activation: ActivationLike
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (Operation(activation.OP, shape[-1], shape[-1], math.prod(shape[:-1]), self.activation),)
