"""A model for predictions by products of bf16 numbers, and what became of each layer; see :mod:`fastnn._ops.bf16`.

Design: a model of its own, as in int8. Its policy is ``mixed_bfloat16``; dense layers have their kernels held in half
the memory. Kernels of convolutions (rejected) are read from the cache, many times a row, and rounding them takes less
than a hundredth of their products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arrays import MIXED
from fastnn._ops import bf16, dense
from fastnn.layers.base import Layer
from fastnn.layers.dense import Dense
from fastnn.layers.described import Described
from fastnn.layers.folding import inside
from fastnn.layers.quantized import HeldBf16
from fastnn.models import folding
from fastnn.models.quantizing import Fate

if TYPE_CHECKING:
    from fastnn.models.model import Model

HELD = "bfloat16, its kernel in half the memory"


def in_bfloat16(model: Model) -> tuple[Model, list[Fate]]:
    """The model in bf16, as it is now.

    Raises
    ------
    ValueError
        the model is of float64.
    """
    if model.dtype != np.float32:
        raise ValueError(
            f'precision="bfloat16" is for a model of float32, and this one is of {model.dtype}; make one with '
            f'dtype="float32" and set_weights, or leave precision= out'
        )
    choice = _Choice(model)
    return folding.Remade((), choice.changed, MIXED).model(model), choice.fates()


class _Choice:
    """Which layers of a model hold their kernels in bf16, and which round them."""

    def __init__(self, model: Model):
        layout = model.layout
        self.layers = layout.layers
        self.nodes = {id(layout.layers[node.layer]): node for node in layout.nodes}
        self.layout = layout

    def changed(self, layer: Layer) -> tuple[Layer, list[np.ndarray]] | None:
        """The layer in place of one and its weights, None for one that stays."""
        if self._told(layer) != HELD:
            return None
        made = HeldBf16(layer, input_shape=layer.input_shape, name=layer.given_name)
        kernel, *bias = layer.weights
        zeros = np.zeros(kernel.shape[-1], kernel.dtype)
        return made, [bf16.pack(kernel.reshape(-1, kernel.shape[-1])), bias[0] if bias else zeros]

    def fates(self) -> list[Fate]:
        return [Fate(str(layer.name), type(layer).__name__, self._told(layer)) for layer in self.layers]

    def _told(self, layer: Layer) -> str:
        node = self.nodes.get(id(layer))
        if not isinstance(layer, Described) or node is None:
            return "float32: a layer of your own" if node else "float32: its output is not used"
        operations = layer.operations(*(self.layout.shapes[edge] for edge in node.inputs), **node.how)
        if not any(operation.op.multiplies for operation in operations):
            return f"float32: {type(layer).__name__} is not computed in bf16"
        if not bf16.multiplies(dense.OP, layer):
            return "float32: it was given that dtype"
        if len(operations) == 1 and operations[0].op is dense.OP and isinstance(inside(layer), Dense):
            return HELD
        return "bfloat16, its kernel held in float32"
