"""Structures change one at a time: models are built, and join layers, by one thread while others wait.

A lock for all models and not one for each: models share layers, and which ones do shows only while they are joined.
To build takes milliseconds; no code of a user's own runs meanwhile but ``call`` and ``build`` of his layers and models,
and his initialisers.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Told = ParamSpec("Told")
Made = TypeVar("Made")

_alone = threading.RLock()


def one_at_a_time(change: Callable[Told, Made]) -> Callable[Told, Made]:
    """A method that changes how models are made of layers, for one thread at a time."""

    @functools.wraps(change)
    def alone(*given: Told.args, **named: Told.kwargs) -> Made:
        with _alone:
            return change(*given, **named)

    return alone


def after(forget: Callable[[], None], call: Callable[..., Made], *given: object) -> Made:
    """What ``call`` gives, which has met a change of another thread, after that.

    ``forget`` drops what is kept for calls: a thread may have kept it, of before the change, when that had dropped it.
    """
    with _alone:
        forget()
        return call(*given)


def _anew() -> None:
    """In the child of a fork the thread that held the lock is not there."""
    global _alone
    _alone = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_anew)
