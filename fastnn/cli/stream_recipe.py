"""``fastnn train`` with nothing said of the network, and ``fastnn tune``, on rows that are read while they train."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.prepare import class_weights_of
from fastnn.cli.report import Report
from fastnn.cli.stream_report import summary_metadata_of, write_fitted_report
from fastnn.cli.streams import check_options, opened, tell_task
from fastnn.cli.tabular import networks_line, spread_line, tell_member, tell_trained
from fastnn.data.arrow import Tables
from fastnn.data.encoding import Learned, learn
from fastnn.tables import FeatureOptions, Table
from fastnn.tables.target import Classes, Quantity
from fastnn.tabular import Options
from fastnn.tabular.choices import Choice, Preset, choose
from fastnn.tabular.fitting import pieces_for
from fastnn.tabular.stream_fitting import StreamFitted, fit_stream, tune_stream
from fastnn.tabular.tuning import Plan

if TYPE_CHECKING:
    from fastnn.tabular.team import ExecutorLike


def train_stream_recipe(arguments: argparse.Namespace, seed: int, executor: ExecutorLike | None) -> bool:
    """Train, tell how good it is, and write it; whether Ctrl-C ended the training."""
    tables, columns = opened(arguments)
    learned, choice = _learned(arguments, tables, columns, arguments.preset or "default", seed)
    if arguments.cv:
        choice = replace(choice, n_members=arguments.cv, n_folds=arguments.cv, candidates=())
    tell_task(learned)
    target = learned.encoding.row_target
    sampled = target.encode(learned.survey.sample.columns[target.name])
    weights = class_weights_of(arguments, target, sampled)
    print(networks_line(choice, learned.encoding.features.width, target.n_out, seed), flush=True)
    began = time.perf_counter()
    limit, backend = arguments.time_limit, arguments.backend
    options = Options(seed=seed, time_limit=limit, backend=backend, n_folds=arguments.cv, executor=executor)
    fitted = fit_stream(tables, learned, choice, options, weights, tell_member)
    preset = f"preset {arguments.preset or 'default'}, seed {seed}"
    finish(arguments.out, tables, learned, fitted, time.perf_counter() - began, preset)
    if arguments.report:
        write_fitted_report(arguments.report, tables, learned, fitted, class_weights=weights, seed=seed)
    return fitted.interrupted


def tune_stream_rows(
    arguments: argparse.Namespace, seed: int, plan: Plan, executor: ExecutorLike | None, say: Callable[[str], None]
) -> tuple[int, bool]:
    """Search, tell how good what was found is, and write it; rows of the table of trials, and whether Ctrl-C came."""
    check_options(arguments)
    tables, columns = opened(arguments)
    learned, choice = _learned(arguments, tables, columns, "default", seed)
    tell_task(learned)
    how = f"{counted(plan.trials, 'trial')}, sampler {plan.sampler}, seed {seed}"
    print(f"search: {how}", flush=True)
    began = time.perf_counter()
    options = Options(seed=seed, time_limit=arguments.time_limit, backend=arguments.backend, executor=executor)
    fitted, trials = tune_stream(tables, learned, choice, options, plan, say)
    finish(arguments.out, tables, learned, fitted, time.perf_counter() - began, how)
    return len(trials), fitted.interrupted


def _learned(
    arguments: argparse.Namespace, tables: Tables, columns: list[str], preset: Preset, seed: int
) -> tuple[Learned, Choice]:
    """What a pass over the rows finds, and the networks that follow from it."""
    n_rows = int(tables.rows.sum())
    of_any = choose(preset, n_rows, True, seed)

    def how(sample: Table) -> FeatureOptions:
        return FeatureOptions(pieces_for(sample, of_any.pieces), of_any.most_one_hot, dates=True)

    learned = learn(tables, columns, arguments.target, arguments.task, how, n_rows=n_rows)
    target = learned.encoding.row_target
    moments = learned.survey.moments.get(target.name)
    if isinstance(target, Quantity) and moments is not None:
        target = replace(target, limits=(moments.low, moments.high))
        learned = replace(learned, encoding=replace(learned.encoding, target=target))
    return learned, choose(preset, n_rows, isinstance(target, Classes), seed)


def finish(out: str, tables: Tables, learned: Learned, fitted: StreamFitted, seconds: float, how: str) -> None:
    """Tell how good the model is, and write it."""
    model, encoding = fitted.model, fitted.encoding
    trained = tell_trained(fitted.members, fitted.interrupted, seconds)
    target, (y, output) = encoding.row_target, fitted.out_of_fold
    report, where = Report(target, y, output), f"{counted(len(y), 'row')} that a network did not see"
    print(f"on {where}: {report.in_line()} ({report.baseline()})")
    told = [
        (y, each.output)
        for y, of in zip(fitted.y, fitted.told_by, strict=True)
        for each in of
        if each.output is not None
    ]
    if len(told) > 1:
        print(spread_line(target, told))
    for line in report.details():
        print(line)
    words: dict[str, Any] = {
        "data": f"{tables.name}, {counted(learned.survey.n_rows, 'row')}, task {learned.task}",
        "training": f"{trained}, {how}",
        f"on {where}": report.in_line(),
    }
    model.save(out, replace(encoding, trained=words).metadata() | summary_metadata_of(learned, np.asarray(output)))
    print(f"wrote {out}", flush=True)
