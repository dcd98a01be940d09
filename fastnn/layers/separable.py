"""Convolutions in two steps: filters of each channel's own, then all channels at one place (Chollet 2017)."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np

from fastnn._ops import Operation, dense
from fastnn.layers.arguments import (
    ActivationLike,
    ConstraintLike,
    DataFormat,
    InitializerLike,
    RegularizerLike,
    ShapeLike,
    SignalPadding,
    Sizes,
    default,
)
from fastnn.layers.convolution import Convolution
from fastnn.layers.described import described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter
from fastnn.layers.windows import PADDINGS, count


@described
class SeparableConv(Convolution):
    """What :class:`SeparableConv1D` and :class:`SeparableConv2D` take."""

    filters: int
    kernel_size: Sizes
    strides: Sizes = default(1)
    padding: SignalPadding = "valid"
    data_format: DataFormat | None = None
    dilation_rate: Sizes = default(1)
    depth_multiplier: int = 1
    activation: ActivationLike = default(None)
    use_bias: bool = True
    depthwise_initializer: InitializerLike = default("glorot_uniform")
    pointwise_initializer: InitializerLike = default("glorot_uniform")
    bias_initializer: InitializerLike = default("zeros")
    depthwise_regularizer: RegularizerLike = default(None)
    pointwise_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    depthwise_constraint: ConstraintLike = default(None)
    pointwise_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        depth = count("depth_multiplier", self.depth_multiplier)
        self._settle(filters=count("filters", self.filters), depth_multiplier=depth)

    @property
    def depthwise_kernel(self) -> np.ndarray:
        """The filters of each channel as they are now, not to be written to."""
        return self.parameter("depthwise_kernel")

    @property
    def pointwise_kernel(self) -> np.ndarray:
        """What joins the channels as it is now, not to be written to."""
        return self.parameter("pointwise_kernel")

    def output_shape(self, shape: Shape) -> Shape:
        return self._out(shape, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        middle, ones = shape[-1] * self.depth_multiplier, (1,) * self.rank
        first = (*self.kernel_size, shape[-1], self.depth_multiplier)
        return self._with_bias(
            self.filters,
            parameter(self, "depthwise_kernel", first, "depthwise"),
            parameter(self, "pointwise_kernel", (*ones, middle, self.filters), "pointwise"),
        )

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        middle = shape[-1] * self.depth_multiplier
        places = math.prod(self.output_shape(shape)[:-1])
        return (
            self._convolution(shape, middle, shape[-1]),
            Operation(dense.OP, middle, self.filters, places, w=1, **self._last(2)),
        )


@described
class SeparableConv1D(SeparableConv):
    """A depthwise convolution along signals, then a dense layer at each step; arguments as of :class:`SeparableConv2D`.

    Shapes: ``(steps, channels)`` -> ``(new steps, filters)``.
    """

    rank, paddings = 1, PADDINGS


@described
class SeparableConv2D(SeparableConv):
    """A depthwise convolution over images, then a dense layer at each place.

    ``y = activation(depthwise(x) @ pointwise_kernel + bias)``, the first as :class:`DepthwiseConv2D`.

    Parameters
    ----------
    filters : channels of the output.
    depth_multiplier : filters of each channel in the first step, a whole number from 1 on.
    depthwise_initializer, pointwise_initializer : of the kernels of the first and the second step, names or objects of
        :mod:`fastnn.initializers`.
    depthwise_regularizer, pointwise_regularizer : likewise of :mod:`fastnn.regularizers`, or None for no penalty.
    depthwise_constraint, pointwise_constraint : likewise of :mod:`fastnn.constraints`, or None.
    kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias : as of :class:`Conv2D`.
    bias_initializer, bias_regularizer, activity_regularizer, bias_constraint : as of :class:`Conv2D`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, filters)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import SeparableConv2D
    >>> Sequential([SeparableConv2D(8, 3, input_shape=(6, 6, 2))]).count_params()  # 3 * 3 * 2 + 2 * 8 + 8
    42
    """

    rank = 2
