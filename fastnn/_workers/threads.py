"""Tasks side by side on threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from typing import Any

from fastnn._base import interrupts, job
from fastnn._base.threads import alone

PAUSE = 0.5  # seconds after which who waits looks at the progress
Wait = Callable[[float | None], bool]  # for so many seconds at most; whether it is over


def side_by_side(
    tasks: Sequence[Callable[[], object]],
    n_threads: int,
    order: Iterable[int],
    look: Callable[[], None] | None = None,
    executor: object = None,
) -> None:
    """Call all tasks, each on one thread, ``n_threads`` at a time, begun in ``order``; Ctrl-C calls them off.

    The first task's error is raised when all have ended, with a note which one it was. ``look`` is called now and
    then meanwhile. The threads are those of ``executor``, a ``ThreadPoolExecutor``, or without one such as end with the
    call. Where several processes train each model together it is one after the other, in the same order in all.
    """
    if job.current():
        n_threads, executor = 1, None
    failures: dict[int, BaseException] = {}
    task, waiting, next_one = object(), iter([*order]), threading.Lock()
    ended: list[BaseException] = []  # what calls all of them off

    def one(i: int) -> None:
        try:
            with alone(), interrupts.part_of(task):
                tasks[i]()
        except Exception as error:
            error.add_note(f"(model {i} of the {len(tasks)} that were trained together)")
            failures[i] = error

    def work() -> None:
        try:
            while not ended:
                with next_one:
                    i = next(waiting, None)
                if i is None:
                    return
                one(i)
        except BaseException as error:
            call_off(error)

    def call_off(error: BaseException) -> None:
        """What runs is called off, what waits does not begin."""
        ended.append(error)
        interrupts.called_off.add(task)

    start = _start if executor is None else _starter(executor)
    try:
        _run_together(work, max(1, min(n_threads, len(tasks))), call_off, look, start)
    finally:
        interrupts.called_off.discard(task)
    if ended:
        raise ended[0]
    if failures:
        raise failures[min(failures)]


def _run_together(
    work: Callable[[], None],
    n: int,
    call_off: Callable[[BaseException], None],
    look: Callable[[], None] | None,
    start: Callable[[Callable[[], None]], Wait],
) -> None:
    """``work`` on ``n`` threads until all have ended; an interrupt meanwhile is handed to ``call_off``."""
    ends: list[Wait] = []
    try:
        for _ in range(n):
            with interrupts.whole():  # a thread that runs and is not known could not be waited for
                ends.append(start(work))
        for end in ends:
            while not end(PAUSE):  # without a limit a signal may go by unheard where Python has no global lock
                if look:
                    look()
    except BaseException as error:
        call_off(error)
        for end in ends:
            end(None)


def _start(work: Callable[[], None]) -> Wait:
    """Work on a thread of its own; gives what waits for its end.

    No pool of the standard library: a program that ends would wait for its threads, though a fit may take hours. Nor
    ``Thread.join``: CPython 3.11 takes a thread for ended whose join was interrupted.
    """
    end = threading.Event()

    def worker() -> None:
        try:
            work()
        finally:
            end.set()

    threading.Thread(target=copy_context().run, args=(worker,), daemon=True).start()
    return end.wait


def _starter(executor: Any) -> Callable[[Callable[[], None]], Wait]:
    """Work on a thread of a pool of the user's, of which it is known that it takes work."""
    from concurrent.futures import wait

    def start(work: Callable[[], None]) -> Wait:
        future = executor.submit(work)
        return lambda seconds: bool(wait([future], seconds).done)

    return start
