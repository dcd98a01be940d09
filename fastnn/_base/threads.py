"""How many threads fastnn may use: an upper bound that the work may stay below."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator

from fastnn._base import processors
from fastnn._base.arguments import integer

_chosen: int | None = None
_inner = threading.local()


def set_num_threads(n: int) -> None:
    """Set the upper bound on threads, over ``FASTNN_NUM_THREADS`` and what the machine has.

    Parameters
    ----------
    n : at most so many threads; a whole number from 1 on.

    >>> import fastnn
    >>> before = fastnn.get_num_threads()
    >>> fastnn.set_num_threads(1)
    >>> fastnn.get_num_threads()
    1
    >>> fastnn.set_num_threads(before)
    """
    global _chosen
    _chosen = integer("n", n, low=1)


def get_num_threads() -> int:
    """The upper bound in force: ``set_num_threads``, ``FASTNN_NUM_THREADS``, ``OMP_NUM_THREADS``, the machine."""
    limit: int | None = getattr(_inner, "limit", None)
    if limit is not None:
        return limit
    return _wanted() or machine_threads()


def _wanted() -> int | None:
    """The bound that somebody has set, if any."""
    if _chosen is not None:
        return _chosen
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if text.isdecimal() and int(text) > 0:
            return int(text)
        if text and name == "FASTNN_NUM_THREADS":
            raise ValueError(f"FASTNN_NUM_THREADS must be a whole number of at least 1, got {text!r}")
    return None


@contextlib.contextmanager
def limited(n: int) -> Iterator[None]:
    """A block in which this Python thread uses at most ``n`` threads, whatever the bound is; inner blocks narrow it."""
    outer: int | None = getattr(_inner, "limit", None)
    _inner.limit = n if outer is None else min(n, outer)
    try:
        yield
    finally:
        _inner.limit = outer


def share_of(processes: int) -> contextlib.AbstractContextManager[None]:
    """A block in which so many processes like this one share the machine, unless somebody has set the bound."""
    if processes < 2 or _wanted() is not None:
        return contextlib.nullcontext()
    return limited(max(1, machine_threads() // processes))


def alone() -> contextlib.AbstractContextManager[None]:
    """A block in which this Python thread uses no others, since there are others of its kind."""
    return limited(1)


def machine_threads() -> int:
    """Processors this process may use: the fast ones of its affinity mask, and its control group's share of time."""
    count = processors.count()
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        count = min(count, max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no control group of the second version, or no limit ("max")
    return count
