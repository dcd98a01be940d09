"""What the forward pass of a shard tells all ranks: its sums, what its outputs cost, and what ops measured of it."""

from __future__ import annotations

import numpy as np

from fastnn._ops import OPS
from fastnn._ops.base import Op
from fastnn._ops.views import Views
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn.metrics.statistics import JOINS, StatisticCode


class Shares:
    """Writes such messages, and joins those of a batch in the order of its shards.

    Attributes
    ----------
    row : ``(n_sums,)``, zeros that a shard's losses and statistics are added to; zeros again when they have been told.
    """

    def __init__(self, plan: Plan):
        self.plan, self.row = plan, np.zeros(int(plan.header["n_sums"]))
        places = [(int(m["statistic"]), slice(int(m["first"]), int(m["first"] + m["n_sums"]))) for m in plan.metrics]
        self.joined = [(JOINS[code], place) for code, place in places if code in JOINS]
        self.kept = [place for code, place in places if code == StatisticCode.PREDICTIONS]
        self.added = np.ones(len(self.row), bool)
        for _, place in self.joined:
            self.added[place] = False
        self.fixed = np.ones(len(self.row), bool)
        for place in self.kept:
            self.fixed[place] = False
        self.measuring: list[tuple[np.void, Op]] = []
        for op in plan.ops if plan.measures else ():
            if (kind := OPS[int(op["kind"])]).measures and not op["inference"]:
                self.measuring.append((op, kind))

    def told(self, activity: float, memory: Memory, n_rows: int) -> bytes:
        """The message of a shard of so many rows, whose forward pass has left its values in ``memory``."""
        kept = [self.row[place][: 1 + int(self.row[place.start])] for place in self.kept]
        parts = [np.array([activity]), self.row[self.fixed], *kept]
        parts += [kind.summary(op, self._views(op, memory, n_rows)) for op, kind in self.measuring]
        made = np.concatenate(parts).tobytes()
        for part in kept:
            part[...] = 0
        self.row[self.fixed] = 0
        return made

    def add(self, heard: bytes, n_shards: int, sums: np.ndarray, memory: Memory) -> float:
        """Add the messages of so many shards to ``sums``; returns what outputs cost.

        What ops measured of the shards is pooled, and stands in ``memory`` as if they had measured the batch.
        """
        told, at, activity = np.frombuffer(heard), 0, 0.0
        summaries: list[list[np.ndarray]] = [[] for _ in self.measuring]
        for _ in range(n_shards):
            activity += told[at]
            at = self._join(told, at + 1, sums)
            for (op, kind), own in zip(self.measuring, summaries, strict=True):
                size = len(kind.summary(op, self._views(op, memory, 0)))
                own.append(told[at : at + size])
                at += size
        for (op, kind), own in zip(self.measuring, summaries, strict=True):
            kind.pool(op, self._views(op, memory, 0), own)
        return float(activity)

    def _join(self, told: np.ndarray, at: int, sums: np.ndarray) -> int:
        """Add the sums of one shard, which begin at a place of what was told; returns where they end."""
        n = int(self.fixed.sum())
        self.row[self.fixed] = told[at : at + n]
        at += n
        for place in self.kept:
            n = 1 + int(told[at])
            self.row[place][:n] = told[at : at + n]
            at += n
        sums[self.added] += self.row[self.added]
        for join, place in self.joined:
            join(sums[place], self.row[place])
        self.row[...] = 0
        return at

    def _views(self, op: np.void, memory: Memory, n_rows: int) -> Views:
        at = [(int(value["offset"]), int(value["size"])) for value in self.plan.inputs]
        inputs = [memory.workspace[first : first + n_rows * size].reshape(n_rows, size) for first, size in at]
        return Views(self.plan, memory, op, inputs)
