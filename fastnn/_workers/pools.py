"""Executors: what may be given, how work and data get into them, and new ones in place of broken ones.

Every executor of ``concurrent.futures`` is used by ``submit`` alone. Data stand in a file that workers of this machine
map; a worker that does not find it gets them with its task. Dask's executor is known by its client, which scatters
them.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastnn._base.arguments import shown
from fastnn._workers.parcel import Parcel
from fastnn._workers.pickling import Message, Pack
from fastnn._workers.worker import work

if TYPE_CHECKING:
    from concurrent.futures import Executor


BESIDE = "n_threads are threads of this process, and executor has workers of its own; leave one out"
WANTED = "an executor of concurrent.futures, or a function that makes one"


def check(came: object) -> None:
    """``TypeError`` for what is neither an executor nor a function that makes one, ``ValueError`` for one shut down."""
    if isinstance(came, concurrent.futures.Executor):
        if getattr(came, "_shutdown", False) is True:  # others say so when they get work
            raise ValueError(shut_down(came))
        if getattr(getattr(came, "_client", None), "status", "running") != "running":
            raise ValueError(shut_down(came, "its client is closed"))
        return
    hint = ""
    if hasattr(came, "get_executor"):
        hint = "; of a Dask client that is client.get_executor()"
    elif type(came).__module__.startswith("joblib"):
        hint = "; of joblib that is joblib.externals.loky.get_reusable_executor(max_workers=4)"
    if hint or not callable(came):
        raise TypeError(f"executor must be {WANTED}, got {shown(came)}{hint}")


def shut_down(executor: object, said: str = "it has been shut down") -> str:
    """What is said of an executor that takes no tasks."""
    return f"executor, a {type(executor).__name__}, takes no tasks: {said}; give one that has not been shut down"


def is_threads(came: object) -> bool:
    """Whether an executor has threads of this process, which need no copies of anything."""
    kinds = [kind.__name__ for kind in type(came).__mro__]
    return isinstance(came, concurrent.futures.ThreadPoolExecutor) and "InterpreterPoolExecutor" not in kinds


def count_threads(came: object) -> int:
    """How many tasks a pool of threads does at a time."""
    return getattr(came, "_max_workers", 1)


class Pool:
    """What tasks are submitted to: an executor, and what makes another one, or None."""

    def __init__(self, make: Callable[[], object] | None, executor: Any):
        self.make, self.executor = make, executor

    @property
    def n_workers(self) -> int:
        """Tasks at a time, as far as the executor tells."""
        found = getattr(self.executor, "_max_workers", None)
        return found if isinstance(found, int) and found > 0 else 1

    def share(self, parcel: Parcel) -> None:
        """Have data ready for tasks."""

    def forget(self, parcels: list[Parcel]) -> None:
        """Let go of data that no task wants any more."""

    def distrust(self, future: object) -> None:
        """Have the data of a task that was cancelled for gone."""

    def groups(self, order: list[int], tasks: Sequence[Pack]) -> list[list[int]]:
        """Which tasks are submitted together, in an order: each alone where that costs little."""
        return [[i] for i in order]

    def submit(self, order: Message, parcels: list[Parcel], with_data: bool) -> Any:
        """A future of what :func:`work` gives; ``with_data`` sends the parcels along."""
        sent = [parcel.read().tobytes() for parcel in parcels] if with_data else []
        return self.executor.submit(work, order, *sent)

    def renew(self) -> bool:
        """Have another executor in place of one that is broken; False where nobody said how it is made."""
        if self.make is None:
            return False
        with contextlib.suppress(Exception):  # it is broken
            self.executor.shutdown(wait=False)
        self.executor = _made(self.make)
        return True

    def close(self) -> None:
        """End an executor that was made here."""
        if self.make is not None:
            self.executor.shutdown(wait=True)


def pool_of(came: Any) -> Pool:
    """What to submit to for an executor as a user gave it, or for a function that makes one."""
    make = None if isinstance(came, concurrent.futures.Executor) else came
    executor = came if make is None else _made(make)
    if type(executor).__module__.split(".")[0] != "distributed" or not hasattr(executor, "_client"):
        return Pool(make, executor)
    from fastnn._workers.dask import DaskPool

    return DaskPool(make, executor)


def _made(make: Callable[[], object]) -> Executor:
    made = make()
    if not isinstance(made, concurrent.futures.Executor):
        raise TypeError(f"executor must be {WANTED}, and {shown(make)} made {shown(made)}")
    return made
