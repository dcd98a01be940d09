"""Updates beside a thread that reads what they want next: they leave it a processor for as long as it is at it.

Design: calls are brief meanwhile, so that updates take the processor back soon. Where both want all processors, threads
of an update wait at its barriers for one that the system has put aside: on two processors a network of 64 and 32 units
made a third of the updates beside reading that it makes alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from fastnn._base import threads
from fastnn._base.ahead import Ahead

BRIEF = 4e-3  # seconds of updates in a call
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
        self.length = 1  # updates of a brief call

    def most(self, steps: int) -> int:
        """How many updates of ``steps`` the next call makes."""
        return min(steps, self.length) if self._yields() else steps

    @contextlib.contextmanager
    def call(self, steps: int) -> Iterator[None]:
        """A block that makes so many updates."""
        if not self._yields():
            yield
            return
        began = time.perf_counter()
        with threads.limited(self.limit):
            yield
        fitting = int(BRIEF * steps / max(time.perf_counter() - began, 1e-9))
        self.length = max(1, min(fitting, GROWTH * max(steps, self.length)))

    def _yields(self) -> bool:
        return self.ahead.is_running and threads.get_num_threads() > self.limit
