"""The Numba backend, "numba": the functions of ``contract.py``, each one task of one compiled function.

``execute`` works on the plan's tables and reads codes at run time, so that it is compiled once a dtype (float32,
float64) and not once a network; the kernels of the codes are compiled when a plan first needs them
(``table.py``). All of it comes from Numba's cache on disk the next time. Inside, the GIL is free.

Design: one entry instead of one for each function of the contract, because Numba compiles all that an entry calls
again for each, and might round the same step differently in two of them. The entry point of the one signature
is called directly: Numba's own dispatch looks at every array for longer than a small network takes. Nothing checks
types there; the contract makes them certain.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, typeof, types

from fastnn._base import interrupts
from fastnn._base.sparse import AnyRows
from fastnn._kernels import steps
from fastnn._kernels.contract import Course, Rows, sources
from fastnn._kernels.numba import activations, constraints, losses, ops, optimizers, statistics, table, visits, walk
from fastnn._kernels.numba import update as updating
from fastnn._kernels.numba.compile import OPTIONS, uncollected
from fastnn._kernels.numba.handed import Data, Memory, Room, Tables, new_room, new_row_room
from fastnn._kernels.numba.vector.denormals import flush_denormals, restore
from fastnn._ops import OPS
from fastnn._plan import records
from fastnn._plan.memory import Memory as Vectors
from fastnn._plan.memory import outputs
from fastnn._plan.plan import Plan

Arrays = Sequence[np.ndarray]
Weights = Sequence[np.ndarray | None]
FORWARD, LOSS, BACKWARD, UPDATE, TRAIN, PREDICT, GRADIENT = range(7)
COMPILED_FROM = (
    *("_kernels/numba", "_kernels/steps.py", "_ops", "_plan/records.py", "_base"),
    *("activations", "losses", "metrics", "optimizers", "regularizers.py", "constraints.py"),
)
THIS = sys.modules[__name__]
ROOT = Path(__file__).parents[2]  # of the package
SLICE_FLOP = 2e8  # about 50 ms
FEW = 256  # rows that are soon predicted
NO_RUN = np.zeros((), records.RUN)
NO_SUMS = np.empty((0, 0))
NO_SOURCES, NO_ANSWERS = np.zeros(0, records.SOURCE), np.zeros(0, records.ANSWER)
NO_RATES = np.empty((0, 3))
INT32, INT64 = (np.empty(0, name) for name in ("int32", "int64"))


def supports(plan: Plan) -> str | None:
    needed: tuple[tuple[Any, Collection[int], str], ...] = (
        *((op["kind"], ops.FORWARD.kernels, "operation") for op in plan.ops),
        *((op["activation"], activations.KERNELS, "activation") for op in plan.ops),
        *((metric["statistic"], statistics.KERNELS, "statistic") for metric in plan.metrics),
        *((loss["code"], (*losses.KERNELS, -1), "loss") for loss in plan.losses),
        (plan.optimizer["code"], (*optimizers.KERNELS, -1), "optimizer"),
        (plan.optimizer["clip"], updating.CLIPS, "clipping"),
        *((segment["constraint"], constraints.CONSTRAINTS, "constraint") for segment in plan.segments),
    )
    for code, kernels, what in needed:
        if int(code) not in kernels:
            name = OPS[int(code)].name if what == "operation" and int(code) in OPS else int(code)
            return f"the numba backend has no kernel for {what} {name}"
    return None


def forward(
    plan: Plan,
    memory: Vectors,
    inputs: Arrays,
    training: bool = False,
    step: int = 0,
    first_row: int = 0,
    dropping: float = 1.0,
) -> tuple[np.ndarray, ...]:
    at, n_rows = _addresses(inputs), len(inputs[0])
    told: dict[str, Any] = {"flag": int(training), "step": step, "first_row": first_row, "number": dropping}
    _run(FORWARD, plan, memory, at=at, n_rows=n_rows, **told)
    return outputs(plan, memory, n_rows)


def loss(plan: Plan, memory: Vectors, targets: Arrays, weights: Weights, sums: np.ndarray, scale: float) -> None:
    answers = Rows((), tuple(targets), tuple(weights)).answers
    _run(LOSS, plan, memory, answers=answers, sums=sums.reshape(1, -1), n_rows=len(targets[0]), number=scale)


def backward(
    plan: Plan, memory: Vectors, inputs: Arrays, accumulate: bool = False, activity_scale: float = 0.0
) -> None:
    at, n_rows = _addresses(inputs), len(inputs[0])
    _run(BACKWARD, plan, memory, at=at, n_rows=n_rows, flag=int(accumulate), number=activity_scale)


def update(
    plan: Plan, memory: Vectors, step: int, learning_rate: float, penalty_scale: float = 1.0, decay: float = 1.0
) -> float:
    return _run(UPDATE, plan, memory, step=step, number=learning_rate, scale=penalty_scale, decay=decay)


def gradient(plan: Plan, memory: Vectors, rows: Rows, sums: np.ndarray, step: int = 0, dropping: float = 1.0) -> None:
    if plan.has_own or _slice(plan, len(rows), 3) < len(rows):
        steps.gradient_loop(THIS, plan, memory, rows, sums, step, dropping=dropping)
        return
    several, order = int(len(rows) > plan.header["block_rows"]), np.arange(len(rows), dtype=np.int32)
    tables: dict[str, Any] = {"sources": rows.sources, "answers": rows.answers, "step": step, "number": dropping}
    _run(GRADIENT, plan, memory, **tables, course=(order, NO_RUN, NO_RATES), sums=sums.reshape(1, -1), flag=several)


def train(plan: Plan, memory: Vectors, rows: Rows, course: Course) -> None:
    batch = min(int(plan.header["batch_size"]), len(rows))
    # An own op that fails ends a call, and no walk inside one.
    if plan.has_own or _slice(plan, batch, 3) < batch:
        steps.train_loop(THIS, plan, memory, rows, course)
        return
    blocks = int(plan.header["batch_size"] > plan.header["block_rows"])
    tables: dict[str, Any] = {"sources": rows.sources, "answers": rows.answers, "sums": course.sums}
    _run(TRAIN, plan, memory, **tables, course=(course.order, course.run, course.rates), flag=blocks)


def predict(plan: Plan, memory: Vectors, inputs: Sequence[AnyRows], out: Arrays) -> None:
    n_rows = len(inputs[0])
    step = FEW if n_rows <= FEW else _slice(plan, n_rows, 1)
    for first in range(0, n_rows, step):
        if n_rows > FEW:
            interrupts.check()
        part = slice(first, first + step)
        some, to = [x[part] for x in inputs], [y[part] for y in out]
        _run(PREDICT, plan, memory, sources=sources(some), at=_addresses(to), n_rows=len(to[0]))


def _slice(plan: Plan, n_rows: int, passes: int) -> int:
    """Rows between two moments at which Python may hear Ctrl-C: whole blocks."""
    block = int(plan.header["block_rows"])
    if n_rows <= block:
        return block
    flop = passes * float((plan.ops["repeat"] * (2 * plan.ops["weights"] + 32 * plan.ops["n_out"])).sum())
    return max(1, int(SLICE_FLOP / flop) // block) * block


def _addresses(arrays: Arrays) -> np.ndarray:
    return np.array([array.ctypes.data for array in arrays], np.int64)


def _run(
    task: int,
    plan: Plan,
    memory: Vectors,
    *,
    sources: np.ndarray = NO_SOURCES,
    answers: np.ndarray = NO_ANSWERS,
    at: np.ndarray = INT64,
    course: tuple[np.ndarray, np.ndarray, np.ndarray] = (INT32, NO_RUN, NO_RATES),
    sums: np.ndarray = NO_SUMS,
    n_rows: int = 0,
    flag: int = 0,
    step: int = 0,
    first_row: int = 0,
    number: float = 0.0,
    scale: float = 1.0,
    decay: float = 1.0,
) -> float:
    """Hand one task to ``execute``, with empty arrays for what it does not need; returns ``execute``'s number."""
    compiled = _compiled(memory.params.dtype)
    compiled.prepare(plan)
    arguments = (
        task,
        Tables(*(*plan.tables, compiled.kernels)),
        Memory(memory.params, memory.slots, memory.states, memory.grads, memory.workspace),
        Data(sources, answers),
        at,
        *course,
        sums,
        n_rows,
        flag,
        step,
        first_row,
        number,
        scale,
        decay,
    )
    if not plan.has_own:
        return compiled.execute(*arguments)
    with visits.running(plan, memory):
        return compiled.execute(*arguments)


def execute(
    task, tables, memory, data, at, order, run, rates, sums, n_rows, flag, step, first_row, number, scale, decay
):
    gathers = task in (TRAIN, GRADIENT)
    room = new_room(tables, memory, gathers, flag if gathers or task == BACKWARD else 0)
    row_room = new_row_room(tables, memory, data, task == PREDICT)
    if task == FORWARD or task == BACKWARD:  # noqa: SIM109
        room = Room(at, room.target, room.labels, room.weight, room.spare)
    result, control = 0.0, flush_denormals()  # behind all that takes memory, which may raise
    if task == TRAIN:
        walk.train(tables, memory, data, room, order, run, rates, sums)
    elif task == PREDICT:
        walk.predict(tables, memory, data, room, row_room, at, n_rows)
    elif task == FORWARD:
        walk.forward(tables, memory, room, n_rows, flag, step, first_row, number)
    elif task == LOSS:
        walk.loss(tables, memory, data, n_rows, sums[0], number)
    elif task == BACKWARD:
        walk.backward(tables, memory, room, n_rows, flag, number)
    elif task == UPDATE:
        result = updating.update_params(tables, memory, step, number, scale, decay)
    elif task == GRADIENT:
        walk.gradient(tables, memory, data, room, order, step, number, sums[0])
    restore(control)
    return result


class _Compiled:
    """What is compiled for models of a dtype: ``execute``, and the addresses of the kernels met so far."""

    def __init__(self, dtype: np.dtype):
        self.number, self.digest = typeof(dtype.type(0)), _digest()
        self.execute = self._entry(_signature(dtype))
        self.kernels = np.zeros(ops.SIZE, np.int64)
        self.held: list[object] = []  # owners of the addresses
        self.compiling = threading.RLock()
        self.prepared: dict[int, weakref.ref[Plan]] = {}  # plans by id

    def _entry(self, signature: tuple[object, ...]) -> Callable[..., float]:
        named = table.renamed(execute, f"execute_{self.digest}")
        dispatcher = table.cached(lambda **more: njit(**OPTIONS, **more)(named))
        with uncollected():
            dispatcher.compile(signature)
        return dispatcher.get_overload(signature)

    def prepare(self, plan: Plan) -> None:
        """Compile, or load from the disk, the kernels of a plan."""
        known = self.prepared.get(id(plan))
        if known is not None and known() is plan:
            return
        with self.compiling:  # of several threads that want a kernel one compiles it
            for family, code in ops.needed(plan):
                if not self.kernels[family.first + code]:
                    self.held.append(kernel := family.compile(code, self.number, self.digest))
                    self.kernels[family.first + code] = kernel.address
        key = id(plan)
        self.prepared[key] = weakref.ref(plan, lambda gone: self._forget(key, gone))

    def _forget(self, key: int, gone: weakref.ref[Plan]) -> None:
        if self.prepared.get(key) is gone:
            del self.prepared[key]


@cache
def _digest() -> str:
    """Of every file that kernels are compiled from, and Numba's version: a part of names, since Numba's cache on disk
    looks at the file of the cached function alone."""
    text = b""
    for place in COMPILED_FROM:
        found = ROOT / place
        for file in sorted(found.rglob("*.py")) if found.is_dir() else [found.with_suffix(".py")]:
            text += file.read_bytes()
    return hashlib.sha256(text).hexdigest()[:12]


@cache
def _compiled(dtype: np.dtype) -> _Compiled:
    return _Compiled(dtype)


def _signature(dtype: np.dtype) -> tuple[types.Type, ...]:
    number, vector, integer = typeof(dtype.type(0)), typeof(np.empty(0, dtype)), types.int64
    names = ("VALUE", "EDGE", "OP", "LOSS", "METRIC", "SEGMENT", "SPAN", "SOURCE", "ANSWER")
    values, edges, ops_table, losses_table, metrics, segments, spans, sources_table, answers = (
        typeof(np.zeros(1, getattr(records, name))) for name in names
    )
    single = records.HEADER, records.OPTIMIZER, records.RUN
    header, optimizer, run = (typeof(np.zeros((), record)) for record in single)
    tables = values, edges, ops_table, header, losses_table, optimizer, metrics, segments, spans, types.int64[::1]
    return (
        integer,
        types.NamedTuple(tables, Tables),
        types.NamedTuple((vector, types.Array(number, 2, "C"), vector, vector, vector), Memory),
        types.NamedTuple((sources_table, answers), Data),
        types.int64[::1],
        types.int32[::1],
        run,
        types.float64[:, ::1],
        types.float64[:, ::1],
        *(integer, integer, integer, integer, types.float64, types.float64, types.float64),
    )
