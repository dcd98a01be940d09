"""How much there is to do in a step or a prediction: products and activations of each operation of a plan.

Steps of sequences that a mask leaves out are no work, where data say how many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.sparse import dense
from fastnn._ops import OPS, When
from fastnn._ops.base import Wants
from fastnn._ops.views import Views
from fastnn._plan.compile import PART_STREAMS
from fastnn.models.profiles import ProfiledOp

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows
    from fastnn._plan.memory import Memory
    from fastnn._plan.plan import Plan

MOST_ROWS = 4096  # whose masks are looked at


def ops_of(
    plan: Plan, rows: int, there: Mapping[int, float] | None = None, dtype: str = "float32"
) -> tuple[ProfiledOp, ...]:
    """The operations of a plan, with what they do for so many rows; ``there`` is what :func:`steps_there` tells."""
    layout = plan.layout
    names = {node.stream: layout.layers[node.layer].name or "" for node in layout.nodes}
    shares = there or {}
    return tuple(
        _op_of(plan, op, names[int(op["stream"]) % PART_STREAMS], rows * shares.get(i, 1.0), dtype)
        for i, op in enumerate(plan.ops)
    )


def _op_of(plan: Plan, op: np.void, layer: str, rows: float, dtype: str) -> ProfiledOp:
    kind = OPS[int(op["kind"])]
    wants = Wants(tuple(int(plan.values[value]["grad"]) >= 0 for value in _inputs(plan, op)), int(op["dw"]) >= 0)
    work = kind.work(op, wants)
    forward, back, dw = (2.0 * n * rows for n in work[:3])
    activated = tuple((code, n * rows) for code, n in work.activated)
    return ProfiledOp(layer, kind.name, "bfloat16" if op["bfloat16"] else dtype, forward, back, dw, activated)


def steps_there(plan: Plan, memory: Memory, inputs: Sequence[AnyRows]) -> dict[int, float]:
    """The share of steps that count in these rows, for each operation with a mask by its number in the plan."""
    masked = [i for i, op in enumerate(plan.ops) if _is_masked(op)]
    if not masked:
        return {}
    makes_masks, counted = _makers(plan, {_inputs(plan, plan.ops[i])[1] for i in masked}), dict.fromkeys(masked, 0.0)
    n, block = min(len(inputs[0]), MOST_ROWS), int(plan.header["block_rows"])
    rooms = [np.empty(0 if isinstance(x, np.ndarray) else block * x.n_columns, memory.params.dtype) for x in inputs]
    for first in range(0, n, block):
        part = [dense(x[first : min(first + block, n)], room) for x, room in zip(inputs, rooms, strict=True)]
        for i, op in enumerate(plan.ops):
            arrays = Views(plan, memory, op, part)
            if i in counted:
                counted[i] += float(np.count_nonzero(arrays.xs[1]))
            if i in makes_masks:
                OPS[int(op["kind"])].forward(op, arrays, When())
    return {i: found / (n * int(plan.ops[i]["repeat"])) for i, found in counted.items()}


def _is_masked(op: np.void) -> bool:
    kind = OPS[int(op["kind"])]
    return "masked" in kind.geometry and bool(kind.sizes(op).masked)


def _makers(plan: Plan, wanted: set[int]) -> set[int]:
    """The numbers of the operations that these values are made of."""
    found, values = set(), set(wanted)
    for i in reversed(range(len(plan.ops))):
        if int(plan.ops[i]["output"]) in values:
            found.add(i)
            values.update(_inputs(plan, plan.ops[i]))
    return found


def _inputs(plan: Plan, op: np.void) -> list[int]:
    """The numbers of the values that an operation reads."""
    first = int(op["first_edge"])
    return [int(edge["value"]) for edge in plan.edges[first : first + int(op["n_inputs"])]]
