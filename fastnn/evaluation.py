"""Values from sums: the loss and metrics of epochs that were trained, and of a model as it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import interrupts
from fastnn._kernels import activity, reference
from fastnn.callbacks import Logs
from fastnn.data import Data
from fastnn.losses import CustomLoss
from fastnn.plan import Arenas, Plan
from fastnn.sparse import dense


@np.errstate(all="ignore")
def read_sums(
    metrics: Sequence[tuple[Any, bool]], plan: Plan, sums: np.ndarray, n_samples: int
) -> dict[str, list[float]]:
    """Loss and metrics from rows of sums ``(epochs, n_sums)`` over ``n_samples`` rows each: a value a row."""
    columns = {"loss": (sums[:, 0] / n_samples).tolist()}
    for (metric, _), place in zip(metrics, plan.metrics, strict=True):
        own = sums[:, int(place["first"]) : int(place["first"] + place["n_sums"])]
        columns[metric.name] = [float(metric.result(row)) for row in own]
    return columns


class Evaluation:
    """Loss (with penalties) and metrics of the model as it predicts, of rows that come part by part."""

    def __init__(self, plan: Plan, arenas: Arenas, backend: Any, metrics: Sequence[tuple[Any, bool]]):
        self.plan, self.arenas, self.backend, self.metrics = plan, arenas, backend, metrics
        self.loss = reference.loss if isinstance(plan.loss_record, CustomLoss) else backend.loss
        self.sums, self.n_rows = np.zeros((1, int(plan.header["n_sums"]))), 0

    @np.errstate(all="ignore")  # as in training; only the reference would warn
    def add(self, data: Data) -> None:
        """Push rows through, block by block."""
        plan, arenas = self.plan, self.arenas
        block, room = int(plan.header["block_rows"]), arenas.workspace[int(plan.header["x"]) :]
        for first in range(0, len(data), block):
            interrupts.check()
            part = data.part(slice(first, first + block))
            self.backend.forward(plan, arenas, dense(part.x, room))
            self.loss(plan, arenas, part.target, part.weight, self.sums[0], 1.0)
            self.sums[0, 0] += activity.penalty(plan, arenas, len(part))
        self.n_rows += len(data)

    def logs(self) -> Logs:
        """Values over all rows so far."""
        sums = self.sums.copy()
        sums[0, 0] += self.n_rows * penalty(self.plan, self.arenas.params)
        return {name: values[0] for name, values in read_sums(self.metrics, self.plan, sums, self.n_rows).items()}


def penalty(plan: Plan, params: np.ndarray) -> float:
    """The l1 and l2 penalties of all parameters."""
    total = 0.0
    for offset, size, l1, l2, *_ in plan.segments:
        w = params[offset : offset + size]
        if l1 or l2:
            total += l1 * np.abs(w).sum(dtype=np.float64) + l2 * np.square(w).sum(dtype=np.float64)
    return float(total)
