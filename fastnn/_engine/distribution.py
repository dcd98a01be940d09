"""What ranks have in common when they train one model: who they are, what they tell each other, and that they agree.

A *rank* is one process of a job. All ranks make the same calls in the same order; what one of them tells goes to all.
Every message begins with a letter that says what it is, and with the number of the fit that it belongs to: so a rank
that left a fit with an error is heard by the others, whatever they wait for, and what it said then is not taken for a
part of the next one.

Design: a rank's clock, its callbacks' wishes and its errors are its own; whatever depends on them is agreed on, once a
stretch of updates. To ask each rank for the same by documentation (rejected) ends in ranks that wait for each other.
"""

from __future__ import annotations

import contextlib
import json
import struct
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._base import threads
from fastnn._base.reprs import in_a_line
from fastnn.errors import DistributedError

STEP, AGREEMENT, FAILURE = b"S", b"A", b"F"
KINDS = {STEP: "an update", AGREEMENT: "an agreement"}
HEAD = struct.Struct("=cq")
CLOCK = struct.Struct("=d?")
LONG = 80  # characters
Wanted = Callable[[bytes], bool]


class Comm(ABC):
    """How ranks reach each other: five methods, of which all but the last two are called by all ranks alike.

    Attributes
    ----------
    rank : of this process, from 0.
    size : ranks of the job.
    """

    rank: int
    size: int

    @abstractmethod
    def gather(self, message: bytes, wanted: Wanted | None = None) -> list[bytes]:
        """The messages of all ranks, in their order, each of any length.

        Parameters
        ----------
        message : that of this rank.
        wanted : told a message, says whether it is waited for; if not it is dropped, and the next one of that rank is.
        """

    @abstractmethod
    def exchange(self, parts: Sequence[Sequence[np.ndarray]], into: Sequence[Sequence[np.ndarray]]) -> None:
        """Send vectors to each other rank, and take what it sends.

        Parameters
        ----------
        parts, into : under the number of a rank, C-contiguous vectors to send to it, and those to fill with what it
            sends; both know the sizes. What stands under the own number is left alone.
        """

    @abstractmethod
    def share(self, vector: np.ndarray, cuts: Sequence[int]) -> None:
        """Have everyone's part of a vector.

        Parameters
        ----------
        vector : ``(n,)``, filled by the parts of the others.
        cuts : rank ``r`` has ``vector[cuts[r]:cuts[r + 1]]``.
        """

    @abstractmethod
    def leave(self, message: bytes) -> None:
        """Hand a message to all others, which find it where they gather, and do not wait for them.

        Parameters
        ----------
        message : that this rank has failed.
        """

    @abstractmethod
    def abort(self, code: int) -> None:
        """End the job everywhere; does not return where there are other ranks.

        Parameters
        ----------
        code : the exit code.
        """


class SelfComm(Comm):
    """The only rank of a job.

    >>> from fastnn.distributed import SelfComm
    >>> comm = SelfComm()
    >>> comm.rank, comm.size, comm.gather(b"here")
    (0, 1, [b'here'])
    """

    rank, size = 0, 1

    def gather(self, message: bytes, wanted: Wanted | None = None) -> list[bytes]:
        """The own message."""
        return [message]

    def exchange(self, parts: Sequence[Sequence[np.ndarray]], into: Sequence[Sequence[np.ndarray]]) -> None:
        """Nothing."""

    def share(self, vector: np.ndarray, cuts: Sequence[int]) -> None:
        """Nothing."""

    def leave(self, message: bytes) -> None:
        """Nothing: nobody else is there."""

    def abort(self, code: int) -> None:
        """Raise ``SystemExit``."""
        raise SystemExit(code)

    def __repr__(self) -> str:
        return "SelfComm()"


class Distribution:
    """Ranks that train one model, a batch of which is cut into ``shards``, whatever the number of ranks.

    Attributes
    ----------
    comm : how the ranks reach each other.
    shards : ranges of rows that a batch is cut into, at least as many as ranks.
    """

    def __init__(self, comm: Comm, shards: int):
        self.comm, self.shards = comm, shards
        self.fits = 0

    def owned(self, rank: int) -> tuple[int, int]:
        """The first shard of a rank, and the one behind its last."""
        return self.shards * rank // self.comm.size, self.shards * (rank + 1) // self.comm.size

    def limits(self) -> contextlib.AbstractContextManager[None]:
        """A block in which this rank leaves the others on its machine their share of the processors."""
        return threads.share_of(int(getattr(self.comm, "local_size", 1)))

    # -- what ranks tell each other ---------------------------------------------------------------

    def gather(self, kind: bytes, message: bytes) -> list[bytes]:
        """What all ranks say at the same place of the same fit.

        Raises
        ------
        DistributedError
            a rank has failed, or is at another place.
        """
        heard = self.comm.gather(HEAD.pack(kind, self.fits) + message, self._is_of_now)
        for rank, one in enumerate(heard):
            came, _ = HEAD.unpack_from(one)
            if came == FAILURE:
                raise DistributedError(one[HEAD.size :].decode())
            if came != kind:
                raise DistributedError(
                    f"rank {rank} of {self.comm.size} is at {KINDS[came]}, and rank {self.comm.rank} at {KINDS[kind]}: "
                    f"all ranks must make the same calls with the same arguments"
                )
        return [one[HEAD.size :] for one in heard]

    def _is_of_now(self, message: bytes) -> bool:
        """Not a failure in a fit that is over."""
        return bool(HEAD.unpack_from(message)[1] >= self.fits)

    def agree(self, stops: bool) -> tuple[float, bool]:
        """The time of rank 0, in seconds of its own, and whether any rank wants to stop."""
        heard = [CLOCK.unpack(one) for one in self.gather(AGREEMENT, CLOCK.pack(time.monotonic(), stops))]
        return heard[0][0], any(stop for _, stop in heard)

    def fail(self, error: BaseException) -> None:
        """Tell the others that an error ends the fit on this rank."""
        if not isinstance(error, DistributedError):
            told = f"rank {self.comm.rank} of {self.comm.size} failed: {type(error).__name__}: {in_a_line(error)}"
            self.comm.leave(HEAD.pack(FAILURE, self.fits) + told.encode())

    def check_same(self, told: Mapping[str, object]) -> None:
        """Raise ``ValueError`` on all ranks where they differ in something, which is named with the first rank."""
        mine = json.dumps({name: _brief(value) for name, value in told.items()})
        heard = [json.loads(one) for one in self.gather(AGREEMENT, mine.encode())]
        for name in {name: None for one in heard for name in one}:
            for rank, one in enumerate(heard):
                if one.get(name) != heard[0].get(name):
                    error = ValueError(
                        f"ranks differ in {name}: rank 0 has {heard[0].get(name)}, and rank {rank} {one.get(name)}; "
                        f"all ranks must be given the same"
                    )
                    error.on_all_ranks = True  # type: ignore[attr-defined]  # so that one of them tells it
                    raise error

    def of_first(self, array: np.ndarray) -> None:
        """Have the array of rank 0; all have one of this form."""
        came = self.gather(AGREEMENT, array.tobytes() if self.comm.rank == 0 else b"")[0]
        if self.comm.rank:
            array[...] = np.frombuffer(came, array.dtype).reshape(array.shape)

    def told_by_first(self, *told: object) -> list[Any]:
        """What rank 0 says: numbers, truths and None, in one message."""
        found: list[object] = json.loads(self.gather(AGREEMENT, json.dumps(told).encode())[0])
        return found


def _brief(value: object) -> str:
    """A text for a value, of a long one its beginning and a checksum."""
    text = str(value)
    return text if len(text) <= LONG else f"{text[:LONG]}... (checksum {zlib.crc32(text.encode()):08x})"
