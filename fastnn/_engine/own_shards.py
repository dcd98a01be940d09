"""Training by several ranks on data of which each reads its own row groups: the pieces of every batch that are its own.

Which rows a batch has follows from the number of shards (:meth:`fastnn.data.Stream.shard`), and how many each piece has
is known to all ranks without reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from fastnn._base.portions import GivesPortions
from fastnn._base.types import DataLike
from fastnn._engine.compiled import Trainee
from fastnn._engine.distribution import STEP, Distribution
from fastnn._engine.part_rows import PartRows
from fastnn._engine.pieces import StreamTrainer
from fastnn._engine.sources import Source
from fastnn._engine.streams import Stream
from fastnn._engine.trainer import Choose
from fastnn._kernels.contract import Course, Rows


class Pieces(tuple[Any, ...]):
    """A batch ``(x, y)`` or ``(x, y, sample_weight)`` of the own rows; ``at`` as of :class:`PartRows`."""

    at: tuple[int, ...] = ()


class ShardSource(Source):
    """The pieces of this rank's shards, batch by batch, in passes."""

    def __init__(self, given: GivesPortions, distribution: Distribution):
        super().__init__(given)
        self.given, self.shards = given, distribution.shards
        self.first, self.last = distribution.owned(distribution.comm.rank)
        self.lengths = given.piece_lengths(self.shards)
        self.own = [given.shard(which, self.shards) for which in range(self.first, self.last)]

    @property
    def is_shuffled(self) -> bool:
        return self.given.is_shuffled

    def length(self) -> int | None:
        return len(self.lengths)

    def expected(self) -> int | None:
        return len(self.lengths)

    def one_pass(self, number: int) -> Iterator[DataLike]:
        return self.go_on(number, 0, 0)

    def go_on(self, number: int, at: int, total: int) -> Iterator[DataLike]:
        readers = [own.batches(number, at) for own in self.own]
        for lengths in self.lengths[at:].tolist():
            pieces = Pieces(map(_joined, zip(*(next(reader) for reader in readers), strict=True)))
            pieces.at = tuple(accumulate(lengths, initial=0))
            yield pieces


def _joined(parts: tuple[Any, ...]) -> np.ndarray | list[np.ndarray]:
    """Arrays of pieces one behind the other, or a list of such for several inputs."""
    if isinstance(parts[0], list | tuple):
        return [np.concatenate(own) for own in zip(*parts, strict=True)]
    return np.concatenate(parts)


class OwnStream(Stream):
    """Such pieces as the engine takes them; ``given`` is where they come from."""

    def __init__(
        self, given: GivesPortions, distribution: Distribution, convert: Callable[[object], Rows], first_pass: int
    ):
        self.given, self.convert_pieces, self.distribution = given, convert, distribution
        self.nothing: Rows | None = None  # of a batch of which this rank has none
        source = ShardSource(given, distribution)

        def rows(pieces: Pieces) -> PartRows:
            n = pieces.at[source.last] - pieces.at[source.first]
            made = convert(pieces) if n else self._nothing(source)
            return PartRows(made.inputs, made.targets, made.weights, pieces.at, source.first)

        super().__init__(source, rows, None, first_pass)

    def _nothing(self, source: ShardSource) -> Rows:
        if self.nothing is None:  # every shard has rows in the first batch of a pass
            self.nothing = self.convert_pieces(next(source.one_pass(0))).part(slice(0, 0))
        return self.nothing


class ShardTrainer(StreamTrainer):
    """Updates on batches of which this rank has its pieces alone."""

    def __init__(self, trainee: Trainee, choose: Choose, stream: OwnStream, batch_size: int):
        super().__init__(trainee, choose, stream, batch_size)
        self.given, self.distribution = stream.given, stream.distribution

    def what(self) -> dict[str, object]:
        return {**super().what(), "digest of the stream": self.given.digest}

    def _train_batch(self, rows: Rows, course: Course) -> bool:
        made, own = super()._train_batch(rows, course), len(rows.inputs[0])
        assert isinstance(rows, PartRows)
        self.seen += made * (rows.at[-1] - own)
        return made

    def _keep(self, sums: np.ndarray, rows: Rows, order: np.ndarray) -> None:
        """Of all ranks' rows, for all ranks' predictions are in ``sums``."""
        if self.keeps:
            assert isinstance(rows, PartRows)
            whole = self._with_answers_of_all(rows)
            super()._keep(sums, whole, np.arange(rows.at[-1], dtype=np.int32))

    def _with_answers_of_all(self, rows: PartRows) -> Rows:
        """The rows of this rank, with the targets and weights of the whole batch."""
        distribution = self.distribution
        size = distribution.comm.size
        if size == 1:
            return rows
        answers = [*rows.targets, *rows.weights]
        told = b"".join(answer.tobytes() for answer in answers if answer is not None)
        heard = [memoryview(each) for each in distribution.gather(STEP, told)]
        firsts = [rows.at[distribution.owned(rank)[0]] for rank in range(size)]
        lengths = [end - first for first, end in pairwise([*firsts, rows.at[-1]])]
        whole: list[np.ndarray | None] = []
        for answer in answers:
            if answer is None:
                whole.append(None)
                continue
            sizes = [n * answer.dtype.itemsize * math.prod(answer.shape[1:]) for n in lengths]
            joined = b"".join(each[:n] for each, n in zip(heard, sizes, strict=True))
            heard = [each[n:] for each, n in zip(heard, sizes, strict=True)]
            whole.append(np.frombuffer(joined, answer.dtype).reshape(rows.at[-1], *answer.shape[1:]))
        n = len(rows.targets)
        return Rows(rows.inputs, tuple(each for each in whole[:n] if each is not None), tuple(whole[n:]))
