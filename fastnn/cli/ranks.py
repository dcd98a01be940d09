"""``fastnn train --shards`` under a launcher of MPI: all processes train, the first one tells and writes."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator

from fastnn.cli.workers import MPI
from fastnn.distributed import DataParallel, launched
from fastnn.distributed.mpi import PATIENCE

WRITTEN = ("plot", "report", "watch")  # by the first rank alone, and nothing depends on them


@contextlib.contextmanager
def ranks(arguments: argparse.Namespace) -> Iterator[DataParallel | None]:
    """A block whose fits all processes of the job do together; None without ``--shards``.

    Raises
    ------
    ValueError
        a launcher has started several processes, and nothing says that they train one model.
    """
    if arguments.shards is None:
        if launched.by_mpi() and launched.size() > 1 and arguments.workers != MPI:
            raise ValueError(
                f"{launched.size()} processes of one job run this command, each of which would train and write the "
                f"same; give --shards 16 and they train one model together"
            )
        yield None
        return
    job = DataParallel(shards=arguments.shards)
    with contextlib.ExitStack() as block:
        if job.rank:
            folder = block.enter_context(tempfile.TemporaryDirectory())
            arguments.out = os.path.join(folder, os.path.basename(arguments.out))
            for name in WRITTEN:
                setattr(arguments, name, None)
            block.enter_context(contextlib.redirect_stdout(block.enter_context(open(os.devnull, "w"))))
        block.enter_context(_ending(job))
        block.enter_context(job)
        yield job


@contextlib.contextmanager
def _ending(job: DataParallel) -> Iterator[None]:
    """Have an error end the job everywhere, told once: by the first rank where it is everywhere."""
    try:
        yield
    except BaseException as error:
        if job.size > 1 and job.rank:
            time.sleep(PATIENCE)  # unless the first rank ends the job meanwhile, the error is of this one alone
            error.add_note(f"(on rank {job.rank} of {job.size})")
        if job.size > 1:
            atexit.register(job.comm.abort, 1)  # behind the message
        raise


def one_seed(job: DataParallel | None, seed: int) -> int:
    """The seed of the first rank: what is held out follows from it."""
    return seed if job is None else int(job.distribution.told_by_first(int(seed))[0])


def check_together(job: DataParallel | None, time_limit: float | None) -> None:
    """``ValueError`` for what the processes would each decide for themselves."""
    if job is not None and job.size > 1 and time_limit is not None:
        raise ValueError(
            "--time-limit is measured by each process, which would begin other networks; leave it out with --shards, "
            "or train a single network, with --network mlp"
        )
