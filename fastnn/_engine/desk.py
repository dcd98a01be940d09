"""Where one call at a time of a user's own loop works: a plan with memory, and views of what it leaves there."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from fastnn._kernels import steps
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import allocate
from fastnn._plan.plan import Plan
from fastnn.regularizers import penalize

Loss = Callable[..., None] | None


class Desk:
    """A plan with memory that one call at a time works in."""

    def __init__(self, plan: Plan, params: np.ndarray, states: np.ndarray | None = None):
        self.plan, self.memory = plan, allocate(plan, params, states=states)
        self.sums = np.zeros(int(plan.header["n_sums"]))
        self.block = int(plan.header["block_rows"])
        self.quick: Any = None  # of the backend, for what needs no closer look
        self.dropping = 1.0  # what the rates of dropout are multiplied by
        self.slopes = [self._slope(value) for value in plan.inputs if value["grad"] >= 0]

    def _slope(self, value: np.void) -> np.ndarray:
        """Where the gradient of an input stands, of a whole block."""
        at, size = int(value["grad"]), int(value["size"])
        return self.memory.workspace[at : at + self.block * size].reshape(self.block, size)

    def gradient(self, module: ModuleType, rows: Rows, step: int, loss: Loss = None) -> None:
        """Gradients of the rows and their sums, by the loss of a user's own where there is one."""
        self.sums.fill(0.0)
        if loss is None:
            module.gradient(self.plan, self.memory, rows, self.sums, step, self.dropping)
        else:
            told = self.sums, step, loss
            steps.gradient_loop(module, self.plan, self.memory, rows, *told, dropping=self.dropping)

    def add_penalties(self, scale: float) -> float:
        """What parameters cost, whose gradients are added."""
        if not self.plan.header["has_penalty"]:
            return 0.0
        return penalize(self.plan.segments, self.memory.params, self.memory.grads, scale)

    def by_inputs(self, module: ModuleType, rows: Rows, step: int, loss: Loss = None) -> list[np.ndarray]:
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
            told = self.sums, step, loss, take, self.dropping
            steps.gradient_loop(module, self.plan, self.memory, rows, *told)
        if not math.isfinite(self.sums[0]):
            for array in made:
                array.fill(math.nan)
        return made
