"""Convolutions of signals and images: trained windows that move over them."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import TYPE_CHECKING, ClassVar, TypedDict, Unpack

import numpy as np

from fastnn._ops import Operation, conv
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
from fastnn.layers.described import Described, described
from fastnn.layers.merging import Concatenate
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.rearranging import Cropping1D
from fastnn.layers.settling import parameter, settle
from fastnn.layers.steps import StepForm
from fastnn.layers.windows import PADDINGS, Windows, check_data_format, check_padding, check_rank, count, sizes

if TYPE_CHECKING:
    from fastnn.activations import Activation
    from fastnn.layers.base import Layer
    from fastnn.layers.steps import Steps
    from fastnn.regularizers import L1L2

    class Last(TypedDict, total=False):
        """What the last operation of a convolution has."""

        b: int
        activation: Activation
        activity: L1L2


class Convolution(Described):
    """What convolutions have in common; they have ``kernel_size``, ``strides``, ``padding`` and ``dilation_rate``."""

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = PADDINGS[:2]
    if TYPE_CHECKING:  # arguments of each
        kernel_size: Sizes
        strides: Sizes
        padding: SignalPadding
        data_format: DataFormat | None
        dilation_rate: Sizes
        activation: ActivationLike
        use_bias: bool
        activity_regularizer: RegularizerLike

    def _settle(self, **more: object) -> None:
        check_data_format(self.data_format)
        told = {
            name: sizes(name, getattr(self, name), self.rank) for name in ("kernel_size", "strides", "dilation_rate")
        }
        if max(told["strides"]) > 1 and max(told["dilation_rate"]) > 1:
            raise ValueError(
                f"strides and dilation_rate cannot both be above 1, got {told['strides']} and {told['dilation_rate']}"
            )
        settle(self, **told, padding=check_padding(self.padding, self.paddings), **more)

    @property
    def windows(self) -> Windows:
        """The windows that move over the input."""
        return Windows(self.kernel_size, self.strides, self.dilation_rate, self.padding)

    @property
    def bias(self) -> np.ndarray | None:
        """The bias as it is now, not to be written to; None without one."""
        return self.parameter("bias") if self.use_bias else None

    @property
    def kernel(self) -> np.ndarray:
        """The kernel as it is now, not to be written to; ``AttributeError`` where there are several."""
        return self.parameter("kernel")

    def _with_bias(self, n: int, *kernels: Parameter) -> tuple[Parameter, ...]:
        """All parameters: kernels, and a bias of ``n`` numbers where there is one."""
        return (*kernels, parameter(self, "bias", (n,))) if self.use_bias else kernels

    def _last(self, n_kernels: int = 1) -> Last:
        """What the last operation has: bias, activation and the output's penalties."""
        bias = n_kernels if self.use_bias else -1
        return {"b": bias, "activation": self.activation, "activity": self.activity_regularizer}

    def _out(self, shape: Shape, n: int) -> Shape:
        check_rank(self, shape, self.rank)
        self.windows.geometry(self, shape)
        return (*self.windows.outputs(self, shape), n)

    def _convolution(self, shape: Shape, n: int, groups: int, **more: Unpack[Last]) -> Operation:
        geometry = (*self.windows.geometry(self, shape), groups)
        return Operation(conv.OP, shape[-1], n, math.prod(geometry[3:5]), w=0, geometry=geometry, **more)


@described
class Conv(Convolution):
    """What :class:`Conv1D` and :class:`Conv2D` take."""

    filters: int
    kernel_size: Sizes
    strides: Sizes = default(1)
    padding: SignalPadding = "valid"
    data_format: DataFormat | None = None
    dilation_rate: Sizes = default(1)
    groups: int = 1
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
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self._settle(filters=count("filters", self.filters), groups=count("groups", self.groups))
        if self.filters % self.groups:
            raise ValueError(f"groups must divide the {self.filters} filters, got {self.groups}")

    def output_shape(self, shape: Shape) -> Shape:
        return self._out(shape, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        if shape[-1] % self.groups:
            raise ValueError(
                f"{self!r} has {self.groups} groups, which do not divide the {shape[-1]} channels of its input {shape}"
            )
        kernel = parameter(self, "kernel", (*self.kernel_size, shape[-1] // self.groups, self.filters))
        return self._with_bias(self.filters, kernel)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._convolution(shape, self.filters, self.groups, **self._last()),)


@described
class Conv1D(Conv):
    """``y = activation(x * kernel + bias)`` along signals; arguments as of :class:`Conv2D`.

    Shapes: ``(steps, channels)`` -> ``(new steps, filters)``; kernel ``(kernel_size, channels / groups, filters)``,
    bias ``(filters,)``. With ``padding="causal"`` no output sees a later step.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv1D
    >>> model = Sequential([Conv1D(1, 2, padding="causal", kernel_initializer="ones", input_shape=(3, 1))])
    >>> model.predict([[[1.0], [2.0], [3.0]]]).tolist()
    [[[1.0], [3.0], [5.0]]]
    """

    rank, paddings = 1, PADDINGS

    @property
    def by_step(self) -> bool:
        return bool(self.kernel_size == self.strides == (1,))

    @property
    def steps(self) -> Steps | None:
        return self._steps if self.padding == "causal" and self.strides == (1,) and not self.by_step else None

    def _steps(self, shape: Shape) -> StepForm:
        """What single steps see of those before stands in a state."""
        seen = (self.kernel_size[0] - 1) * self.dilation_rate[0]
        one = replace(self, padding="valid", input_shape=None, name=None)
        calls: list[tuple[Layer, tuple[int, ...]]] = [
            (Concatenate(axis=1), (1, 0)),
            (one, (2,)),
            (Cropping1D((1, 0)), (2,)),
        ]
        return StepForm(one, [("seen", (seen, shape[1]))], calls, (3, 4), True)


@described
class Conv2D(Conv):
    """``y = activation(x * kernel + bias)`` over images.

    Parameters
    ----------
    filters : channels of the output.
    kernel_size : numbers along each axis of a window: a whole number, or one for each axis.
    strides : how far windows are apart, likewise.
    padding : ``"valid"`` for windows inside the input alone, ``"same"`` for an output of ``ceil(n / strides)`` along an
        axis of ``n``, with zeros around the input, or, of signals, ``"causal"``, with all zeros in front.
    data_format : None or ``"channels_last"``.
    dilation_rate : how far the numbers that a window reads are apart; above 1 with ``strides=1`` alone.
    groups : so many groups of channels are read by as many groups of filters; it divides both.
    activation : name, record of :mod:`fastnn.activations`, or None for linear.
    use_bias : whether each filter has a bias.
    kernel_initializer ... bias_constraint : as of :class:`Dense`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, filters)``; kernel ``(*kernel_size, channels /
    groups, filters)``, bias ``(filters,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv2D
    >>> model = Sequential([Conv2D(6, 5, activation="relu", padding="same", input_shape=(28, 28, 1)), Conv2D(16, 5)])
    >>> model.output_shape, [w.shape for w in model.get_weights()]
    ((None, 24, 24, 16), [(5, 5, 1, 6), (6,), (5, 5, 6, 16), (16,)])
    """

    rank = 2


@described
class DepthwiseConv(Convolution):
    """What :class:`DepthwiseConv1D` and :class:`DepthwiseConv2D` take: each channel has filters of its own."""

    kernel_size: Sizes
    strides: Sizes = default(1)
    padding: SignalPadding = "valid"
    depth_multiplier: int = 1
    data_format: DataFormat | None = None
    dilation_rate: Sizes = default(1)
    activation: ActivationLike = default(None)
    use_bias: bool = True
    depthwise_initializer: InitializerLike = default("glorot_uniform")
    bias_initializer: InitializerLike = default("zeros")
    depthwise_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    depthwise_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self._settle(depth_multiplier=count("depth_multiplier", self.depth_multiplier))

    def output_shape(self, shape: Shape) -> Shape:
        return self._out(shape, shape[-1] * self.depth_multiplier)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        kernel = parameter(self, "kernel", (*self.kernel_size, shape[-1], self.depth_multiplier), "depthwise")
        return self._with_bias(shape[-1] * self.depth_multiplier, kernel)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (self._convolution(shape, shape[-1] * self.depth_multiplier, shape[-1], **self._last()),)


@described
class DepthwiseConv1D(DepthwiseConv):
    """Filters of each channel's own along signals; arguments as of :class:`DepthwiseConv2D`.

    Shapes: ``(steps, channels)`` -> ``(new steps, channels * depth_multiplier)``; kernel ``(kernel_size, channels,
    depth_multiplier)``.
    """

    rank, paddings = 1, PADDINGS


@described
class DepthwiseConv2D(DepthwiseConv):
    """Filters of each channel's own over images: ``y[..., c * m + j] = x[..., c] * kernel[..., c, j]``, convolved.

    Parameters
    ----------
    depth_multiplier : filters of each channel, a whole number from 1 on.
    depthwise_initializer : of the kernel, a name or an object of :mod:`fastnn.initializers`.
    depthwise_regularizer : likewise of :mod:`fastnn.regularizers`, or None for no penalty.
    depthwise_constraint : likewise of :mod:`fastnn.constraints`, applied after every update, or None.
    kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias : as of :class:`Conv2D`.
    bias_initializer, bias_regularizer, activity_regularizer, bias_constraint : as of :class:`Conv2D`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, channels * depth_multiplier)``; kernel
    ``(*kernel_size, channels, depth_multiplier)``.
    """

    rank = 2
