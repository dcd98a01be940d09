"""``fastnn train`` on a table with nothing said of the network: the recipe of :mod:`fastnn.tabular`, in words."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.reprs import counted
from fastnn.cli.data import Source, require_target
from fastnn.cli.prepare import class_weights_of, describe, too_few, usable_rows
from fastnn.cli.report import Report
from fastnn.cli.table_report import write_recipe_report
from fastnn.cli.texts import hints
from fastnn.tables import Table, shared_rows_note
from fastnn.tables.target import Classes, Target
from fastnn.tabular import Fitted, Member, Options, make_ready
from fastnn.tabular import train as train_members
from fastnn.tabular.choices import Choice
from fastnn.tabular.fitting import FEWEST_ROWS
from fastnn.tabular.greedy import row_losses
from fastnn.tabular.report import score, summary_of
from fastnn.tabular.report.balance import imbalance
from fastnn.tabular.report.scoring import spread_of

if TYPE_CHECKING:
    from fastnn.tabular.team import ExecutorLike

OF_ONE_NETWORK = (
    *("network", "hidden", "activation", "augment", "image_size", "text", "text_unit", "text_length", "window"),
    *("optimizer", "learning_rate", "epochs", "patience", "batch_size", "weight_decay", "validation"),
    *("checkpoint", "watch", "plot"),
)
SHOWS_ONE = {"checkpoint", "watch", "plot"}


def takes_recipe(arguments: argparse.Namespace, is_table: bool) -> bool:
    """Whether rows are of a table and nothing is said of the network or how it is trained.

    Raises
    ------
    ValueError
        ``--preset`` is given with what is said of a single network, or for what is no table.
    """
    said = [name for name in OF_ONE_NETWORK if getattr(arguments, name) is not None]
    wanted = "--preset" if arguments.preset else "--cv" if arguments.cv else None
    option = "--" + said[0].replace("_", "-") if said else ""
    if wanted is None:
        if is_table and said and set(said) <= SHOWS_ONE:
            print(
                f"note: {option} is about a single network, so one is trained; without it, tables are fitted by several"
            )
        return is_table and not said
    if said:
        raise ValueError(f"{option} is about a single network, and {wanted} trains several; leave one of both out")
    if not is_table:
        raise ValueError(f"{wanted} is for tables, and these rows are images; leave it out")
    return True


def train_recipe(source: Source, arguments: argparse.Namespace, seed: int, executor: ExecutorLike | None) -> bool:
    """Train, tell how good it is, and write it; whether Ctrl-C ended the training."""
    source, task, reason, numbers = usable_rows(source, arguments)
    assert isinstance(source.features, Table)
    options = Options(
        task=task,
        preset=arguments.preset or "default",
        seed=seed,
        time_limit=arguments.time_limit,
        backend=arguments.backend,
        n_folds=arguments.cv,
        executor=executor,
    )
    ready = make_ready(source.features, require_target(source), source.target_name, options)
    target, y = ready.encoding.row_target, ready.rows.y
    print(f"task: {task} ({reason}){describe(target, y if isinstance(target, Classes) else None)}")
    for note in (*ready.notes, *hints(source.features)):
        print(f"note: {note}")
    weights = class_weights_of(arguments, target, y)
    if isinstance(target, Classes) and (unbalanced := imbalance(target, y, weights)["note"]):
        print(f"note: {unbalanced}")
    if weights is not None:
        ready = replace(ready, rows=replace(ready.rows, weights=weights[y]))
    if len(y) < FEWEST_ROWS:
        print(too_few(len(y)))
    n_inputs, n_out = sum(ready.rows.widths), ready.encoding.target.n_out
    print(networks_line(ready.choice, n_inputs, n_out, options.seed), flush=True)
    began = time.perf_counter()
    fitted = train_members(ready, options, tell_member)
    preset = f"preset {arguments.preset or 'default'}, seed {seed}"
    finish(source, fitted, arguments.out, task, time.perf_counter() - began, preset)
    if arguments.report:
        write_recipe_report(arguments.report, source.features, numbers, fitted, seed, class_weights=weights)
    return fitted.interrupted


def networks_line(choice: Choice, n_inputs: int, n_out: int, seed: int) -> str:
    """What is trained, and how, in a line."""
    settings = choice.settings
    if choice.candidates:
        return (
            f"{len(choice.candidates)} settings on one of {choice.n_folds} folds, the best {choice.n_finalists} on the "
            f"others, too; at most {counted(max(each.epochs for each in choice.candidates), 'epoch')} each, of which "
            f"the best is kept, seed {seed}"
        )
    widths = [n_inputs, *settings.hidden, n_out]
    return (
        f"{counted(choice.n_members, 'network')}: {' - '.join(map(str, widths))}, {settings.activation}; "
        f"batches of {settings.batch_size}, {counted(settings.epochs, 'epoch')} of which the best is kept, "
        f"seed {seed}"
    )


def twice(table: Table, members: list[Member]) -> list[str]:
    """The note on rows that the first network did not see, and yet has seen in others that are the same."""
    first = members[0]
    return shared_rows_note(table.take(first.learns), table.take(first.held)) if len(first.held) else []


def no_better(fitted: Fitted) -> list[str]:
    """The note on networks that know nothing of rows they did not see: none where they beat a constant answer."""
    target, (rows, output) = fitted.encoding.row_target, fitted.out_of_fold
    if not len(rows):
        return []
    classes, y = isinstance(target, Classes), fitted.y[rows]
    constant: Any = fitted.y.mean()  # of two classes the share of the second one
    if output.shape[1] > 1:
        constant = np.bincount(fitted.y.astype(np.int64), minlength=output.shape[1]) / len(fitted.y)
    always = np.broadcast_to(constant, (len(y), np.size(constant)))
    if row_losses(classes, output, y).mean() < row_losses(classes, always, y).mean():
        return []
    what = "the shares of the classes" if classes else "the mean"
    return [
        f"of rows that a network did not see the model knows no more than {what}: the columns say too little of "
        f"{target.name!r}, or the rows are too few"
    ]


def spread_line(target: Target, held: Iterable[tuple[np.ndarray, np.ndarray]]) -> str:
    """Scores of the networks one by one, from targets and outputs of each: their mean and spread, in a line."""
    found = spread_of([score(target, y, output) for y, output in held])
    told = [f"{name.replace('_', ' ')} {each['mean']:.4g} ± {each['std']:.2g}" for name, each in found.items()]
    return f"the networks one by one, mean and spread: {', '.join(told[:4])}"


def tell_member(member: Member) -> None:
    """A line for each network that is trained."""
    if member.kept < 0:
        print("  diverged", flush=True)
        return
    kept = f"epoch {member.kept + 1} of {member.n_epochs} kept"
    print(f"  {kept}, validation loss {member.loss:.4g}" if len(member.held) else f"  {kept}", flush=True)


def tell_trained(members: list[Member], interrupted: bool, seconds: float) -> str:
    """Tell what was trained, how long; gives it in words."""
    updates = sum(member.n_updates for member in members)
    backend = next(member.model.backend_ for member in members if member.model is not None)
    print("interrupted: the model is kept as far as it was trained\n" * interrupted, end="")
    trained = f"{counted(len(members), 'network')}, {counted(updates, 'update')}, in {seconds:.1f} s"
    print(f"trained {trained} on the backend {backend}")
    return trained


def finish(source: Source, fitted: Fitted, out: str, task: str, seconds: float, how: str) -> None:
    """Tell how good the model is, and write it."""
    model, members = fitted.model, fitted.members
    assert isinstance(source.features, Table)
    target, (rows, output) = fitted.encoding.row_target, fitted.out_of_fold
    trained = tell_trained(members, fitted.interrupted, seconds)
    where = f"{counted(len(rows), 'row')} that a network did not see"
    if not len(rows):
        where, rows = "the training rows", np.arange(len(fitted.y))
        output = model.predict(fitted.encoding.features.encode(source.features))
    report = Report(target, fitted.y[rows], output)
    print(f"on {where}: {report.in_line()} ({report.baseline()})")
    if len(fitted.out_of_fold[0]) and len(members) > 1:
        held = [(fitted.y[member.held], member.output) for member in members if member.output is not None]
        print(spread_line(target, held))
    for line in report.details():
        print(line)
    for note in [*no_better(fitted), *twice(source.features, members)]:
        print(f"note: {note}")
    told = {
        "data": f"{source.name}, {counted(len(source), 'row')} of {counted(source.n_columns, 'column')}, task {task}",
        "training": f"{trained}, {how}",
        f"on {where}": report.in_line(),
    }
    encoding = replace(fitted.encoding, trained=told)
    summary = summary_of(encoding.features, source.features, target, output)
    model.save(out, encoding.metadata() | summary.metadata())
    print(f"wrote {out}", flush=True)
