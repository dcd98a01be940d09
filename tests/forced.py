"""One instruction set of the native backend in use for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def forced(native: ModuleType, isa: str) -> Iterator[ModuleType]:
    """A block in which the module uses this instruction set, and behind it the one of before."""
    before = native.isa()
    native.use_isa(isa)
    try:
        yield native
    finally:
        native.use_isa(before)
