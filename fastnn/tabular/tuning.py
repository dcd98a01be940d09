"""``fastnn.tune``: the best settings of the recipe for one table, and a model of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastnn._base.arguments import integer, nearest
from fastnn._base.types import Config, DataLike, StrPath
from fastnn.models.model import Model
from fastnn.tables import Encoding, Table, choose_task, read_table, table_of_frame
from fastnn.tables.table import Column
from fastnn.tables.target import Classes, as_numbers, told_labels
from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.choices import Choice
from fastnn.tabular.fitting import FEWEST_ROWS, Fitted, Options, Ready, as_fitted, make_ready, place_of
from fastnn.tabular.halving import Halving
from fastnn.tabular.limits import left_of
from fastnn.tabular.samplers import SamplerName, sampler
from fastnn.tabular.search import TO_TRAIN, Search, TableFolds
from fastnn.tabular.team import ExecutorLike, team_of
from fastnn.tabular.trials import Trial, read_trials, write_trials

TRIALS, FINALISTS = 50, 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    model : the mean of the best settings' networks, weighted; it takes encoded rows.
    encoding : makes them of raw ones.
    trials : a dict for each setting in each round, with its loss, its hyperparameters and its share of the model.
    best : that of the lowest loss in the last round.
    fitted : networks, and what they say of rows that they did not learn from.
    interrupted : whether Ctrl-C ended the search.
    """

    model: Model
    encoding: Encoding
    trials: list[Config]
    best: Config
    fitted: Fitted
    interrupted: bool

    def save(self, path: StrPath) -> None:
        """Write the model with its encoding, for ``fastnn predict`` and :func:`fastnn.load`."""
        self.model.save(path, self.encoding.metadata())


@dataclass(frozen=True)
class Plan:
    """How a search goes; the arguments of :func:`tune`."""

    trials: int = TRIALS
    sampler: SamplerName = "random"
    epochs: int | None = None
    resume: Any = None
    trials_out: StrPath | None = None


def tune(
    data: DataLike,
    target: str,
    *,
    trials: int = TRIALS,
    time_limit: float | None = None,
    seed: int = 0,
    task: str | None = None,
    sampler: SamplerName = "random",
    epochs: int | None = None,
    resume: Any = None,
    trials_out: StrPath | None = None,
    n_threads: int | None = None,
    backend: str | None = None,
    executor: ExecutorLike | None = None,
    verbose: int = 0,
) -> Tuned:
    """Search the best settings for a table by successive halving, and train a model of the best few.

    Parameters
    ----------
    data : a file of CSV, Parquet or Excel, or a frame as of :func:`fastnn.tables.table_of_frame`.
    target : the column to predict; rows without it are left out.
    trials : settings to try, of which the first is the recipe's.
    time_limit : seconds; rounds have fewer epochs where it is too short for all. What is found then depends on the
        machine's speed; without it, it depends on ``seed`` alone.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    task : ``"classify"`` or ``"regress"``; None goes by the target.
    sampler : ``"random"``, or ``"optuna"`` (extra ``tune``).
    epochs : of the last round; None for the recipe's.
    resume : a table of trials to go on from, ``.csv`` or ``.jsonl``: what is in it is not trained again. One that is
        not there yet is begun.
    trials_out : where the table is written whenever a network is finished; None for ``resume``.
    n_threads, backend, executor : as in :func:`fastnn.fit_many`; an executor trains the networks of a round side by
        side, and the table goes once to each worker.
    verbose : 1 prints lines of progress.

    Raises
    ------
    ValueError
        there is no such column, nothing can be learned, ``resume`` is of another search, or ``n_threads`` and
        ``executor`` are both given.
    ImportError
        the sampler needs a package that is not installed.

    >>> import numpy as np
    >>> import fastnn
    >>> x = np.linspace(-1, 1, 60)
    >>> found = fastnn.tune({"x": x, "y": x**2}, "y", trials=2, epochs=4)
    >>> len(found.trials), found.best["loss"] == min(row["loss"] for row in found.trials)
    (2, True)
    """
    began = time.monotonic()
    table, column = _rows(data, target)
    plan = Plan(trials, sampler, epochs, resume, trials_out)
    options = Options(
        task=task, seed=seed, time_limit=time_limit, n_threads=n_threads, backend=backend, executor=executor
    )
    if (task or choose_task(column)[0]) == "regress":
        column = as_numbers(column) or column
    ready = make_ready(table, column, target, options)
    options = replace(options, time_limit=left_of(time_limit, began))
    return tune_ready(ready, options, plan, print if verbose else _silent)


def _silent(line: str) -> None:
    pass


def _rows(data: DataLike, target: str) -> tuple[Table, Column]:
    """Columns to predict from, and the one to predict, of the rows that have it."""
    if isinstance(data, str | os.PathLike):
        table = read_table(data, as_text=[target], verbatim=[target], keep=[target])
    else:
        table = table_of_frame(data)
    if target not in table.columns:
        came = f"{target!r}{nearest(target, table.columns)}"
        raise ValueError(f"{table.source} has no column {came}; it has {', '.join(map(repr, table.columns))}")
    column, _ = told_labels(table.columns[target])
    rows = np.flatnonzero(~column.gaps)
    if not len(rows):
        raise ValueError(f"the target {target!r} is empty in every row")
    return table.without(target).take(rows), column.take(rows)


def tune_ready(ready: Ready, options: Options, plan: Plan, say: Say) -> Tuned:
    """Search on a table that is encoded; ``options`` made it so."""
    integer("trials", plan.trials, low=1)
    rows, target = ready.rows, ready.encoding.row_target
    if len(rows) < FEWEST_ROWS:
        raise ValueError(f"{len(rows)} rows are too few to compare settings on; there must be {FEWEST_ROWS}")
    choice = planned(ready.choice, plan)
    with team_of(options.executor, options.n_threads) as team:
        bag = Bag(
            rows, target, ready.n_ids, options.backend, options.n_threads, ready.blocks, searching=True, team=team
        )
        place = place_of(choice, options, rows, isinstance(target, Classes))
        search = Search(bag, choice, TableFolds(rows, place), options.seed)
        halving, members = halved(search, options, plan, _told_of(rows, options), say)
    fitted = as_fitted(ready, options, members, halving.interrupted)
    table = halving.table()
    return Tuned(fitted.model, ready.encoding, [t.row() for t in table], _best(table).row(), fitted, fitted.interrupted)


def planned(choice: Choice, plan: Plan) -> Choice:
    """The choice with the epochs of a plan."""
    if plan.epochs is None:
        return choice
    return replace(choice, settings=replace(choice.settings, epochs=integer("epochs", plan.epochs, low=1)))


def halved(
    search: Search, options: Options, plan: Plan, told: Iterable[bytes], say: Say
) -> tuple[Halving, list[Member]]:
    """Run a search, on from what its table of trials has; ``told`` is what tells its rows from others."""
    run = _digest(search.choice, options, plan, told)
    out = plan.trials_out if plan.trials_out is not None else plan.resume
    known = read_trials(plan.resume, run) if plan.resume is not None and os.path.exists(plan.resume) else []
    if known:
        say(f"{len(known)} trials are known from {os.fspath(plan.resume)}")
    halving = Halving(
        search,
        sampler(plan.sampler, search.choice.settings, options.seed, plan.trials),
        plan.trials,
        FINALISTS,
        run,
        {(trial.trial, trial.round): replace(trial, share=0.0) for trial in known},
        lambda trials: None if out is None else write_trials(out, trials),
        say,
    )
    return halving, halving.go(None if options.time_limit is None else TO_TRAIN * options.time_limit)


def _best(trials: list[Trial]) -> Trial:
    last = max(trial.round for trial in trials)
    return min((trial for trial in trials if trial.round == last), key=lambda trial: (trial.loss, trial.trial))


def _digest(choice: Choice, options: Options, plan: Plan, told: Iterable[bytes]) -> str:
    """What tells one search from another: its rows and what it is made of, not how long it may take."""
    import hashlib

    found = hashlib.sha256(repr((choice, options.seed, plan.trials, plan.sampler)).encode())
    for part in told:
        found.update(part)
    return found.hexdigest()[:16]


def _told_of(rows: Rows, options: Options) -> Iterator[bytes]:
    """Rows as bytes."""
    given: list[Any] = [*(rows.x if isinstance(rows.x, list) else [rows.x]), rows.y, rows.weights, options.groups]
    for array in given:
        if array is not None:
            yield repr(array.shape).encode()
            yield np.ascontiguousarray(array).tobytes() if isinstance(array, np.ndarray) else repr(array).encode()
