"""The walk over a plan's tables, compiled: a block forward and back, its losses, whole epochs, prediction.

The same functions in the same order as ``reference.py`` and the loop of ``steps.py``, on flat vectors. Where
those take ``None`` an empty vector stands here: weights of one, a target that the other kind of loss would take.
"""

from __future__ import annotations

import numpy as np

from fastnn._kernels import steps
from fastnn._kernels.numba import ops
from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.constraints import activity_penalty, add_activity_gradient
from fastnn._kernels.numba.masks import mask_of, masked_loss, masked_statistic
from fastnn._kernels.numba.ops.arrays import Arrays, When, output_gradient, written
from fastnn._kernels.numba.table import activate, block_loss, block_statistic
from fastnn._kernels.numba.update import update_params
from fastnn._kernels.numba.vector.addresses import at_address
from fastnn._kernels.numba.vector.random import fill_order
from fastnn._kernels.numba.vector.rows import copy, gather, lie_as_rows, rows_of_source, take_rows
from fastnn._ops import OPS
from fastnn._plan.records import BY_NOTHING, BY_ROWS

NO_LABELS = np.empty(0, np.int32)
REMEMBERS = tuple(code for code, kind in OPS.items() if kind.remembers)
WITH_WAY_BACK = tuple(code for code, kind in OPS.items() if kind.backward)
MEASURES = tuple(code for code, kind in OPS.items() if kind.measures)
stalls, advance, over, reported = map(inlined, (steps.stalls, steps.advance, steps.over, steps.reported))


@inlined
def arrays_of(tables, memory, room):
    return Arrays(
        tables.kernels,
        tables.values,
        tables.edges,
        memory.params,
        memory.grads,
        memory.workspace,
        memory.states,
        room.inputs,
        room.spare,
    )


@kernel
def forward(tables, memory, room, n_rows, training, step, first_row, dropping):
    """Push the ``n_rows`` samples whose addresses are in ``room.inputs`` through all ops."""
    arrays = arrays_of(tables, memory, room)
    when = When(n_rows, training, step, first_row, np.int64(0), dropping)
    for op in tables.ops:
        ops.forward(tables.kernels, op.kind, (op, arrays, when))


@kernel
def backward(tables, memory, room, n_rows, accumulate, activity_scale):
    """Gradients of the block that ``forward`` has pushed."""
    arrays = arrays_of(tables, memory, room)
    when = When(n_rows, np.int64(1), np.int64(0), np.int64(0), accumulate, 1.0)
    for i in range(tables.ops.shape[0] - 1, -1, -1):
        op = tables.ops[i]
        if op.kind in WITH_WAY_BACK and tables.values[op.output].grad >= 0:
            add_activity_gradient(op, written(op, arrays, n_rows), output_gradient(op, arrays, n_rows), activity_scale)
            ops.backward(tables.kernels, op.kind, (op, arrays, when))


@inlined
def answer(memory, loss, record, n_rows):
    """Target, labels and weight of an output, flat vectors; what it does not have is empty."""
    none, numbers = memory.params[:0], n_rows * loss.repeat * loss.n_out
    labels = at_address(record.target, n_rows * loss.repeat if loss.sparse else 0, NO_LABELS)
    target = at_address(record.target, 0 if loss.sparse else numbers, none)
    weight = at_address(record.weight, n_rows if record.weight else 0, none)
    return target, labels, weight


@inlined
def taken_answer(memory, room, loss, record, n_samples, order):
    """The same of rows by their indices, gathered."""
    target, labels, weight = answer(memory, loss, record, n_samples)
    return (
        gather(target, order, loss.repeat * loss.n_out, room.target),
        gather(labels, order, loss.repeat, room.labels),
        gather(weight, order, np.int64(1), room.weight),
    )


@inlined
def output(tables, memory, number, n_rows):
    """Prediction and gradient of an output."""
    value = tables.values[number]
    size = n_rows * value.size
    workspace = memory.workspace
    return workspace[value.offset : value.offset + size], workspace[value.grad : value.grad + size]


@kernel
def one_loss(tables, memory, loss, target, labels, weight, n_rows, sums, scale):
    """One loss with its gradient and the activation that it applies."""
    y, dy = output(tables, memory, loss.output, n_rows)
    parameters = loss.parameters[: loss.n_parameters]
    arguments = target, labels, weight, y, dy, loss.n_out, loss.repeat, loss.factor * scale, parameters
    if loss.mask >= 0:
        total = masked_loss(tables, loss, mask_of(tables, memory, loss, n_rows), arguments, n_rows)
    else:
        total = block_loss(tables.kernels, loss.code, arguments)
    sums[0] += loss.factor * total
    if loss.place:
        sums[loss.place] += total
    if loss.fused >= 0:
        activate(tables.kernels, loss.fused, (y, loss.n_out, 0.0))


@kernel
def one_statistic(tables, memory, metric, target, labels, weight, n_rows, sums):
    loss = tables.losses[metric.loss]
    y, _ = output(tables, memory, loss.output, n_rows)
    counted = weight if metric.weighted else weight[:0]
    out = sums[metric.first : metric.first + metric.n_sums]
    shared = target, labels, counted, y, loss.n_out, loss.repeat, out, metric.parameter
    if loss.mask >= 0:
        masked_statistic(tables, metric, mask_of(tables, memory, loss, n_rows), shared, n_rows)
    else:
        block_statistic(tables.kernels, metric.statistic, shared)


@kernel
def loss(tables, memory, data, n_rows, sums, scale):
    """Losses, gradients, fused activations and statistics of a block; ``data`` holds that block alone."""
    for i in range(tables.losses.shape[0]):
        record = tables.losses[i]
        target, labels, weight = answer(memory, record, data.answers[i], n_rows)
        one_loss(tables, memory, record, target, labels, weight, n_rows, sums, scale)
    for metric in tables.metrics:
        record = tables.losses[metric.loss]
        target, labels, weight = answer(memory, record, data.answers[metric.loss], n_rows)
        one_statistic(tables, memory, metric, target, labels, weight, n_rows, sums)


@kernel
def taken_loss(tables, memory, data, room, n_samples, order, sums, scale):
    """The same of rows by their indices."""
    n_rows = np.int64(order.shape[0])
    for i in range(tables.losses.shape[0]):
        record = tables.losses[i]
        target, labels, weight = taken_answer(memory, room, record, data.answers[i], n_samples, order)
        one_loss(tables, memory, record, target, labels, weight, n_rows, sums, scale)
        for metric in tables.metrics:
            if metric.loss == i:
                one_statistic(tables, memory, metric, target, labels, weight, n_rows, sums)


@inlined
def take_inputs(tables, memory, data, room, order):
    """The rows of these indices of all inputs, written out at their places in the workspace."""
    for i in range(tables.header[()].n_inputs):
        value = tables.values[i]
        out = memory.workspace[value.offset : value.offset + order.shape[0] * value.size]
        take_rows(data.sources[i], order, value.size, out)
        room.inputs[i] = out.ctypes.data


@inlined
def train(tables, memory, data, room, order, run, rates, sums):
    """:func:`fastnn._kernels.steps.train_loop` with :func:`fastnn._kernels.steps.train_step`."""
    header, position, updates = tables.header[()], run[()], 0
    while updates < position.max_steps and position.epoch < position.last_epoch:
        if position.batch == 0 and position.shuffle:
            fill_order(order, header.seed, position.epoch)
        first = position.batch * header.batch_size
        rows = order[first : min(first + header.batch_size, position.n_samples)]
        own = rates[updates] if rates.shape[0] > 1 else rates[0]
        row = sums[position.epoch - position.first_epoch]
        if not train_batch(tables, memory, data, room, rows, position.n_samples, position.step, own, row):
            position.status = 1
            return
        updates += 1
        advance(position, header.batch_size)
        if position.batch == 0 and stalls(position, row[0] / position.n_samples):
            position.status = 2
            return


@inlined
def total_of(tables, memory, data, rows, n_samples):
    """What divides the loss of a batch: its rows, their weights' sum, or nothing."""
    divisor = tables.header[()].divisor
    if divisor == BY_NOTHING:
        return 1.0
    if divisor == BY_ROWS or not data.answers[0].weight:
        return float(rows.shape[0])
    weight = at_address(data.answers[0].weight, n_samples, memory.params)
    total = 0.0
    for row in rows:
        total += float(weight[row])
    return total


@inlined
def activity_of(tables, memory, n_rows):
    """Penalties of what the ops gave for a block; 0 without looking where the plan has none."""
    return activity_penalty(tables, memory.workspace, n_rows) if tables.header[()].has_activity else 0.0


@inlined
def gradients(tables, memory, data, room, rows, n_samples, step, scale, dropping, sums):
    """Losses and gradients of the rows of these indices, block by block; returns what their outputs cost."""
    header, activity = tables.header[()], 0.0
    for first in range(0, rows.shape[0], header.block_rows):
        chosen = rows[first : first + header.block_rows]
        n = np.int64(chosen.shape[0])
        take_inputs(tables, memory, data, room, chosen)
        forward(tables, memory, room, n, np.int64(1), step, first, dropping)
        taken_loss(tables, memory, data, room, n_samples, chosen, sums, scale)
        activity += activity_of(tables, memory, n)
        backward(tables, memory, room, n, np.int64(first > 0), 1.0 / rows.shape[0])
    return activity


@inlined
def train_batch(tables, memory, data, room, rows, n_samples, step, rates, sums):
    """One update on ``rows``; False, and no update, when the loss is not finite."""
    header, before = tables.header[()], sums[0]
    total = total_of(tables, memory, data, rows, n_samples)
    activity = gradients(
        tables, memory, data, room, rows, n_samples, step, over(header.loss_scale, total), rates[2], sums
    )
    if not np.isfinite(sums[0] - before + activity):
        return False
    sums[0] = reported(header, before, sums[0], rows.shape[0], total)
    scale = over(1.0, total) if header.divides_penalties else 1.0
    sums[0] += activity + rows.shape[0] * update_params(tables, memory, step + 1, rates[0], scale, rates[1])
    settle(tables, memory, room)
    return True


@kernel
def settle(tables, memory, room):
    """:func:`fastnn._kernels.steps.settle`."""
    header, arrays = tables.header[()], arrays_of(tables, memory, room)
    if not header.settles:
        return
    when = When(header.batch_size, np.int64(1), np.int64(0), np.int64(0), np.int64(0), 1.0)
    for op in tables.ops:
        if op.kind in REMEMBERS or (op.kind in MEASURES and header.measures and not op.inference):
            ops.settle(tables.kernels, op.kind, (op, arrays, when))


@inlined
def gradient(tables, memory, data, room, order, step, dropping, sums):
    """:func:`fastnn._kernels.steps.gradient_loop`."""
    header, before, n_rows = tables.header[()], sums[0], np.int64(order.shape[0])
    total = total_of(tables, memory, data, order, n_rows)
    scale = over(header.loss_scale, total)
    activity = gradients(tables, memory, data, room, order, n_rows, step, scale, dropping, sums)
    sums[0] = reported(header, before, sums[0], n_rows, total) + activity


@inlined
def predict(tables, memory, data, room, row_room, out, n_rows):
    """Predict all rows, a block at a time, into the arrays whose addresses are in ``out``."""
    header = tables.header[()]
    for first in range(0, n_rows, header.block_rows):
        last = min(first + header.block_rows, n_rows)
        start = 0
        for i in range(header.n_inputs):
            size = tables.values[i].size
            place = row_room[start : start + header.block_rows * size]
            room.inputs[i] = rows_of_source(data.sources[i], first, last, size, place)
            start += 0 if lie_as_rows(data.sources[i]) else header.block_rows * size
        forward(tables, memory, room, last - first, np.int64(0), np.int64(0), np.int64(0), 1.0)
        for i in range(header.n_outputs):
            value = tables.values[header.n_values - header.n_outputs + i]
            y = memory.workspace[value.offset : value.offset + (last - first) * value.size]
            copy(at_address(out[i], n_rows * value.size, memory.params)[first * value.size : last * value.size], y)
