"""The next call of a function, made by a thread while the caller works.

Design: a hand-over between two threads takes some 15 to 20 us, several times a small network's update. So a call that
is quick is made by the caller himself when he wants it, and a fit on cheap batches starts no thread at all. What
decides is the mean time of the last calls, in which one that took a few milliseconds counts for less: on a busy machine
that is some other process, and working ahead of a rare slow call saves one update. Always handing over is rejected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

QUICK = 100e-6  # seconds of a call that is not worth handing over
SLOW = 20e-3  # and of one that counts in full
MEMORY = 8  # calls over which their mean time is taken
LOOK = 32  # of so many calls the caller makes one, to see how long they take: in the thread they wait for Python
LEAVE = 1.0  # seconds that an interrupted caller waits for the call that is running


class Ahead:
    """Calls ``function()``, one at most before it is wanted.

    A thread does that from the first slow call on, until :meth:`close`.
    """

    def __init__(self, function: Callable[[], object]):
        self.function = function
        self.seconds = 0.0  # a call takes, lately
        self.began = self.took = 0.0  # when the thread's call began, and the seconds of the one before
        self.handed = 0  # calls, since the caller made one
        self.asked = False
        self.thread: threading.Thread | None = None
        self.requests: SimpleQueue[bool] = SimpleQueue()
        self.outcomes: SimpleQueue[tuple[object, BaseException | None]] = SimpleQueue()

    def ask(self) -> None:
        """Begin the next call, where it will take long."""
        if self.asked or self.seconds < QUICK or self.handed == LOOK:
            return
        if self.thread is None:
            self.thread = threading.Thread(target=self._run, name="fastnn-batches", daemon=True)
            self.thread.start()
        self.asked = True
        self.handed += 1
        self.began = time.perf_counter()
        self.requests.put(True)

    def get(self) -> Any:
        """What the next call gives, or its error."""
        if not self.asked:
            return self._timed()
        result, error = self.outcomes.get()
        self.asked = False
        if error is not None:
            raise error
        return result

    @property
    def is_running(self) -> bool:
        """Whether the thread is at the next call."""
        return self.asked and self.outcomes.empty()

    @property
    def left(self) -> float:
        """Seconds until the thread's call ends, if it takes as long as the one before; 0 for one that is late."""
        return max(0.0, self.began + self.took - time.perf_counter())

    def close(self, interrupted: bool = False) -> None:
        """End the thread, once it has finished the call that is running; an interrupted caller waits a second."""
        if self.thread is not None:
            self.requests.put(False)
            self.thread.join(LEAVE if interrupted else None)
            self.thread = None

    def _timed(self) -> object:
        began = time.perf_counter()
        try:
            return self.function()
        finally:
            took = time.perf_counter() - began
            if self.handed and took < QUICK:
                self.seconds = took
            else:
                self.seconds += ((took if took > SLOW else min(took, 4 * QUICK)) - self.seconds) / MEMORY
            self.handed = 0

    def _run(self) -> None:
        while self.requests.get():
            try:
                outcome: tuple[object, BaseException | None] = self.function(), None
            except BaseException as error:  # told to whom it is for
                outcome = None, error
            self.took = time.perf_counter() - self.began
            self.outcomes.put(outcome)
            del outcome  # a window that has been taken is the taker's
