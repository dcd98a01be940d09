"""Whether the fits of a block are made by several processes together: what the ``with`` block of DataParallel sets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

_current: ContextVar[object] = ContextVar("fastnn_job", default=None)


def current() -> Any:
    """The :class:`fastnn._engine.distribution.Distribution` of the block at hand; None outside."""
    return _current.get()


@contextlib.contextmanager
def within(distribution: object) -> Iterator[None]:
    """A block in which fits are distributed."""
    token = _current.set(distribution)
    try:
        yield
    finally:
        _current.reset(token)
