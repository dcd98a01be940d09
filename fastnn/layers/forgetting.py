"""How calls of layers that came to nothing are forgotten: while ``call`` of a class is asked, each says how.

Design: layers remember their calls, by which they know the shapes of their weights, so a call that an error ends would
keep them from being called otherwise. Outside of ``call`` nothing is noted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_undo: ContextVar[list[Callable[[], None]] | None] = ContextVar("how to forget the calls at hand", default=None)


@contextlib.contextmanager
def recorded() -> Iterator[list[Callable[[], None]]]:
    """A block whose calls of layers an error takes back; else the list says how to."""
    before, made = _undo.get(), list[Callable[[], None]]()
    token = _undo.set(made)
    try:
        yield made
    except BaseException:
        take_back(made)
        raise
    finally:
        _undo.reset(token)
    if before is not None:
        before.append(lambda: take_back(made))


def is_asking() -> bool:
    """Whether a ``call`` is being asked."""
    return _undo.get() is not None


def take_back(made: list[Callable[[], None]]) -> None:
    """Forget what a block of :func:`recorded` did, the last first."""
    while made:
        made.pop()()


def note(forget: Callable[[], None]) -> None:
    """Say how something is forgotten, where a block asks for it."""
    made = _undo.get()
    if made is not None:
        made.append(forget)
