"""The walk over a plan's tables, compiled: a block forward and back, its loss, whole epochs, prediction.

The same functions in the same order as ``reference.py`` and the loop of ``contract.py``, on flat vectors. Where
those take ``None`` an empty vector stands here: weights of one, a target that the other kind of loss would take.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.constraints import activity_penalty, add_activity_gradient
from fastnn._kernels.numba.table import activate, activation_gradient, block_loss, block_statistic, product
from fastnn._kernels.numba.update import update_params
from fastnn._kernels.numba.vector.products import add_rows, transpose
from fastnn._kernels.numba.vector.random import dropout_factors, fill_order
from fastnn._kernels.numba.vector.rows import copy, gather, rows_between, take_rows
from fastnn._plan.records import BY_NOTHING, BY_ROWS
from fastnn.activations import ActivationCode
from fastnn.layers.base import OpKind

DENSE, ACTIVATION, DROPOUT = int(OpKind.DENSE), int(OpKind.ACTIVATION), int(OpKind.DROPOUT)
KINDS = (DENSE, ACTIVATION, DROPOUT)
LINEAR = int(ActivationCode.LINEAR)
NUMBERS = 4096  # of a product before its activation, in the first-level cache; 16 rows at least


class Tables(NamedTuple):
    """The plan, as ``tables.py`` lays it out."""

    ops: np.ndarray
    header: np.ndarray
    loss: np.ndarray
    optimizer: np.ndarray
    metrics: np.ndarray
    segments: np.ndarray
    kernels: np.ndarray  # addresses, see jit_table.py


class Memory(NamedTuple):
    """The arenas that kernels work in."""

    params: np.ndarray
    grads: np.ndarray
    slots: np.ndarray
    workspace: np.ndarray


class Data(NamedTuple):
    """Rows and what belongs to them, flat; ``target`` or ``labels`` and perhaps ``weight`` are empty.

    Sparse rows are ``values``, ``columns`` and ``starts``, with an empty ``x``; else those three are empty.
    """

    x: np.ndarray
    target: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    values: np.ndarray
    columns: np.ndarray
    starts: np.ndarray


@inlined
def place(arena, offset, size, block):
    """``size`` numbers at an offset; offset -1 is the block handed in."""
    return block[:size] if offset < 0 else arena[offset : offset + size]


@kernel
def forward(tables, memory, x, n_rows, training, step, first_row):
    """Push ``n_rows`` samples of ``x`` through all ops."""
    for op in tables.ops:
        rows = n_rows * op.repeat
        source = place(memory.workspace, op.x, rows * op.n_in, x)
        y = memory.workspace[op.y : op.y + rows * op.n_out]
        z = memory.workspace[op.z : op.z + rows * op.n_out] if op.z >= 0 else y
        if op.kind == DENSE:
            dense(tables.kernels, op, memory.params, source, y, z, rows)
        elif op.kind == ACTIVATION:
            copy(y, source)
            activate_rows(tables.kernels, op, y, z)
        elif training:
            first = first_row * op.repeat * op.n_out
            dropout_factors(z, tables.header[()].seed, op.layer, step, op.rate, first)
            for i in range(y.shape[0]):
                y[i] = source[i] * z[i]
        else:
            copy(y, source)


@inlined
def dense(kernels, op, params, x, y, z, rows):
    """``y = activation(x @ w + b)``, some rows at a time."""
    n_in, n_out = op.n_in, op.n_out
    w = params[op.w : op.w + n_in * n_out]
    bias = params[op.b : op.b + n_out] if op.b >= 0 else params[:0]
    together = max(16, NUMBERS // n_out)
    for first in range(0, rows, together):
        last = min(first + together, rows)
        part = y[first * n_out : last * n_out]
        product(kernels, 0, (bias, x[first * n_in : last * n_in], n_in, 1, w, part, last - first, n_in, n_out))
        activate_rows(kernels, op, part, z[first * n_out : last * n_out])


@inlined
def activate_rows(kernels, op, y, z):
    """Keep ``z`` where the op has a place for it, then ``y = activation(y)``."""
    if op.z >= 0:
        copy(z, y)
    if op.activation != LINEAR:
        activate(kernels, op.activation, (y, op.n_out, op.parameter))


@kernel
def loss(tables, memory, data, n_rows, sums, scale):
    """Loss, gradient, fused activation and statistics of a block; ``data`` holds that block alone."""
    header, table = tables.header[()], tables.loss[()]
    width, repeat, size = table.n_out, table.repeat, n_rows * header.n_output
    y, dy = memory.workspace[header.y : header.y + size], memory.workspace[header.dy : header.dy + size]
    target, labels, weight = data.target, data.labels, data.weight
    arguments = target, labels, weight, y, dy, width, repeat, scale, table.parameters[: table.n_parameters]
    sums[0] += block_loss(tables.kernels, table.code, arguments)
    if table.fused >= 0:
        activate(tables.kernels, table.fused, (y, width, 0.0))
    for metric in tables.metrics:
        counted = weight if metric.weighted else weight[:0]
        out = sums[metric.first : metric.first + metric.n_sums]
        shared = target, labels, counted, y, width, repeat, out, metric.parameter
        block_statistic(tables.kernels, metric.statistic, shared)


@kernel
def backward(tables, memory, x, n_rows, accumulate, spare, activity_scale):
    """Gradients of the block that ``forward`` has pushed."""
    for i in range(tables.ops.shape[0] - 1, -1, -1):
        op = tables.ops[i]
        rows = n_rows * op.repeat
        dz = memory.workspace[op.dy : op.dy + rows * op.n_out]
        y = memory.workspace[op.y : op.y + rows * op.n_out]
        z = memory.workspace[op.z : op.z + rows * op.n_out] if op.z >= 0 else y
        add_activity_gradient(op, y, dz, activity_scale)
        if op.kind == DROPOUT:
            for j in range(dz.shape[0]):
                dz[j] *= z[j]
        elif op.activation != LINEAR:
            activation_gradient(tables.kernels, op.activation, (z, y, dz, op.n_out, op.parameter))
        if op.kind == DENSE:
            source = place(memory.workspace, op.x, rows * op.n_in, x)
            parameter_gradients(tables.kernels, op, memory.grads, source, dz, rows, accumulate, spare)
        if op.dx < 0:
            return
        dx = memory.workspace[op.dx : op.dx + rows * op.n_in]
        if op.kind == DENSE:
            input_gradient(tables.kernels, op, memory, dz, dx, rows)
        else:
            copy(dx, dz)


@inlined
def parameter_gradients(kernels, op, grads, x, dz, rows, accumulate, spare):
    """``dw = x.T @ dz`` and ``db``, the sum of the rows of ``dz``; summed in ``spare`` before they are added."""
    n_in, n_out = op.n_in, op.n_out
    size = n_in * n_out
    dw = grads[op.w : op.w + size]
    sums = spare[:size] if accumulate else dw
    product(kernels, 0, (dw[:0], x, 1, n_in, dz, sums, n_in, rows, n_out))
    if accumulate:
        add_rows(dw, sums, np.int64(1), size)
    if op.b >= 0:
        db = grads[op.b : op.b + n_out]
        sums = spare[:n_out] if accumulate else db
        sums[:] = 0
        add_rows(sums, dz, rows, n_out)
        if accumulate:
            add_rows(db, sums, np.int64(1), n_out)


@inlined
def input_gradient(kernels, op, memory, dz, dx, rows):
    """``dx = dz @ w.T``, through the transposed kernel in ``scratch``."""
    n_in, n_out = op.n_in, op.n_out
    transposed = memory.workspace[op.scratch : op.scratch + n_in * n_out]
    transpose(memory.params[op.w : op.w + n_in * n_out], transposed, n_in, n_out)
    product(kernels, 0, (dx[:0], dz, n_out, 1, transposed, dx, rows, n_out, n_in))


@inlined
def new_block(tables, memory, data):
    """Room for the rows of a block; what ``data`` lacks stays empty."""
    header, rows = tables.header[()], tables.header[()].block_rows
    return Data(
        memory.workspace[header.x : header.x + rows * header.n_input],
        np.empty(rows * header.n_output if data.target.shape[0] else 0, memory.params.dtype),
        np.empty(rows * tables.loss[()].repeat if data.labels.shape[0] else 0, np.int32),
        np.empty(rows if data.weight.shape[0] else 0, memory.params.dtype),
        data.values[:0],
        data.columns[:0],
        data.starts[:0],
    )


@inlined
def new_spare(tables, memory, accumulate):
    """Room for the gradients of the largest op, where those of several blocks are added."""
    size = 0
    for op in tables.ops:
        if accumulate and op.kind == DENSE:
            size = max(size, op.n_in * op.n_out)
    return np.empty(size, memory.params.dtype)


@inlined
def train(tables, memory, data, block, spare, order, run, rates, sums):
    """:func:`fastnn._kernels.contract.train_loop` with :func:`fastnn._kernels.contract.train_step`."""
    header, position, updates = tables.header[()], run[()], 0
    while updates < position.max_steps and position.epoch < position.last_epoch:
        if position.batch == 0 and position.shuffle:
            fill_order(order, header.seed, position.epoch)
        first = position.batch * header.batch_size
        rows = order[first : min(first + header.batch_size, position.n_samples)]
        rate = rates[updates] if rates.shape[0] > 1 else rates[0]
        row = sums[position.epoch - position.first_epoch]
        if not train_batch(tables, memory, data, block, spare, rows, position.step, rate, row):
            position.status = 1
            return
        updates += 1
        position.step += 1
        position.batch += 1
        if position.batch * header.batch_size >= position.n_samples:
            position.batch = 0
            position.epoch += 1
            if stalls(position, row[0] / position.n_samples):
                position.status = 2
                return


@inlined
def stalls(run, loss):
    """The stop rule, told the mean loss of an epoch."""
    run.wait = run.wait + 1 if loss > run.best - run.tol else 0
    run.best = min(run.best, loss)
    return run.patience >= 0 and run.wait > run.patience


@inlined
def total_of(header, weight, rows):
    """What divides the loss of a batch: its rows, their weights' sum, or nothing."""
    if header.divisor == BY_NOTHING:
        return 1.0
    if header.divisor == BY_ROWS or weight.shape[0] == 0:
        return float(rows.shape[0])
    total = 0.0
    for row in rows:
        total += float(weight[row])
    return total


@inlined
def over(number, total):
    """``number / total``, 0 where the total is 0."""
    return number / total if total != 0 else 0.0


@inlined
def report(header, sums, before, n_rows, total):
    """Scale a batch's part of the loss's sum, as :func:`fastnn._kernels.contract.report`."""
    if header.divisor != BY_ROWS or header.loss_reported != 1:
        sums[0] = before + (sums[0] - before) * over(header.loss_reported * n_rows, total)


@inlined
def activity_of(tables, memory, n_rows):
    """Penalties of what the ops gave for a block; 0 without looking where the plan has none."""
    return activity_penalty(tables.ops, memory.workspace, n_rows) if tables.header[()].has_activity else 0.0


@inlined
def train_batch(tables, memory, data, block, spare, rows, step, rate, sums):
    """One update on ``rows``; False, and no update, when the loss is not finite."""
    header, before, activity = tables.header[()], sums[0], 0.0
    total = total_of(header, data.weight, rows)
    for first in range(0, rows.shape[0], header.block_rows):
        chosen = rows[first : first + header.block_rows]
        n = chosen.shape[0]
        x = take_rows(data, chosen, header.n_input, block.x)
        target = gather(data.target, chosen, header.n_output, block.target)
        labels = gather(data.labels, chosen, tables.loss[()].repeat, block.labels)
        weight = gather(data.weight, chosen, np.int64(1), block.weight)
        forward(tables, memory, x, n, np.int64(1), step, first)
        here = Data(x, target, labels, weight, data.values, data.columns, data.starts)
        loss(tables, memory, here, n, sums, over(header.loss_scale, total))
        activity += activity_of(tables, memory, n)
        backward(tables, memory, x, n, np.int64(first > 0), spare, 1.0 / rows.shape[0])
    if not np.isfinite(sums[0] - before + activity):
        return False
    report(header, sums, before, rows.shape[0], total)
    scale = over(1.0, total) if header.divides_penalties else 1.0
    sums[0] += activity + rows.shape[0] * update_params(tables, memory, step + 1, rate, scale)
    return True


@inlined
def part(given, first, last, width):
    """Rows ``[first, last)`` of a flat vector of rows that may be empty."""
    return given[first * width : last * width] if given.shape[0] else given


@inlined
def gradient(tables, memory, data, n_rows, spare, sums):
    """:func:`fastnn._kernels.contract.gradient_loop`."""
    header, before, activity = tables.header[()], sums[0], 0.0
    total = total_of(header, data.weight, np.arange(n_rows))
    for first in range(0, n_rows, header.block_rows):
        last = min(first + header.block_rows, n_rows)
        block = Data(
            rows_between(data, first, last, header.n_input, memory.workspace[header.x :]),
            part(data.target, first, last, header.n_output),
            part(data.labels, first, last, tables.loss[()].repeat),
            part(data.weight, first, last, np.int64(1)),
            data.values,
            data.columns,
            data.starts,
        )
        forward(tables, memory, block.x, last - first, np.int64(1), np.int64(0), first)
        loss(tables, memory, block, last - first, sums, over(header.loss_scale, total))
        activity += activity_of(tables, memory, last - first)
        backward(tables, memory, block.x, last - first, np.int64(first > 0), spare, 1.0 / n_rows)
    report(header, sums, before, n_rows, total)
    sums[0] += activity


@inlined
def predict(tables, memory, data, room, out):
    """Predict all rows of x, a block at a time; ``room`` is for sparse ones."""
    header = tables.header[()]
    n_input, n_output = header.n_input, header.n_output
    n_rows = out.shape[0] // n_output
    for first in range(0, n_rows, header.block_rows):
        last = min(first + header.block_rows, n_rows)
        x = rows_between(data, first, last, n_input, room)
        forward(tables, memory, x, last - first, np.int64(0), np.int64(0), np.int64(0))
        size = (last - first) * n_output
        copy(out[first * n_output : last * n_output], memory.workspace[header.y : header.y + size])
