"""The Numba backend, "numba": the functions of ``contract.py``, each one task of one compiled function.

``execute`` works on the plan's tables and reads codes at run time, so that it is compiled once a dtype (float32,
float64) and not once a network; the kernels of the codes are compiled when a plan first needs them
(``jit_table.py``). All of it comes from Numba's cache on disk the next time. Inside, the GIL is free.

Design: one entry instead of one for each function of the contract, because Numba compiles all that an entry calls
again for each, and might round the same step differently in two of them. The entry point of the one signature
is called directly: Numba's own dispatch looks at every array for longer than a small network takes. Nothing checks
types there; the contract makes them certain.
"""

from __future__ import annotations

import hashlib
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, typeof, types

from fastnn import constraints
from fastnn._base import interrupts, random
from fastnn._base.sparse import SparseRows
from fastnn._kernels import contract
from fastnn._kernels.numba import activations, compile, losses, optimizers, walk
from fastnn._kernels.numba import constraints as jit_constraints
from fastnn._kernels.numba import formulas as jit_formulas
from fastnn._kernels.numba import statistics as jit_statistics
from fastnn._kernels.numba import table as jit_table
from fastnn._kernels.numba import update as jit_update
from fastnn._kernels.numba.compile import OPTIONS
from fastnn._kernels.numba.vector import denormals, math, products, tile
from fastnn._kernels.numba.vector import random as jit_random
from fastnn._kernels.numba.vector import rows as jit_rows
from fastnn._kernels.numba.vector.denormals import flush_denormals, restore
from fastnn._kernels.numba.walk import Data, Memory, Tables
from fastnn._plan import records as tables
from fastnn.activations import formulas as activation_formulas
from fastnn.activations import records as activation_records
from fastnn.losses import base as loss_base
from fastnn.losses import focal as loss_focal
from fastnn.losses import formulas as loss_formulas
from fastnn.losses import records as loss_records
from fastnn.metrics import statistics
from fastnn.optimizers import base, updates

SLICE_FLOP = 2e8  # about 50 ms
FEW = 256  # rows that are soon predicted
FORWARD, LOSS, BACKWARD, UPDATE, TRAIN, PREDICT, GRADIENT = range(7)
SOURCES = (
    *(activation_formulas, activation_records, loss_base, loss_focal, loss_formulas, loss_records),
    *(statistics, base, updates, constraints, random, tables),
    *(activations, compile, jit_constraints, denormals, jit_formulas, losses, math, optimizers),
    *(products, jit_random, jit_rows, jit_statistics, jit_table, tile, jit_update, walk),
)
NONE = {np.dtype(name): np.empty(0, name) for name in ("float32", "float64", "int32", "int64")}
THIS = sys.modules[__name__]
NO_RUN = np.zeros((), tables.RUN)
NO_SUMS = np.empty((0, 0))
FLOAT64, INT32, INT64 = np.dtype("float64"), np.dtype("int32"), np.dtype("int64")


def supports(plan):
    for code, kernels, what in (
        *((op["kind"], walk.KINDS, "operation") for op in plan.ops),
        *((op["activation"], activations.KERNELS, "activation") for op in plan.ops),
        *((metric["statistic"], jit_statistics.KERNELS, "statistic") for metric in plan.metrics),
        (plan.loss["code"], (*losses.KERNELS, -1), "loss"),
        (plan.optimizer["code"], (*optimizers.KERNELS, -1), "optimizer"),
        (plan.optimizer["clip"], jit_update.CLIPS, "clipping"),
        *((segment["constraint"], jit_constraints.CONSTRAINTS, "constraint") for segment in plan.segments),
    ):
        if int(code) not in kernels:
            return f"the numba backend has no kernel for {what} {int(code)}"
    return None


def forward(plan, arenas, x, training=False, step=0, first_row=0):
    _run(FORWARD, plan, arenas, x=x, n_rows=len(x), flag=int(training), step=step, first_row=first_row)
    y, n_output = int(plan.header["y"]), int(plan.header["n_output"])
    return arenas.workspace[y : y + len(x) * n_output].reshape(len(x), n_output)


def loss(plan, arenas, target, weight, sums, scale):
    sums = sums.reshape(1, -1)
    _run(LOSS, plan, arenas, target=target, weight=weight, sums=sums, n_rows=len(target), number=scale)


def backward(plan, arenas, x, accumulate=False, activity_scale=0.0):
    _run(BACKWARD, plan, arenas, x=x, n_rows=len(x), flag=int(accumulate), number=activity_scale)


def update(plan, arenas, step, learning_rate, penalty_scale=1.0):
    return _run(UPDATE, plan, arenas, step=step, number=learning_rate, scale=penalty_scale)


def gradient(plan, arenas, x, target, weight, sums):
    if _slice(plan, len(x), 3) < len(x):
        contract.gradient_loop(THIS, plan, arenas, x, target, weight, sums)
        return
    several = int(len(x) > plan.header["block_rows"])
    data = {"x": x, "target": target, "weight": weight, "sums": sums.reshape(1, -1)}
    _run(GRADIENT, plan, arenas, **data, n_rows=len(x), flag=several)


def train_epochs(plan, arenas, x, target, weight, order, run, learning_rates, sums):
    batch = min(int(plan.header["batch_size"]), len(x))
    if _slice(plan, batch, 3) < batch:
        contract.train_loop(THIS, plan, arenas, x, target, weight, order, run, learning_rates, sums)
        return
    stand = order, run, learning_rates
    blocks = int(plan.header["batch_size"] > plan.header["block_rows"])
    _run(TRAIN, plan, arenas, x=x, target=target, weight=weight, stand=stand, sums=sums, flag=blocks)


def predict(plan, arenas, x, out):
    if len(out) <= FEW:
        _run(PREDICT, plan, arenas, x=x, out=out)
        return
    rows = _slice(plan, len(out), 1)
    for first in range(0, len(out), rows):
        interrupts.check()
        _run(PREDICT, plan, arenas, x=x[first : first + rows], out=out[first : first + rows])


def _slice(plan, n_rows, passes):
    """Rows between two moments at which Python may hear Ctrl-C: whole blocks."""
    block = int(plan.header["block_rows"])
    if n_rows <= block:
        return block
    flop = passes * float((plan.ops["n_out"] * plan.ops["repeat"] * (2 * plan.ops["n_in"] + 32)).sum())
    return max(1, int(SLICE_FLOP / flop) // block) * block


def _run(
    task,
    plan,
    arenas,
    *,
    x=None,
    target=None,
    weight=None,
    stand=None,
    sums=NO_SUMS,
    out=None,
    n_rows=0,
    flag=0,
    step=0,
    first_row=0,
    number=0.0,
    scale=1.0,
):
    """Hand one task to ``execute``, with empty arrays for what it does not need; returns ``execute``'s number."""
    dtype = arenas.params.dtype
    compiled, none, sparse, sparse_x = _compiled(dtype), NONE[dtype], plan.loss["sparse"], type(x) is SparseRows
    compiled.prepare(plan)
    return compiled.execute(
        task,
        Tables(plan.ops, plan.header, plan.loss, plan.optimizer, plan.metrics, plan.segments, compiled.kernels),
        Memory(arenas.params, arenas.grads, arenas.slots, arenas.workspace),
        Data(
            none if x is None or sparse_x else x.reshape(-1),
            none if sparse or target is None else target.reshape(-1),
            target.reshape(-1) if sparse and target is not None else NONE[INT32],
            none if weight is None else weight,
            *((x.values, x.columns, x.starts) if sparse_x else (none, NONE[INT32], NONE[INT64])),
        ),
        *(stand or (NONE[INT32], NO_RUN, NONE[FLOAT64])),
        sums,
        none if out is None else out.reshape(-1),
        n_rows,
        flag,
        step,
        first_row,
        number,
        scale,
    )


def execute(task, tables, memory, data, order, run, rates, sums, out, n_rows, flag, step, first_row, number, scale):
    block = walk.new_block(tables, memory, data) if task == TRAIN else data
    spare = walk.new_spare(tables, memory, flag) if task in (TRAIN, BACKWARD, GRADIENT) else memory.params[:0]
    room = jit_rows.new_room(tables, memory, data) if task == PREDICT else memory.params[:0]
    result, control = 0.0, flush_denormals()  # behind all that takes memory, which may raise
    if task == TRAIN:
        walk.train(tables, memory, data, block, spare, order, run, rates, sums)
    elif task == PREDICT:
        walk.predict(tables, memory, data, room, out)
    elif task == FORWARD:
        walk.forward(tables, memory, data.x, n_rows, flag, step, first_row)
    elif task == LOSS:
        walk.loss(tables, memory, data, n_rows, sums[0], number)
    elif task == BACKWARD:
        walk.backward(tables, memory, data.x, n_rows, flag, spare, number)
    elif task == UPDATE:
        result = jit_update.update_params(tables, memory, step, number, scale)
    elif task == GRADIENT:
        walk.gradient(tables, memory, data, n_rows, spare, sums[0])
    restore(control)
    return result


class _Compiled:
    """What is compiled for models of a dtype: ``execute``, and the addresses of the kernels met so far."""

    def __init__(self, dtype: np.dtype):
        self.number, self.digest = typeof(dtype.type(0)), _digest()
        self.execute = self._entry(_signature(dtype))
        self.kernels = np.zeros(jit_table.SIZE, np.int64)
        self.held: list[Any] = []  # owners of the addresses
        self.prepared: dict[int, weakref.ref] = {}  # plans by id

    def _entry(self, signature: tuple) -> Any:
        named = jit_table.renamed(execute, f"execute_{self.digest}")
        dispatcher = jit_table.cached(lambda **more: njit(**OPTIONS, **more)(named))
        dispatcher.compile(signature)
        return dispatcher.get_overload(signature)

    def prepare(self, plan: Any) -> None:
        """Compile, or load from the disk, the kernels of a plan."""
        known = self.prepared.get(id(plan))
        if known is not None and known() is plan:
            return
        for family, code in jit_table.needed(plan):
            place = family.first + code
            if not self.kernels[place]:
                kernel = family.compile(code, self.number, self.digest)
                self.held.append(kernel)
                self.kernels[place] = kernel.address
        key = id(plan)
        self.prepared[key] = weakref.ref(plan, lambda gone: self._forget(key, gone))

    def _forget(self, key: int, gone: weakref.ref) -> None:
        if self.prepared.get(key) is gone:
            del self.prepared[key]


@cache
def _digest() -> str:
    """Of all sources: a part of names, since Numba's cache on disk looks at the file of the cached function alone."""
    text = b"".join(Path(str(source.__file__)).read_bytes() for source in SOURCES)
    return hashlib.sha256(text).hexdigest()[:12]


@cache
def _compiled(dtype: np.dtype) -> _Compiled:
    return _Compiled(dtype)


def _signature(dtype: np.dtype) -> tuple:
    number, vector, integer = typeof(dtype.type(0)), typeof(np.empty(0, dtype)), types.int64
    table = [typeof(np.zeros(1, record)) for record in (tables.OP, tables.METRIC, tables.SEGMENT)]
    ops, metric, segments = table
    header, loss_table, optimizer, run = (
        typeof(np.zeros((), record)) for record in (tables.HEADER, tables.LOSS, tables.OPTIMIZER, tables.RUN)
    )
    return (
        integer,
        types.NamedTuple((ops, header, loss_table, optimizer, metric, segments, types.int64[::1]), Tables),
        types.NamedTuple((vector, vector, types.Array(number, 2, "C"), vector), Memory),
        types.NamedTuple((vector, vector, types.int32[::1], vector, vector, types.int32[::1], types.int64[::1]), Data),
        types.int32[::1],
        run,
        types.float64[::1],
        types.float64[:, ::1],
        vector,
        *(integer, integer, integer, integer, types.float64, types.float64),
    )
