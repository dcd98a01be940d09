"""Where a graph rounds to bf16: what dense operations and convolutions read, once for all that read it.

Design: an operation of its own, whose output has the gradient of its input, so that neither the kernels nor the other
passes know of it. Scratch memory of the products (rejected) would be filled once on each way, and by each reader.
"""

from __future__ import annotations

import math
from dataclasses import replace

from fastnn._ops import Operation, bf16, round_bf16
from fastnn._plan.layout import Layout
from fastnn._plan.passes import Graph, Placed


def is_rounded(layout: Layout, placed: Placed) -> bool:
    """Whether an operation multiplies numbers of bf16."""
    return layout.mixed and bf16.multiplies(placed.operation.op, layout.layers[placed.node.layer])


def round_inputs(graph: Graph, layout: Layout) -> None:
    """Have such operations read rounded values, which are made before the first of them."""
    sizes = dict(zip(graph.inputs, map(math.prod, layout.input_shapes), strict=True))
    sizes |= {placed.writes: placed.operation.n_written for placed in graph.operations}
    free, made = 1 + max(*sizes, *graph.outputs), dict[int, int]()
    operations: list[Placed] = []
    for placed in graph.operations:
        if is_rounded(layout, placed):
            for value in placed.reads:
                if value not in made:
                    made[value], free = free, free + 1
                    rounding = Operation(round_bf16.OP, sizes[value], sizes[value])
                    operations.append(Placed(placed.node, rounding, (value,), made[value]))
            placed = replace(placed, reads=tuple(made[value] for value in placed.reads))
        operations.append(placed)
    graph.operations = operations
