"""The recipe of tables, its search and its tuning, on rows that are read while they train: which fold each network has.

All networks of a fold say something of the same rows of it, so that settings are compared and weighted as those of a
table in memory are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from fastnn._base.reprs import counted
from fastnn.data.arrow import Tables
from fastnn.data.encoders import FLOAT
from fastnn.data.encoding import Learned, sample_of
from fastnn.data.kept import kept_if_small
from fastnn.data.passes import Part
from fastnn.data.raw import targets_of
from fastnn.models.model import Model
from fastnn.tables import Encoding
from fastnn.tables.features import TableFeatures
from fastnn.tables.target import Classes
from fastnn.tabular.bag import Member, Rows
from fastnn.tabular.balancing import block_scales, fold_scales, scaled
from fastnn.tabular.calibrating import soften
from fastnn.tabular.choices import Choice
from fastnn.tabular.fitting import Options
from fastnn.tabular.joining import joined
from fastnn.tabular.limits import left_of
from fastnn.tabular.networks import ends
from fastnn.tabular.search import Search, Tell
from fastnn.tabular.streamed import MOST_HELD, FoldRows, ScaledEncoder, StreamBag, StreamedRows
from fastnn.tabular.team import team_of
from fastnn.tabular.trials import Trial
from fastnn.tabular.tuning import Plan, Say, halved, planned

STARTED = 20_000  # rows of the sample that scales and first weights follow from
TOO_FEW = "{} are too few to hold some out by a draw of each; read them into memory, as one file without --stream"


@dataclass(frozen=True)
class StreamFitted:
    """A stream's model and what is known of it.

    Attributes
    ----------
    model : takes encoded rows; the mean of all members, by their shares.   encoding : makes them of raw ones.
    members : the networks.   folds : rows that some of them did not see and say something of.
    y, told_by : of each fold the encoded targets of these rows, and the networks.
    interrupted : whether Ctrl-C ended the training.
    """

    model: Model
    encoding: Encoding
    members: list[Member]
    folds: list[Part]
    y: list[np.ndarray]
    told_by: list[list[Member]]
    interrupted: bool

    @property
    def out_of_fold(self) -> tuple[np.ndarray, np.ndarray]:
        """The targets of all rows that a network did not see, and what those that did not say of them."""
        told = [mean_of(members, [member.output for member in members]) for members in self.told_by]
        return np.concatenate(self.y), np.concatenate(told)


def mean_of(members: Sequence[Member], outputs: Sequence[Any]) -> np.ndarray:
    """The mean of what networks say, by their shares."""
    if len(outputs) == 1:
        found: np.ndarray = outputs[0]
        return found
    return np.average(outputs, axis=0, weights=[1.0 if each.share is None else each.share for each in members])


@dataclass(frozen=True)
class StreamFolds:
    """Folds of rows by a keyed draw of each row's number, as :class:`fastnn.tabular.search.Folds`.

    Attributes
    ----------
    pairs : of each fold the rows to learn from, and those held.   class_weights : how much rows of each class count.
    """

    bag: StreamBag
    pairs: list[tuple[FoldRows, FoldRows]]
    class_weights: np.ndarray | None

    def rows(self, fold: int) -> tuple[Any, Any]:
        """Rows that a network of a fold learns from, and those held from it."""
        return self.pairs[fold]

    def known(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Targets and weights of the rows that networks are asked of."""
        y = np.concatenate([self.y[fold] for fold in folds])
        return y, None if self.class_weights is None else self.class_weights[y]

    def part(self, fold: int) -> Part:
        """The rows of a fold that its networks are asked of."""
        return self.bag.asked(self.pairs[fold][1])

    @cached_property
    def y(self) -> list[np.ndarray]:
        """The targets of these rows, of all folds."""
        return targets_of(cast("StreamedRows", self.bag.rows).tables, [self.part(i) for i in range(len(self.pairs))])


Train = Callable[[StreamBag, StreamFolds, float | None], tuple[list[Member], bool]]  # the last: seconds that are left


def fit_stream(
    tables: Tables,
    learned: Learned,
    choice: Choice,
    options: Options,
    class_weights: np.ndarray | None = None,
    tell: Tell | None = None,
) -> StreamFitted:
    """Train the networks of a choice on a stream, and join them.

    Parameters
    ----------
    tables : the rows, whose targets are known.
    learned : what a first pass over them has found, and their encoding.
    choice : settings of the networks, and how many.
    options : how to train; ``seed``, ``time_limit``, ``n_threads``, ``backend``, ``executor`` and ``n_folds`` count.
    class_weights : how much rows of each class count.
    tell : None, or a function of each member that is done.
    """

    def train(bag: StreamBag, folds: StreamFolds, left: float | None) -> tuple[list[Member], bool]:
        plain = []
        for i in range(choice.n_members):
            fold = i % choice.n_folds
            plain.append(Member(choice.settings, options.seed + i, *folds.rows(fold), fold=fold))
        if not choice.candidates:
            return bag.train(plain, left, tell)
        search = Search(replace(bag, searching=True), choice, folds, options.seed)
        return search.run(plain, left, tell)

    return _fitted(tables, learned, choice, options, class_weights, train)


def tune_stream(
    tables: Tables, learned: Learned, choice: Choice, options: Options, plan: Plan, say: Say
) -> tuple[StreamFitted, list[Trial]]:
    """Search settings as :func:`fastnn.tune` does, and join the networks of the best few; with the table of trials.

    Parameters
    ----------
    tables, learned, choice, options : as of :func:`fit_stream`.
    plan : how the search goes.
    say : called with lines of progress.
    """
    choice = planned(choice, plan)
    found: list[Trial] = []

    def train(bag: StreamBag, folds: StreamFolds, left: float | None) -> tuple[list[Member], bool]:
        search = Search(replace(bag, searching=True), choice, folds, options.seed)
        source = cast("StreamedRows", bag.rows).tables
        told = repr((source.marks, source.rows.tolist())).encode()
        halving, members = halved(search, replace(options, time_limit=left), plan, [told], say)
        found.extend(halving.table())
        return members, halving.interrupted

    searched = replace(choice, n_members=choice.n_folds, candidates=(choice.settings,))
    return _fitted(tables, learned, searched, options, None, train), found


def _fitted(
    tables: Tables, learned: Learned, choice: Choice, options: Options, class_weights: np.ndarray | None, train: Train
) -> StreamFitted:
    began = time.monotonic()
    features, target = learned.encoding.features, learned.encoding.row_target
    assert isinstance(features, TableFeatures)
    rows, scales = _rows(tables, learned, choice, class_weights)
    pairs = list(_pairs(rows.tables, choice, options))
    with team_of(options.executor, options.n_threads) as team:
        bag = StreamBag(
            cast("Rows", rows),
            target,
            features.n_ids,
            options.backend,
            options.n_threads,
            team=team,
            scores_all=options.n_folds is not None,
        )
        folds = StreamFolds(bag, pairs, class_weights)
        members, interrupted = train(bag, folds, left_of(options.time_limit, began))
    told = [member for member in members if member.output is not None]
    if isinstance(target, Classes) and told:
        soften(members, [folds.y[member.fold] for member in told])
    for member in members:
        assert member.model is not None
        fold_scales(member.model, scales)
    shares = [member.share for member in members if member.share is not None]
    model = joined([member.model for member in members if member.model is not None], shares or None)
    model.backend = options.backend
    model.compile("adam", ends(target)[1], metrics=["accuracy" if isinstance(target, Classes) else "r2"])
    known = sorted({member.fold for member in told})
    return StreamFitted(
        model,
        learned.encoding,
        members,
        [folds.part(fold) for fold in known],
        [folds.y[fold] for fold in known],
        [[member for member in told if member.fold == fold] for fold in known],
        interrupted,
    )


def _rows(
    tables: Tables, learned: Learned, choice: Choice, class_weights: np.ndarray | None
) -> tuple[StreamedRows, np.ndarray | None]:
    """What all networks read, and what each number of an encoded row is multiplied with."""
    features, target = learned.encoding.features, learned.encoding.row_target
    sample, numbers = sample_of(learned), learned.survey.numbers
    some = np.unique(np.linspace(0, len(numbers) - 1, min(len(numbers), STARTED)).astype(np.int64))
    raw = sample.take(some)
    x = features.encode(raw)
    scales = block_scales(features, x) if choice.balanced else None
    source = tables.encoded_by(ScaledEncoder(learned.encoding, scales, class_weights))
    y = target.encode(raw.columns[target.name])
    y = y if isinstance(target, Classes) else y.astype(FLOAT)
    return StreamedRows(source, kept_if_small(source), scaled(x, scales), y, numbers[some]), scales


def _pairs(tables: Tables, choice: Choice, options: Options) -> Iterator[tuple[FoldRows, FoldRows]]:
    """Of each fold that networks are trained for the rows to learn from and those held."""
    n_rows = int(tables.rows.sum())
    few = f"{tables.name}: {TOO_FEW.format(counted(n_rows, 'row'))}"
    share = 1 / choice.n_folds if options.n_folds else min(1 / choice.n_folds, MOST_HELD / n_rows)
    n = choice.n_folds if choice.candidates else min(choice.n_members, choice.n_folds)
    counts = []
    for i in range(n):
        held = Part(options.seed, share, True, low=i * share)
        counts.append(sum(_counts(tables, held)))
        if options.n_folds and not counts[i]:
            raise ValueError(f"fold {i + 1} of {choice.n_folds} has no row of {tables.name}; take fewer folds")
        if counts[i] == n_rows or (choice.candidates and not counts[i]):
            raise ValueError(few)
        yield FoldRows(replace(held, is_held_out=False), n_rows - counts[i]), FoldRows(held, counts[i])
    if not any(counts):
        raise ValueError(few)


def _counts(tables: Tables, part: Part) -> list[int]:
    """Rows of each group that belong to a part."""
    firsts = np.concatenate([[0], np.cumsum(tables.rows)[:-1]]).tolist()
    return [int(part.mask(first, n).sum()) for first, n in zip(firsts, tables.rows.tolist(), strict=True)]
