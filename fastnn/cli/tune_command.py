"""``fastnn tune`` as ``--help`` tells it; what it does is in :mod:`fastnn.cli.tune`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastnn.cli.table_options import drop_option, workers_option
from fastnn.cli.values import real, whole

if TYPE_CHECKING:
    from fastnn.cli.parsing import Parser

    Commands = argparse._SubParsersAction[Parser]

TRIALS_OUT_HELP = (
    "write what each setting was worth, .csv or .jsonl, anew whenever a network is finished; default: the file of "
    "--resume, if that is given"
)
RESUME_HELP = (
    "a table of trials to go on from: what is in it is not trained again, and without --time-limit the result is that "
    "of a search without a break; one that is not there yet is begun"
)
EPILOG = """\
settings:  width, depth, dropout, learning rate, weight decay, activation and batch size around those that train takes;
           the first trial is these themselves
halving:   all are trained shortly on four of five folds, the better third for three times as long, and so on; the best
           four are trained on all folds and weighted by what they say of the rows that were held out
"""


def add(
    commands: Commands, command: Callable[..., argparse.ArgumentParser], data: str, more: Sequence[Callable[..., None]]
) -> None:
    """Add the command; ``more`` add the options that all commands have which read data."""
    p = command(commands, "tune", "fastnn.cli.tune", "search the best settings for a table, and train a model", EPILOG)
    p.add_argument("data", metavar="DATA", help=data)
    p.add_argument("--target", metavar="COLUMN", help="the column to predict")
    drop_option(p)
    p.add_argument("--task", choices=("classify", "regress"), help="default: by the target, as of train")
    p.add_argument("--trials", type=whole(low=1), default=50, metavar="N", help="settings to try, default 50")
    p.add_argument("--time-limit", type=real(0, open_low=True), metavar="SECONDS", help="of the whole search")
    p.add_argument(
        "--sampler", choices=("random", "optuna"), default="random", help="default: random; optuna: extra tune"
    )
    p.add_argument("--epochs", type=whole(low=1), metavar="N", help="of the last round, default: by the rows")
    p.add_argument("--trials-out", metavar="FILE", help=TRIALS_OUT_HELP)
    p.add_argument("--resume", metavar="FILE", help=RESUME_HELP)
    p.add_argument(
        "--seed", type=whole(low=0), help="fixes everything random; default: drawn, and printed; with --resume 0"
    )
    workers_option(p)
    for each in more:
        each(p)
    p.add_argument("--out", default="model.safetensors", metavar="FILE", help="default: model.safetensors")
