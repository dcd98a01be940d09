"""``DataParallel``: what a user gives to ``fit``, so that all processes of a job train one model."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from fastnn._base import job
from fastnn._base.arguments import integer, shown
from fastnn._engine.distribution import Comm, Distribution, SelfComm
from fastnn.distributed import launched
from fastnn.distributed.mpi import MPIComm

METHODS = ("gather", "exchange", "share", "leave", "abort")


class DataParallel:
    """All processes (ranks) of a job train one model together, each with its part of every batch.

    A batch is cut into ``shards`` ranges of rows by their place, whatever the number of ranks. A fixed tree over the
    shards adds their gradients; each rank updates its slice of the parameters, and keeps the optimiser's state of that
    slice alone (Rajbhandari et al. 2020, "ZeRO", stage 1). So a fit ends with the same bits on 1, 2, ... ``shards``
    ranks, and a checkpoint of one goes on on any number. With ``shards=1`` they are those of ``fit`` without it.

    Every rank runs the same script with the same data, and ends with the same model. Seed, weights and the optimiser's
    state are those of rank 0 when a fit begins; other differences are errors. Rank 0 alone writes files and shows
    progress: callbacks whose ``writes`` is True are called there only. ``evaluate`` and ``predict`` are not
    distributed.

    What is measured over a batch is measured over each shard: the mean and variance by which BatchNormalization
    normalises (its moving statistics are those of the whole batch), and what makes up for masked positions in a loss.

    Parameters
    ----------
    comm : None for MPI where a launcher such as mpiexec has started the process, else this process alone; or a
        communicator of mpi4py; or an object with the methods of :class:`fastnn.distributed.Comm`.
    shards : parts of a batch, at least as many as ranks. More shards allow more ranks. Those of dense networks are
        computed together, up to 384 rows at a time; others cost one gradient in memory and its sum each.
    timeout : seconds for which ranks wait for one that is not heard of.

    Attributes
    ----------
    distribution : what the training loop is told.

    Raises
    ------
    ValueError
        there are more ranks than shards.
    ModuleNotFoundError
        the process is one of several, and mpi4py is not installed.

    In a ``with`` block it is in force for every ``fit``, also of estimators:

    >>> from fastnn import Sequential
    >>> from fastnn.distributed import DataParallel
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> with DataParallel(shards=4) as ranks:
    ...     history = model.fit([[1.0], [2.0]], [1.0, 2.0])
    >>> ranks
    DataParallel(rank 0 of 1, shards=4)
    """

    def __init__(self, comm: object = None, shards: int = 16, timeout: float = 300.0):
        self.comm, self.shards = _comm(comm, timeout), integer("shards", shards, low=1)
        self.distribution = Distribution(self.comm, self.shards)
        self._blocks: list[AbstractContextManager[None]] = []
        if self.comm.size > self.shards:
            raise ValueError(
                f"{self.comm.size} ranks cannot share {self.shards} shards of a batch; start fewer, or give shards="
                f"{self.comm.size} or more (other shards are other bits)"
            )

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return self.comm.rank

    @property
    def size(self) -> int:
        """Processes of the job."""
        return self.comm.size

    def __enter__(self) -> DataParallel:
        self._blocks.append(job.within(self.distribution))
        self._blocks[-1].__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._blocks.pop().__exit__(*error)

    def __repr__(self) -> str:
        return f"DataParallel(rank {self.rank} of {self.size}, shards={self.shards})"


def _comm(came: Any, timeout: float) -> Comm:
    if came is None:
        return MPIComm(timeout=timeout) if launched.by_mpi() else SelfComm()
    if hasattr(came, "Get_rank"):
        return MPIComm(came, timeout)
    if all(callable(getattr(came, name, None)) for name in METHODS) and hasattr(came, "rank") and hasattr(came, "size"):
        found: Comm = came
        return found
    raise TypeError(
        f"comm must be a communicator of mpi4py, or have rank, size and {', '.join(METHODS)}, got {shown(came)}"
    )
