"""Options of ``fastnn train`` that are about the recipe for tables."""

from __future__ import annotations

import argparse

from fastnn.cli.values import whole, workers

PRESET_HELP = (
    "of tables, how much is trained: quick, one network; default, four, each on other rows, whose mean is taken; best, "
    "more of several kinds. default is what is trained where nothing is said of a single network"
)
CV_HELP = "of tables: so many networks, each scored on its own part of the rows; the spread of the scores is told"

WORKERS_HELP = (
    "of tables, who trains the networks: N processes of this machine; dask:ADDRESS, the workers of a Dask scheduler, "
    "such as dask:tcp://host:8786 (extra dask); mpi, the other processes of a job that 'mpiexec -n 5 "
    "fastnn ...' started (extra mpi). Default: threads of this process"
)
STREAM_HELP = (
    "read a table of Parquet, Arrow or CSV while it is used, a few row groups at a time, as is done for a folder of "
    "tables, a quoted pattern ('data/*.parquet') and a file of more than 1 GiB"
)


DROP_HELP = (
    "columns of a table not to learn from, with commas between, such as one that only names the rows; predict does not "
    "need them"
)


def drop_option(p: argparse.ArgumentParser) -> None:
    """Add ``--drop`` to a command that learns from tables."""
    p.add_argument("--drop", metavar="COLUMNS", action="append", help=DROP_HELP)


def table_options(p: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    p.add_argument("--preset", choices=("quick", "default", "best"), help=PRESET_HELP)
    p.add_argument("--cv", type=whole(low=2), metavar="FOLDS", help=CV_HELP)
    workers_option(p)


def workers_option(p: argparse.ArgumentParser) -> None:
    """Add ``--workers`` to a command that trains several networks."""
    p.add_argument("--workers", type=workers, metavar="WORKERS", help=WORKERS_HELP)


def stream_option(p: argparse.ArgumentParser) -> None:
    """Add ``--stream`` to a command."""
    p.add_argument("--stream", action="store_true", help=STREAM_HELP)


def shards_option(p: argparse.ArgumentParser) -> None:
    """The option of a training by several processes."""
    words = "started by mpiexec, all processes train one model, each its part of N of every batch; any number can"
    p.add_argument("--shards", type=whole(low=1), metavar="N", help=words)
