"""Activations that Keras has as layers of their own, with their parameters."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn import activations
from fastnn._base.arguments import number
from fastnn._ops import Operation, activation
from fastnn.activations import Activation as ActivationRecord
from fastnn.layers.arguments import ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Shape
from fastnn.layers.settling import settle


class Elementwise(Described):
    """A layer that is one activation, ``record``; after a linear Dense the plan joins the two."""

    hands_on_masks = by_step = True

    @property
    def record(self) -> ActivationRecord:
        """The activation with its parameter bound."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        settle(self)
        self._settle()

    def _settle(self) -> None:
        """Check the layer's own arguments."""

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (Operation(activation.OP, shape[-1], shape[-1], math.prod(shape[:-1]), self.record),)


@described
class ReLU(Elementwise):
    """``max(x, 0)``, or ``negative_slope * x`` below zero; ``max_value=6`` caps it there.

    Other caps, and a ``threshold`` other than 0, have no kernels and are refused.

    Parameters
    ----------
    max_value : None, or 6 to cap the output there.
    negative_slope : the slope below zero.
    threshold : 0; no other one is there.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import ReLU
    >>> Sequential([ReLU(negative_slope=0.5, input_shape=(2,))]).predict([[-1.0, 3.0]]).tolist()
    [[-0.5, 3.0]]
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def _settle(self) -> None:
        slope = number("negative_slope", self.negative_slope, low=0.0)
        if number("threshold", self.threshold):
            raise ValueError(f"threshold must be 0, got {self.threshold!r}; shift the bias of the layer before it")
        if self.max_value is not None:
            capped = number("max_value", self.max_value, low=0.0, open_low=True) == 6.0 and not slope
            if not (capped and "relu6" in activations.ACTIVATIONS):
                raise ValueError(f"max_value must be None, or 6 without a negative_slope, got {self.max_value!r}")

    @property
    def record(self) -> ActivationRecord:
        if self.max_value is not None:
            return activations.get("relu6")
        slope = self.negative_slope
        return activations.get("leaky_relu", negative_slope=slope) if slope else activations.get("relu")


@described
class LeakyReLU(Elementwise):
    """``x`` above zero, ``negative_slope * x`` below.

    Parameters
    ----------
    negative_slope : the slope below zero.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import LeakyReLU
    >>> Sequential([LeakyReLU(0.5, input_shape=(2,))]).predict([[-1.0, 3.0]]).tolist()
    [[-0.5, 3.0]]
    """

    negative_slope: float = 0.3
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def _settle(self) -> None:
        number("negative_slope", self.negative_slope, low=0.0)

    @property
    def record(self) -> ActivationRecord:
        return activations.get("leaky_relu", negative_slope=self.negative_slope)


@described
class ELU(Elementwise):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2015).

    Parameters
    ----------
    alpha : what it tends to far below zero is ``-alpha``.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn.layers import ELU
    >>> ELU(0.5)
    ELU(alpha=0.5)
    """

    alpha: float = 1.0
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def _settle(self) -> None:
        number("alpha", self.alpha, low=0.0)

    @property
    def record(self) -> ActivationRecord:
        return activations.get("elu", alpha=self.alpha)


@described
class Softmax(Elementwise):
    """``exp(x) / sum(exp(x))`` along the last axis.

    Parameters
    ----------
    axis : the axis of classes or units; only the last one, -1, is there.
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Softmax
    >>> Sequential([Softmax(input_shape=(2,))]).predict([[5.0, 5.0]]).tolist()
    [[0.5, 0.5]]
    """

    axis: int = -1
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def _settle(self) -> None:
        if self.axis != -1:
            raise ValueError(f"axis must be -1, the last one, got {self.axis!r}; put Reshape or Flatten before it")

    @property
    def record(self) -> ActivationRecord:
        return activations.get("softmax")


@described
class Identity(Described):
    """Gives what it gets.

    Parameters
    ----------
    input_shape, name : as of :class:`Layer`.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Activation, Identity
    >>> Sequential([Identity(input_shape=(2,)), Activation("relu")]).predict([[-1.0, 3.0]]).tolist()
    [[0.0, 3.0]]
    """

    hands_on_masks = by_step = True

    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)
