"""Ctrl-C in the middle of work: what may be called off, and what must be whole.

Python runs the handlers of signals in the main thread alone, between two steps of Python. Native code asks for them
about every 50 ms (``c/pulse.h``). Work that one thread does for another is called off through an event, which the same
question looks at.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_inner = threading.local()


def check() -> None:
    """Raise ``KeyboardInterrupt`` where the work of this thread has been called off."""
    event = getattr(_inner, "event", None)
    if event is not None and event.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def called_off_by(event: threading.Event) -> Iterator[None]:
    """A block that another thread can end by setting an event."""
    outer, _inner.event = getattr(_inner, "event", None), event
    try:
        yield
    finally:
        _inner.event = outer


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """A block that Ctrl-C does not interrupt; its handler runs right after, unless the block raised."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[0])
