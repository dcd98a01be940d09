"""Dask's executor: what its client does that its ``submit`` does not.

Data are scattered to all workers, and anew where the workers that had them have died. Futures are the client's own:
those of ``concurrent.futures`` that its executor makes of them never end where a result is forgotten meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from fastnn._workers.parcel import Parcel
from fastnn._workers.pickling import Pack, size_of, unpacked
from fastnn._workers.pools import Pool
from fastnn._workers.worker import work

PAUSES = 0.1, 0.5, 2.0  # seconds after which data are scattered anew
PATIENCE, SLOWEST = 15.0, 1e6  # seconds that scattering may take, beside those for its bytes at so many a second
LARGE = 2**22  # bytes of a task from which on it is not to pass through the scheduler
TOGETHER = 8  # tasks at most that are a task of Dask's, which costs its client, scheduler and worker some ms each
ROUNDS = 2  # tasks of Dask's that each worker is to have, of as many tasks as are left


class _Future:
    """A future of the client, with what is asked of one of ``concurrent.futures``."""

    def __init__(self, future: Any, data: list[Any]):
        self.future, self.data = future, data

    def add_done_callback(self, call: Callable[[Any], Any]) -> None:
        self.future.add_done_callback(lambda _: call(self))

    def cancel(self) -> None:
        self.future.cancel()

    def result(self) -> object:
        """What came out; ``CancelledError`` where a worker is gone that had it."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):  # made again elsewhere, or the client waits for a dead worker
                    answer = self.future.result(timeout=PATIENCE)
                    return answer if isinstance(answer, dict) else unpacked(answer)
                if self.future.status != "pending":
                    raise ConnectionError("a result is said to be there and does not come")
        except OSError as error:  # its connection
            raise CancelledError(f"{type(error).__name__}: {error}") from error
        except BaseException as error:
            if type(error).__name__ == "FutureCancelledError":  # asyncio's and not of concurrent.futures
                raise CancelledError(str(error)) from error
            raise


class DaskPool(Pool):
    """Dask's executor, whose client holds the data of each parcel on every worker."""

    def __init__(self, make: Callable[[], Any] | None, executor: Any):
        super().__init__(make, executor)
        self.scattered: dict[bytes, object] = {}

    @property
    def client(self) -> Any:
        return self.executor._client

    @property
    def n_workers(self) -> int:
        return sum(self.client.nthreads().values()) or 1

    def share(self, parcel: Parcel) -> None:
        self.scattered[parcel.key] = self._scattered(array := parcel.read(), array.nbytes, broadcast=True)

    def _scattered(self, what: object, size: int, broadcast: bool) -> object:
        """A future of an array, or of a pack, that is on the workers.

        A worker that dies meanwhile is an error, or leaves the client waiting for ever: then it goes to one of them,
        and the others have it from there.
        """

        async def scatter() -> Any:
            (made,) = await self.client.scatter([what], broadcast=broadcast, hash=False, asynchronous=True)
            return made

        patience = PATIENCE + size * self.n_workers / SLOWEST
        for pause in PAUSES:
            try:
                return self.client.sync(scatter, callback_timeout=patience)
            except (
                Exception
            ):  # TimeoutError, CommClosedError, or KeyError of the scheduler, which counts on the dead one
                broadcast = False
                time.sleep(pause)
        return self.client.sync(scatter, callback_timeout=patience)

    def forget(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            self.scattered.pop(parcel.key, None)

    def groups(self, order: list[int], tasks: Sequence[Pack]) -> list[list[int]]:
        """Several together, fewer towards the end, so that no worker waits long for another."""
        made: list[list[int]] = []
        left, n_workers = deque(order), self.n_workers
        while left:
            most, group, size = min(TOGETHER, max(1, len(left) // (ROUNDS * n_workers))), list[int](), 0
            while left and len(group) < most and (not group or size + size_of(tasks[left[0]]) <= LARGE):
                size += size_of(tasks[left[0]])
                group.append(left.popleft())
            made.append(group)
        return made

    def distrust(self, future: Any) -> None:
        self.scattered = {key: held for key, held in self.scattered.items() if held not in future.data}

    def submit(self, order: dict[str, Any], parcels: list[Parcel], with_data: bool) -> _Future:
        for parcel in parcels:
            if parcel.key not in self.scattered:  # the workers that had it have died
                self.share(parcel)
        sent = [self.scattered[parcel.key] for parcel in parcels]
        how = {**self.executor._kwargs, "pure": False}
        order = {**order, "packs": True}  # by way of the scheduler, which pickles all but lists of arrays anew
        tasks = order.get("tasks", [order.get("task")])
        size = size_of(tasks[0])
        if len(tasks) > 1 or size <= LARGE:
            return _Future(self.client.submit(work, order, *sent, **how), sent)
        task = self._scattered(tasks[0], size, broadcast=False)
        return _Future(self.client.submit(work_on, task, {**order, "task": []}, *sent, **how), sent)


def work_on(task: Pack, order: dict[str, object], *sent: object) -> object:
    """:func:`work` of a task that came apart from its order."""
    return work({**order, "task": task}, *sent)
