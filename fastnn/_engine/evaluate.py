"""Values from sums: the loss and metrics of epochs that were trained, and of a model as it predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base import interrupts
from fastnn._base.reprs import call_of
from fastnn._base.sparse import dense
from fastnn._engine.data import Data
from fastnn._kernels import activity, reference, steps
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn.callbacks import Logs
from fastnn.losses import CustomLoss
from fastnn.metrics import Reading
from fastnn.metrics.readings import named
from fastnn.regularizers import penalty


@np.errstate(all="ignore")
def read_sums(
    metrics: Sequence[tuple[Reading, bool]], plan: Plan, sums: np.ndarray, n_samples: int, rows: Rows | None = None
) -> dict[str, list[float]]:
    """Loss and metrics from rows of sums ``(epochs, n_sums)`` over ``n_samples`` rows each: a value a row.

    ``rows`` are those whose predictions the one row of sums has kept; without them, metrics that need them are left
    out.
    """
    columns = {"loss": (sums[:, 0] / n_samples).tolist()}
    places = iter(plan.metrics)
    for reading, weighted in metrics:
        if not reading.keeps:
            place = next(places)
            own = sums[:, int(place["first"]) : int(place["first"] + place["n_sums"])]
            read = [reading.read(row) for row in own]
            if isinstance(read[0], float):  # most are; the rest takes longer
                columns[reading.name] = [float(value) for value in read]
                continue
            found = [named(reading.name, value) for value in read]
            columns |= {name: [values[name] for values in found] for name in found[0]}
        elif rows is not None:
            value = reading.read(rows.target, rows.prediction, rows.weight if weighted else None)
            columns |= {name: [value] for name, value in named(reading.name, value).items()}
    return columns


@dataclass
class Rows:
    """What metrics of all predictions are told, one line a row of the data, shaped as users shape it.

    Attributes
    ----------
    target : ``(n, *output_shape)``, or class indices ``(n, *output_shape[:-1])``.
    prediction : ``(n, *output_shape)``, of the model's dtype.
    weight : ``(n,)``, or None for ones.
    """

    target: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of several parts."""
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            np.concatenate([part.target for part in parts]),
            np.concatenate([part.prediction for part in parts]),
            np.concatenate(weights) if weights else None,
        )

    def __repr__(self) -> str:
        return call_of(self)


def kept_rows(plan: Plan, sums: np.ndarray, data: Data, order: np.ndarray | None = None) -> Rows:
    """The rows whose predictions sums ``(n_sums,)`` have kept, and room for the next ones.

    They are the first ones of the data, or of its ``order``.
    """
    place, shape = plan.metrics[-1], plan.layout.output_shape
    own = sums[int(place["first"]) : int(place["first"] + place["n_sums"])]
    kept = own[1 : 1 + int(own[0])].astype(data.x.dtype)
    own[0] = 0.0
    n = len(kept) // math.prod(shape)
    chosen = slice(n) if order is None else order[:n]
    target = data.target[chosen].reshape(n, *(shape[:-1] if plan.losses[0]["sparse"] else shape))
    return Rows(target, kept.reshape(n, *shape), None if data.weight is None else data.weight[chosen])


class Evaluation:
    """Loss (with penalties) and metrics of the model as it predicts, of rows that come part by part."""

    def __init__(self, plan: Plan, memory: Memory, backend: Any, metrics: Sequence[tuple[Reading, bool]]):
        self.plan, self.memory, self.backend, self.metrics = plan, memory, backend, metrics
        self.loss = reference.loss if isinstance(plan.loss_records[0], CustomLoss) else backend.loss
        self.sums, self.n_rows = np.zeros((1, int(plan.header["n_sums"]))), 0
        self.keeps = any(reading.keeps for reading, _ in metrics)
        self.rows: list[Rows] = []

    @np.errstate(all="ignore")  # as in training; only the reference would warn
    def add(self, data: Data) -> None:
        """Push the rows of a batch through, block by block."""
        plan, memory, before, extra = self.plan, self.memory, float(self.sums[0, 0]), 0.0
        block, room = int(plan.header["block_rows"]), memory.workspace[int(plan.inputs[0]["offset"]) :]
        for first in range(0, len(data), block):
            interrupts.check()
            part = data.part(slice(first, first + block))
            self.backend.forward(plan, memory, (dense(part.x, room),))
            self.loss(plan, memory, (part.target,), (part.weight,), self.sums[0], 1.0)
            extra += activity.penalty(plan, memory, len(part))
            if self.keeps:
                self.rows.append(kept_rows(plan, self.sums[0], part))
        total = steps.total_weight(plan, data.weight, len(data))
        steps.report(plan, self.sums[0], before, len(data), total)
        self.sums[0, 0] += extra
        self.n_rows += len(data)

    def logs(self, whole: bool = False) -> Logs:
        """Values over all rows so far; of metrics that need all predictions only at the end of the ``whole``."""
        sums = self.sums.copy()
        sums[0, 0] += self.n_rows * penalty(self.plan.segments, self.memory.params)
        rows = Rows.joined(self.rows) if whole and self.rows else None
        return {name: values[0] for name, values in read_sums(self.metrics, self.plan, sums, self.n_rows, rows).items()}
