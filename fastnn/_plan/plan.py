"""The plan: layers, loss and optimiser compiled into flat tables of operations with offsets.

This is the only place where sizes and offsets are computed. A plan is immutable and printable;
every backend executes the same one. Arrays live in the arenas that :func:`allocate` makes for it.

Design: rows pass through all operations in blocks of ``block_rows`` (a batch may have many), so
that the workspace fits the cache and does not grow with the batch; gradients of the blocks are
added in order. The block depends on the plan alone, never on threads or instruction sets, because
it takes part in how sums are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import call_of, counted
from fastnn._plan import compile
from fastnn._plan.records import BY_NOTHING, BY_ROWS, BY_WEIGHT, HEADER, OP, RUN
from fastnn.activations import ActivationCode, linear
from fastnn.errors import NotReadyError
from fastnn.layers.base import NO_PENALTY, Layer, Operation, OpKind, Parameter, Shape
from fastnn.losses import CustomLoss, LossRecord, Reduction
from fastnn.metrics import Reading
from fastnn.optimizers import Optimizer

MOST_NUMBERS = 2**40  # of a sample or a parameter: more than any machine holds, and far within int64
ALIGN = 16  # elements; 64 bytes in float32, so that no two arrays share a cache line
BLOCK_BYTES = 256 * 1024  # activations of a block, about half of a second-level cache
MIN_BLOCK, MAX_BLOCK = 256, 1024
KERAS = Reduction()
INPUT_BYTES = 256 * 1024 * 1024  # of a block's input: of sparse rows with a million columns only this much is dense
WEIGHT_BYTES = 1024 * 1024  # of a layer; beyond them rows do not stay in the cache, and many share a pass over weights


@dataclass(frozen=True, repr=False)
class Variable:
    """A parameter of a layer with its place in ``params``."""

    layer: int
    parameter: Parameter
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.parameter.shape)

    def __repr__(self) -> str:
        return call_of(self)


@dataclass(frozen=True)
class Layout:
    """What depends on the layers alone: shapes and the places of parameters.

    Attributes
    ----------
    layers : all layers.
    shapes : input shape of the model, then the output shape of each layer (one sample).
    variables : the parameters in the order of ``get_weights``.
    n_params : length of ``params``, padding included.
    """

    layers: tuple[Layer, ...]
    shapes: tuple[Shape, ...]
    variables: tuple[Variable, ...]
    n_params: int

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample."""
        return self.shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of one prediction."""
        return self.shapes[-1]

    def of_layer(self, index: int) -> tuple[Variable, ...]:
        """The parameters of one layer."""
        return tuple(v for v in self.variables if v.layer == index)

    def __repr__(self) -> str:
        shapes = f"{self.shapes[0]} -> {self.shapes[-1]}"
        return f"<Layout of {counted(len(self.layers), 'layer')}, {shapes}, {counted(self.n_params, 'param')}>"


def lay_out(layers: Sequence[Layer], input_shape: Shape) -> Layout:
    """Walk the shapes and give every parameter its place."""
    shapes, variables, offset = [input_shape], [], 0
    _check_size("the input", input_shape)
    for index, layer in enumerate(layers):
        for parameter in layer.parameters(shapes[-1]):
            _check_size(f"{parameter.name} of layer {index}", parameter.shape)
            variables.append(Variable(index, parameter, offset))
            offset += _padded(math.prod(parameter.shape))
        shape = layer.output_shape(shapes[-1])
        if index and layer.input_shape not in (None, shapes[-1]):
            raise ValueError(f"layer {index} was given the input_shape {layer.input_shape}, and gets {shapes[-1]} here")
        shapes.append(shape)
        _check_size(f"the output of layer {index}", shapes[-1])
    return Layout(tuple(layers), tuple(shapes), tuple(variables), offset)


def _check_size(name: str, shape: Shape) -> None:
    if math.prod(shape) > MOST_NUMBERS:
        raise ValueError(f"{name} may hold 2**40 numbers, got the shape {shown(shape)}")


@dataclass(frozen=True)
class Plan:
    """The compiled model. ``ops``, ``header`` ... are NumPy records as in ``_kernels/tables.py``."""

    layout: Layout
    training: bool
    ops: np.ndarray
    header: np.ndarray
    loss: np.ndarray
    optimizer: np.ndarray
    metrics: np.ndarray
    segments: np.ndarray
    workspace_size: int
    loss_record: LossRecord | CustomLoss | None = field(repr=False)
    optimizer_record: Optimizer | None = field(repr=False)
    faults: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)
    """What each backend said when it was asked whether it supports the plan."""

    def __repr__(self) -> str:
        head = self.header
        kind = f"training, batch {head['batch_size']}" if self.training else "prediction"
        return (
            f"<plan: {kind}, blocks of {head['block_rows']} rows; {len(self.ops)} ops, "
            f"{head['n_params']} params, {self.workspace_size} workspace>"
        )

    def __str__(self) -> str:
        lines = [
            repr(self).strip("<>"),
            f"{'op':>3} {'kind':10} {'layer':>5} {'rows x in -> out':>20} {'activation':12} "
            + " ".join(f"{name:>8}" for name in _SHOWN),
        ]
        for i, op in enumerate(self.ops):
            shape = f"{op['repeat']} x {op['n_in']} -> {op['n_out']}"
            places = " ".join(f"{'-' if op[name] < 0 else op[name]:>8}" for name in _SHOWN)
            lines.append(
                f"{i:>3} {OpKind(op['kind']).name.lower():10} {op['layer']:>5} {shape:>20} "
                f"{ActivationCode(op['activation']).name.lower():12} {places}"
            )
        return "\n".join(lines)


_SHOWN = ("w", "b", "x", "y", "z", "dx", "dy", "scratch")


@dataclass(frozen=True)
class Arenas:
    """The flat vectors a plan works in, all of one dtype (float32 or float64), 64-byte aligned."""

    params: np.ndarray  # (n_params,)
    grads: np.ndarray  # (n_params,), empty for prediction
    slots: np.ndarray  # (n_slots, n_params)
    state: np.ndarray  # running statistics
    workspace: np.ndarray  # (workspace_size,)

    def __repr__(self) -> str:
        return call_of(self)


def aligned(size: int, dtype: np.dtype) -> np.ndarray:
    """Zeros, ``(size,)``, whose first byte is a multiple of 64."""
    raw = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


def allocate(
    plan: Plan, params: np.ndarray, slots: np.ndarray | None = None, state: np.ndarray | None = None
) -> Arenas:
    """Arenas for a plan around a model's own ``params`` (and ``slots``, ``state``)."""
    dtype = params.dtype
    if slots is None:
        slots = new_slots(plan, dtype)
    grads = aligned(len(params) if plan.training else 0, dtype)
    return Arenas(
        params, grads, slots, aligned(0, dtype) if state is None else state, aligned(plan.workspace_size, dtype)
    )


def new_slots(plan: Plan, dtype: np.dtype) -> np.ndarray:
    """Fresh optimiser state, ``(n_slots, n_params)``."""
    record = plan.optimizer_record
    n_params = int(plan.header["n_params"])
    if record is None:
        return aligned(0, dtype).reshape(0, n_params)
    slots = aligned(record.n_slots * n_params, dtype).reshape(record.n_slots, n_params)
    slots[...] = np.reshape(record.slot_starts, (-1, 1))
    return slots


def new_run(n_samples: int, epochs: tuple[int, int], *, step: int = 0, shuffle: bool = True) -> np.ndarray:
    """A RUN record that stands before the first batch of ``epochs[0]`` and ends before ``epochs[1]``."""
    run = np.zeros((), RUN)
    run["n_samples"], run["step"], run["shuffle"] = n_samples, step, shuffle
    run["epoch"] = run["first_epoch"] = epochs[0]
    run["patience"], run["best"] = -1, np.inf
    run["last_epoch"], run["max_steps"] = epochs[1], np.iinfo(np.int64).max
    return run


def compile_plan(
    layout: Layout,
    *,
    batch_size: int,
    loss: LossRecord | CustomLoss | None = None,
    optimizer: Optimizer | None = None,
    metrics: Sequence[tuple[Reading, bool]] = (),
    n_samples: int = 0,
    seed: int = 0,
    reduction: Reduction = KERAS,
) -> Plan:
    """Compile a layout for training (with a loss) or for prediction (without).

    Parameters
    ----------
    layout : from :func:`lay_out`.
    batch_size : rows of one update, or rows predicted together.
    loss, optimizer : definitions; a loss without an optimiser serves evaluation and L-BFGS.
    metrics : resolved metrics, each with whether sample weights count.
    n_samples : rows of an epoch at most, for metrics that need its predictions.
    seed : key of the dropout masks and the order of rows.
    reduction : how the losses of a batch's rows are divided and scaled.

    Raises
    ------
    ValueError
        no layer computes anything.
    """
    operations = _join_activations(_operations(layout))
    if not operations:
        raise NotReadyError("the model has no layer that computes anything; add a Dense layer")
    training = loss is not None
    loss, operations, fused = _take_logits(loss, operations, layout.shapes[-1])
    build = _Builder(layout, operations, training, _block_rows(operations, batch_size))
    ops = build.ops()
    header = build.header(ops, batch_size, seed)
    metric_table = compile.metric_table(metrics, layout.shapes[-1], n_samples)
    header["n_metrics"] = len(metric_table)
    header["n_sums"] = 1 + int(metric_table["n_sums"].sum())
    header["loss_scale"], header["loss_reported"] = reduction.scale, reduction.reported
    header["divisor"] = BY_NOTHING if reduction.summed else BY_WEIGHT if reduction.by_weight else BY_ROWS
    header["divides_penalties"] = reduction.by_weight and not reduction.whole_penalties
    segments = compile.segments(layout)
    header["n_segments"], header["has_penalty"] = len(segments), bool(np.any(segments["l1"] + segments["l2"]))
    header["has_constraint"] = bool(segments["constraint"].any())
    header["has_activity"] = bool(ops["activity_l1"].any() or ops["activity_l2"].any())
    loss_table = compile.loss_table(loss, fused, layout.shapes[-1])
    optimizer_table = compile.optimizer_table(optimizer)
    for table in (ops, header, loss_table, optimizer_table, metric_table, segments):
        table.flags.writeable = False
    return Plan(
        layout,
        training,
        ops,
        header,
        loss_table,
        optimizer_table,
        metric_table,
        segments,
        workspace_size=build.size,
        loss_record=loss,
        optimizer_record=optimizer,
    )


def _operations(layout: Layout) -> list[tuple[int, Operation]]:
    return [(i, operation) for i, layer in enumerate(layout.layers) for operation in layer.operations(layout.shapes[i])]


def last_activation(layout: Layout) -> str | None:
    """Name of the activation that the outputs come from; dropout after it changes nothing of what they mean."""
    kinds = [operation for _, operation in _operations(layout) if operation.kind != OpKind.DROPOUT]
    return kinds[-1].activation.name if kinds else None


def _join_activations(operations: list[tuple[int, Operation]]) -> list[tuple[int, Operation]]:
    """An activation after a linear Dense becomes the Dense's own: one pass less, and losses see the pair."""
    joined: list[tuple[int, Operation]] = []
    for index, operation in operations:
        if operation.kind == OpKind.ACTIVATION and joined and _takes_activation(joined[-1][1], operation):
            joined[-1] = joined[-1][0], replace(joined[-1][1], activation=operation.activation)
        else:
            joined.append((index, operation))
    return joined


def _takes_activation(before: Operation, operation: Operation) -> bool:
    same_rows = (before.n_out, before.repeat) == (operation.n_in, operation.repeat)
    plain = before.activation.code == ActivationCode.LINEAR and before.activity == NO_PENALTY
    return same_rows and before.kind == OpKind.DENSE and plain


def _take_logits(loss, operations, shape: Shape):
    """Move the last activation into a cross-entropy that has a form on logits.

    Returns the loss, the operations and the code of the activation that the loss now applies, or -1.
    """
    index, last = operations[-1]
    if (
        loss is None
        or loss.activation is None
        or loss.from_logits
        or last.activation.name != loss.activation
        or last.n_out != shape[-1]
        or last.activity != NO_PENALTY  # whose gradient is of the activation's output
    ):
        return loss, operations, -1
    fused = int(last.activation.code)
    return loss.on_logits(), [*operations[:-1], (index, replace(last, activation=linear))], fused


def _block_rows(operations: list[tuple[int, Operation]], batch_size: int) -> int:
    largest = max((operation.n_in * operation.n_out for _, operation in operations if operation.w >= 0), default=0)
    first = operations[0][1]
    most = min(MAX_BLOCK, max(ALIGN, INPUT_BYTES // (4 * first.n_in * first.repeat) // ALIGN * ALIGN))
    if 4 * largest > WEIGHT_BYTES:
        return min(batch_size, most)
    numbers = sum(2 * operation.repeat * operation.n_out for _, operation in operations)
    rows = BLOCK_BYTES // (4 * numbers) // ALIGN * ALIGN
    return min(batch_size, most, max(MIN_BLOCK, rows))


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


class _Builder:
    """Hands out workspace while the op table is written."""

    def __init__(self, layout: Layout, operations: list[tuple[int, Operation]], training: bool, block_rows: int):
        self.layout, self.operations = layout, operations
        self.training, self.block_rows = training, block_rows
        self.size = 0
        self.x = self.take(block_rows * math.prod(layout.shapes[0])) if training else -1
        self.offsets = {
            (v.layer, i): v.offset
            for layer in range(len(layout.layers))
            for i, v in enumerate(v for v in layout.variables if v.layer == layer)
        }

    def take(self, size: int) -> int:
        offset, self.size = self.size, self.size + _padded(size)
        return offset

    def ops(self) -> np.ndarray:
        ops = np.zeros(len(self.operations), OP)
        first_trained = next((i for i, (_, o) in enumerate(self.operations) if o.w >= 0), len(ops))
        for i, (layer, operation) in enumerate(self.operations):
            op = ops[i]
            for name in ("w", "b", "x", "y", "z", "dx", "dy", "scratch", "state"):
                op[name] = -1
            self._describe(op, layer, operation)
            if i:
                op["x"] = ops[i - 1]["y"]
            if self.training:
                op["dy"] = self.take(self._rows(operation) * operation.n_out)
                if i > first_trained:
                    self._link_back(op, ops[i - 1], operation)
        return ops

    def _rows(self, operation: Operation) -> int:
        return self.block_rows * operation.repeat

    def _describe(self, op, layer: int, operation: Operation) -> None:
        op["kind"], op["activation"], op["layer"] = operation.kind, operation.activation.code, layer
        op["n_in"], op["n_out"], op["repeat"] = operation.n_in, operation.n_out, operation.repeat
        op["parameter"], op["rate"] = operation.activation.parameter, operation.rate
        op["activity_l1"], op["activity_l2"] = operation.activity.l1, operation.activity.l2
        if operation.w >= 0:
            op["w"] = self.offsets[layer, operation.w]
        if operation.b >= 0:
            op["b"] = self.offsets[layer, operation.b]
        op["y"] = self.take(self._rows(operation) * operation.n_out)
        if self.training and (operation.activation.keeps_z or operation.kind == OpKind.DROPOUT):
            op["z"] = self.take(self._rows(operation) * operation.n_out)

    def _link_back(self, op, before, operation: Operation) -> None:
        op["dx"] = before["dy"]
        if operation.kind == OpKind.DENSE:
            op["scratch"] = self.take(operation.n_in * operation.n_out)

    def header(self, ops: np.ndarray, batch_size: int, seed: int) -> np.ndarray:
        header = np.zeros((), HEADER)
        last = ops[-1]
        header["n_ops"], header["batch_size"], header["block_rows"] = len(ops), batch_size, self.block_rows
        header["n_input"] = math.prod(self.layout.shapes[0])
        header["n_output"] = math.prod(self.layout.shapes[-1])
        header["x"], header["y"], header["dy"] = self.x, last["y"], last["dy"]
        header["n_params"], header["seed"] = self.layout.n_params, seed
        return header
