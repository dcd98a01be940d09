"""Values from sums: the losses and metrics of epochs that were trained, and of a model as it predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from fastnn._base import interrupts
from fastnn._base.reprs import call_of
from fastnn._base.sparse import dense
from fastnn._engine.compiled import Compiled
from fastnn._kernels import activity, masks, reference, steps
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
            if not len(rows.prediction):  # masks have left none
                columns |= {name: [math.nan] for name in reading.keys}
                continue
            value = reading.read(rows.target, rows.prediction, rows.weight if weighted else None)
            columns |= {name: [value] for name, value in named(reading.name, value).items()}
    return columns


@dataclass(eq=False)
class Kept:
    """What metrics of all predictions are told of an output, one line a row of the data, shaped as users shape it.

    Of an output that has a mask it is one line a position that counts, whose shape is that of the last axis alone.

    Attributes
    ----------
    target : ``(n, *output_shape)``, or class indices ``(n, *output_shape[:-1])``.
    prediction : ``(n, *output_shape)``, of the model's dtype.
    weight : ``(n,)``, or None for ones.
    """

    target: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None

    def counting(self, counts: np.ndarray) -> Kept:
        """The positions that count, booleans ``(n * positions,)``."""
        n, width = len(self.prediction), self.prediction.shape[-1]
        axes = (width,) if self.target.ndim == self.prediction.ndim else ()
        weight = None if self.weight is None else np.repeat(self.weight, len(counts) // max(n, 1))[counts]
        return Kept(self.target.reshape(-1, *axes)[counts], self.prediction.reshape(-1, width)[counts], weight)

    @classmethod
    def joined(cls, parts: Sequence[Kept]) -> Kept:
        """All rows of several parts."""
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            np.concatenate([part.target for part in parts]),
            np.concatenate([part.prediction for part in parts]),
            np.concatenate(weights) if weights else None,
        )

    def mark(self) -> list[object]:
        """The arrays as a checkpoint can hold them; of classes also, that they are whole numbers."""
        is_index = self.target.dtype.kind == "i"
        return [self.target.astype(np.float64) if is_index else self.target, self.prediction, self.weight, is_index]

    @classmethod
    def marked(cls, target: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None, is_index: bool) -> Kept:
        """What :meth:`mark` was given for."""
        return cls(target.astype(np.int32) if is_index else target, prediction, weight)

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
        kept = kept.reshape(-1, shape[-1] + int(place["parameter"]))
        n, made = len(kept) // math.prod(shape[:-1]), kept[:, : shape[-1]]
        chosen = slice(n) if order is None else order[:n]
        wanted = shape[:-1] if plan.losses[output]["sparse"] else shape
        target, weight = rows.targets[output][chosen].reshape(n, *wanted), rows.weights[output]
        found[output] = Kept(target, made.reshape(n, *shape), None if weight is None else weight[chosen])
        if place["parameter"]:
            found[output] = found[output].counting(kept[:, -1] != 0)
    return found


class Evaluation:
    """Losses (with penalties) and metrics of the model as it predicts, of rows that come part by part."""

    def __init__(self, compiled: Compiled, plan: Plan, memory: Memory, backend: ModuleType):
        self.compiled, self.plan, self.memory, self.backend = compiled, plan, memory, backend
        self.loss = reference.loss if compiled.has_custom_loss else backend.loss
        self.sums, self.n_rows = np.zeros((1, int(plan.header["n_sums"]))), 0
        self.kept: list[dict[int, Kept]] = []

    @np.errstate(all="ignore")  # as in training; only the reference would warn
    def add(self, rows: Rows) -> None:
        """Push the rows of a batch through, block by block."""
        plan, memory, extra, block = self.plan, self.memory, 0.0, int(self.plan.header["block_rows"])
        before, shares = self.sums[0, : 1 + len(plan.losses)].copy(), np.zeros((len(plan.losses), 2))
        rooms = [memory.workspace[int(value["offset"]) :] for value in plan.inputs]
        for first in range(0, len(rows), block):
            interrupts.check()
            part = rows.part(slice(first, first + block))
            self.backend.forward(plan, memory, [dense(x, room) for x, room in zip(part.inputs, rooms, strict=True)])
            self.loss(plan, memory, part.targets, part.weights, self.sums[0], 1.0)
            extra += activity.penalty(plan, memory, len(part))
            if plan.has_masks:
                shares += self._shares(part)
            if self.compiled.keeps:
                self.kept.append(kept_rows(plan, self.sums[0], part))
            steps.settle(plan, memory)
        if plan.has_masks:
            self._balance(before, shares)
        total = steps.total_weight(plan, rows.weights[0], len(rows))
        steps.report(plan, self.sums[0], float(before[0]), len(rows), total)
        self.sums[0, 0] += extra
        self.n_rows += len(rows)

    def _shares(self, part: Rows) -> np.ndarray:
        """What all positions of a block would count in each of the losses, and what those do that count."""
        found = np.ones((len(self.plan.losses), 2))
        for share, table, weight in zip(found, self.plan.losses, part.weights, strict=True):
            if table["mask"] >= 0:
                counts = masks.positions(self.plan, self.memory, table, len(part))
                share[...] = masks.shares(self.plan, table, counts, weight)
        return found

    def _balance(self, before: np.ndarray, shares: np.ndarray) -> None:
        """Have the positions of a batch that count be all of its losses, whose blocks were added as they are."""
        sums, total = self.sums[0], 0.0
        for table, share in zip(self.plan.losses, shares, strict=True):
            place = int(table["place"])
            added = (sums[place] - before[place]) * steps.over(*share)
            sums[place] = before[place] + added
            total += table["factor"] * added
        sums[0] = before[0] + total

    def logs(self, whole: bool = False) -> Logs:
        """Values over all rows so far; of metrics that need all predictions only at the end of the ``whole``."""
        sums, kept = self.sums.copy(), None
        sums[0, 0] += self.n_rows * penalty(self.plan.segments, self.memory.params)
        if whole and self.kept:
            kept = {output: Kept.joined([part[output] for part in self.kept]) for output in self.kept[0]}
        found = read_sums(self.compiled, self.plan, sums, self.n_rows, kept)
        return {name: values[0] for name, values in found.items()}
