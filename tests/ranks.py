"""Ranks as threads of one process, for tests of what ranks do together that need no launcher."""

from __future__ import annotations

import threading
from itertools import pairwise
from queue import Empty, SimpleQueue

from fastnn.errors import DistributedTimeout

PATIENCE = 60.0


class Post:
    """The messages under way between ``size`` ranks."""

    def __init__(self, size):
        self.size = size
        self.ways = {(a, b, kind): SimpleQueue() for a in range(size) for b in range(size) for kind in "md"}


class ThreadComm:
    """One of them, as :class:`fastnn.distributed.Comm` wants it."""

    def __init__(self, post, rank, patience=PATIENCE):
        self.post, self.rank, self.size, self.patience = post, rank, post.size, patience
        self.others = [other for other in range(self.size) if other != rank]
        self.sent = 0

    def _get(self, other, kind):
        try:
            return self.post.ways[other, self.rank, kind].get(timeout=self.patience)
        except Empty:
            raise DistributedTimeout(f"rank {self.rank} has waited for rank {other}") from None

    def leave(self, message):
        for other in self.others:
            self.post.ways[self.rank, other, "m"].put(message)

    def gather(self, message, wanted=None):
        self.leave(message)
        found = []
        for other in range(self.size):
            came = message
            while other != self.rank:
                came = self._get(other, "m")
                if wanted is None or wanted(came):
                    break
            found.append(came)
        return found

    def exchange(self, parts, into):
        for other in self.others:
            self.sent += sum(part.nbytes for part in parts[other])
            self.post.ways[self.rank, other, "d"].put([part.copy() for part in parts[other]])
        for other in self.others:
            came = self._get(other, "d")
            assert [part.shape for part in came] == [room.shape for room in into[other]]
            for room, part in zip(into[other], came, strict=True):
                room[...] = part

    def share(self, vector, cuts):
        slices = [[vector[a:b]] if a < b else [] for a, b in pairwise(cuts)]
        self.exchange([slices[self.rank]] * self.size, slices)

    def abort(self, code):
        raise SystemExit(code)


def on_ranks(size, work, patience=PATIENCE):
    """What ``work(comm)`` gives on each of so many ranks, or raises there."""
    post, found = Post(size), [None] * size

    def one(rank):
        try:
            found[rank] = work(ThreadComm(post, rank, patience))
        except BaseException as error:
            found[rank] = error

    ranks = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    return found
