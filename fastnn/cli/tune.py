"""``fastnn tune``: a search over settings, its table of trials, and one model file."""

from __future__ import annotations

import argparse
import secrets
import time
from typing import TYPE_CHECKING

import fastnn
from fastnn._base.reprs import counted
from fastnn._base.tensor_file import check_name
from fastnn.cli.data import read_source, reading_options, require_target, without_dropped
from fastnn.cli.output import check_output
from fastnn.cli.prepare import describe, usable_rows
from fastnn.cli.streams import is_streamed
from fastnn.cli.tabular import finish
from fastnn.cli.workers import workers
from fastnn.tables import Reading, Table
from fastnn.tables.target import Classes
from fastnn.tabular import Options, make_ready
from fastnn.tabular.trials import check_name as check_trials
from fastnn.tabular.tuning import Plan, tune_ready

if TYPE_CHECKING:
    from fastnn.tabular.team import ExecutorLike


def tune(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    _check_outputs(arguments)
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    plan = Plan(arguments.trials, arguments.sampler, arguments.epochs, arguments.resume, arguments.trials_out)
    with workers(arguments) as executor:  # which are to be had, or refused, before the work
        n_trials, interrupted = _search(arguments, plan, executor)
    written = arguments.trials_out or arguments.resume
    if written:
        print(f"wrote {written}, {counted(n_trials, 'row')}")
    return 130 if interrupted else 0


def _search(arguments: argparse.Namespace, plan: Plan, executor: ExecutorLike | None) -> tuple[int, bool]:
    """Search, tell, and write the model; rows of the table of trials, and whether Ctrl-C ended the search."""
    if is_streamed(arguments):
        from fastnn.cli.stream_recipe import tune_stream_rows

        return tune_stream_rows(arguments, _seed(arguments), plan, executor, _say)
    reading = Reading(verbatim=[arguments.target], **reading_options(arguments))
    source = without_dropped(read_source(arguments.data, "train", arguments.target, reading), arguments)
    if not isinstance(source.features, Table):
        raise ValueError("tune is for tables, and these rows are images; fastnn train learns them")
    source, task, reason, _ = usable_rows(source, arguments)
    assert isinstance(source.features, Table)
    limit, backend = arguments.time_limit, arguments.backend
    options = Options(task=task, seed=_seed(arguments), time_limit=limit, backend=backend, executor=executor)
    ready = make_ready(source.features, require_target(source), source.target_name, options)
    target, y = ready.encoding.row_target, ready.rows.y
    print(f"task: {task} ({reason}){describe(target, y if isinstance(target, Classes) else None)}")
    for note in ready.notes:
        print(f"note: {note}")
    how = f"{counted(plan.trials, 'trial')}, sampler {plan.sampler}, seed {options.seed}"
    print(f"search: {how}", flush=True)
    began = time.perf_counter()
    tuned = tune_ready(ready, options, plan, _say)
    finish(source, tuned.fitted, arguments.out, task, time.perf_counter() - began, how)
    return len(tuned.trials), tuned.interrupted


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _seed(arguments: argparse.Namespace) -> int:
    """The one given; a search to be gone on with has one that is the same the next time."""
    if arguments.seed is not None:
        seed: int = arguments.seed
        return seed
    return 0 if arguments.resume else secrets.randbits(31)


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse before the search what would fail after it."""
    check_output(arguments.out, arguments.data)
    check_name(arguments.out)
    for path in (arguments.trials_out, arguments.resume):
        if path is not None:
            check_trials(path)
            check_output(path, arguments.data, arguments.out)
