"""Curves of any length in at most some hundred points: every n-th epoch, n doubling as the history grows, and the last.

Design: an epoch stands for those around it, which costs no time for the epochs between. Least and greatest of each
group (rejected) would need a look at every epoch, and a small network has a million of them a second.
"""

from __future__ import annotations

import math
from typing import Any

MOST = 500  # points of a curve, besides the newest

Points = list[float | None]


def finite(value: Any) -> float | None:
    """``value`` in six digits, None for what JSON has no number for."""
    try:
        return float(f"{value:.6g}") if math.isfinite(value) else None
    except (TypeError, ValueError):  # a callback may put anything into the logs
        return None


class Curves:
    """Points of all curves of one fit; ``first`` is the number of its first epoch, from 1."""

    def __init__(self, first: int = 1):
        self.first, self.stride, self.count = first, 1, 0
        self.best: tuple[int, float] | None = None  # index and value of the lowest validation loss so far
        self._looked = 0
        self._kept: dict[str, Points] = {}
        self._late: dict[str, Points] = {}
        self._newest: dict[str, float | None] = {}

    def update(self, history: dict[str, list[float]], count: int) -> None:
        """Take up the first ``count`` epochs of ``History.history``, whose lists another thread may be extending."""
        columns = list(history.items())
        # The first list is extended first. Its length is read last, so that no other one seems to reach further.
        lengths = [len(values) for _, values in reversed(columns)][::-1]
        self.count, self._late = count, {}
        while count > MOST * self.stride:
            self.stride *= 2
            self._kept = {name: kept[::2] for name, kept in self._kept.items()}
        self._follow_best(history.get("val_loss", []))
        for (name, values), length in zip(columns, lengths, strict=True):
            if count:
                self._take(name, values, lengths[0] - length)

    def _take(self, name: str, values: list[float], missing: int) -> None:
        """Points of one column, which lacks the first ``missing`` epochs when a callback brought it in later."""
        if missing:
            places = range(0, self.count, self.stride)
            self._late[name] = [finite(values[i - missing]) if i >= missing else None for i in places]
        else:
            kept = self._kept.setdefault(name, [])
            kept += map(finite, values[len(kept) * self.stride : self.count : self.stride])
        last = self.count - 1 - missing
        self._newest[name] = finite(values[last]) if last >= 0 else None

    def _follow_best(self, losses: list[float]) -> None:
        until = min(self.count, len(losses))
        for index in range(self._looked, until):
            if math.isfinite(losses[index]) and (self.best is None or losses[index] < self.best[1]):
                self.best = index, losses[index]
        self._looked = max(self._looked, until)

    def mark(self, history: dict[str, list[float]], kept: int | None) -> dict[str, object] | None:
        """The epoch to mark with its values: the one that was ``kept`` (an index), else the best; None without any."""
        index = kept if kept is not None else self.best[0] if self.best else None
        if index is None or not 0 <= index < self.count:
            return None
        values = {name: finite(column[index]) for name, column in history.items() if index < len(column)}
        return {"epoch": self.first + index, "word": "best" if kept is None else "kept", "values": values}

    def message(self) -> dict[str, object]:
        """``epochs``, the ``series`` by name with a value an epoch, and ``stride``, the epochs between two points."""
        epochs = list(range(self.first, self.first + self.count, self.stride))
        series = {name: list(values) for name, values in (self._kept | self._late).items()}
        if self.count and (self.count - 1) % self.stride:
            epochs.append(self.first + self.count - 1)
            for name, values in series.items():
                values.append(self._newest[name])
        return {"epochs": epochs, "series": series, "stride": self.stride}
