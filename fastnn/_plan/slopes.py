"""Which values and parameters of a graph have a gradient, and which operation sets it before others add to it."""

from __future__ import annotations

from fastnn._plan.layout import Layout
from fastnn._plan.passes import Graph, Placed


def offsets(layout: Layout) -> dict[tuple[int, int], tuple[int, bool]]:
    """By layer and index of a parameter: its place, and whether it is trained."""
    seen: dict[int, int] = {}
    found = {}
    for variable in layout.variables:
        index = seen.get(variable.layer, 0)
        seen[variable.layer] = index + 1
        found[variable.layer, index] = variable.offset, variable.trained
    return found


def parameters_of(placed: Placed) -> list[tuple[int, int]]:
    """The parameters of an operation, each by its layer and its index there."""
    return [(placed.node.layer, index) for index in placed.operation.parameters]


def wanted(graph: Graph, places: dict[tuple[int, int], tuple[int, bool]], input_gradients: bool) -> set[int]:
    """Values with a gradient: what trained parameters or inputs lead to; of outputs the loss writes it anyway."""
    found = set(graph.inputs) if input_gradients else set()
    for placed in graph.operations:
        trains = any(places[parameter][1] for parameter in parameters_of(placed))
        if placed.operation.op.has_way_back and (trains or any(value in found for value in placed.reads)):
            found.add(placed.writes)
    return found | set(graph.outputs)


def who_adds(graph: Graph) -> list[list[bool]]:
    """For each operation's inputs: whether a later operation, or the loss, has set the gradient before."""
    written = set(graph.outputs)
    adds = []
    same = _same_gradients(graph)
    for placed in reversed(graph.operations):
        own = []
        for value in placed.reads:
            array = same.get(value, value)
            own.append(array in written)
            if placed.operation.op.backward is not None:
                written.add(array)
        adds.append(own)
    return adds[::-1]


def _same_gradients(graph: Graph) -> dict[int, int]:
    """Of values whose gradient is another's, which one's."""
    same: dict[int, int] = {}
    for placed in graph.operations:
        if placed.operation.op.passes_gradient:
            same[placed.writes] = same.get(placed.reads[0], placed.reads[0])
    return same


def who_adds_params(graph: Graph) -> list[bool]:
    """For each operation: whether a later one, whose way back comes first, has the same parameters."""
    seen: set[tuple[int, int]] = set()
    adds = []
    for placed in reversed(graph.operations):
        own = parameters_of(placed)
        adds.append(any(parameter in seen for parameter in own))
        seen.update(own)
    return adds[::-1]
