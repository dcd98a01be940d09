"""The recipe of tables on rows that are read while they train: several networks, each on all rows but its own fold.

Which rows a fold has follows from a keyed draw of each row's number, so no list of rows is in memory. Each network
reads for itself, and has in memory the rows of its fold that say which epoch is best, at most :data:`MOST_HELD`.

Design: networks that learn from one reading (rejected) would all have the same order of rows, and could not end one by
one, where the loss has stopped falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from fastnn._base.reprs import counted
from fastnn.data.arrow import Tables
from fastnn.data.encoders import FLOAT, TableEncoder
from fastnn.data.encoding import Learned, sample_of
from fastnn.data.kept import kept_if_small
from fastnn.data.passes import How, Part, window_of
from fastnn.data.raw import codes_of, targets_of
from fastnn.data.sources import Arrays, Source
from fastnn.data.stream import Stream
from fastnn.models.model import Model
from fastnn.tables import Encoding
from fastnn.tables.features import TableFeatures
from fastnn.tables.target import Classes
from fastnn.tabular.bag import Bag, Measure, Member, Rows, part_of
from fastnn.tabular.balancing import block_scales, fold_scales, scaled
from fastnn.tabular.best import Best, row_errors
from fastnn.tabular.calibrating import soften
from fastnn.tabular.choices import Choice
from fastnn.tabular.fitting import Options
from fastnn.tabular.greedy import row_losses
from fastnn.tabular.joining import joined
from fastnn.tabular.networks import ends, network, prepare
from fastnn.tabular.team import team_of

MOST_HELD, MOST_HELD_BYTES = 100_000, 2**27  # rows of a fold in memory, and bytes of them as they are encoded
STARTED = 20_000  # rows of the sample that scales and first weights follow from
PREDICTED = 4_096  # rows of a batch
TOO_FEW = "{} are too few to hold some out by a draw of each; read them into memory, as one file without --stream"


class ScaledEncoder(TableEncoder):
    """The encoding, with each number multiplied by its scale (:mod:`fastnn.tabular.balancing`)."""

    def __init__(self, encoding: Encoding, scales: np.ndarray | None, class_weights: np.ndarray | None):
        super().__init__(encoding, class_weights=class_weights)
        self.scales = scales

    def __call__(self, table: Any, where: str) -> Arrays:
        made = super().__call__(table, where)
        if self.scales is not None:
            np.multiply(made.x[0], self.scales, out=made.x[0])
        return made


@dataclass(frozen=True)
class FoldRows:
    """Rows of a part by their number alone, in the places where a :class:`Member` of a table has lists of them."""

    part: Part | None
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> FoldRows:
        return replace(self, count=len(range(*rows.indices(self.count))))


@dataclass(frozen=True)
class StreamedRows:
    """What all networks read.

    Attributes
    ----------
    tables, source : row groups, as their encoder gives them; few of them as they were read, which stay in memory.
    x, y, numbers : some encoded rows, their targets, and their numbers in the data.
    """

    tables: Tables
    source: Source
    x: Any
    y: np.ndarray
    numbers: np.ndarray

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of a row in each array."""
        return Rows(self.x, self.y).widths

    def take(self, rows: FoldRows) -> Rows:
        """Some of the rows of a part that are in memory."""
        chosen = np.flatnonzero(np.ones(len(self.y), bool) if rows.part is None else rows.part.mask_of(self.numbers))
        chosen = chosen[: len(rows)]
        return Rows(part_of(self.x, chosen), self.y[chosen])

    def stream(self, part: Part | None, batch_size: int, seed: int, shuffle: bool = True) -> Stream:
        """The rows of a part, as they are read."""
        return Stream(self.source, How(batch_size, window_of(self.tables, None), shuffle, seed, part))


@dataclass(frozen=True)
class StreamBag(Bag):
    """What networks on a stream share; ``scores_all`` has each say something of its whole fold, else of some rows."""

    scores_all: bool = False

    def _fit(self, member: Member, limit: float | None) -> None:
        rows, settings = cast("StreamedRows", self.rows), member.settings
        learns, held = (cast("FoldRows", each) for each in (member.learns, member.held))
        stream = rows.stream(learns.part, settings.batch_size, member.seed)
        model = network(settings, rows.widths, self.n_ids, self.target, member.seed)
        model.backend = self.backend
        steps = settings.epochs * math.ceil(len(learns) / settings.batch_size)
        prepare(model, settings, self.target, steps, rows.take(learns).x, member.seed)
        known = Rows(*in_memory(rows.stream(self._looked_at(held), PREDICTED, 0, shuffle=False))) if len(held) else None
        best = Best(lambda: self._said(row_errors, model, known), settings.patience, settings.cycle_ends)
        member.model = model
        try:
            model.fit(
                stream,
                epochs=settings.epochs,
                callbacks=[best] if known else [],
                time_limit=limit,
                verbose=0,
            )
        finally:
            self._keep_streamed(member, best, known)

    def _said(self, measure: Measure, model: Model, known: Rows | None) -> float:
        """The mean of what a measure says of the rows that say which epoch is best; 0 where there are none."""
        return self._mean(measure, model.predict(known.x), known) if known else 0.0

    def _looked_at(self, held: FoldRows) -> Part:
        """The rows of a fold that say which epoch is best."""
        part = held.part
        assert part is not None
        width = 4 * sum(cast("StreamedRows", self.rows).widths)
        most = min(MOST_HELD, MOST_HELD_BYTES // width)
        return replace(part, share=part.share * min(1.0, most / len(held)))

    def _keep_streamed(self, member: Member, best: Best, known: Rows | None) -> None:
        """Give the network its best epoch, and ask it what it says of the rows of its fold."""
        rows, held = cast("StreamedRows", self.rows), cast("FoldRows", member.held)
        learns = cast("FoldRows", member.learns)
        model = self._at_best(member, best, len(held) > 0, lambda: _codes(rows.tables, learns.part))
        if model and known:
            member.loss = self._said(row_losses, model, known)
            asked = held.part if self.scores_all else self._looked_at(held)
            member.output = model.predict(rows.stream(asked, PREDICTED, 0, shuffle=False))


def _codes(tables: Tables, part: Part | None) -> Rows:
    """All codes of embedded categories that rows of a part have, as :func:`zero_untrained` looks for them."""
    encoder = tables.encoder
    assert isinstance(encoder, TableEncoder)
    features = encoder.encoding.features
    assert isinstance(features, TableFeatures)
    found = codes_of(tables, part)
    seen = [offset + found[each.name] for offset, each in zip(features.offsets, features.codes, strict=True)]
    codes = np.concatenate(seen) if seen else np.empty(0, np.int64)
    return Rows([codes] * len(features.widths), np.empty(0))


def in_memory(stream: Stream) -> tuple[Any, ...]:
    """All rows of a stream: inputs, targets, and weights where there are some."""
    batches = list(stream)
    x = [batch[0] for batch in batches]
    inputs = [np.concatenate(a) for a in zip(*x, strict=True)] if isinstance(x[0], list) else np.concatenate(x)
    return inputs, *(np.concatenate(arrays) for arrays in list(zip(*batches, strict=True))[1:])


@dataclass(frozen=True)
class StreamFitted:
    """A stream's model and what is known of it.

    Attributes
    ----------
    model : takes encoded rows; the mean of all members.   encoding : makes them of raw ones.
    members : the networks.   folds : of each of them the rows that it did not see and says something of.
    y : of each the encoded targets of these rows.   interrupted : whether Ctrl-C ended the training.
    """

    model: Model
    encoding: Encoding
    members: list[Member]
    folds: list[Part]
    y: list[np.ndarray]
    interrupted: bool

    @property
    def out_of_fold(self) -> tuple[np.ndarray, np.ndarray]:
        """The targets of all rows that a network did not see, and what it says of them."""
        told = [member.output for member in self.members if member.output is not None]
        return np.concatenate(self.y), np.concatenate(told)


def fit_stream(
    tables: Tables,
    learned: Learned,
    choice: Choice,
    options: Options,
    class_weights: np.ndarray | None = None,
    tell: Callable[[Member], None] | None = None,
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
    features, target = learned.encoding.features, learned.encoding.row_target
    assert isinstance(features, TableFeatures)
    sample, numbers = sample_of(learned), learned.survey.numbers
    some = np.unique(np.linspace(0, len(numbers) - 1, min(len(numbers), STARTED)).astype(np.int64))
    raw = sample.take(some)
    x = features.encode(raw)
    scales = block_scales(features, x) if choice.balanced else None
    source = tables.encoded_by(ScaledEncoder(learned.encoding, scales, class_weights))
    y = target.encode(raw.columns[target.name])
    y = y if isinstance(target, Classes) else y.astype(FLOAT)
    rows = StreamedRows(source, kept_if_small(source), scaled(x, scales), y, numbers[some])
    members = _members(choice, options, int(tables.rows.sum()), source)
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
        trained, interrupted = bag.train(members, options.time_limit, tell)
    folds = _folds_of(bag, trained)
    y_of_folds = targets_of(source, folds) if folds else []
    if isinstance(target, Classes):
        soften(trained, y_of_folds)
    for member in trained:
        assert member.model is not None
        fold_scales(member.model, scales)
    model = joined([member.model for member in trained if member.model is not None])
    model.backend = options.backend
    model.compile("adam", ends(target)[1], metrics=["accuracy" if isinstance(target, Classes) else "r2"])
    return StreamFitted(model, learned.encoding, trained, folds, y_of_folds, interrupted)


def _folds_of(bag: StreamBag, members: Sequence[Member]) -> list[Part]:
    held = [cast("FoldRows", member.held) for member in members if member.output is not None]
    return [cast("Part", each.part) if bag.scores_all else bag._looked_at(each) for each in held]


def _members(choice: Choice, options: Options, n_rows: int, tables: Tables) -> list[Member]:
    """Networks, each with a fold of its own that it does not learn from."""
    share = 1 / choice.n_folds if options.n_folds else min(1 / choice.n_folds, MOST_HELD / n_rows)
    made = []
    for i in range(choice.n_members):
        held = Part(options.seed, share, True, low=i % choice.n_folds * share)
        count = sum(_counts(tables, held))
        if options.n_folds and not count:
            raise ValueError(f"fold {i + 1} of {choice.n_folds} has no row of {tables.name}; take fewer folds")
        learns = FoldRows(replace(held, is_held_out=False), n_rows - count)
        if not len(learns):
            raise ValueError(f"{tables.name}: {TOO_FEW.format(counted(n_rows, 'row'))}")
        learned, unseen = (cast("np.ndarray", rows) for rows in (learns, FoldRows(held, count)))
        made.append(Member(choice.settings, options.seed + i, learned, unseen, fold=i))
    if not any(len(member.held) for member in made):
        raise ValueError(f"{tables.name}: {TOO_FEW.format(counted(n_rows, 'row'))}")
    return made


def _counts(tables: Tables, part: Part) -> list[int]:
    """Rows of each group that belong to a part."""
    firsts = np.concatenate([[0], np.cumsum(tables.rows)[:-1]]).tolist()
    return [int(part.mask(first, n).sum()) for first, n in zip(firsts, tables.rows.tolist(), strict=True)]
