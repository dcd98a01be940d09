"""The reference backend, "numpy": how a network trains, in plain loops over the plan's operations.

Read this file to learn how the whole thing works; the other backends do the same in the same order
and are compared with it. Functions and arrays are those of ``contract.py``. Formulas are not here
but in the definitions (activations, losses, metrics, optimizers), which this file only applies.
"""

from __future__ import annotations

import sys

import numpy as np

from fastnn._base import interrupts, random
from fastnn._base.sparse import SparseRows, dense
from fastnn._kernels import contract
from fastnn._kernels.activity import add_gradient
from fastnn.activations import ACTIVATIONS
from fastnn.constraints import project
from fastnn.layers.base import OpKind
from fastnn.metrics import STATISTICS
from fastnn.optimizers.updates import UPDATES, ClipCode

ACTIVATION = {a.code: a for a in ACTIVATIONS.values()}
THIS = sys.modules[__name__]


def supports(plan):
    return None


def forward(plan, arenas, x, training=False, step=0, first_row=0):
    for op in plan.ops:
        rows = _rows(arenas, op["x"], len(x) * op["repeat"], op["n_in"], x)
        y = _rows(arenas, op["y"], len(rows), op["n_out"])
        if _code(op["kind"]) == OpKind.DROPOUT:
            _dropout(plan, arenas, op, rows, y, training, step, first_row)
            continue
        z = rows @ _kernel(arenas.params, op) + _bias(arenas.params, op) if _code(op["kind"]) == OpKind.DENSE else rows
        if op["z"] >= 0:
            _rows(arenas, op["z"], len(rows), op["n_out"])[...] = z
        y[...] = _activate(op["activation"], z, op["parameter"])
    return _rows(arenas, plan.header["y"], len(x), plan.header["n_output"])


def loss(plan, arenas, target, weight, sums, scale):
    table = plan.loss[()]
    n_rows, n_out, repeat = len(target), table["n_out"], table["repeat"]
    y = _rows(arenas, plan.header["y"], n_rows * repeat, n_out)
    dy = _rows(arenas, plan.header["dy"], n_rows * repeat, n_out)
    ones, seen = np.ones(n_rows, y.dtype), y
    if table["sparse"] or target.shape[1:] == (repeat * n_out,):
        target = target.reshape(-1) if table["sparse"] else target.reshape(-1, n_out)
    else:  # targets of a custom loss's own: a value for each sample, whatever positions it has
        seen, repeat = y.reshape(n_rows, *plan.layout.shapes[-1]), 1
    w = np.repeat(ones if weight is None else weight, repeat)
    value, gradient = plan.loss_record.value_and_gradient(target, seen)
    sums[0] += (w * value).sum(dtype=np.float64) / repeat
    factors = (w * y.dtype.type(scale / repeat)).reshape(-1, *[1] * (seen.ndim - 1))
    dy[...] = (gradient * factors).reshape(dy.shape)
    if table["fused"] >= 0:
        y[...] = _activate(table["fused"], y, 0.0)
    for metric in plan.metrics:
        place = slice(metric["first"], metric["first"] + metric["n_sums"])
        counted = w if metric["weighted"] else np.repeat(ones, repeat)
        STATISTICS[_code(metric["statistic"])](target, y, counted, sums[place], metric["parameter"])


def backward(plan, arenas, x, accumulate=False, activity_scale=0.0):
    for op in plan.ops[::-1]:
        rows = _rows(arenas, op["x"], len(x) * op["repeat"], op["n_in"], x)
        dz = _rows(arenas, op["dy"], len(rows), op["n_out"])
        z = _rows(arenas, op["z"], len(rows), op["n_out"]) if op["z"] >= 0 else None
        y = _rows(arenas, op["y"], len(rows), op["n_out"])
        add_gradient(op, y, dz, activity_scale)
        if _code(op["kind"]) == OpKind.DROPOUT:
            dz *= z
        else:
            dz[...] = _activation_gradient(op, z, y, dz)
        if _code(op["kind"]) == OpKind.DENSE:
            _accumulate(_kernel(arenas.grads, op), rows.T @ dz, accumulate)
            if op["b"] >= 0:
                _accumulate(_bias(arenas.grads, op), dz.sum(axis=0), accumulate)
        if op["dx"] < 0:
            return
        dx = _rows(arenas, op["dx"], len(rows), op["n_in"])
        dx[...] = dz @ _kernel(arenas.params, op).T if _code(op["kind"]) == OpKind.DENSE else dz


def gradient(plan, arenas, x, target, weight, sums):
    contract.gradient_loop(THIS, plan, arenas, x, target, weight, sums)


def update(plan, arenas, step, learning_rate, penalty_scale=1.0):
    params, grads, slots = arenas.params, arenas.grads, arenas.slots
    penalty = penalize(plan, params, grads, penalty_scale)
    _clip(plan, grads)
    c = plan.optimizer_record.all_scalars(step, learning_rate).astype(params.dtype)
    new, new_slots = UPDATES[plan.optimizer_record.code](params, grads, tuple(slots), c)
    params[...] = new
    for slot, value in zip(slots, new_slots, strict=True):
        slot[...] = value
    _constrain(plan, params)
    return penalty


def train_epochs(plan, arenas, x, target, weight, order, run, learning_rates, sums):
    contract.train_loop(THIS, plan, arenas, x, target, weight, order, run, learning_rates, sums)


@np.errstate(all="ignore")  # as the other backends: infinities are an answer
def predict(plan, arenas, x, out):
    block = int(plan.header["block_rows"])
    room = np.empty(block * x.n_columns if isinstance(x, SparseRows) else 0, out.dtype)
    for first in range(0, len(x), block):
        interrupts.check()
        out[first : first + block] = forward(plan, arenas, dense(x[first : first + block], room))


def _rows(arenas, offset, rows, width, x=None):
    """The ``(rows, width)`` array at an offset of the workspace; offset -1 is the block handed in."""
    if offset < 0:
        return x.reshape(rows, width)
    return arenas.workspace[offset : offset + rows * width].reshape(rows, width)


def _kernel(arena, op):
    return arena[op["w"] : op["w"] + op["n_in"] * op["n_out"]].reshape(op["n_in"], op["n_out"])


def _bias(arena, op):
    return arena[op["b"] : op["b"] + op["n_out"]] if op["b"] >= 0 else arena.dtype.type(0)


def _code(field):
    """A code of the plan as an int: NumPy's own comparison with an enum can swallow Ctrl-C (Python 3.11)."""
    return int(field)


def _activate(code, z, parameter):
    return ACTIVATION[_code(code)].function(z, z.dtype.type(parameter))


def _activation_gradient(op, z, y, dy):
    record = ACTIVATION[_code(op["activation"])]
    if record.rowwise:
        return record.derivative(y, dy)
    return dy * record.derivative(z, y, y.dtype.type(op["parameter"]))


def _dropout(plan, arenas, op, x, y, training, step, first_row):
    """``y = x * factor``; the factors stay in ``z`` for the way back."""
    if not training:
        y[...] = x
        return
    first = first_row * int(op["repeat"] * op["n_out"])
    factors = _rows(arenas, op["z"], *x.shape)
    factors[...] = random.dropout_scale(
        int(plan.header["seed"]), int(op["layer"]), step, float(op["rate"]), first, x.size
    ).reshape(x.shape)
    y[...] = x * factors


def _accumulate(out, value, accumulate):
    out[...] = out + value if accumulate else value


def penalize(plan, params, grads, scale=1.0):
    """Add ``scale`` times the gradients of l1 and l2 to ``grads``; returns ``scale`` times the penalty."""
    penalty = 0.0
    for offset, size, l1, l2, *_ in plan.segments:
        if l1 or l2:
            w, g = params[offset : offset + size], grads[offset : offset + size]
            penalty += l1 * np.abs(w).sum(dtype=np.float64) + l2 * np.square(w).sum(dtype=np.float64)
            g += (scale * (l1 * np.sign(w) + 2 * l2 * w)).astype(g.dtype)
    return scale * float(penalty)


def _clip(plan, grads):
    """Clip each gradient, each variable's norm, or the norm of all."""
    code, bound = int(plan.optimizer["clip"]), float(plan.optimizer["clip_at"])
    if code == ClipCode.VALUE:
        np.clip(grads, -bound, bound, out=grads)
    elif code == ClipCode.GLOBAL_NORM:
        _clip_norm(grads, bound)
    elif code == ClipCode.NORM:
        for offset, size, *_ in plan.segments:
            _clip_norm(grads[offset : offset + size], bound)


def _constrain(plan, params):
    """Project each variable that has a constraint."""
    for offset, size, _, _, code, by_row, columns, *bounds in plan.segments:
        if code:
            project(params[offset : offset + size], code, columns, by_row, *bounds)


def _clip_norm(grads, bound):
    norm = np.sqrt(np.square(grads, dtype=np.float64).sum())
    if norm > bound:
        grads *= grads.dtype.type(bound / norm)
