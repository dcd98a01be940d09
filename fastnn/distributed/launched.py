"""Whether a launcher has started this process as one of several."""

from __future__ import annotations

import contextlib
import os

SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "I_MPI_MPIRUN_SIZE", "PALS_SIZE")
RANKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PALS_RANKID")
ENDED = "FASTNN_JOB_ENDED"  # a file of the launcher's, which a process that ends the job makes


def tell_end() -> None:
    """Have ``python -m fastnn.distributed``, where that runs on this machine, know that the job is over."""
    with contextlib.suppress(OSError, KeyError):
        open(os.environ[ENDED], "x").close()


def by_mpi() -> bool:
    """Whether mpiexec, or a launcher that speaks PMI or PMIx, has: they tell a process its number."""
    return any(name in os.environ for name in RANKS)


def size() -> int:
    """Processes of the job as the launcher tells it, before any communication; 1 where it does not."""
    return next((int(os.environ[name]) for name in SIZES if os.environ.get(name, "").isdecimal()), 1)
