"""Ranks that reach each other by MPI, through mpi4py; and how the job ends when one of them fails.

Design: messages go from each rank to each other one, and not by MPI's collectives, for whoever waits must know whom
for: a rank that stands still is named. They are as many bytes as Alltoallv and Allgatherv send, and ``size - 1``
latencies, which tell above some 16 ranks (docs/howto/larger_than_one_machine.md).
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from fastnn._base.arguments import number
from fastnn._engine.distribution import Comm, Wanted
from fastnn.distributed import launched
from fastnn.errors import DistributedError, DistributedTimeout

MESSAGE, DATA = 11, 12  # tags
SPIN = 2e-3  # seconds of waiting in which the processor is given to others that want it, and no longer
REST = 50e-6
PATIENCE = 5.0  # seconds in which the rank that failed may end the job, before another one does


class MPIComm(Comm):
    """A communicator of MPI.

    Parameters
    ----------
    comm : of mpi4py; None for all processes of the job. A duplicate is used, so that messages of others do not mix.
    timeout : seconds for which a rank waits for another one.

    Raises
    ------
    ModuleNotFoundError
        mpi4py, or an MPI, is not installed.
    """

    def __init__(self, comm: Any = None, timeout: float = 300.0):
        self.mpi = _mpi()
        self.timeout = number("timeout", timeout, low=0.0, open_low=True)
        self.comm = (self.mpi.COMM_WORLD if comm is None else comm).Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        beside = self.comm.Split_type(self.mpi.COMM_TYPE_SHARED)
        self.local_size = beside.Get_size()
        beside.Free()
        self.left: list[object] = []
        if self.size > 1:
            _end_job_on_error(self)

    @property
    def others(self) -> list[int]:
        """All ranks but this one."""
        return [rank for rank in range(self.size) if rank != self.rank]

    def gather(self, message: bytes, wanted: Wanted | None = None) -> list[bytes]:
        """See :class:`fastnn.distributed.Comm`."""
        sent = [self.comm.Isend([message, self.mpi.BYTE], rank, MESSAGE) for rank in self.others]
        found: dict[int, bytes] = {self.rank: message}

        def hear() -> list[int]:
            for rank in self.others:
                if rank not in found and (came := self._came(rank)) is not None and (wanted is None or wanted(came)):
                    found[rank] = came
            return [rank for rank in self.others if rank not in found]

        self._wait(hear)
        self._wait(lambda: self._unfinished(sent, self.others))
        return [found[rank] for rank in range(self.size)]

    def _came(self, rank: int) -> bytes | None:
        """The next message of a rank, if it is there."""
        status = self.mpi.Status()
        message = self.comm.Improbe(rank, MESSAGE, status)
        if message is None:
            return None
        room = bytearray(status.Get_count(self.mpi.BYTE))
        message.Recv([room, self.mpi.BYTE])
        return bytes(room)

    def exchange(self, parts: Sequence[Sequence[np.ndarray]], into: Sequence[Sequence[np.ndarray]]) -> None:
        """See :class:`fastnn.distributed.Comm`."""
        whose: list[int] = []
        requests: list[object] = []
        for rank in self.others:
            for vector in into[rank]:
                requests.append(self.comm.Irecv([vector, self.mpi.BYTE], rank, DATA))
                whose.append(rank)
        for rank in self._in_turn():
            for vector in parts[rank]:
                requests.append(self.comm.Isend([vector, self.mpi.BYTE], rank, DATA))
                whose.append(rank)
        self._wait(lambda: self._unfinished(requests, whose))

    def _in_turn(self) -> list[int]:
        """The others, each rank beginning with the next one, so that not all send to the first."""
        return [(self.rank + i) % self.size for i in range(1, self.size)]

    def share(self, vector: np.ndarray, cuts: Sequence[int]) -> None:
        """See :class:`fastnn.distributed.Comm`."""
        slices = [[vector[a:b]] if a < b else [] for a, b in pairwise(cuts)]
        self.exchange([slices[self.rank]] * self.size, slices)

    def leave(self, message: bytes) -> None:
        """See :class:`fastnn.distributed.Comm`."""
        self.left += [self.comm.Isend([message, self.mpi.BYTE], rank, MESSAGE) for rank in self.others]

    def abort(self, code: int) -> None:
        """See :class:`fastnn.distributed.Comm`."""
        sys.stdout.flush()
        sys.stderr.flush()
        launched.tell_end()
        self.comm.Abort(code)

    def _unfinished(self, requests: Sequence[Any], whose: Sequence[int]) -> list[int]:
        """The ranks of requests that are not done."""
        return [rank for request, rank in zip(requests, whose, strict=True) if not request.Test()]

    def _wait(self, unheard: Callable[[], list[int]]) -> None:
        """Wait until a function names no rank any more.

        Raises
        ------
        DistributedTimeout
            the timeout is over; the message names the ranks.
        """
        began = time.monotonic()
        while waiting := unheard():
            waited = time.monotonic() - began
            if waited > self.timeout:
                names = ", ".join(map(str, sorted(set(waiting))))
                raise DistributedTimeout(
                    f"rank {self.rank} of {self.size} has waited {waited:.0f} seconds for rank {names}, which stands "
                    f"still or does not make the same calls; DataParallel(timeout=) is {self.timeout:g} seconds"
                )
            if waited > SPIN:
                time.sleep(REST)
            else:
                _give_way()

    def __repr__(self) -> str:
        return f"MPIComm(rank {self.rank} of {self.size}, timeout={self.timeout:g})"


def _give_way() -> None:
    """Let another process of this processor go on."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()
    else:
        time.sleep(0)


def _mpi() -> ModuleType:
    """mpi4py's module of MPI, which it is imported for."""
    try:
        from mpi4py import MPI
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to train on several processes mpi4py and an MPI are needed: pip install 'fastnn-native[mpi]'",
            name=error.name,
        ) from None
    except (ImportError, RuntimeError) as error:
        raise ModuleNotFoundError(
            f"mpi4py is there, and finds no MPI ({' '.join(str(error).split())}); pip install mpich, or install one "
            f"with the system's packages"
        ) from error
    return MPI


def _end_job_on_error(comm: MPIComm) -> None:
    """Have an error that nothing catches end the whole job, told once: Python would wait at exit for the others."""
    before = sys.excepthook
    if getattr(before, "ends_job", False):
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        is_heard = isinstance(error, DistributedError) and not isinstance(error, DistributedTimeout)
        if is_heard or (comm.rank and getattr(error, "on_all_ranks", False)):
            time.sleep(PATIENCE)  # the rank that it is about tells it, and ends the job
        told = f"{kind.__name__}: {' '.join(str(error).split())}"
        traceback.print_exception(kind, error, trace)
        print(f"fastnn.distributed: rank {comm.rank} of {comm.size} failed: {told}", file=sys.stderr)
        comm.abort(130 if issubclass(kind, KeyboardInterrupt) else 1)
        os._exit(1)

    hook.ends_job = True  # type: ignore[attr-defined]
    sys.excepthook = hook
