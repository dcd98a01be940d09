"""The next call of a function, made by a thread while the caller works.

Design: a hand-over between two threads takes some 15 to 20 us. What is quicker than that several times over is
called by the caller himself, when he wants it; so a fit on cheap batches starts no thread at all. What is decided is
the mean time of the last calls, for one call in many may read a file. Always handing over (rejected) would take longer
than a small network's update.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

QUICK = 60e-6  # seconds of a call that is not worth handing over
LEAVE = 1.0  # seconds that an interrupted caller waits for the call that is running


class Ahead:
    """Calls ``function()``, one at most before it is wanted.

    A thread does that from the first slow call on, until :meth:`close`.
    """

    def __init__(self, function: Callable[[], Any]):
        self.function = function
        self.seconds = 0.0  # a call takes, lately
        self.asked = False
        self.thread: threading.Thread | None = None
        self.requests: SimpleQueue[bool] = SimpleQueue()
        self.outcomes: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def ask(self) -> None:
        """Begin the next call, where it will take long."""
        if self.asked or self.seconds < QUICK:
            return
        if self.thread is None:
            self.thread = threading.Thread(target=self._run, name="fastnn-batches", daemon=True)
            self.thread.start()
        self.asked = True
        self.requests.put(True)

    def get(self) -> Any:
        """What the next call gives, or its error."""
        if not self.asked:
            return self._call()
        result, error = self.outcomes.get()
        self.asked = False
        if error is not None:
            raise error
        return result

    def close(self, interrupted: bool = False) -> None:
        """End the thread, once it has finished the call that is running; an interrupted caller waits a second."""
        if self.thread is not None:
            self.requests.put(False)
            self.thread.join(LEAVE if interrupted else None)
            self.thread = None

    def _call(self) -> Any:
        began = time.perf_counter()
        try:
            return self.function()
        finally:
            self.seconds += (time.perf_counter() - began - self.seconds) / 4

    def _run(self) -> None:
        while self.requests.get():
            try:
                self.outcomes.put((self._call(), None))
            except BaseException as error:  # told to whom it is for
                self.outcomes.put((None, error))
