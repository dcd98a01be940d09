"""Dask's executor: what its client does that its ``submit`` does not.

Where all workers are on this machine, tasks and results stand in files as the data do, and messages tell where. To
others, and where a worker finds no file, data are scattered, anew where the workers that had them have died; tasks are
messages. Futures are the client's own: those of ``concurrent.futures`` that its executor makes of them never end where
a result is forgotten meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from fastnn._workers.parcel import Parcel, contents, mapped
from fastnn._workers.pickling import Message, Pack, size_of, unpacked
from fastnn._workers.pools import Pool
from fastnn._workers.worker import work

PAUSES = 0.1, 0.5, 2.0  # seconds after which data are scattered anew
PATIENCE, SLOWEST = 15.0, 1e6  # seconds that scattering may take, beside those for its bytes at so many a second
LARGE = 2**22  # bytes of a task from which on it is not to pass through the scheduler
ROOM = 2**30  # bytes of tasks that may stand in files at a time
TOGETHER = 8  # tasks at most that are a task of Dask's, which costs its client, scheduler and worker some ms each
ROUNDS = 2  # tasks of Dask's that each worker is to have, of as many tasks as are left


class _Future:
    """A future of the client, with what is asked of one of ``concurrent.futures``."""

    def __init__(self, future: Any, pool: DaskPool, data: Sequence[object] = (), parcel: Parcel | None = None):
        self.future, self.pool, self.data, self.parcel = future, pool, data, parcel

    def add_done_callback(self, call: Callable[[object], object]) -> None:
        self.future.add_done_callback(lambda _: call(self))

    def cancel(self) -> None:
        self.future.cancel()

    def result(self) -> object:
        """What came out; ``CancelledError`` where a worker is gone that had it."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):  # made again elsewhere, or the client waits for a dead worker
                    answer = self.future.result(timeout=PATIENCE)
                    return self.pool.opened(answer) if isinstance(answer, dict) else unpacked(answer)
                if self.future.status != "pending":
                    raise ConnectionError("a result is said to be there and does not come")
        except OSError as error:  # its connection
            raise CancelledError(f"{type(error).__name__}: {error}") from error
        except BaseException as error:
            if type(error).__name__ == "FutureCancelledError":  # asyncio's and not of concurrent.futures
                raise CancelledError(str(error)) from error
            raise
        finally:  # Dask does it anew until then, where a worker dies
            self.pool.remove(self.parcel)


class DaskPool(Pool):
    """Dask's executor, whose client holds the data of each parcel on every worker."""

    def __init__(self, make: Callable[[], object] | None, executor: object):
        super().__init__(make, executor)
        self.scattered: dict[bytes, object] = {}
        self.by_files = True  # whether workers see files of this process
        self.filed: dict[Parcel, int] = {}  # tasks in files, and their bytes

    @property
    def client(self) -> Any:
        return self.executor._client

    @property
    def n_workers(self) -> int:
        return sum(self.client.nthreads().values()) or 1

    def share(self, parcel: Parcel) -> None:
        self.by_files = self.by_files and all(map(_is_here, self.client.nthreads()))
        if not self.by_files:
            self._scattered_anew(parcel)

    def _scattered_anew(self, parcel: Parcel) -> object:
        """A future of data, scattered where they are not, or where the workers that had them have died."""
        if parcel.key not in self.scattered:
            self.scattered[parcel.key] = self._scattered(array := parcel.read(), array.nbytes, broadcast=True)
        return self.scattered[parcel.key]

    def _scattered(self, what: object, size: int, broadcast: bool) -> object:
        """A future of an array, or of a pack, that is on the workers.

        A worker that dies meanwhile is an error, or leaves the client waiting for ever: then it goes to one of them,
        and the others have it from there.
        """

        async def scatter() -> object:
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
        """Several together, as many for each worker, then fewer, so that none waits long for another at the end."""
        made: list[list[int]] = []
        left, n_workers, most = deque(order), self.n_workers, 1
        while left:
            if len(made) % n_workers == 0:
                most = min(TOGETHER, max(1, len(left) // (ROUNDS * n_workers)))
            group, size = list[int](), 0
            while left and len(group) < most and (not group or size + size_of(tasks[left[0]]) <= LARGE):
                size += size_of(tasks[left[0]])
                group.append(left.popleft())
            made.append(group)
        return made

    def distrust(self, future: Any) -> None:
        self.scattered = {key: held for key, held in self.scattered.items() if held not in future.data}

    def submit(self, order: Message, parcels: list[Parcel], with_data: bool) -> _Future:
        self.by_files = self.by_files and not with_data  # a worker has not found one
        how = {**self.executor._kwargs, "pure": False}
        tasks = order.get("tasks", [order.get("task")])
        size = sum(map(size_of, tasks))
        if self.by_files and sum(self.filed.values()) + size <= ROOM:
            with contextlib.suppress(OSError):  # the disk is full: they go as a message
                return self._submit_filed(order, tasks, size, how)
        sent = [] if self.by_files else [self._scattered_anew(parcel) for parcel in parcels]
        order = {**order, "packs": True}  # by way of the scheduler, which pickles all but lists of arrays anew
        if len(tasks) > 1 or size <= LARGE:
            return _Future(self.client.submit(work, order, *sent, **how), self, sent)
        task = self._scattered(tasks[0], size, broadcast=False)
        return _Future(self.client.submit(work_on, task, {**order, "task": []}, *sent, **how), self, sent)

    def _submit_filed(self, order: Message, tasks: Sequence[Pack], size: int, how: Message) -> _Future:
        """Tasks in a file beside that of the caller; the message has what a worker must know to read it."""
        parcel = Parcel(os.path.dirname(order["flag"]), tasks)
        self.filed[parcel] = size
        order = {name: value for name, value in order.items() if name not in ("task", "tasks")}
        order["filed"] = parcel.key, parcel.path
        return _Future(self.client.submit(work, order, **how), self, parcel=parcel)

    def opened(self, answer: Message) -> Message:
        """An answer, or what stands in the file that it tells of, which is no more then."""
        if answer["kind"] != "filed":
            return answer
        key, path = answer["filed"]
        memory = mapped(path, key)
        if memory is None:  # of a worker whose files only its own user may read
            self.by_files = False
            raise CancelledError(f"its file {path} cannot be read")
        with contextlib.suppress(OSError):
            os.unlink(path)
        found: Message = contents(memory)
        return found

    def remove(self, parcel: Parcel | None) -> None:
        """Have the file of tasks be no more whose answer has come."""
        if parcel is not None and self.filed.pop(parcel, None) is not None:
            parcel.remove()


def _is_here(address: str) -> bool:
    """Whether a worker is on this machine, as far as its address tells: a socket can stand there."""
    from distributed.comm.addressing import get_address_host

    with contextlib.suppress(OSError, ValueError):
        host = get_address_host(address)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            tried.bind((host, 0))
            return True
    return False


def work_on(task: Pack, order: dict[str, object], *sent: object) -> object:
    """:func:`work` of a task that came apart from its order."""
    return work({**order, "task": task}, *sent)
