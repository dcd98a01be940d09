"""Values from sums: the losses and metrics of epochs that were trained, and of a model as it predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base import interrupts
from fastnn._base.reprs import call_of
from fastnn._base.sparse import dense
from fastnn._engine.compiled import Compiled
from fastnn._kernels import activity, reference, steps
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn.callbacks import Logs
from fastnn.metrics import StatisticCode
from fastnn.metrics.readings import named
from fastnn.regularizers import penalty


@np.errstate(all="ignore")
def read_sums(
    compiled: Compiled, plan: Plan, sums: np.ndarray, n_samples: int, kept: dict[int, Kept] | None = None
) -> dict[str, list[float]]:
    """Losses and metrics from rows of sums ``(epochs, n_sums)`` over ``n_samples`` rows each: a value a row.

    ``kept`` are by their output the rows whose predictions the one row of sums has kept; without them, metrics that
    need them are left out.
    """
    columns = {name: (sums[:, i] / n_samples).tolist() for i, name in enumerate(compiled.loss_names)}
    places = iter(plan.metrics)
    for reading, weighted, output in compiled.metrics:
        if not reading.keeps:
            place = next(places)
            own = sums[:, int(place["first"]) : int(place["first"] + place["n_sums"])]
            read = [reading.read(row) for row in own]
            if isinstance(read[0], float):  # most are; the rest takes longer
                columns[reading.name] = [float(value) for value in read]
                continue
            found = [named(reading.name, value) for value in read]
            columns |= {name: [values[name] for values in found] for name in found[0]}
        elif kept is not None:
            rows = kept[output]
            value = reading.read(rows.target, rows.prediction, rows.weight if weighted else None)
            columns |= {name: [value] for name, value in named(reading.name, value).items()}
    return columns


@dataclass
class Kept:
    """What metrics of all predictions are told of an output, one line a row of the data, shaped as users shape it.

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
    def joined(cls, parts: Sequence[Kept]) -> Kept:
        """All rows of several parts."""
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            np.concatenate([part.target for part in parts]),
            np.concatenate([part.prediction for part in parts]),
            np.concatenate(weights) if weights else None,
        )

    def __repr__(self) -> str:
        return call_of(self)


def kept_rows(plan: Plan, sums: np.ndarray, rows: Rows, order: np.ndarray | None = None) -> dict[int, Kept]:
    """By their output, the rows whose predictions sums ``(n_sums,)`` have kept, and room for the next ones.

    They are the first ones of the rows, or of their ``order``.
    """
    found = {}
    for place in plan.metrics[plan.metrics["statistic"] == StatisticCode.PREDICTIONS]:
        output = int(place["loss"])
        shape = plan.layout.output_shapes[output]
        own = sums[int(place["first"]) : int(place["first"] + place["n_sums"])]
        kept = own[1 : 1 + int(own[0])].astype(rows.inputs[0].dtype)
        own[0] = 0.0
        n = len(kept) // math.prod(shape)
        chosen = slice(n) if order is None else order[:n]
        wanted = shape[:-1] if plan.losses[output]["sparse"] else shape
        target, weight = rows.targets[output][chosen].reshape(n, *wanted), rows.weights[output]
        found[output] = Kept(target, kept.reshape(n, *shape), None if weight is None else weight[chosen])
    return found


class Evaluation:
    """Losses (with penalties) and metrics of the model as it predicts, of rows that come part by part."""

    def __init__(self, compiled: Compiled, plan: Plan, memory: Memory, backend: Any):
        self.compiled, self.plan, self.memory, self.backend = compiled, plan, memory, backend
        self.loss = reference.loss if compiled.has_custom_loss else backend.loss
        self.sums, self.n_rows = np.zeros((1, int(plan.header["n_sums"]))), 0
        self.kept: list[dict[int, Kept]] = []

    @np.errstate(all="ignore")  # as in training; only the reference would warn
    def add(self, rows: Rows) -> None:
        """Push the rows of a batch through, block by block."""
        plan, memory, before, extra = self.plan, self.memory, float(self.sums[0, 0]), 0.0
        block = int(plan.header["block_rows"])
        rooms = [memory.workspace[int(value["offset"]) :] for value in plan.inputs]
        for first in range(0, len(rows), block):
            interrupts.check()
            part = rows.part(slice(first, first + block))
            self.backend.forward(plan, memory, [dense(x, room) for x, room in zip(part.inputs, rooms, strict=True)])
            self.loss(plan, memory, part.targets, part.weights, self.sums[0], 1.0)
            extra += activity.penalty(plan, memory, len(part))
            if self.compiled.keeps:
                self.kept.append(kept_rows(plan, self.sums[0], part))
        total = steps.total_weight(plan, rows.weights[0], len(rows))
        steps.report(plan, self.sums[0], before, len(rows), total)
        self.sums[0, 0] += extra
        self.n_rows += len(rows)

    def logs(self, whole: bool = False) -> Logs:
        """Values over all rows so far; of metrics that need all predictions only at the end of the ``whole``."""
        sums, kept = self.sums.copy(), None
        sums[0, 0] += self.n_rows * penalty(self.plan.segments, self.memory.params)
        if whole and self.kept:
            kept = {output: Kept.joined([part[output] for part in self.kept]) for output in self.kept[0]}
        found = read_sums(self.compiled, self.plan, sums, self.n_rows, kept)
        return {name: values[0] for name, values in found.items()}
