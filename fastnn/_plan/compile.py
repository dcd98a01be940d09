"""Compiles a layout with losses and an optimiser into a plan: the only place where sizes and offsets are computed.

Design: rows pass through all operations in blocks of ``block_rows`` (a batch may have many), so
that the workspace fits the cache and does not grow with the batch; gradients of the blocks are
added in order. The block depends on the plan alone, never on threads or instruction sets, because
it takes part in how sums are rounded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn._ops import own
from fastnn._plan import tables
from fastnn._plan.layout import ALIGN, Layout, padded
from fastnn._plan.liveness import last_reads
from fastnn._plan.passes import (
    Graph,
    Placed,
    copy_outputs,
    drop_idle,
    join_activations,
    mark_pooled,
    operations_of,
    prune,
    take_logits,
    used,
)
from fastnn._plan.plan import Plan
from fastnn._plan.records import BY_NOTHING, BY_ROWS, BY_WEIGHT, EDGE, HEADER, N_MORE, OP, VALUE
from fastnn._plan.sharing import Sharing, sharing_of
from fastnn._plan.slopes import offsets, wanted, who_adds, who_adds_params
from fastnn.errors import NotReadyError
from fastnn.losses import LossRecord, Reduction
from fastnn.losses.custom import CustomLoss
from fastnn.metrics import Reading
from fastnn.optimizers import Optimizer

BLOCK_BYTES = 256 * 1024  # activations of a block, about half of a second-level cache
MIN_BLOCK, MAX_BLOCK = 256, 1024
PART_STREAMS = 1 << 20  # streams of random numbers between the parts of a layer: far more than a model has nodes
STAGE_BYTES, MIN_STAGE = 512 * 1024, 8
KERAS = Reduction()
WORK_BYTES = 1024 * 1024 * 1024  # of a block's activations: large images and long sequences pass a few at a time
INPUT_BYTES = 256 * 1024 * 1024  # of a block's input: of sparse rows with a million columns only this much is dense
WEIGHT_BYTES = 1024 * 1024  # of a layer; beyond them rows do not stay in the cache, and many share a pass over weights
AnyLoss = LossRecord | CustomLoss


def compile_plan(
    layout: Layout,
    *,
    batch_size: int,
    losses: Sequence[AnyLoss] = (),
    loss_weights: Sequence[float] | None = None,
    optimizer: Optimizer | None = None,
    metrics: Sequence[tuple[Reading, bool, int]] = (),
    n_samples: int = 0,
    seed: int = 0,
    reduction: Reduction = KERAS,
    input_gradients: bool = False,
    drops: bool = True,
    balanced: bool = True,
) -> Plan:
    """Compile a layout for training (with losses) or for prediction (without).

    Parameters
    ----------
    layout : from :func:`fastnn._plan.layout.lay_out`.
    batch_size : rows of one update, or rows predicted together.
    losses, loss_weights : one for each output; without an optimiser they serve evaluation and L-BFGS.
    metrics : resolved metrics, each with whether sample weights count, and the output it reads.
    n_samples : rows of an epoch at most, for metrics that need its predictions.
    seed : key of the order of rows, and of what layers without a seed of their own draw.
    reduction : how the losses of a batch's rows are divided and scaled.
    input_gradients : the inputs have gradients, too.
    drops : dropout acts; without it the way back is that of a prediction.
    balanced : losses that leave out positions divide by those that count, so that a batch is one block; else whoever
        evaluates does, in any number of blocks.

    Raises
    ------
    ValueError
        no layer computes anything, or the optimiser has a factor of a layer that there is not.
    """
    training = bool(losses)
    graph = operations_of(layout, losses)
    prune(graph)
    if not graph.operations:
        raise NotReadyError("the model has no layer that computes anything; add a Dense layer")
    if not (training and drops):
        drop_idle(graph)
    join_activations(graph)
    copy_outputs(graph, layout.output_shapes)
    if layout.mixed:
        from fastnn._plan.rounding import round_inputs

        round_inputs(graph, layout)
    taken = take_logits(graph, losses, layout.output_shapes) if training else []
    measured = training and drops and measures(graph, layout)
    is_whole = measured or bool(layout.carried) or (balanced and graph.has_masks())
    rows = batch_size if is_whole else block_rows(graph, layout, batch_size)
    build = _Builder(layout, graph, training, rows, input_gradients, drops)
    ops, first_sum = build.ops(seed), tables.n_losses(taken)
    mark_pooled(graph, ops)
    if not drops:
        ops["rate"], ops["inference"] = 0.0, 1
    variables = [variable for variable in used(graph, layout) if variable.trained]
    made: dict[str, Any] = {
        "losses": tables.loss_table(taken, loss_weights, layout.output_shapes, build.read_by_losses(), balanced),
        "optimizer": tables.optimizer_table(optimizer),
        "metrics": tables.metric_table(metrics, layout.output_shapes, graph.masks, n_samples, first_sum),
        "segments": tables.segments(variables),
        "spans": tables.spans(variables, tables.factors_at(optimizer, layout.variables)),
    }
    header = build.header(batch_size, seed)
    header["measures"], header["settles"] = measured, measured or bool(layout.carried)
    _describe(header, ops, made, reduction)
    header["n_sums"] = first_sum + int(made["metrics"]["n_sums"].sum())
    made |= {"values": build.values, "edges": np.array(build.edges, EDGE), "ops": ops, "header": header}
    for table in made.values():
        table.flags.writeable = False
    records = tuple(loss for loss, _ in taken)
    made["states_size"], made["workspace_size"] = rows * layout.n_carried, build.size
    return Plan(layout, training, **made, loss_records=records, optimizer_record=optimizer)


def _describe(header: np.ndarray, ops: np.ndarray, made: dict[str, Any], reduction: Reduction) -> None:
    """What the header says of the tables, and of how losses are divided."""
    segments = made["segments"]
    for name in ("losses", "metrics", "segments", "spans"):
        header[f"n_{name}"] = len(made[name])
    header["loss_scale"], header["loss_reported"] = reduction.scale, reduction.reported
    header["divisor"] = BY_NOTHING if reduction.summed else BY_WEIGHT if reduction.by_weight else BY_ROWS
    header["divides_penalties"] = reduction.by_weight and not reduction.whole_penalties
    header["has_penalty"] = bool(np.any(segments["l1"] + segments["l2"]))
    header["has_constraint"] = bool(segments["constraint"].any())
    header["has_own"] = bool((ops["kind"] == own.OP.code).any())
    header["has_activity"] = bool(ops["activity_l1"].any() or ops["activity_l2"].any())


def block_rows(graph: Graph, layout: Layout, batch_size: int) -> int:
    """Samples that are pushed through all operations together."""
    operations = [placed.operation for placed in graph.operations]
    largest = max(operation.op.weights(operation) for operation in operations)
    n_input = sum(math.prod(shape) for shape in layout.input_shapes)
    numbers = sum(2 * operation.n_written for operation in operations)
    most = min(MAX_BLOCK, max(ALIGN, INPUT_BYTES // (4 * n_input) // ALIGN * ALIGN))
    kept = sum(operation.op.room(operation, 1) for operation in operations)
    most = min(most, max(1, WORK_BYTES // (4 * (numbers + kept))))
    if 4 * largest > WEIGHT_BYTES:
        return min(batch_size, most)
    rows = BLOCK_BYTES // (4 * numbers) // ALIGN * ALIGN
    return min(batch_size, most, max(MIN_BLOCK, rows))


def stage_rows(graph: Graph, rows: int) -> int:
    """Samples of a block that a thread pushes through several ops together: few of images, whose numbers are many."""
    if not any(placed.operation.op.by_sample for placed in graph.operations):
        return rows
    numbers = sum(2 * placed.operation.n_written for placed in graph.operations)
    return min(rows, max(MIN_STAGE, STAGE_BYTES // (4 * numbers) // MIN_STAGE * MIN_STAGE))


def measures(graph: Graph, layout: Layout) -> bool:
    """Whether some operation in training measures the batch, all of whose rows then are one block."""
    return any(p.operation.op.measures and p.node.layer not in layout.frozen_layers for p in graph.operations)


class _Builder:
    """Numbers the values and hands out workspace while the tables are written."""

    def __init__(self, layout: Layout, graph: Graph, training: bool, rows: int, input_gradients: bool, drops: bool):
        self.layout, self.graph, self.training, self.rows = layout, graph, training, rows
        self.size = 0
        self.free: dict[int, list[int]] = defaultdict(list)  # places that are taken again, by their size
        self.edges: list[tuple[int, int]] = []
        self.offsets = offsets(layout)
        self.states = {(state.layer, state.number): rows * state.place for state in layout.carried}
        inner = [placed.writes for placed in graph.operations if placed.writes not in graph.outputs]
        self.number = {value: i for i, value in enumerate([*graph.inputs, *inner, *graph.outputs])}
        self.wanted = wanted(self.graph, self.offsets, input_gradients) if training else set()
        self.sharing = sharing_of(graph, layout, self.offsets, drops) if training else Sharing({}, {})
        self.values = np.zeros(len(self.number), VALUE)
        self.values["offset"] = self.values["grad"] = -1
        for value, shape in zip(graph.inputs, layout.input_shapes, strict=True):
            record = self.values[self.number[value]]
            record["size"] = math.prod(shape)
            record["offset"] = self.take(rows * int(record["size"])) if training else -1
            record["grad"] = self.take(rows * int(record["size"])) if value in self.wanted else -1

    def take(self, size: int) -> int:
        if self.free[size]:
            return self.free[size].pop()
        offset, self.size = self.size, self.size + padded(size)
        return offset

    def read_by_losses(self) -> list[tuple[int, int]]:
        """The value of each output, and that of its mask or -1."""
        found = zip(self.graph.outputs, self.graph.masks, strict=True)
        return [(self.number[output], -1 if mask is None else self.number[mask]) for output, mask in found]

    def ops(self, seed: int) -> np.ndarray:
        ops = np.zeros(len(self.graph.operations), OP)
        ops["seed"] = seed
        adds, adds_params = who_adds(self.graph), who_adds_params(self.graph)
        dead = last_reads(self.graph)
        for i, placed in enumerate(self.graph.operations):
            self._describe(ops[i], placed, adds_params[i])
            self._write_value(ops[i], placed)
            self._take_scratch(ops[i], placed, any(adds[i]))
            ops[i]["first_edge"], ops[i]["n_inputs"] = len(self.edges), len(placed.reads)
            self.edges += [(self.number[value], added) for value, added in zip(placed.reads, adds[i], strict=True)]
            if not self.training:
                self._give_back(dead[i])
        return ops

    def _give_back(self, values: Sequence[int]) -> None:
        """Later values of the same size may stand where these do."""
        for value in values:
            record = self.values[self.number[value]]
            self.free[self.rows * int(record["size"])].append(int(record["offset"]))

    def _describe(self, op: np.void, placed: Placed, adds_params: bool) -> None:
        operation, layer = placed.operation, placed.node.layer
        op["kind"], op["activation"] = operation.op.code, operation.activation.code
        op["stream"] = placed.node.stream + operation.part * PART_STREAMS
        if operation.seed is not None:
            op["seed"] = operation.seed
        op["n_in"], op["n_out"], op["repeat"] = operation.n_in, operation.n_out, operation.repeat
        op["parameter"], op["rate"] = operation.activation.parameter, operation.rate
        op["activity_l1"], op["activity_l2"] = operation.activity.l1, operation.activity.l2
        op["weights"], op["units"] = operation.op.weights(operation), operation.op.units(operation)
        op["geometry"][: len(operation.geometry)] = operation.geometry
        op["numbers"][: len(operation.numbers)] = operation.numbers
        is_frozen = layer in self.layout.frozen_layers and not operation.op.remembers
        op["adds_params"], op["inference"] = adds_params, is_frozen
        op["bfloat16"] = self.layout.mixed and self._is_rounded(placed)
        op["w"], op["dw"] = self._place(layer, operation.w)
        op["b"], op["db"] = self._place(layer, operation.b)
        for i in range(N_MORE):
            rest = operation.rest[i] if i < len(operation.rest) else -1
            op["more"][i], op["dmore"][i] = self._place(layer, rest)
        if operation.state >= 0:
            op["more"][0] = self.states[layer, operation.state]

    def _is_rounded(self, placed: Placed) -> bool:
        from fastnn._plan.rounding import is_rounded

        return is_rounded(self.layout, placed)

    def _place(self, layer: int, index: int) -> tuple[int, int]:
        """Offsets of a parameter and its gradient; -1 for what there is not."""
        at, trained = self.offsets.get((layer, index), (-1, False))
        return at, at if trained and self.training else -1

    def _write_value(self, op: np.void, placed: Placed) -> None:
        operation, rows = placed.operation, self.rows * placed.operation.repeat
        op["output"], op["z"], op["scratch"], op["room"] = self.number[placed.writes], -1, -1, -1
        value = self.values[op["output"]]
        numbers = self.rows * operation.n_written
        value["size"], value["offset"] = operation.n_written, self.sharing.place(placed.writes, numbers, self.take)
        if not self.training:
            return
        if room := operation.op.room(operation, self.rows):
            op["room"] = self.take(room)
        if operation.op.keeps(operation):
            op["z"] = self.take(rows * operation.n_out)
        if placed.writes in self.wanted:
            value["grad"] = self._gradient_of(placed, numbers)

    def _gradient_of(self, placed: Placed, numbers: int) -> int:
        if placed.operation.op.passes_gradient:  # that of what the operation reads
            return int(self.values[self.number[placed.reads[0]]]["grad"])
        return self.sharing.slope(placed.writes, numbers, self.take)

    def _take_scratch(self, op: np.void, placed: Placed, adds: bool) -> None:
        """What the kind wants for the way back, and room for a gradient that is added."""
        operation = placed.operation
        size = operation.op.scratch(operation)
        if self.training and size and any(read in self.wanted for read in placed.reads):
            room = self.rows * int(self.values[self.number[placed.reads[0]]]["size"]) if adds else 0
            op["scratch"] = self.take(size + room)

    def header(self, batch_size: int, seed: int) -> np.ndarray:
        header = np.zeros((), HEADER)
        header["n_ops"], header["n_values"] = len(self.graph.operations), len(self.values)
        header["n_inputs"], header["n_outputs"] = len(self.graph.inputs), len(self.graph.outputs)
        header["batch_size"], header["block_rows"], header["seed"] = batch_size, self.rows, seed
        header["stage_rows"] = stage_rows(self.graph, self.rows)
        header["n_params"] = self.layout.n_params
        header["shares_params"] = any(who_adds_params(self.graph))
        return header
