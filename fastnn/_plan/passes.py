"""From a layout to the list of operations that a plan contains: each layer's own, then joined where that is legal."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastnn._ops import Operation, activation
from fastnn._ops.base import NO_PENALTY
from fastnn._plan.layout import Layout, Node, Variable
from fastnn._plan.records import POOLED_BEFORE, POOLED_NEXT
from fastnn.activations import linear
from fastnn.layers.base import Layer
from fastnn.losses.custom import CustomLoss
from fastnn.losses.records import INNER_PRODUCT, LossRecord

if TYPE_CHECKING:
    from fastnn._ops.merge import Join

Loss = LossRecord | CustomLoss | None


@dataclass(frozen=True, eq=False)
class Placed:
    """An operation in the graph: the values it reads and the one it writes."""

    node: Node
    operation: Operation
    reads: tuple[int, ...]
    writes: int


@dataclass(eq=False)
class Graph:
    """Operations in the order in which they run, and the values that are the model's inputs and outputs.

    ``masks`` are the values that tell the losses which positions of each output count, None where all do.
    """

    operations: list[Placed]
    inputs: list[int]
    outputs: list[int]
    masks: list[int | None]

    @property
    def seen(self) -> list[int]:
        """What is read when the operations are done: outputs, their masks, and what is remembered."""
        remembered = [placed.writes for placed in self.operations if placed.operation.op.remembers]
        return self.outputs + [mask for mask in self.masks if mask is not None] + remembered

    def readers(self) -> Counter[int]:
        """How many operations, outputs and losses read each value."""
        return Counter([value for placed in self.operations for value in placed.reads] + self.seen)

    def has_masks(self) -> bool:
        """Whether some loss is told which positions count."""
        return any(mask is not None for mask in self.masks)


def operations_of(layout: Layout, losses: Sequence[Loss] = ()) -> Graph:
    """Every layer's operations; a layer without any hands on the value it reads.

    The losses of the outputs, where they are given, take notice of masks, but for slopes that a user brings.
    """
    made = _Made(layout)
    for node in layout.nodes:
        made.add(node)
    outputs = [made.value_of[edge] for edge in layout.outputs]
    pairs = zip(layout.outputs, losses, strict=False)  # without losses nobody asks for masks
    masks = [None if loss is INNER_PRODUCT else made.mask_for(edge) for edge, loss in pairs]
    return Graph(made.placed, list(layout.inputs), outputs, masks or [None] * len(outputs))


class _Made:
    """The operations so far, and which values edges and their masks are.

    A layer that ``takes_masks`` is told which of its inputs have one; those stand behind its inputs.
    """

    def __init__(self, layout: Layout):
        self.layout = layout
        self.value_of = {edge: edge for edge in layout.inputs}
        self.mask_of: dict[int, int] = {}
        self.placed: list[Placed] = []
        self.count = len(layout.shapes)

    def add(self, node: Node) -> None:
        """All operations of a node."""
        layer = self.layout.layers[node.layer]
        shapes = [self.layout.shapes[edge] for edge in node.inputs]
        masks = [self.mask_of.get(edge) for edge in node.inputs]
        came = [self.value_of[edge] for edge in node.inputs]
        known, told = list(came), dict[str, object](node.how)
        if layer.takes_masks and any(mask is not None for mask in masks):
            known += [mask for mask in masks if mask is not None]
            told["masks"] = tuple(mask is not None for mask in masks)
        before, gives = len(known), dict[int, int]()
        for operation in layer.operations(*shapes, **told):
            reads = operation.inputs or ((len(known) - 1,) if len(known) > before else tuple(range(len(came))))
            self.placed.append(Placed(node, operation, tuple(known[i] for i in reads), self.count))
            known.append(self.count)
            if operation.gives >= 0:
                gives[operation.gives] = self.count
            self.count += 1
        self.value_of.update({edge: gives.get(i, known[-1]) for i, edge in enumerate(node.outputs)})
        self._hand_on(layer, node, shapes, masks, known[before:])

    def mask_for(self, edge: int) -> int | None:
        """The mask of an output, whose first axes are as many steps as the mask has."""
        mask, shape = self.mask_of.get(edge), self.layout.shapes[edge]
        steps = next((placed.operation.n_written for placed in self.placed if placed.writes == mask), 1)
        if steps not in itertools.accumulate((1, *shape[:-1]), operator.mul):
            raise ValueError(f"a mask of {steps} steps came to an output of the shape {shape}, which has others")
        return mask

    def _hand_on(
        self, layer: Layer, node: Node, shapes: list[tuple[int, ...]], masks: list[int | None], written: list[int]
    ) -> None:
        """The mask of a node's first output."""
        made = layer.mask_operation_of(shapes, [mask is not None for mask in masks])
        mask = None if made is None else written[made]
        if layer.hands_on_masks and mask is None:
            mask = masks[0]
        found = sorted({known for known in masks if known is not None})
        if made is None and layer.joined_mask is not None and found and None not in masks:
            mask = self._joined(node, layer.joined_mask, found)
        if mask is not None:
            self.mask_of[node.outputs[0]] = mask

    def _joined(self, node: Node, join: Join, masks: list[int]) -> int:
        """The mask that several become."""
        if len(masks) == 1:
            return masks[0]
        steps = self.layout.shapes[node.inputs[0]][0]
        from fastnn._ops import merge

        joined = Operation(merge.OP, 1, 1, steps, geometry=(join,))
        self.placed.append(Placed(node, joined, tuple(masks), self.count))
        self.count += 1
        return self.count - 1


def last_activation(layout: Layout, output: int = 0) -> str | None:
    """Name of the activation that an output comes from."""
    last = last_operation(layout, output)
    return last.activation.name if last else None


def last_operation(layout: Layout, output: int = 0) -> Operation | None:
    """What an output comes from; what is idle in prediction changes nothing of what it means."""
    graph = operations_of(layout)
    made_by = {placed.writes: placed for placed in graph.operations}
    placed = made_by.get(graph.outputs[output])
    while placed is not None and placed.operation.op.idle(placed.operation):
        placed = made_by.get(placed.reads[0])
    return placed.operation if placed else None


def prune(graph: Graph) -> None:
    """Leave out operations that lead to no output: nothing reads what they give, and no gradient comes back."""
    wanted, kept = set(graph.seen), []
    for placed in reversed(graph.operations):
        if placed.writes in wanted:
            kept.append(placed)
            wanted.update(placed.reads)
    graph.operations = kept[::-1]


def drop_idle(graph: Graph) -> None:
    """Leave out operations that give in prediction what they read, unless there are no others."""
    came: dict[int, int] = {}
    kept = []
    for placed in graph.operations:
        reads = tuple(came.get(value, value) for value in placed.reads)
        if placed.operation.op.idle(placed.operation):
            came[placed.writes] = reads[0]
        else:
            kept.append(replace(placed, reads=reads))
    if kept:
        graph.operations = kept
        graph.outputs = [came.get(value, value) for value in graph.outputs]
        graph.masks = [None if mask is None else came.get(mask, mask) for mask in graph.masks]


def used(graph: Graph, layout: Layout) -> list[Variable]:
    """The parameters that some operation has."""
    have = {placed.node.layer for placed in graph.operations}
    return [variable for variable in layout.variables if variable.layer in have]


def join_activations(graph: Graph) -> None:
    """An activation that alone reads a linear op becomes the op's own: one pass less, and losses see the pair."""
    readers = graph.readers()
    joined: list[Placed] = []
    makers: dict[int, int] = {}
    for placed in graph.operations:
        before = makers.get(placed.reads[0])
        if before is not None and readers[placed.reads[0]] == 1 and _joins(joined[before].operation, placed.operation):
            operation = replace(joined[before].operation, activation=placed.operation.activation)
            joined[before] = replace(joined[before], operation=operation, writes=placed.writes)
            makers[placed.writes] = before
            continue
        makers[placed.writes] = len(joined)
        joined.append(placed)
    graph.operations = joined


def _joins(before: Operation, after: Operation) -> bool:
    same_rows = (before.n_out, before.repeat) == (after.n_in, after.repeat)
    plain = before.activation.code == linear.code and before.activity == NO_PENALTY
    return (
        after.op is activation.OP
        and before.op.activates(before)
        and before.op is not activation.OP
        and same_rows
        and plain
    )


def mark_pooled(graph: Graph, ops: Any) -> None:
    """Mark convolutions whose maxima in windows apart from each other are all that is read of them, and those maxima.

    A backend may do both at once, without an array of what the convolution gives.
    """
    for i in pooled(graph):
        ops["pooled"][i : i + 2] = POOLED_NEXT, POOLED_BEFORE


def pooled(graph: Graph) -> list[int]:
    """Which operations are such convolutions; the next one takes their maxima."""
    readers = graph.readers()
    return [
        i
        for i, (before, after) in enumerate(itertools.pairwise(graph.operations))
        if after.reads == (before.writes,) and readers[before.writes] == 1 and _pools(before.operation, after.operation)
    ]


def _pools(before: Operation, after: Operation) -> bool:
    """Whether the maxima's slopes are found from the maxima alone."""
    if (before.op.name, after.op.name) != ("conv", "pool"):
        return False
    from fastnn._ops import pool

    found = before.activation
    plain = before.activity == after.activity == NO_PENALTY and not (found.keeps_z or found.rowwise)
    return plain and pool.has_maxima_apart(after)


def copy_outputs(graph: Graph, sizes: Sequence[tuple[int, ...]]) -> None:
    """An output that is an input, or is there already, becomes a copy: each has an array and a gradient of its own."""
    taken = set(graph.inputs)
    last = graph.operations[-1].node
    for number, value in enumerate(graph.outputs):
        if value in taken:
            made = 1 + max([*graph.inputs, *graph.outputs, *(placed.writes for placed in graph.operations)])
            width = 1
            for size in sizes[number]:
                width *= size
            copy = Operation(activation.OP, width, width)
            graph.operations.append(Placed(last, copy, (value,), made))
            graph.outputs[number] = value = made
        taken.add(value)


def take_logits(graph: Graph, losses: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> list[tuple[Any, int]]:
    """Move the activation of an output into a cross-entropy that has a form on logits.

    Returns the losses, each with the code of the activation that it now applies, or -1.
    """
    readers = graph.readers()
    taken: list[tuple[object, int]] = []
    for loss, value, shape in zip(losses, graph.outputs, shapes, strict=True):
        at = next(i for i, placed in enumerate(graph.operations) if placed.writes == value)
        last = graph.operations[at].operation
        if readers[value] > 1 or not _fuses(loss, last, shape):
            taken.append((loss, -1))
            continue
        graph.operations[at] = replace(graph.operations[at], operation=replace(last, activation=linear))
        taken.append((loss.on_logits(), int(last.activation.code)))
    return taken


def _fuses(loss: Loss, last: Operation, shape: tuple[int, ...]) -> bool:
    return (
        loss is not None
        and loss.activation is not None
        and not loss.from_logits
        and last.activation.name == loss.activation
        and last.n_out == shape[-1]
        and last.op.activates(last)
        and last.activity == NO_PENALTY  # whose gradient is of the activation's output
    )
