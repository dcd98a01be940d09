"""Updates beside a thread that reads what they want next: they leave it a processor for as long as it is at it.

Design: calls are brief meanwhile, so that updates take the processor back soon: they are cut to end when the reading
will, by the time that it took before, and are the briefest behind that. Where both want all processors, threads of an
update wait at its barriers for one that the system has put aside: on two processors a network of 64 and 32 units made a
third of the updates beside reading that it makes alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from fastnn._base import threads
from fastnn._base.ahead import Ahead

BRIEF, BRIEFEST = 10e-3, 0.8e-3  # seconds of updates in a call
MOST = 2**30  # updates of a call
GROWTH = 8  # how fast the first calls grow towards that


class Beside:
    """The calls of one fit.

    Parameters
    ----------
    ahead : what reads.
    """

    def __init__(self, ahead: Ahead):
        self.ahead = ahead
        self.limit = max(1, threads.machine_threads() - 1)
        self.seconds = BRIEF  # of an update
        self.grown = 1  # updates of a brief call, at most

    def most(self, steps: int) -> int:
        """How many updates of ``steps`` the next call makes."""
        if not self._yields():
            return steps
        seconds = min(BRIEF, max(self.ahead.left, BRIEFEST))
        return min(steps, self.grown, max(1, int(seconds / self.seconds)))

    @contextlib.contextmanager
    def call(self, steps: int) -> Iterator[None]:
        """A block that makes so many updates."""
        if not self._yields():
            yield
            return
        began = time.perf_counter()
        with threads.limited(self.limit):
            yield
        self.seconds = max(time.perf_counter() - began, 1e-9) / steps
        self.grown = min(GROWTH * max(steps, self.grown), MOST)

    def _yields(self) -> bool:
        return self.ahead.is_running and threads.get_num_threads() > self.limit
