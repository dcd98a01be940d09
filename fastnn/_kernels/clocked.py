"""``profile`` of the reference: the same updates, with Python's clock read behind each op.

NumPy's way back through an op makes the gradients of its inputs and of its parameters in one, so that both stand under
``BACK``; its activation stands under ``FORWARD``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastnn._kernels import laps as slots
from fastnn._kernels import reference, steps
from fastnn._kernels.activity import add_gradient
from fastnn._kernels.laps import Part, Stage
from fastnn._ops import OPS, When
from fastnn._ops.views import Views

if TYPE_CHECKING:
    from types import ModuleType

    from fastnn._kernels.contract import Course, Rows
    from fastnn._plan.memory import Memory
    from fastnn._plan.plan import Plan

NANOSECOND = 1e-9


class Clocked:
    """The reference's functions, each of which ends laps."""

    def __init__(self, plan: Plan, laps: np.ndarray, of_thread: bool):
        self.stages, self.ops = slots.by_stage(laps)[0], slots.by_op(plan, laps)[0]
        self.read = time.thread_time_ns if of_thread else time.perf_counter_ns
        self.since = self.read()

    def end(self, lap: np.ndarray) -> None:
        """End the lap at hand."""
        now = self.read()
        lap += (now - self.since, 1)
        self.since = now

    def forward(
        self,
        plan: Plan,
        memory: Memory,
        inputs: Sequence[np.ndarray],
        training: bool = False,
        step: int = 0,
        first_row: int = 0,
        dropping: float = 1.0,
    ) -> None:
        """See :func:`reference.forward`; rows have been gathered before."""
        self.end(self.stages[Stage.GATHER])
        for i, op in enumerate(plan.ops):
            when = When(training, step, first_row, dropping)
            OPS[int(op["kind"])].forward(op, Views(plan, memory, op, inputs), when)
            self.end(self.ops[i, Part.FORWARD])

    def loss(self, *told: Any) -> None:
        """See :func:`reference.loss`."""
        reference.loss(*told)
        self.end(self.stages[Stage.LOSS])

    def backward(
        self, plan: Plan, memory: Memory, inputs: Sequence[np.ndarray], accumulate: bool, activity_scale: float
    ) -> None:
        """See :func:`reference.backward`."""
        self.end(self.stages[Stage.BETWEEN])
        for i in reversed(range(len(plan.ops))):
            op, kind = plan.ops[i], OPS[int(plan.ops[i]["kind"])]
            if kind.backward and plan.values[op["output"]]["grad"] >= 0:
                arrays = Views(plan, memory, op, inputs, accumulate)
                add_gradient(op, arrays.whole_y, arrays.whole_dy, activity_scale)
                kind.backward(op, arrays, When(True))
                self.end(self.ops[i, Part.BACK])

    def update(self, *told: Any) -> float:
        """See :func:`reference.update`."""
        self.end(self.stages[Stage.BETWEEN])
        penalty = reference.update(*told)
        self.end(self.stages[Stage.UPDATE])
        return penalty


def profile(plan: Plan, memory: Memory, rows: Rows, course: Course, laps: np.ndarray, of_thread: bool = False) -> float:
    """See ``contract.profile``."""
    clocked = Clocked(plan, laps, of_thread)
    steps.train_loop(cast("ModuleType", clocked), plan, memory, rows, course)
    clocked.end(clocked.stages[Stage.BETWEEN])
    return NANOSECOND
