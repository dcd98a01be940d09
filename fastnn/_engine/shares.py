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
    is_even : whether all shards tell sums of their rows and nothing else.
    """

    def __init__(self, plan: Plan):
        self.plan, self.room = plan, np.zeros((1, int(plan.header["n_sums"])))
        self.row = self.room[0]
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

        self.is_even = not (self.joined or self.kept or self.measuring)

    def rows(self, n: int) -> np.ndarray:
        """``(n, n_sums)``, such a row for each of several shards; the first is ``row``."""
        if len(self.room) < n:
            self.room = np.zeros((n, len(self.row)))
            self.row = self.room[0]
        return self.room[:n]

    def told_of(self, rows: np.ndarray) -> bytes:
        """The messages of shards that passed together, where ops measure nothing and outputs cost nothing."""
        if self.is_even:
            made = np.zeros((len(rows), 1 + rows.shape[1]))
            made[:, 1:] = rows
            rows[...] = 0
            return made.tobytes()
        told = [self.told(0.0, 0)]  # of self.row, which is the first
        for row in rows[1:]:
            self.row[...] = row
            row[...] = 0
            told.append(self.told(0.0, 0))
        return b"".join(told)

    def told(self, activity: float, n_rows: int, memory: Memory | None = None) -> bytes:
        """The message of a shard of so many rows, whose forward pass has left its values in ``memory``."""
        kept = [self.row[place][: 1 + int(self.row[place.start])] for place in self.kept]
        parts = [np.array([activity]), self.row[self.fixed], *kept]
        for op, kind in self.measuring:
            assert memory is not None, "there the forward pass has left what is measured"
            parts.append(kind.summary(op, self._views(op, memory, n_rows)))
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
        if self.is_even:
            table = told.reshape(n_shards, -1)
            sums[...] = np.cumsum(np.vstack([sums, table[:, 1:]]), axis=0)[-1]
            return float(np.cumsum(table[:, 0])[-1])
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
