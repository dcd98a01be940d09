"""Lines on tasks that are done side by side: how many have ended, and who lags behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import numpy as np

from fastnn.callbacks.progress import say

EVERY = 1.0  # seconds between lines
SLOW = 2.0  # times the median, for which nothing has ended


class Tally:
    """Counts what has ended; says so where ``verbose`` is not 0.

    Parameters
    ----------
    what : what one of them is called, ``"model"``.   n : how many there are.
    """

    def __init__(self, what: str, n: int, verbose: int):
        self.what, self.verbose = what, verbose
        self.left, self.n = set(range(n)), n
        self.seconds: list[float] = []
        self.began = self.said = self.last = time.monotonic()
        self.warned = False
        self.lock = threading.Lock()

    def ended(self, i: int, seconds: float) -> None:
        """One has ended, well or not, after so many seconds of its own."""
        with self.lock:
            self.left.discard(i)
            self.seconds.append(seconds)
            self.last, self.warned = time.monotonic(), False
            if self.verbose and (not self.left or self.last - self.said >= EVERY):
                self.said = self.last
                done = self.n - len(self.left)
                say(f"{done} of {self.n} {self.what}s have ended, {self.last - self.began:.1f} s")

    def look(self) -> None:
        """Name those that lag behind, once for each that ended last."""
        if not self.verbose or self.warned or not self.seconds:
            return
        with self.lock:
            usual, waited = float(np.median(self.seconds)), time.monotonic() - self.last
            if self.left and waited > max(EVERY, SLOW * usual):
                self.warned = True
                say(
                    f"none has ended for {waited:.1f} s, and those that have took {usual:.1f} s (median); "
                    f"{self.what}s that are waited for: {in_words(self.left)}"
                )


def in_words(numbers: Collection[int], most: int = 12) -> str:
    """Numbers of tasks with stretches joined, for a message.

    >>> in_words([3, 0, 1, 2, 9, 7]), in_words([])
    ('0-3, 7, 9', 'none')
    """
    stretches: list[list[int]] = []
    for i in sorted(numbers):
        if stretches and i == stretches[-1][1] + 1:
            stretches[-1][1] = i
        else:
            stretches.append([i, i])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in stretches]
    return ", ".join([*words[:most], *["..."] * (len(words) > most)]) or "none"
