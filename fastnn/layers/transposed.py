"""Transposed convolutions: each number of the input is handed to a window of the output, and where windows meet, added.

A convolution of the output with the same arguments has the input's shape; this is that one's way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fastnn._ops import Operation, conv_transpose
from fastnn.layers.arguments import (
    ActivationLike,
    ConstraintLike,
    DataFormat,
    InitializerLike,
    MaybeSizes,
    PaddingName,
    RegularizerLike,
    ShapeLike,
    Sizes,
    default,
)
from fastnn.layers.convolution import Convolution
from fastnn.layers.described import described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter
from fastnn.layers.windows import Windows, check_rank, count, sizes


@dataclass(frozen=True)
class Returned(Windows):
    """Windows along the axes of an output of ``filters``, one for each place of the input; ``more`` pads them."""

    more: tuple[int, ...] | None
    filters: int

    def outputs(self, layer: object, shape: Shape) -> tuple[int, ...]:
        """Lengths of the output: with "same" and no ``output_padding``, the input's times the strides."""
        found = []
        for n, reach, s, more in self._axes(shape[:-1]):
            if self.padding == "valid":
                found.append((n - 1) * s + (max(reach, s) if more is None else reach + more))
            else:
                found.append(n * s if more is None else (n - 1) * s + reach % 2 + more)
            if found[-1] < 1:
                raise ValueError(
                    f"{layer!r} leaves nothing of its input {tuple(shape)}; a larger output_padding would fit"
                )
        return tuple(found)

    def before(self, lengths: Shape, outputs: tuple[int, ...]) -> tuple[int, ...]:
        """How much is cut off in front: of zeros around an input whose numbers stand apart, Keras has half there."""
        found = []
        for (n, reach, s, _), out in zip(self._axes(lengths), outputs, strict=True):
            zeros = out - (n - 1) * s + reach - 2
            found.append(0 if self.padding == "valid" else reach - 1 - min((zeros + 1) // 2, reach - 1))
        return tuple(found)

    def _axes(self, lengths: Shape) -> list[tuple[int, int, int, int | None]]:
        more = (None,) * len(lengths) if self.more is None else self.more
        axes = zip(lengths, self.size, self.strides, self.dilation, more, strict=True)
        return [(n, (k - 1) * d + 1, s, m) for n, k, s, d, m in axes]

    def geometry(self, layer: object, shape: Shape) -> tuple[int, ...]:
        """That of the convolution whose way back this is; its image is the output."""
        out = self.outputs(layer, shape)
        return self.between(layer, (*out, self.filters), shape[:-1], self.before(shape[:-1], out))


@described
class ConvTranspose(Convolution):
    """What :class:`Conv1DTranspose` and :class:`Conv2DTranspose` take."""

    filters: int
    kernel_size: Sizes
    strides: Sizes = default(1)
    padding: PaddingName = "valid"
    output_padding: MaybeSizes = default(None)
    data_format: DataFormat | None = None
    dilation_rate: Sizes = default(1)
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
        more = self.output_padding
        more = None if more is None else sizes("output_padding", more, self.rank, low=0)
        self._settle(filters=count("filters", self.filters), output_padding=more)
        if more and any(m >= s for m, s in zip(more, self.strides, strict=True)):
            raise ValueError(f"output_padding must be less than strides, got {more} and {self.strides}")

    @property
    def windows(self) -> Returned:
        """The windows that the output is made of."""
        axes = self.kernel_size, self.strides, self.dilation_rate
        return Returned(*axes, self.padding, self.output_padding, self.filters)

    def output_shape(self, shape: Shape) -> Shape:
        return self._out(shape, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        check_rank(self, shape, self.rank)
        kernel = parameter(self, "kernel", (*self.kernel_size, self.filters, shape[-1]))
        return self._with_bias(self.filters, kernel)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        geometry = (*self.windows.geometry(self, shape), 1)
        n, places = self.filters, math.prod(geometry[:2])
        return (Operation(conv_transpose.OP, shape[-1], n, places, w=0, geometry=geometry, **self._last()),)


@described
class Conv1DTranspose(ConvTranspose):
    """The way back of a convolution along signals; arguments as of :class:`Conv2DTranspose`.

    Shapes: ``(steps, channels)`` -> ``(new steps, filters)``; kernel ``(kernel_size, filters, channels)``, bias
    ``(filters,)``. ``y[t * strides + k * dilation_rate - cut] += x[t] @ kernel[k].T`` for all ``t`` and ``k``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv1DTranspose
    >>> model = Sequential([Conv1DTranspose(1, 3, 2, kernel_initializer="ones", input_shape=(3, 1))])
    >>> model.predict([[[1.0], [10.0], [100.0]]])[0, :, 0].tolist()
    [1.0, 1.0, 11.0, 10.0, 110.0, 100.0, 100.0]
    """

    rank = 1


@described
class Conv2DTranspose(ConvTranspose):
    """The way back of a convolution over images: ``y[i * strides + k * dilation_rate - cut] += x[i] @ kernel[k].T``.

    Parameters
    ----------
    filters : channels of the output.
    kernel_size, strides, dilation_rate : of the windows in the output: a number, or one for each axis.
    padding : ``"valid"``, or ``"same"`` for an output ``strides`` times as long as the input.
    output_padding : numbers less than ``strides``, by which the output is longer than ``(n - 1) * strides`` and what
        the last window needs ("valid") or 1 where the window is odd ("same"); None for what ``padding`` says.
    data_format : None or ``"channels_last"``.
    activation, use_bias, kernel_initializer ... bias_constraint : as of :class:`Dense`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(height, width, channels)`` -> ``(new height, new width, filters)``; kernel ``(*kernel_size, filters,
    channels)``, bias ``(filters,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv2DTranspose
    >>> model = Sequential([Conv2DTranspose(8, 4, strides=2, padding="same", input_shape=(7, 7, 16))])
    >>> model.output_shape, model.get_weights()[0].shape
    ((None, 14, 14, 8), (4, 4, 8, 16))
    """

    rank = 2
