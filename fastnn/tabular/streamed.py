"""Networks for tables on rows that are read while they train, each on all rows but its own fold.

Which rows a fold has follows from a keyed draw of each row's number, so no list of rows is in memory. Each network
reads for itself, and has in memory the rows of its fold that say which epoch is best, at most :data:`MOST_HELD`.

Design: networks that learn from one reading (rejected) would all have the same order of rows, and could not end one by
one, where the loss has stopped falling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.passes import How, Part, window_of
from fastnn.data.raw import codes_of
from fastnn.data.sources import Arrays, Source
from fastnn.data.stream import Stream
from fastnn.models.model import Model
from fastnn.tables import Encoding
from fastnn.tables.features import TableFeatures
from fastnn.tabular.bag import Bag, Measure, Member, Rows
from fastnn.tabular.balancing import part_of
from fastnn.tabular.best import Best, row_errors
from fastnn.tabular.greedy import row_losses
from fastnn.tabular.limits import Turn
from fastnn.tabular.networks import network, prepare

if TYPE_CHECKING:
    import pyarrow as pa

    from fastnn.tables.features import Encoded


MOST_HELD, MOST_HELD_BYTES = 100_000, 2**27  # rows of a fold in memory, and bytes of them as they are encoded
PREDICTED = 4_096  # rows of a batch


class ScaledEncoder(TableEncoder):
    """The encoding, with each number multiplied by its scale (:mod:`fastnn.tabular.balancing`)."""

    def __init__(self, encoding: Encoding, scales: np.ndarray | None, class_weights: np.ndarray | None):
        super().__init__(encoding, class_weights=class_weights)
        self.scales = scales

    def __call__(self, table: pa.Table, where: str) -> Arrays:
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
    x: Encoded
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

    def _fit(self, member: Member, turn: Turn) -> None:
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
                time_limit=turn.limit(),
                verbose=0,
            )
        finally:
            turn.updated()
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
        return replace(part, share=part.share * min(1.0, most / max(1, len(held))))

    def _keep_streamed(self, member: Member, best: Best, known: Rows | None) -> None:
        """Give the network its best epoch, and ask it what it says of the rows of its fold."""
        rows, held = cast("StreamedRows", self.rows), cast("FoldRows", member.held)
        learns = cast("FoldRows", member.learns)
        model = self._at_best(member, best, len(held) > 0, lambda: _codes(rows.tables, learns.part))
        if model and known:
            member.loss = self._said(row_losses, model, known)
            member.output = model.predict(rows.stream(self.asked(held), PREDICTED, 0, shuffle=False))

    def asked(self, held: FoldRows) -> Part:
        """The rows of a fold that a network says something of when it is trained."""
        return cast("Part", held.part) if self.scores_all else self._looked_at(held)


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
