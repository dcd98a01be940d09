"""Tasks on the workers of an executor: data once to each, lost tasks again, errors at the end, Ctrl-C at once.

A task is a function of fastnn, data that all tasks share, and arguments of its own. Its result does not depend on the
worker: it runs on one thread, by the backend that this process would take, or is refused.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

from fastnn._base import interrupts
from fastnn._base.reprs import in_a_line
from fastnn._version import __version__
from fastnn._workers import pools
from fastnn._workers.folder import Folder
from fastnn._workers.parcel import Parcel
from fastnn._workers.pickling import Message, Pack, unpacked
from fastnn._workers.progress import Tally, in_words
from fastnn._workers.threads import PAUSE
from fastnn._workers.worker import needs
from fastnn.errors import BackendError

MOST_LOSSES = 4  # of a task, until it is taken for one that cannot be done


class Lost(Exception):
    """A worker, or its result, is gone."""


class InWorker(Exception):
    """What Python said of an error in a worker, where it came from."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def failure_of(answer: Message) -> BaseException:
    """The error of an answer, with what Python said in the worker."""
    error: BaseException = pickle.loads(answer["error"])
    error.__cause__ = InWorker(answer["trace"])
    return error


class Workers:
    """The workers of an executor, for a ``with`` block; at its end nothing of the data is left.

    Parameters
    ----------
    executor : an executor of ``concurrent.futures``, or a function that makes one: then it is asked for another one
        when workers died, and what it makes is shut down at the end.
    """

    def __init__(self, executor: object):
        pools.check(executor)
        self.pool = pools.pool_of(executor)
        self.folder = Folder()
        self.parcels: list[Parcel] = []

    @property
    def n(self) -> int:
        """Tasks at a time, as far as the executor tells."""
        return self.pool.n_workers

    def share(self, what: object) -> Parcel:
        """Have data ready for tasks, as they are now."""
        parcel = Parcel(self.folder.path, what)
        self.pool.share(parcel)
        self.parcels.append(parcel)
        return parcel

    def forget(self, parcel: Parcel) -> None:
        """Let go of data of which no task will be."""
        self.parcels.remove(parcel)
        self.pool.forget([parcel])
        parcel.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.forget(self.parcels)
        self.folder.remove()
        self.pool.close()

    def run(
        self,
        parcels: Sequence[Parcel],
        tasks: Sequence[Pack],
        ended: Callable[[int, Any], BaseException | None],
        backends: Iterable[str | None],
        verbose: int = 0,
        order: Iterable[int] | None = None,
        what: str = "model",
    ) -> None:
        """Do all tasks.

        Parameters
        ----------
        tasks : packs of a function and a tuple; it is called with what the parcels hold, and then with these.
        ended : called with the number and the result of each that is done, in this thread, as they end; gives an error
            where the result is one.
        backends : that the tasks train with, None for the usual one.
        order : in which they begin.   what : what a task is called.

        Raises
        ------
        BackendError
            a worker would give other results, or has another version of fastnn.
        BrokenExecutor
            workers died, and there is no way to have others.
        Exception
            that of the first task which failed, when all have ended, with a note which one it was.
        """
        run = _Run(self, parcels, tasks, ended, needs(backends), Tally(what, len(tasks), verbose))
        run.go(range(len(tasks)) if order is None else order)


@dataclass
class _Run:
    """One call of :meth:`Workers.run`."""

    workers: Workers
    parcels: Sequence[Parcel]
    tasks: Sequence[Pack]
    ended: Callable[[int, Any], BaseException | None]
    needs: Message
    tally: Tally

    def __post_init__(self) -> None:
        self.waiting: dict[Any, tuple[int, ...]] = {}  # futures, and what they are of
        self.came: SimpleQueue[Any] = SimpleQueue()
        self.lost: dict[int, BaseException] = {}
        self.losses = dict.fromkeys(range(len(self.tasks)), 0)
        self.breaks = 0  # of executors, one after the other, in which nothing has ended
        self.failures: dict[int, BaseException] = {}
        self.done: set[int] = set()
        self.sending: set[int] = set()  # tasks that the data go along with
        self.held: list[int] = []  # which wait for workers to have data that were sent

    def go(self, order: Iterable[int]) -> None:
        try:
            for group in self.workers.pool.groups(list(order), self.tasks):
                self.submit(*group)
            while self.waiting or self.lost or self.held:
                if not self.waiting:
                    self.renew()
                with contextlib.suppress(Empty):
                    self.take(self.came.get(timeout=PAUSE))
                self.tally.look()
        except BaseException:
            for future in list(self.waiting):
                future.cancel()
            self.workers.folder.call_off()
            raise
        if self.failures:
            raise self.failures[min(self.failures)]

    def submit(self, *group: int, with_data: bool = False) -> None:
        """Have a task done, or several together."""
        if self.lost:  # of an executor that is broken
            self.lost |= dict.fromkeys(group, next(iter(self.lost.values())))
            return
        parcels, tasks = list(self.parcels), [self.tasks[i] for i in group]
        order = {**self.needs, "flag": self.workers.folder.flag}
        order |= {"tasks": tasks} if len(tasks) > 1 else {"task": tasks[0]}
        order["parcels"] = [(parcel.key, parcel.path) for parcel in parcels]
        try:
            future = self.workers.pool.submit(order, parcels, with_data)
        except BrokenExecutor as error:
            self.lost |= dict.fromkeys(group, error)
            return
        except RuntimeError as error:
            raise ValueError(pools.shut_down(self.workers.pool.executor, in_a_line(error))) from error
        self.waiting[future] = group
        future.add_done_callback(self.came.put)

    def take(self, future: Any) -> None:
        """What has become of a task, or of several; whatever they are lost by, they are done anew each alone."""
        group = self.waiting.pop(future)
        if not self.sending.isdisjoint(group):
            self.sending.difference_update(group)
            held, self.held = self.held, []
            for other in held:
                self.submit(other)
        try:
            answer = future.result()
        except CancelledError as error:
            self.workers.pool.distrust(future)
            for i in group:
                self.again(i, Lost(f"it was cancelled, as when the worker with its data is gone {error}".rstrip()))
        except BrokenExecutor as error:
            self.lost |= dict.fromkeys(group, error)
        except Exception as error:  # of the executor, for tasks raise none
            if len(group) > 1:  # by one of them, maybe, which ends its worker
                for i in group:
                    self.submit(i)
                return
            error.add_note(
                f"(the executor raised this; its workers must have fastnn {__version__}, as this process has)"
            )
            self.fail(group[0], error, "")
        else:
            for i, each in zip(group, answer.get("answers", [answer] * len(group)), strict=True):
                self.heed(i, each)

    def heed(self, i: int, answer: Message) -> None:
        kind, where = answer["kind"], answer["where"]
        if kind == "later":
            self.submit(i)
        elif kind == "unfit":
            raise BackendError(f"a worker ({where}) cannot train as this process does: {answer['why']}")
        elif kind == "missing":
            self.send_data(i)
        elif kind == "off":
            self.again(i, Lost(f"it was interrupted in {where}"))
        elif kind == "failed":
            self.tally.ended(i, answer["seconds"])
            self.fail(i, failure_of(answer), f", in {where}")
        else:
            self.breaks = 0
            with interrupts.whole():
                error = self.ended(i, unpacked(answer["made"]))
                self.done.add(i)
            self.tally.ended(i, answer["seconds"])
            if error is not None:
                self.fail(i, error, f", in {where}")

    def fail(self, i: int, error: BaseException, where: str) -> None:
        error.add_note(f"({self.tally.what} {i} of the {len(self.tasks)} that were trained together{where})")
        self.failures[i] = error

    def send_data(self, i: int) -> None:
        """Have a worker get the data that it does not see: with as many tasks at a time as there are workers."""
        if len(self.sending) < self.workers.n:
            self.sending.add(i)
            self.submit(i, with_data=True)
        else:
            self.held.append(i)

    def again(self, i: int, error: Lost) -> None:
        """Have a task done anew whose result did not come."""
        self.losses[i] += 1
        if self.losses[i] < MOST_LOSSES:
            self.submit(i)
        else:
            self.fail(i, RuntimeError(f"{self.tally.what} {i} was given up after {MOST_LOSSES} attempts: {error}"), "")

    def renew(self) -> None:
        """Go on with another executor where workers of one have died."""
        lost, self.lost = self.lost, {}
        self.breaks += 1
        error = next(iter(lost.values()))
        if self.breaks >= MOST_LOSSES or not self.workers.pool.renew():
            raise BrokenExecutor(self._told(error)) from error
        for i in lost:
            self.submit(i)

    def _told(self, error: BaseException) -> str:
        what, others, pool = self.tally.what, set(range(len(self.tasks))) - self.done, self.workers.pool
        if pool.make is None:
            mend = (
                f"train those again with another executor; give executor a function that makes one, and {what}s of "
                f"workers that died are trained again by themselves"
            )
        else:
            mend = f"{self.breaks} executors broke one after the other: memory, or code of your own, may end workers"
        return (
            f"workers of the executor, a {type(pool.executor).__name__}, ended abruptly ({in_a_line(error)}). Trained "
            f"are the {what}s {in_words(self.done)}; as they were are {in_words(others)}: {mend}"
        )
