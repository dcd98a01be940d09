"""The workers of an executor, who train networks of a table: its rows go to each once, whatever is trained on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

from fastnn._workers import pools
from fastnn._workers.parcel import Parcel
from fastnn._workers.pickling import packed
from fastnn._workers.threads import side_by_side
from fastnn._workers.workers import Workers

if TYPE_CHECKING:
    from fastnn.tabular.bag import Bag, Member, Rows

ExecutorLike = Executor | Callable[[], Executor]
"""An executor, or a function that makes one, such as one in place of one that broke."""

Tell = Callable[["Member"], None] | None
LEARNED = ("model", "output", "loss", "kept", "n_epochs", "n_updates", "seconds")  # what training makes of a member


def check(executor: ExecutorLike | None, n_threads: int | None) -> None:
    """``TypeError`` or ``ValueError`` for what is no executor, has been shut down, or has ``n_threads`` beside it."""
    if executor is None:
        return
    pools.check(executor)
    if n_threads is not None:
        raise ValueError(pools.BESIDE)


@contextlib.contextmanager
def team_of(executor: ExecutorLike | None, n_threads: int | None) -> Iterator[Team | Threads | None]:
    """A block in which the workers of an executor are a team; without one there is none."""
    check(executor, n_threads)
    if executor is None:
        yield None
        return
    if pools.is_threads(executor):
        yield Threads(executor)
        return
    with Workers(executor) as workers:
        yield Team(workers)


class Threads:
    """A pool of threads of this process.

    Attributes
    ----------
    n : networks trained at a time.
    """

    def __init__(self, pool: ExecutorLike):
        self.pool, self.n = pool, pools.count_threads(pool)

    def train(self, bag: Bag, members: Sequence[Member], deadline: float | None, tell: Tell) -> None:
        """As of :class:`Team`."""
        tasks = [lambda i=i: bag.train_one(members, i, self.n, deadline, tell) for i in range(len(members))]
        side_by_side(tasks, self.n, range(len(members)), executor=self.pool)


class Team:
    """Workers that have the rows of a table.

    Attributes
    ----------
    n : networks trained at a time, as far as the executor tells.
    """

    def __init__(self, workers: Workers):
        self.workers, self.n = workers, workers.n
        self.shared: tuple[Rows, Parcel] | None = None

    def train(self, bag: Bag, members: Sequence[Member], deadline: float | None, tell: Tell) -> None:
        """Train members as :meth:`Bag.train_one` does, and have in each what it learned; ``tell`` of each that is done.

        Ctrl-C leaves those that were not done as they were.
        """
        parts = self.workers.share((list(members), bag.searching, self.n, _ends_at(deadline)))
        try:
            tasks = [packed((trained, (i,)), lent=True) for i in range(len(members))]

            def ended(i: int, found: dict[str, object]) -> None:
                vars(members[i]).update(found)
                if tell and found["seconds"]:
                    tell(members[i])

            self.workers.run([self._rows(bag), parts], tasks, ended, [bag.backend], what="network")
        finally:
            self.workers.forget(parts)

    def _rows(self, bag: Bag) -> Parcel:
        """What all networks of a table share, sent once for as long as it is the same."""
        if self.shared is None or self.shared[0] is not bag.rows:
            self.shared = bag.rows, self.workers.share(replace(bag, team=None))
        return self.shared[1]


def _ends_at(deadline: float | None) -> float | None:
    """The time of day that is meant, which other processes know as well."""
    return None if deadline is None else time.time() + deadline - time.monotonic()


def trained(bag: Bag, told: tuple[list[Member], bool, int, float | None], i: int) -> dict[str, object]:
    """In a worker: what a member learned."""
    members, searching, n_at_once, end = told
    deadline = None if end is None else time.monotonic() + end - time.time()
    replace(bag, searching=searching).train_one(members, i, n_at_once, deadline, None)
    return {name: getattr(members[i], name) for name in LEARNED}
