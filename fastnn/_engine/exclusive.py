"""One fit at a time: a model that trains keeps its shape, and nothing else trains it meanwhile.

Design: what trains is listed here by its identity, and not marked on itself, so that copies and pickles made by a
callback are free at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_training: dict[int, object] = {}  # by id; the object is alive as long as its fit


@contextlib.contextmanager
def training(trained: object, kind: str = "model") -> Iterator[None]:
    """A block in which ``trained`` is in a fit; ``RuntimeError`` when it is in one already, of any thread."""
    if _training.setdefault(id(trained), mine := object()) is not mine:
        raise RuntimeError(
            f"this {kind} is being trained already; one fit at a time: wait for it to end, or train a copy "
            f"(copy.deepcopy)"
        )
    try:
        yield
    finally:
        _training.pop(id(trained), None)


def is_training(trained: object) -> bool:
    """Whether ``trained`` is in a fit."""
    return id(trained) in _training


def check_idle(model: object, call: str) -> None:
    """``RuntimeError`` when the model is in a fit, which ``call`` would pull the arrays away from."""
    if is_training(model):
        raise RuntimeError(
            f"{call} would change the layers or the optimizer state of a model that is being trained; set "
            f"model.stop_training = True and call it after fit has returned (set_weights and learning rates may change)"
        )


if hasattr(os, "register_at_fork"):  # the threads that train in the parent are not there in the child
    os.register_at_fork(after_in_child=_training.clear)
