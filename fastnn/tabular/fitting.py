"""From a table and the column to predict to one trained model that takes the table's rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn.models.model import Model
from fastnn.tables import Encoding, FeatureOptions, choose_task, column_notes, fit_classes, fit_features, fit_quantity
from fastnn.tables.table import Column, Numbers, Table
from fastnn.tables.target import Classes, Target
from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.balancing import block_scales, blocks, fold_scales, scaled
from fastnn.tabular.calibrating import soften
from fastnn.tabular.choices import Choice, Preset, choose
from fastnn.tabular.folds import folds
from fastnn.tabular.joining import joined
from fastnn.tabular.limits import left_of
from fastnn.tabular.networks import ends
from fastnn.tabular.search import Search, TableFolds
from fastnn.tabular.team import ExecutorLike, team_of
from fastnn.tabular.team import check as check_team

MOST_INPUTS = 8_192  # numbers of an encoded row that pieces may make of a table
FEWEST_ROWS = 10  # from which on some say how good a network is


@dataclass(frozen=True)
class Options:
    """How a table is fitted; what is left out follows from the table.

    Attributes
    ----------
    task : ``"classify"`` or ``"regress"``; None goes by the target.
    target : how the column to predict is encoded; None fits that.
    preset : ``"quick"``, ``"default"`` or ``"best"``.
    seed : of all that is random.
    groups : ``(n,)``, rows that belong together: no network says how good it is by rows of a group it learned from.
    weights : ``(n,)``, how much each row counts.
    time_limit : seconds, of the training in all; None trains as long as the preset says.
    n_threads, backend, executor : as in :func:`fastnn.fit_many`.
    choice : takes the place of what the preset chooses.
    n_folds : so many networks, each with a fold of its own; None for what the preset has.
    """

    task: str | None = None
    target: Target | None = None
    preset: Preset = "default"
    seed: int = 0
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    time_limit: float | None = None
    n_threads: int | None = None
    backend: str | None = None
    choice: Choice | None = None
    n_folds: int | None = None
    executor: ExecutorLike | None = None


@dataclass(frozen=True)
class Ready:
    """A table that is encoded, and what is to be trained on it.

    Parameters
    ----------
    rows : encoded rows, targets and weights.
    scales : of each encoded number, what it was multiplied with; None where nothing was.
    notes : what a user should know of the table.

    Attributes
    ----------
    encoding : makes inputs and targets of raw rows.   rows : encoded ones, and scaled by ``scales``.
    choice : the networks.   notes : what a user should know of the columns.
    """

    encoding: Encoding
    rows: Rows
    scales: np.ndarray | None
    choice: Choice
    notes: list[str]

    @property
    def n_ids(self) -> tuple[int | None, ...]:
        """How many vectors the ``Embedding`` of each input has, None for plain numbers."""
        return getattr(self.encoding.features, "n_ids", (None,))

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many numbers each column is encoded as, where columns count by what they tell."""
        return blocks(self.encoding.features) if self.choice.by_relevance else ()


@dataclass(frozen=True)
class Fitted:
    """A table's model and what is known of it.

    Parameters
    ----------
    encoding : how raw rows become inputs, and outputs predictions.
    y : encoded targets of the rows it was trained on.
    notes : what a user should know of the columns, sentences.

    Attributes
    ----------
    model : takes encoded rows; the mean of all members.   encoding : makes them of raw ones.
    members : the networks.   y : ``(n,)`` encoded target of all rows.
    out_of_fold : rows that a member never saw, ``(m,)``, in order, and what those members say of them, ``(m, n_out)``.
    interrupted : whether Ctrl-C ended the training.
    """

    model: Model
    encoding: Encoding
    members: list[Member]
    y: np.ndarray
    out_of_fold: tuple[np.ndarray, np.ndarray]
    interrupted: bool
    notes: list[str] = field(default_factory=list)


def fit_table(table: Table, column: Column, name: str, options: Options = Options()) -> Fitted:
    """Fit the encoding of a table and networks on it.

    Parameters
    ----------
    table : the columns to predict from.
    column, name : the one to predict, without gaps, and what it is called.
    options : how to train.

    Raises
    ------
    ValueError
        nothing can be learned, or an option does not fit the table; the message names column and cause.

    >>> import numpy as np
    >>> from fastnn.tables import Table, Numbers
    >>> x = np.linspace(-1, 1, 60)
    >>> fitted = fit_table(Table({"x": Numbers(x)}), Numbers(x**2), "y", Options(preset="quick"))
    >>> encoding = fitted.encoding
    >>> encoding.target.decode(fitted.model.predict(encoding.features.encode(Table({"x": Numbers(x)})))).shape
    (60,)
    """
    began = time.monotonic()
    ready = make_ready(table, column, name, options)
    return train(ready, replace(options, time_limit=left_of(options.time_limit, began)))


def make_ready(table: Table, column: Column, name: str, options: Options) -> Ready:
    """Fit the encoding, encode, and choose what is trained.

    Parameters
    ----------
    table : the columns to predict from.
    column, name : the one to predict, without gaps, and what it is called.
    options : how to train.
    """
    _check(options, len(table))
    target = options.target
    if target is None:
        task = options.task or choose_task(column)[0]
        target = fit_classes(name, column) if task == "classify" else fit_quantity(name, column, limited=True)
    choice = options.choice or choose(options.preset, len(table), isinstance(target, Classes), options.seed)
    if options.n_folds is not None:
        choice = replace(choice, n_members=options.n_folds, n_folds=options.n_folds, candidates=())
    pieces = pieces_for(table, choice.pieces)
    features, notes = fit_features(table, FeatureOptions(pieces, choice.most_one_hot, dates=True))
    notes += column_notes(table, name, column)
    y = target.encode(column)
    x = features.encode(table)
    if not any(np.ptp(part, axis=0).any() for part in (x if isinstance(x, list) else [x]) if part.size):
        notes.append("no column is left to learn from: the model gives every row the same answer")
    scales = block_scales(features, x) if choice.balanced else None
    return Ready(Encoding(features, target), Rows(scaled(x, scales), y, options.weights), scales, choice, notes)


def pieces_for(table: Table, most: int) -> int:
    """Pieces of each number, fewer where there are very many columns; 0 where there would be less than two."""
    n_numbers = sum(isinstance(column, Numbers) for column in table.columns.values())
    pieces = min(most, MOST_INPUTS // max(1, n_numbers))
    return pieces if pieces > 1 else 0


def train(ready: Ready, options: Options, tell: Callable[[Member], None] | None = None) -> Fitted:
    """Train the networks and join them; ``tell`` is called with each that is done.

    Parameters
    ----------
    ready : encoded rows, and what is trained.
    options : how to train.
    tell : None, or a function of each member that is done.
    """
    with team_of(options.executor, options.n_threads) as team:
        target, n_threads = ready.encoding.row_target, options.n_threads
        bag = Bag(ready.rows, target, ready.n_ids, options.backend, n_threads, ready.blocks, team=team)
        members, interrupted = _trained(bag, ready, options, tell)
    return as_fitted(ready, options, members, interrupted)


def _trained(
    bag: Bag, ready: Ready, options: Options, tell: Callable[[Member], None] | None
) -> tuple[list[Member], bool]:
    target, rows = bag.target, bag.rows
    planned = _members(ready.choice, options, rows, isinstance(target, Classes))
    if ready.choice.candidates and len(planned[0].held):
        place = place_of(ready.choice, options, rows, isinstance(target, Classes))
        plan = Search(replace(bag, searching=True), ready.choice, TableFolds(rows, place), options.seed)
        return plan.run(planned, options.time_limit, tell)
    return bag.train(planned, options.time_limit, tell)


def as_fitted(ready: Ready, options: Options, members: list[Member], interrupted: bool) -> Fitted:
    """What trained networks are together."""
    target, rows = ready.encoding.row_target, ready.rows
    parts = [member.share for member in members if member.share is not None]
    if isinstance(target, Classes):
        held = [member.held for member in members if member.output is not None]
        weights = None if rows.weights is None else [rows.weights[part] for part in held]
        soften(members, [rows.y[part] for part in held], weights)
    models = [member.model for member in members if member.model is not None]
    for model in models:
        fold_scales(model, ready.scales)
    model = joined(models, parts or None)
    model.backend = options.backend
    model.compile("adam", ends(target)[1], metrics=["accuracy" if isinstance(target, Classes) else "r2"])
    return Fitted(model, ready.encoding, members, rows.y, out_of_fold(members), interrupted, ready.notes)


def _check(options: Options, n: int) -> None:
    integer("seed", options.seed, low=0)
    if options.n_threads is not None:
        integer("n_threads", options.n_threads, low=1)
    check_team(options.executor, options.n_threads)
    if options.time_limit is not None:
        number("time_limit", options.time_limit, low=0.0, open_low=True)
    for what, given in (("groups", options.groups), ("weights", options.weights)):
        if given is not None and given.shape != (n,):
            raise ValueError(f"{what} must be one of each of the {n} rows, got shape {given.shape}")


def _members(choice: Choice, options: Options, rows: Rows, classes: bool) -> list[Member]:
    """Networks, each with a fold of its own that it does not learn from."""
    n, settings = len(rows), choice.settings
    if n < FEWEST_ROWS:
        everything = np.arange(n)
        nothing = everything[:0]
        return [Member(settings, options.seed + i, everything, nothing) for i in range(choice.n_members)]
    place = place_of(choice, options, rows, classes)
    made = []
    for i in range(choice.n_members):
        held = place == i % choice.n_folds
        made.append(Member(settings, options.seed + i, np.flatnonzero(~held), np.flatnonzero(held), fold=i))
    return made


def place_of(choice: Choice, options: Options, rows: Rows, classes: bool) -> np.ndarray:
    """The fold of each row."""
    return folds(choice.n_folds, options.seed, rows.y, classes, options.groups)


def out_of_fold(members: list[Member]) -> tuple[np.ndarray, np.ndarray]:
    """Rows that were held from some members, in order, and the mean of what these say of each, by their shares."""
    told = [member.output for member in members if member.output is not None]
    if not told:
        return np.empty(0, np.int64), np.empty((0, 1))
    n = 1 + max(int(member.held.max()) for member in members if len(member.held))
    total, count = np.zeros((n, told[0].shape[1])), np.zeros(n)
    for member in members:
        if member.output is not None:
            share = 1.0 if member.share is None else member.share
            total[member.held] += share * member.output
            count[member.held] += share
    rows = np.flatnonzero(count)
    return rows, total[rows] / count[rows, None]
