"""A model for predictions whose dense layers and convolutions multiply whole numbers, and what became of each layer.

Design: as of folding, a model of its own and never something in a plan that trains: a predictor in int8 has weights of
its own, and everything that runs models runs it, on every backend, by threads and step by step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastnn._base.arguments import shown
from fastnn._engine.calibration import Range, input_ranges
from fastnn._ops import Operation, conv, dense, int8
from fastnn.layers.base import Layer
from fastnn.layers.convolution import Conv
from fastnn.layers.dense import Dense
from fastnn.layers.described import Described
from fastnn.layers.folding import inside
from fastnn.layers.quantized import Int8, rows_of, weights_of
from fastnn.models import folding

if TYPE_CHECKING:
    from fastnn.models.model import Model

PRECISIONS = ("float32", "bfloat16", "int8")
# Smaller convolutions are slower than in float32, for windows have to be laid out: with 25 products 0.4 to 0.9 times as
# fast, with 72 for 8 outputs 0.8, with 144 for 10 outputs 1.4, with 1152 for 128 outputs 2.8 (Zen 3, AVX2).
LEAST_PRODUCTS, LEAST_OUTPUTS = 64, 9
WANTED = "rows such as the predictor will get, a few hundred of the training data for example"


class Fate(NamedTuple):
    """What became of a layer: its name, its class, and ``"int8"`` with the inputs it was made for or why not."""

    layer: str
    kind: str
    told: str


def quantized(model: Model, calibrate: object) -> tuple[Model, list[Fate]]:
    """The model in int8, its normalisations folded, made for inputs as the rows ``calibrate`` lead to.

    Raises
    ------
    TypeError, ValueError
        ``calibrate`` is missing, empty, of another shape, or has NaN or infinities.
    """
    if calibrate is None:
        raise ValueError(f'precision="int8" needs calibrate=, {WANTED}')
    inputs = model.rows_of(calibrate, "calibrate", empty=False)
    folded = folding.fold(model)
    plan = folded.sized(inputs).prediction_plan()
    ranges = input_ranges(plan, folded._state.params, inputs)
    choice = _Choice(folded, ranges)
    return folding.Remade((), choice.changed).model(folded), choice.fates()


class _Choice:
    """Which layers of a folded model are quantised."""

    def __init__(self, model: Model, ranges: dict[int, Range]):
        layout, self.policy = model.layout, model.dtype_policy
        self.layers, self.ranges = layout.layers, {id(layout.layers[i]): found for i, found in ranges.items()}
        shapes = {node.layer: [layout.shapes[edge] for edge in node.inputs] for node in layout.nodes}
        self.shapes = {id(layout.layers[i]): found for i, found in shapes.items()}

    def changed(self, layer: Layer) -> tuple[Layer, list[np.ndarray]] | None:
        """The layer in place of one and its weights, None for one that stays."""
        if self._why_not(layer):
            return None
        step, zero = int8.input_step(*self.ranges[id(layer)])
        kernel, *bias = layer.weights
        made = Int8(layer, step, zero, input_shape=layer.input_shape, name=layer.given_name)
        return made, weights_of(kernel, bias[0] if bias else None, step)

    def fates(self) -> list[Fate]:
        return [self._fate(layer) for layer in self.layers]

    def _fate(self, layer: Layer) -> Fate:
        why = self._why_not(layer)
        told = f"{self.policy}: {why}" if why else "int8, inputs from {:.4g} to {:.4g}".format(*self.ranges[id(layer)])
        return Fate(str(layer.name), type(layer).__name__, told)

    def _why_not(self, layer: Layer) -> str:
        """Why a layer stays as it is, "" for one that is quantised."""
        if not isinstance(layer, Described):
            return "a layer of your own"
        if not layer.weights:
            return "it has no weights"
        if not isinstance(inside(layer), Dense | Conv):
            return f"{type(layer).__name__} is not quantised"
        if id(layer) not in self.ranges:
            return "its output is not used"
        return self._why_not_products(layer)

    def _why_not_products(self, layer: Layer) -> str:
        operations = layer.operations(*self.shapes[id(layer)])
        if len(operations) > 1 or operations[0].op not in (dense.OP, conv.OP):
            return "it is more than one product"
        if operations[0].op is conv.OP and operations[0].geometry[-1] > 1:
            return "its channels are in groups"
        if operations[0].op is conv.OP and is_small(operations[0]):
            return "it is too small to gain by int8"
        if layer.steps is not None:
            return "it goes step by step"
        if rows_of(operations[0]) > int8.MOST_ROWS:
            return f"sums of more than {int8.MOST_ROWS} products"
        return self._why_not_numbers(layer)

    def _why_not_numbers(self, layer: Layer) -> str:
        kernel = layer.weights[0]
        low, high = self.ranges[id(layer)]
        if not np.isfinite(kernel).all():
            return "its weights are not finite"
        if not (math.isfinite(low) and math.isfinite(high)) or high - low > int8.MOST * int8.MOST_STEP:
            return "its inputs overflow"
        step, _ = int8.input_step(low, high)
        if step * np.abs(kernel.astype(np.float64)).max() > int8.MOST_STEP:
            return "its products overflow"
        return ""


def is_small(operation: Operation) -> bool:
    """Whether a convolution would be slower by products of whole numbers."""
    return rows_of(operation) < LEAST_PRODUCTS or operation.n_out < LEAST_OUTPUTS


def checked_precision(came: object) -> str:
    """One of :data:`PRECISIONS`; ``ValueError`` for any other name, with the nearest."""
    from fastnn._base.arguments import nearest

    if isinstance(came, str) and came in PRECISIONS:
        return came
    hint = nearest(came, PRECISIONS) if isinstance(came, str) else ""
    raise ValueError(f"precision must be 'float32', 'bfloat16' or 'int8', got {shown(came)}{hint}")
