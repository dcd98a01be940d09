"""Which values stand, in training, where another does: of fewer arrays more stay in the cache.

An operation that works number by number may hand on its gradient where it found it, if nobody reads that again; and a
sum may stand where its first input does, if nobody looks at that one on the way back. In both cases the operation alone
reads the input. Backends need not know: what they read of a number comes before what they write there.

Design: of a network of residual blocks this leaves half of the arrays between batches' measures. One operation for
normalisation, sum and activation (rejected) would be a further text of all three, with a way back, in each backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastnn._ops.base import NO_PENALTY
from fastnn._plan.layout import Layout
from fastnn._plan.passes import Graph, Placed
from fastnn._plan.slopes import parameters_of
from fastnn.activations import linear

Take = Callable[[int], int]


class Sharing:
    """By values that stand where another does: that other; of their numbers, and of their gradients."""

    def __init__(self, values: Mapping[int, int], slopes: Mapping[int, int]) -> None:
        self.values, self.slopes = values, slopes
        self._places: dict[int, int] = {}
        self._of_slopes: dict[int, int] = {}

    def place(self, value: int, size: int, take: Take) -> int:
        """The place of so many numbers of a value."""
        return _found(self._places, self.values.get(value, value), size, take)

    def slope(self, value: int, size: int, take: Take) -> int:
        """The place of its gradient."""
        return _found(self._of_slopes, self.slopes.get(value, value), size, take)


def _found(places: dict[int, int], value: int, size: int, take: Take) -> int:
    if value not in places:
        places[value] = take(size)
    return places[value]


def sharing_of(
    graph: Graph, layout: Layout, places: Mapping[tuple[int, int], tuple[int, bool]], drops: bool
) -> Sharing:
    """Of a graph that trains; ``places`` says of parameters whether they do, and see ``compile_plan`` for ``drops``."""
    makers = {placed.writes: placed for placed in graph.operations}
    readers = graph.readers()
    once = {value for value in makers if readers[value] == 1} - set(graph.seen)
    alike = [placed for placed in graph.operations if placed.reads[0] in once and _is_as_large(placed, makers)]
    values: dict[int, int] = {}
    for placed in alike:
        before = makers[placed.reads[0]]
        if placed.operation.op.forward_in_place(placed.operation) and _is_forgotten(before):
            values[placed.writes] = values.get(before.writes, before.writes)
    slopes: dict[int, int] = {}
    for placed in reversed(alike):
        measured = drops and placed.operation.op.measures and placed.node.layer not in layout.frozen_layers
        forgets = measured or not any(places[parameter][1] for parameter in parameters_of(placed))
        if forgets and placed.operation.op.back_in_place(placed.operation) and placed.writes not in graph.outputs:
            slopes[placed.reads[0]] = slopes.get(placed.writes, placed.writes)
    return Sharing(values, slopes)


def _is_as_large(placed: Placed, makers: Mapping[int, Placed]) -> bool:
    return makers[placed.reads[0]].operation.n_written == placed.operation.n_written


def _is_forgotten(placed: Placed) -> bool:
    """Whether an operation does not look at its output on the way back."""
    operation = placed.operation
    return (
        operation.op.activates(operation)
        and operation.activation.code == linear.code
        and operation.activity == NO_PENALTY
    )
