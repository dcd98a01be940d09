"""One fit at a time: a model that trains keeps its shape, and nothing else trains it meanwhile.

Design: what trains is listed here by its identity, and not marked on itself, so that copies and pickles made by a
callback are free at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_training: dict[int, list[int]] = {}  # the thread that trains, by id; the object is alive as long as its fit


@contextlib.contextmanager
def training(trained: object, kind: str = "model") -> Iterator[None]:
    """A block in which ``trained`` is in a fit; ``RuntimeError`` when it is in one already, of any thread."""
    enter(trained, kind)
    try:
        yield
    finally:
        leave(trained)


def enter(trained: object, kind: str = "model") -> None:
    """Begin such a block; :func:`leave` ends it."""
    if _training.setdefault(id(trained), mine := [threading.get_ident()]) is not mine:
        raise RuntimeError(
            f"this {kind} is being trained already; one fit at a time: wait for it to end, or train a copy "
            f"(copy.deepcopy)"
        )


def leave(trained: object) -> None:
    """End a block of :func:`enter`."""
    _training.pop(id(trained), None)


def is_training(trained: object) -> bool:
    """Whether ``trained`` is in a fit."""
    return id(trained) in _training


def go_on_here(trained: object) -> None:
    """Say that a fit goes on in this thread, where its callbacks are called."""
    if id(trained) in _training:
        _training[id(trained)][0] = threading.get_ident()


def check_not_elsewhere(trained: object) -> None:
    """``RuntimeError`` when ``trained`` is in a fit of another thread, which changes the weights meanwhile."""
    fit = _training.get(id(trained))
    if fit is not None and fit[0] != threading.get_ident():
        raise RuntimeError(
            "this model is being trained by another thread; wait for it to end, or use a copy (copy.deepcopy)"
        )


def check_idle(model: object, call: str) -> None:
    """``RuntimeError`` when the model is in a fit, which ``call`` would pull the arrays away from."""
    if is_training(model):
        raise RuntimeError(
            f"{call} would change the layers or the optimizer state of a model that is being trained; set "
            f"model.stop_training = True and call it after fit has returned (set_weights and learning rates may change)"
        )


if hasattr(os, "register_at_fork"):  # the threads that train in the parent are not there in the child
    os.register_at_fork(after_in_child=_training.clear)
