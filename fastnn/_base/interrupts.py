"""Ctrl-C in the middle of work: what may be called off, and what must be whole.

Python runs the handlers of signals in the main thread alone, between two steps of Python. Native code asks for them
about every 50 ms (``c/pulse.h``). Work that threads do for another one is a task, which that one can call off; the same
question looks for that.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_inner = threading.local()
called_off: set[object] = set()  # tasks that shall end and have not; native code looks whether there are any


def check() -> None:
    """Raise ``KeyboardInterrupt`` where the task of this thread has been called off."""
    if called_off and getattr(_inner, "task", None) in called_off:
        raise KeyboardInterrupt


@contextlib.contextmanager
def part_of(task: object) -> Iterator[None]:
    """A block that ends when ``task`` is added to :data:`called_off`."""
    outer, _inner.task = getattr(_inner, "task", None), task
    try:
        yield
    finally:
        _inner.task = outer


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
