"""Work that threads begin at the same moment, for the tests of what they share."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

THREADS = 8


def together(work: Callable[[int], object], count: int = THREADS) -> list:
    """What ``work(i)`` returns for each thread, or the error that ended it; all begin at the same time."""
    gate, found = threading.Barrier(count), [None] * count

    def run(i):
        try:
            gate.wait()
            found[i] = work(i)
        except Exception as error:
            found[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def all_true(found: list) -> None:
    assert found == [True] * len(found)


@contextlib.contextmanager
def many_turns() -> Iterator[None]:
    """A block in which threads take turns as often as Python lets them, where it has a global lock."""
    before, many = sys.getswitchinterval(), 1e-6
    sys.setswitchinterval(many)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
