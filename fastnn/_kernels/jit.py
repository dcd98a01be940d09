"""The Numba backend, "numba": the functions of ``contract.py``, each one task of one compiled function.

``execute`` works on the plan's tables and reads codes at run time, so that it is compiled once a dtype (float32,
float64) and then comes from Numba's cache on disk. Inside, the GIL is free.

Design: one entry instead of one for each function of the contract, because Numba compiles all that an entry calls
again for each, and might round the same step differently in two of them. The entry point of the one signature
is called directly: Numba's own dispatch looks at every array for longer than a small network takes. Nothing checks
types there; the contract makes them certain.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, typeof, types

from fastnn import activations, loss_formulas, losses, metrics, optimizers, random, updates
from fastnn._kernels import (
    jit_activations,
    jit_compile,
    jit_formulas,
    jit_losses,
    jit_math,
    jit_products,
    jit_random,
    jit_statistics,
    jit_tile,
    jit_update,
    jit_walk,
    tables,
)
from fastnn._kernels.jit_compile import OPTIONS
from fastnn._kernels.jit_walk import Data, Memory, Tables

FORWARD, LOSS, BACKWARD, UPDATE, TRAIN, PREDICT = range(6)
SOURCES = (
    *(activations, loss_formulas, losses, metrics, optimizers, random, updates, tables),
    *(jit_activations, jit_compile, jit_formulas, jit_losses, jit_math, jit_products, jit_random, jit_statistics),
    *(jit_tile, jit_update, jit_walk),
)
NONE = {np.dtype(name): np.empty(0, name) for name in ("float32", "float64", "int32")}
NO_RUN = np.zeros((), tables.RUN)
NO_SUMS = np.empty((0, 0))
FLOAT64, INT32 = np.dtype("float64"), np.dtype("int32")


def supports(plan):
    for code, kernels, what in (
        *((op["kind"], jit_walk.KINDS, "operation") for op in plan.ops),
        *((op["activation"], jit_activations.KERNELS, "activation") for op in plan.ops),
        *((metric["statistic"], jit_statistics.KERNELS, "statistic") for metric in plan.metrics),
        (plan.loss["code"], (*jit_losses.KERNELS, -1), "loss"),
        (plan.optimizer["code"], (*jit_update.KERNELS, -1), "optimizer"),
        (plan.optimizer["clip"], jit_update.CLIPS, "clipping"),
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


def backward(plan, arenas, x, accumulate=False):
    _run(BACKWARD, plan, arenas, x=x, n_rows=len(x), flag=int(accumulate))


def update(plan, arenas, step, learning_rate):
    return _run(UPDATE, plan, arenas, step=step, number=learning_rate)


def train_epochs(plan, arenas, x, target, weight, order, run, learning_rates, sums):
    stand = order, run, learning_rates
    _run(TRAIN, plan, arenas, x=x, target=target, weight=weight, stand=stand, sums=sums)


def predict(plan, arenas, x, out):
    _run(PREDICT, plan, arenas, x=x, out=out)


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
):
    """Hand one task to ``execute``, with empty arrays for what it does not need; returns ``execute``'s number."""
    dtype = arenas.params.dtype
    none = NONE[dtype]
    sparse = plan.loss["sparse"]
    penalty, _ = _entry(dtype)(
        task,
        Tables(plan.ops, plan.header, plan.loss, plan.optimizer, plan.metrics, plan.segments),
        Memory(arenas.params, arenas.grads, arenas.slots, arenas.workspace),
        Data(
            none if x is None else x.reshape(-1),
            none if sparse or target is None else target.reshape(-1),
            target.reshape(-1) if sparse and target is not None else NONE[INT32],
            none if weight is None else weight,
        ),
        *(stand or (NONE[INT32], NO_RUN, NONE[FLOAT64])),
        sums,
        none if out is None else out.reshape(-1),
        n_rows,
        flag,
        step,
        first_row,
        number,
    )
    return penalty


def _make(digest: int) -> Any:
    """``execute`` for sources of this digest.

    Numba's cache on disk looks at the file and the closure of the cached function alone; the digest in the closure
    makes it see a change of any formula.
    """

    def execute(task, tables, memory, data, order, run, rates, sums, out, n_rows, flag, step, first_row, number):
        result = 0.0
        if task == TRAIN:
            jit_walk.train(tables, memory, data, order, run, rates, sums)
        elif task == PREDICT:
            jit_walk.predict(tables, memory, data.x, out)
        elif task == FORWARD:
            jit_walk.forward(tables, memory, data.x, n_rows, flag, step, first_row)
        elif task == LOSS:
            jit_walk.loss(tables, memory, data, n_rows, sums[0], number)
        elif task == BACKWARD:
            spare = jit_walk.spare_numbers(tables, memory) if flag else memory.params[:0]
            jit_walk.backward(tables, memory, data.x, n_rows, flag, spare)
        elif task == UPDATE:
            result = jit_update.update_params(tables, memory, step, number)
        return result, digest

    try:
        return njit(cache=True, **OPTIONS)(execute)
    except RuntimeError:  # no folder that can be written: compile in every process
        return njit(**OPTIONS)(execute)


def _digest() -> int:
    text = b"".join(Path(str(source.__file__)).read_bytes() for source in SOURCES)
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "little")


@cache
def _entry(dtype: np.dtype) -> Any:
    """The compiled ``execute`` for models of a dtype; compiles it, or loads it from the disk."""
    signature = _signature(dtype)
    dispatcher = _dispatcher()
    dispatcher.compile(signature)
    return dispatcher.get_overload(signature)


@cache
def _dispatcher() -> Any:
    return _make(_digest())


def _signature(dtype: np.dtype) -> tuple:
    number, vector, integer = typeof(dtype.type(0)), typeof(np.empty(0, dtype)), types.int64
    table = [typeof(np.zeros(1, record)) for record in (tables.OP, tables.METRIC, tables.SEGMENT)]
    ops, metric, segments = table
    header, loss_table, optimizer, run = (
        typeof(np.zeros((), record)) for record in (tables.HEADER, tables.LOSS, tables.OPTIMIZER, tables.RUN)
    )
    return (
        integer,
        types.NamedTuple((ops, header, loss_table, optimizer, metric, segments), Tables),
        types.NamedTuple((vector, vector, types.Array(number, 2, "C"), vector), Memory),
        types.NamedTuple((vector, vector, types.int32[::1], vector), Data),
        types.int32[::1],
        run,
        types.float64[::1],
        types.float64[:, ::1],
        vector,
        *(integer, integer, integer, integer, types.float64),
    )
