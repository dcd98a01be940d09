"""Time limits of networks that are trained one after the other: what is left for each, and who begins no more.

A network takes time beside its updates: it is made ready before them, and asked what it says of the rows held behind
them. The one before tells how long, so that updates end early enough for it, and none begins that could not be asked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

LEAST = 1e-3  # seconds of a limit that is over


@dataclass
class Beside:
    """Seconds that the last network took beside its updates; 0 before the first."""

    seconds: float = 0.0


@dataclass
class Turn:
    """A network's turn, which begins now and is over at ``end``; None for one that takes as long as it does."""

    beside: Beside
    end: float | None = None
    began: float = field(default_factory=lambda: time.monotonic())
    updating: float = 0.0

    def fits(self, deadline: float) -> bool:
        """Whether the network may begin: there is more time than one takes beside its updates."""
        return deadline - self.began > self.beside.seconds

    def limit(self) -> float | None:
        """What ``fit`` gets, which begins now: the time until the end, without what is still to be done behind it."""
        now = self.updating = time.monotonic()
        return None if self.end is None else max(LEAST, self.end - max(now, self.began + self.beside.seconds))

    def updated(self) -> None:
        """Be told that ``fit`` has ended."""
        self.updating = time.monotonic() - self.updating

    def over(self) -> float:
        """Seconds of the whole turn, from which the next one learns."""
        took = time.monotonic() - self.began
        self.beside.seconds = took - self.updating
        return took


def left_of(time_limit: float | None, began: float) -> float | None:
    """What is left of a limit that began to count at a time."""
    return None if time_limit is None else max(LEAST, time_limit - (time.monotonic() - began))
