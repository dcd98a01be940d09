"""The reference backend, "numpy": how a network trains, in plain loops over the plan's operations.

Read this file to learn how the whole thing works; the other backends do the same in the same order
and are compared with it. Functions and arrays are those of ``contract.py``. Formulas are not here
but in the definitions (op kinds, activations, losses, metrics, optimizers), which this file only applies.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastnn import regularizers
from fastnn._base import interrupts
from fastnn._base.sparse import dense
from fastnn._kernels import masks, steps
from fastnn._kernels.activity import add_gradient
from fastnn._ops import OPS, When, activation
from fastnn._ops.views import Views
from fastnn._plan.memory import outputs
from fastnn.metrics import STATISTICS
from fastnn.optimizers.updates import UPDATES, ClipCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastnn._base.sparse import AnyRows
    from fastnn._kernels.contract import Course, Rows
    from fastnn._plan.memory import Memory
    from fastnn._plan.plan import Plan

THIS = sys.modules[__name__]


def supports(plan: Plan) -> str | None:
    return None


def forward(
    plan: Plan,
    memory: Memory,
    inputs: Sequence[np.ndarray],
    training: bool = False,
    step: int = 0,
    first_row: int = 0,
    dropping: float = 1.0,
) -> tuple[np.ndarray, ...]:
    when = When(training, step, first_row, dropping)
    for op in plan.ops:
        OPS[int(op["kind"])].forward(op, Views(plan, memory, op, inputs), when)
    return outputs(plan, memory, len(inputs[0]))


def loss(
    plan: Plan,
    memory: Memory,
    targets: Sequence[np.ndarray],
    weights: Sequence[np.ndarray | None],
    sums: np.ndarray,
    scale: float,
) -> None:
    n_rows, counted = len(targets[0]), []
    for i, (table, target, weight) in enumerate(zip(plan.losses, targets, weights, strict=True)):
        repeat, value = int(table["repeat"]), plan.values[table["output"]]
        y = _rows(memory, value["offset"], n_rows * repeat, table["n_out"])
        dy = _rows(memory, value["grad"], *y.shape)
        ones, seen, counts = np.ones(n_rows, y.dtype), y, masks.positions(plan, memory, table, n_rows)
        if table["sparse"] or target.shape[1:] == (repeat * y.shape[1],):
            target = target.reshape(-1) if table["sparse"] else target.reshape(y.shape)
        else:  # targets of a custom loss's own: a value for each sample, whatever positions it has
            masks.refuse(table, plan.loss_records[i])
            seen, repeat = y.reshape(n_rows, *plan.layout.output_shapes[i]), 1
        w, factor = np.repeat(ones if weight is None else weight, repeat), masks.balance(plan, table, counts, weight)
        value, gradient = masks.of_rows(plan.loss_records[i], target[counts], seen[counts])
        total = (w[counts] * value).sum(dtype=np.float64) * factor / repeat
        sums[0] += table["factor"] * total
        if table["place"]:
            sums[table["place"]] += total
        factors = w[counts] * y.dtype.type(table["factor"] * scale / repeat * factor)
        dy[...] = 0
        dy.reshape(seen.shape)[counts] = gradient * factors.reshape(-1, *[1] * (seen.ndim - 1))
        if table["fused"] >= 0:
            y[...] = activation.apply(table["fused"], y)
        counted.append((target, y, w, counts))
    for metric in plan.metrics:
        target, y, w, counts = counted[metric["loss"]]
        target, y, w = masks.told(metric, target, y, w if metric["weighted"] else np.ones_like(w), counts)
        place = slice(metric["first"], metric["first"] + metric["n_sums"])
        if len(y):
            STATISTICS[int(metric["statistic"])](target, y, w, sums[place], metric["parameter"])


def backward(
    plan: Plan, memory: Memory, inputs: Sequence[np.ndarray], accumulate: bool = False, activity_scale: float = 0.0
) -> None:
    when = When(True)
    for op in plan.ops[::-1]:
        kind = OPS[int(op["kind"])]
        if kind.backward and plan.values[op["output"]]["grad"] >= 0:
            arrays = Views(plan, memory, op, inputs, accumulate)
            add_gradient(op, arrays.whole_y, arrays.whole_dy, activity_scale)
            kind.backward(op, arrays, when)


def gradient(plan: Plan, memory: Memory, rows: Rows, sums: np.ndarray, step: int = 0, dropping: float = 1.0) -> None:
    steps.gradient_loop(THIS, plan, memory, rows, sums, step, dropping=dropping)


@np.errstate(all="ignore")
def update(
    plan: Plan, memory: Memory, step: int, learning_rate: float, penalty_scale: float = 1.0, decay: float = 1.0
) -> float:
    params, grads, optimizer = memory.params, memory.grads, plan.optimizer_record
    assert optimizer is not None, "a plan for training has one"
    penalty = regularizers.penalize(plan.segments, params, grads, penalty_scale)
    _clip(plan, grads)
    for first, last, _, factor, of_decay in plan.spans:
        c = optimizer.all_scalars(step, learning_rate, factor, of_decay * decay).astype(params.dtype)
        w, slots = params[first:last], memory.slots[:, first:last]
        w[...], new_slots = UPDATES[optimizer.code](w, grads[first:last], tuple(slots), c)
        for slot, value in zip(slots, new_slots, strict=True):
            slot[...] = value
    constrain(plan, params)
    return penalty


def train(plan: Plan, memory: Memory, rows: Rows, course: Course) -> None:
    steps.train_loop(THIS, plan, memory, rows, course)


def profile(plan: Plan, memory: Memory, rows: Rows, course: Course, laps: np.ndarray, of_thread: bool = False) -> float:
    from fastnn._kernels import clocked  # which walks as this file does

    return clocked.profile(plan, memory, rows, course, laps, of_thread)


@np.errstate(all="ignore")  # as the other backends: infinities are an answer
def predict(plan: Plan, memory: Memory, inputs: Sequence[AnyRows], out: Sequence[np.ndarray]) -> None:
    block = int(plan.header["block_rows"])
    rooms = [np.empty(0 if isinstance(x, np.ndarray) else block * x.n_columns, memory.params.dtype) for x in inputs]
    for first in range(0, len(inputs[0]), block):
        interrupts.check()
        part = slice(first, first + block)
        found = forward(plan, memory, [dense(x[part], room) for x, room in zip(inputs, rooms, strict=True)])
        for to, y in zip(out, found, strict=True):
            to[part] = y


def _rows(memory: Memory, offset: int, rows: int, width: int) -> np.ndarray:
    return memory.workspace[offset : offset + rows * width].reshape(rows, width)


def _clip(plan: Plan, grads: np.ndarray) -> None:
    """Clip each gradient, each variable's norm, or the norm of all."""
    code, bound = int(plan.optimizer["clip"]), float(plan.optimizer["clip_at"])
    if code == ClipCode.VALUE:
        np.clip(grads, -bound, bound, out=grads)
    elif code == ClipCode.GLOBAL_NORM:
        _clip_norm(grads, bound)
    elif code == ClipCode.NORM:
        for segment in plan.segments:
            _clip_norm(grads[segment["offset"] :][: segment["size"]], bound)


def constrain(plan: Plan, params: np.ndarray) -> None:
    """Project each variable that has a constraint."""
    for offset, size, _, _, code, by_row, columns, *bounds in plan.segments:
        if code:
            from fastnn.constraints import project

            project(params[offset : offset + size], code, columns, by_row, *bounds)


def _clip_norm(grads: np.ndarray, bound: float) -> None:
    norm = np.sqrt(np.square(grads, dtype=np.float64).sum())
    if norm > bound:
        grads *= grads.dtype.type(bound / norm)
