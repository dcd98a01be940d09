"""Layers of other numbers than float32: what predictors have in place of dense layers and convolutions.

They are no layers that users make, for they cannot be trained; see ``models/quantizing.py`` and ``models/bfloat16.py``.
"""

from __future__ import annotations

from dataclasses import field, replace

import numpy as np

from fastnn import initializers
from fastnn._ops import Operation, bf16, conv, conv_int8, dense, dense_bf16, dense_int8, int8
from fastnn.layers.arguments import ShapeLike, default
from fastnn.layers.base import Layer
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import settle

KINDS = {dense.OP.code: dense_int8.OP, conv.OP.code: conv_int8.OP}


class InPlace:
    """What a layer says that stands in the place of another one, ``layer``, of one operation."""

    layer: Layer

    @property
    def hands_on_masks(self) -> bool:
        return bool(self.layer.hands_on_masks)

    @property
    def by_step(self) -> bool:
        return bool(self.layer.by_step)

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def _operation(self, shape: Shape) -> Operation:
        return self.layer.operations(shape)[0]


@described
class Int8(InPlace, Described):
    """The layer of one dense operation or convolution, by the formula of :mod:`fastnn._ops.int8`.

    Parameters
    ----------
    layer : the layer in whose place this one stands, for its shapes, windows and activation.
    step, zero : what a whole number of the input stands for, and which one is 0.
    input_shape, name : as of :class:`Layer`.

    Shapes: those of ``layer``; kernel, the bytes of :func:`fastnn._ops.int8.pack`, scale, sums and bias ``(n_out,)``.
    """

    layer: Layer
    step: float
    zero: int
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        made = self._operation(shape)
        n, zeros = (made.n_out,), initializers.get("zeros")
        kernel = Parameter("kernel", (int8.numbers_of(int8.packed_bytes(rows_of(made), made.n_out)),), zeros)
        return (kernel, *(Parameter(name, n, zeros) for name in ("scale", "sums", "bias")))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        made = self._operation(shape)
        numbers = (1 / self.step, float(self.zero))
        return (replace(made, op=KINDS[made.op.code], w=0, b=3, rest=(1, 2), numbers=numbers),)


@described
class HeldBf16(InPlace, Described):
    """The layer of one dense operation, whose kernel is held in bf16; see :mod:`fastnn._ops.bf16`.

    Parameters
    ----------
    layer : the layer in whose place this one stands.
    input_shape, name : as of :class:`Layer`.

    Shapes: those of ``layer``; kernel, the numbers of :func:`fastnn._ops.bf16.pack`, and bias ``(n_out,)``.
    """

    layer: Layer
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        settle(self)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        made, zeros = self._operation(shape), initializers.get("zeros")
        kernel = Parameter("kernel", (bf16.packed_numbers(made.n_in, made.n_out),), zeros)
        return (kernel, Parameter("bias", (made.n_out,), zeros))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return (replace(self._operation(shape), op=dense_bf16.OP, w=0, b=1),)


def rows_of(operation: Operation) -> int:
    """Numbers that an output of a dense operation or a convolution without groups reads."""
    return operation.n_in if operation.op is dense.OP else conv.rows_of_kernel(operation)


def weights_of(w: np.ndarray, b: np.ndarray | None, step: float) -> list[np.ndarray]:
    """The parameters of :class:`Int8` for a kernel ``(..., n_out)`` and a bias, of the kernel's dtype."""
    q, scale = int8.quantized(w.reshape(-1, w.shape[-1]))
    packed = int8.pack(q)
    held = np.zeros(int8.numbers_of(packed.size) * w.itemsize, np.int8)
    held[: packed.size] = packed
    bias = np.zeros(w.shape[-1], w.dtype) if b is None else b
    return [held.view(w.dtype), (scale * step).astype(w.dtype), q.sum(axis=0).astype(w.dtype), bias]
