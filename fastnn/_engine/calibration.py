"""How large the inputs of products become for some rows: what the scales of predictors in int8 follow from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn._base import interrupts
from fastnn._base.sparse import AnyRows, dense
from fastnn._ops import OPS
from fastnn._ops.base import When
from fastnn._ops.int8 import rounded_out
from fastnn._ops.views import Views
from fastnn._plan.memory import allocate
from fastnn._plan.plan import Plan

Range = tuple[float, float]


@np.errstate(all="ignore")  # what overflows is infinite, and its layer stays as it is
def input_ranges(plan: Plan, params: np.ndarray, inputs: Sequence[AnyRows]) -> dict[int, Range]:
    """The least and the largest input of each layer that multiplies by a parameter, by its index in the layout.

    The reference computes them, whatever the model's backend, so that all backends have the same scales.
    """
    memory, found = allocate(plan, params), dict[int, Range]()
    layers = {variable.offset: variable.layer for variable in plan.layout.variables}
    block = int(plan.header["block_rows"])
    rooms = [np.empty(0 if isinstance(x, np.ndarray) else block * x.n_columns, params.dtype) for x in inputs]
    for first in range(0, len(inputs[0]), block):
        interrupts.check()
        rows = [dense(x[first : first + block], room) for x, room in zip(inputs, rooms, strict=True)]
        for op in plan.ops:
            arrays = Views(plan, memory, op, rows)
            layer = layers.get(int(op["w"]))
            if layer is not None:
                low, high = found.get(layer, (0.0, 0.0))
                found[layer] = min(low, float(arrays.x.min())), max(high, float(arrays.x.max()))
            OPS[int(op["kind"])].forward(op, arrays, When())
    return {layer: (rounded_out(low), rounded_out(high)) for layer, (low, high) in found.items()}
