"""Where one call at a time of a user's own loop works: a plan with memory, and rows at addresses that are known.

Few rows are copied to where their addresses are known, because asking arrays for them costs more than a small network's
gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn._base.arrays import FEW
from fastnn._base.sparse import SparseRows
from fastnn._engine.gradients import Form
from fastnn._kernels import steps
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import aligned, allocate
from fastnn._plan.plan import Plan
from fastnn.regularizers import penalize

Loss = Callable[..., None] | None


class Desk:
    """A plan with memory that one call at a time works in."""

    def __init__(self, plan: Plan, params: np.ndarray, form: Form):
        self.plan, self.memory = plan, allocate(plan, params)
        self.sums = np.zeros(int(plan.header["n_sums"]))
        self.block = int(plan.header["block_rows"])
        self.pieces = form.pieces(self.memory.grads)
        self.slopes = [self._slope(value) for value in plan.inputs if value["grad"] >= 0]
        self.widths = [int(size) for size in (*plan.inputs["size"], *plan.outputs["size"])]
        self.most = FEW // max(self.widths)
        self.kept = self.rows = Rows((np.empty(0),))
        self.n, self.room = 0, [np.empty(0)]

    def _slope(self, value: Any) -> np.ndarray:
        """Where the gradient of an input stands, of a whole block."""
        at, size = int(value["grad"]), int(value["size"])
        return self.memory.workspace[at : at + self.block * size].reshape(self.block, size)

    def lay(self, inputs: Sequence[Any], targets: Sequence[np.ndarray]) -> Rows:
        """Rows and slopes of the outputs that are checked, where their addresses are known if they are few."""
        n = len(inputs[0])
        if n > self.most or SparseRows in map(type, inputs):
            return Rows(tuple(inputs), tuple(targets), (None,) * len(targets))
        if n != self.n:
            self._make_room(n)
        for to, array in zip(self.room, (*inputs, *targets), strict=True):
            to[...] = array
        return self.rows

    def _make_room(self, n: int) -> None:
        if n > len(self.kept):
            arrays = [aligned(n * size, self.memory.params.dtype).reshape(n, size) for size in self.widths]
            n_in = len(self.plan.inputs)
            self.kept = Rows(tuple(arrays[:n_in]), tuple(arrays[n_in:]), (None,) * len(self.plan.outputs))
        self.rows, self.n = self.kept.part(slice(n)), n
        self.room = [*self.rows.inputs, *self.rows.targets]  # type: ignore[list-item]
        vars(self.rows).update(sources=self.kept.sources, answers=self.kept.answers)  # they begin at the same places

    def gradient(self, module: Any, rows: Rows, step: int, loss: Loss = None) -> None:
        """Gradients of the rows and their sums, by the loss of a user's own where there is one."""
        self.sums.fill(0.0)
        if loss is None:
            module.gradient(self.plan, self.memory, rows, self.sums, step)
        else:
            steps.gradient_loop(module, self.plan, self.memory, rows, self.sums, step, loss)

    def add_penalties(self, scale: float) -> float:
        """What parameters cost, whose gradients are added."""
        if not self.plan.header["has_penalty"]:
            return 0.0
        return penalize(self.plan.segments, self.memory.params, self.memory.grads, scale)

    def by_inputs(self, module: Any, rows: Rows, step: int, loss: Loss = None) -> list[np.ndarray]:
        """Gradients by the inputs; places in the workspace hold those of one block."""
        n = len(rows)
        if n <= self.block:
            self.gradient(module, rows, step, loss)
            made = [slope[:n].copy() for slope in self.slopes]
        else:
            made = [np.empty((n, slope.shape[1]), slope.dtype) for slope in self.slopes]

            def take(first: int, count: int) -> None:
                for to, slope in zip(made, self.slopes, strict=True):
                    to[first : first + count] = slope[:count]

            self.sums.fill(0.0)
            steps.gradient_loop(module, self.plan, self.memory, rows, self.sums, step, loss, after=take)
        if not math.isfinite(self.sums[0]):
            for array in made:
                array.fill(math.nan)
        return made
