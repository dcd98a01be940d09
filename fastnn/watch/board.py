"""The board between one writer and any number of pages: the newest message of each name, and who is reading.

Design: a page that is slow misses messages and gets the newest when it is ready. Queues (rejected) would grow with the
slowest page, or block the writer.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator


class Board:
    """Messages by name, each a JSON object, as frames of a stream of server-sent events."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frames: dict[str, tuple[int, bytes]] = {}
        self._version = 0
        self._readers = 0
        self._expected_until = 0.0
        self._closed = False

    @property
    def readers(self) -> int:
        """How many pages are connected."""
        return self._readers

    def post(self, name: str, message: dict[str, object]) -> None:
        """Put a message in place of the last one of this name; it may hold no NaN and no infinity."""
        frame = f"event: {name}\ndata: {json.dumps(message, allow_nan=False, separators=(',', ':'))}\n\n".encode()
        with self._changed:
            self._version += 1
            self._frames[name] = self._version, frame
            self._changed.notify_all()

    def remove(self, name: str) -> None:
        """Forget the message of this name."""
        with self._changed:
            self._frames.pop(name, None)

    def newer(self, seen: int, timeout: float) -> tuple[int, bytes, bool]:
        """The newest version, the frames since version ``seen``, oldest first, and whether they are the last.

        Waits for a frame; there are none when nothing came within ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._version > seen, timeout)
            frames = sorted(frame for frame in self._frames.values() if frame[0] > seen)
            return self._version, b"".join(frame for _, frame in frames), self._closed

    def expect(self, seconds: float) -> None:
        """A page has been handed out that will connect soon: :meth:`close` has so many seconds of patience with it."""
        with self._changed:
            self._expected_until = time.monotonic() + seconds

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A block in which one more page counts as connected."""
        with self._changed:
            self._readers += 1
            self._expected_until = 0.0
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def wait(self, until: Callable[[], bool], timeout: float | None = None) -> bool:
        """Return when ``until()`` holds (readers or :meth:`wake` make it look), the time is over or the board closed.

        False when the board is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or until(), timeout)
            return not self._closed

    def wake(self) -> None:
        """Have those who :meth:`wait` look again."""
        with self._changed:
            self._changed.notify_all()

    def close(self, patience: float = 0.0) -> None:
        """No message comes after those on the board; give the pages ``patience`` seconds to get them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._expected_until, self._expected_until - time.monotonic())
            self._changed.wait_for(lambda: not self._readers, patience)
