"""``--workers``: who trains the networks of ``train`` and ``tune``, by the name of an executor."""

from __future__ import annotations

import argparse
import contextlib
import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor


DASK, MPI = "dask:", "mpi"
FORMS = f"a number of processes, {DASK}ADDRESS of a scheduler, or {MPI}"
LAUNCH = "mpiexec -n 5 fastnn train ... --workers mpi"


def parse_workers(text: str) -> str:
    """What ``--workers`` says; ``ValueError`` for what names no workers."""
    if text == MPI or (text.startswith(DASK) and len(text) > len(DASK)):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"must be {FORMS}, got {text!r}")
    return text


@contextlib.contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Any]:
    """A block with the executor that ``--workers`` names, or with None.

    Raises
    ------
    ValueError
        its workers are not to be had, or the network trains on processes of its own (``--shards``).
    """
    asked = arguments.workers
    if asked is None:
        yield None
        return
    if getattr(arguments, "shards", None) is not None:
        raise ValueError(
            "--workers trains whole networks side by side, and --shards each of them on all processes of the job; "
            "leave one of both out"
        )
    with contextlib.ExitStack() as block:
        if asked.startswith(DASK):
            yield block.enter_context(_of_dask(asked.removeprefix(DASK)))
        elif asked == MPI:
            yield block.enter_context(_of_mpi())
        else:
            yield lambda: _processes(int(asked))


def check_one(arguments: argparse.Namespace) -> None:
    """``ValueError`` for ``--workers`` where one network is trained."""
    if arguments.workers is not None:
        raise ValueError(
            "--workers trains several networks of a table side by side, and this trains one; leave it out. One network "
            "takes --threads, and with --shards all processes that mpiexec starts"
        )


def _processes(n: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def _of_dask(address: str) -> Iterator[object]:
    """The workers of a scheduler that runs."""
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise ImportError("--workers dask:... needs distributed; install the extra fastnn-native[dask]") from None
    try:
        client = distributed.Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no scheduler of Dask answers at {address} ({type(error).__name__}); 'dask scheduler' starts one and says "
            f"its address, 'dask worker {address}' gives it workers"
        ) from None
    with client:
        if not client.nthreads():
            raise ValueError(f"the scheduler at {address} has no workers; 'dask worker {address}' gives it some")
        yield client.get_executor()


@contextlib.contextmanager
def _of_mpi() -> Iterator[object]:
    """The other processes of this job; in these themselves, where they run the command, its end when all is done."""
    try:
        from mpi4py import MPI as mpi
        from mpi4py.futures import MPICommExecutor
    except ImportError:
        raise ImportError("--workers mpi needs mpi4py; install the extra fastnn-native[mpi]") from None
    if mpi.COMM_WORLD.Get_size() < 2:
        raise ValueError(f"--workers mpi has no workers: start it as {LAUNCH}")
    with MPICommExecutor(mpi.COMM_WORLD) as executor:
        if executor is not None:
            yield executor
    if executor is None:  # a worker, whose work is done
        raise SystemExit(0)
