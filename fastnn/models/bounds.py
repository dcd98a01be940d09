"""The least time that a step or a prediction can take on this machine, from what is measured of it here.

Products at the peak of multiply-adds of their numbers, activations and the optimiser's update at the speed that they
have in the first-level cache, parameters and slots read and written once where the last cache does not hold them, and
the step of a model of one weight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np

from fastnn import _kernels
from fastnn._kernels import peak
from fastnn._kernels.contract import Course, Rows, rates_of
from fastnn._plan.compile import compile_plan
from fastnn._plan.layout import lay_out
from fastnn._plan.memory import Memory, aligned, allocate, new_run
from fastnn._plan.plan import Plan
from fastnn.activations import ACTIVATIONS, ActivationCode
from fastnn.layers.dense import Dense
from fastnn.losses import LOSSES
from fastnn.models.profiles import ProfiledOp
from fastnn.models.sequential import Sequential
from fastnn.optimizers import SGD, Optimizer

NUMBERS, FEW, WIDTH = 2560, 64, 16  # of an activation at a time: they stay in the first-level cache
REPEATS, LEAST_SECONDS = 9, 0.0005
EMPTY_STEPS = 2000


@dataclass(frozen=True)
class Bound:
    """Seconds of a step or a prediction at least.

    Attributes
    ----------
    products : operations of products at the measured peak of all threads.
    activations : those of layers and of the loss.
    update : of all parameters, whose roots and divisions take longer than products; 0 of a prediction.
    memory : parameters and slots from memory and back, at the measured bandwidth; 0 where the last cache holds them.
    overhead : what a step takes, or the call of a prediction, that has next to nothing to do.
    """

    products: float
    activations: float
    update: float
    memory: float
    overhead: float

    @property
    def seconds(self) -> float:
        """All: work goes on while memory is read, so that the longer of both counts."""
        return max(self.products + self.activations + self.update, self.memory) + self.overhead

    def to_dict(self) -> dict[str, float]:
        """The five, and ``seconds``."""
        return {**asdict(self), "seconds": self.seconds}

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {seconds * 1e3:.4g}" for name, seconds in asdict(self).items() if seconds)
        return f"bound {self.seconds * 1e3:.4g} ms ({parts})"


def bound_of(plan: Plan, ops: Sequence[ProfiledOp], rows: int, dtype: str, threads: int) -> Bound | None:
    """Of a step of a plan for training or a prediction of so many rows; None where the native backend is missing."""
    if peak.flops(dtype) is None:
        return None
    flops = {name: peak.flops(name) or np.inf for name in {op.dtype for op in ops}}
    products = sum(op.flop(plan.training) / flops[op.dtype] for op in ops)
    return Bound(
        products=products / threads,
        activations=_activations(plan, ops, rows, dtype) / threads,
        update=_update(plan, dtype) / threads,
        memory=_memory(plan, np.dtype(dtype).itemsize, threads),
        overhead=_overhead(dtype) if plan.training else _call(dtype),
    )


def _memory(plan: Plan, item_size: int, threads: int) -> float:
    n_bytes = int(plan.header["n_params"]) * item_size
    if plan.training:
        n_bytes *= 1 + int(plan.optimizer["n_slots"])
    if n_bytes <= peak.last_cache():
        return 0.0
    return n_bytes * (2 if plan.training else 1) / _bandwidth(threads)


@cache
def _bandwidth(threads: int) -> float:
    """Of so many threads, of which a busy machine may have let one alone run."""
    return max(peak.bandwidth(n) for n in {1, threads})


def _update(plan: Plan, dtype: str) -> float:
    if plan.optimizer_record is None:
        return 0.0
    return int(plan.header["n_params"]) * _a_parameter(plan.optimizer_record, dtype)


def _a_parameter(optimizer: Optimizer, dtype: str) -> float:
    """Seconds of an update of one parameter."""
    native = _kernels.load("cython")

    def seconds(width: int) -> float:
        plan, memory = _dense(width, dtype, optimizer)
        memory.grads[...] = 1e-3
        return _least(lambda: native.update(plan, memory, 1, 1e-9))

    return max(0.0, seconds(NUMBERS) - seconds(FEW)) / (NUMBERS - FEW)


def _dense(width: int, dtype: str, optimizer: Optimizer | None) -> tuple[Plan, Memory]:
    """A layer of one input and so many weights, for training with an optimizer or for predictions."""
    layout = lay_out([Dense(width, use_bias=False)], (1,))
    losses = [LOSSES["mean_squared_error"]] if optimizer else []
    plan = compile_plan(layout, batch_size=1, losses=losses, optimizer=optimizer)
    return plan, allocate(plan, aligned(layout.n_params, np.dtype(dtype)))


def _activations(plan: Plan, ops: Sequence[ProfiledOp], rows: int, dtype: str) -> float:
    found = 0.0
    for op in ops:
        found += sum(n * _a_number(code, dtype, plan.training) for code, n in op.activated)
    for loss in plan.losses:
        if loss["fused"] >= 0:
            found += rows * int(loss["repeat"]) * int(loss["n_out"]) * _a_number(int(loss["fused"]), dtype, False)
    return found


@cache
def _a_number(code: int, dtype: str, there_and_back: bool) -> float:
    """Seconds of an activation for one number."""
    if code == ActivationCode.LINEAR:
        return 0.0
    native = _kernels.load("cython")
    parameter = ACTIVATIONS[ActivationCode(code).name.lower()].parameter

    def seconds(numbers: int) -> float:
        z, y, dy = (np.full((numbers // WIDTH, WIDTH), 0.5, dtype) for _ in range(3))
        found = _least(lambda: native.activate(code, parameter, z, y))
        if there_and_back:
            found += _least(lambda: native.activate_back(code, parameter, z, y, dy))
        return found

    return max(0.0, seconds(NUMBERS) - seconds(FEW)) / (NUMBERS - FEW)  # a call takes longer than few numbers


def _least(call: Callable[[], object]) -> float:
    """The least mean of short runs of a call."""
    call()
    found: list[float] = []
    repeats = 1
    while len(found) < REPEATS:
        began = time.perf_counter()
        for _ in range(repeats):
            call()
        took = time.perf_counter() - began
        if took < LEAST_SECONDS and not found:
            repeats *= 4
        else:
            found.append(took / repeats)
    return min(found)


@cache
def _overhead(dtype: str) -> float:
    """Seconds of an update of one weight on one row, many in a call."""
    native = _kernels.load("cython")
    plan, memory = _dense(1, dtype, SGD(1e-9))
    one = np.ones((1, 1), dtype)
    found = []
    for _ in range(REPEATS):
        run = new_run(1, (0, EMPTY_STEPS))
        sums = np.zeros((EMPTY_STEPS, int(plan.header["n_sums"])))
        course = Course(np.zeros(1, np.int32), run, rates_of(np.full(1, 1e-9)), sums)
        began = time.perf_counter()
        native.train(plan, memory, Rows((one,), (one,), (None,)), course)
        found.append((time.perf_counter() - began) / EMPTY_STEPS)
    return min(found)


@cache
def _call(dtype: str) -> float:
    """Seconds of a predictor's call for a prediction by one weight of one row."""
    predictor = Sequential([Dense(1, use_bias=False, input_shape=(1,))], dtype=np.dtype(dtype)).predictor()
    x, y = np.ones((2, 1), dtype)
    return _least(lambda: predictor(x, out=y))
