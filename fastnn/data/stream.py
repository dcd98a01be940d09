"""A stream: rows that need not be in memory together, batch by batch, in an order that a seed and a pass decide."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.ahead import Ahead
from fastnn._base.arguments import integer, number
from fastnn._base.portions import GivesPortions, Portion
from fastnn._base.reprs import counted
from fastnn._base.types import DataLike
from fastnn.data.batches import Batches
from fastnn.data.orders import MOST_SHARDS
from fastnn.data.passes import How, Part, cut_of, of_batches, of_groups
from fastnn.data.rooms import Memory
from fastnn.data.sources import Arrays, Source

if TYPE_CHECKING:
    import pyarrow as pa


WINDOW_OF_BATCHES = 2**25  # bytes of the batches of an iterable that are shuffled together


class Stream(GivesPortions):
    """Batches of rows that are read while they are used; made by :func:`fastnn.data.stream`.

    ``fit``, ``evaluate`` and ``predict`` of a model take it as their first argument. It can be gone through any number
    of times: ``for x, y in stream`` gives the batches of pass 0, :meth:`batches` those of any other.

    **Order.** In a pass, row groups come in an order keyed by ``(seed, pass)``, and the rows of so many groups, a
    window, in an order keyed by ``(seed, pass, place)``. Batches are cut from that sequence. No bit depends on
    read-ahead, threads or the number of processes. Without ``shuffle`` rows come as they stand in the files. A fit
    numbers its passes by ``model.epoch``, so that one that goes on has new orders.

    **Memory.** While the rows of one window are used those of the next are read: two windows of encoded rows, and one
    row group as the file has it.

    Parameters
    ----------
    source : what it reads row groups or batches from.
    how : how batches are made of them.

    Attributes
    ----------
    batch_size : rows of a batch (of a shard: of its piece of one); the last of a pass may have fewer.
    n_rows : rows of a pass, None where only its end tells.
    """

    def __init__(self, source: Source | Batches, how: How):
        self.source, self.how = source, how
        self.batch_size = how.batch_size
        self._empty: Arrays | None = None
        self._memory = Memory()
        if isinstance(source, Source):
            self._firsts = np.concatenate([[0], np.cumsum(source.rows)[:-1]])
            self._rows = source.rows if how.part is None else self._counted(how.part)
            if how.part is not None and not self._rows.sum():
                raise ValueError(f"this part of {source.name} has no row; give another share or seed")

    def _counted(self, part: Part) -> np.ndarray:
        """Rows of each group that belong to a part."""
        assert isinstance(self.source, Source)
        places = zip(self._firsts.tolist(), self.source.rows.tolist(), strict=True)
        return np.array([int(part.mask(first, n).sum()) for first, n in places], np.int64)

    def __repr__(self) -> str:
        n, how = self.n_rows, self.how
        words = [self.source.name, "any number of rows" if n is None else counted(n, "row")]
        if isinstance(self.source, Source):
            groups = len(self._rows[how.shard[0] :: how.shard[1]])
            words += [f"{counted(groups, 'row group')}, {how.window} a window"]
        if how.shard != (0, 1):
            words += [f"shard {how.shard[0]} of {how.shard[1]}"]
        order = f"shuffled by seed {how.seed}" if how.shuffle else "in their order"
        return f"<Stream of {', '.join(words)}; batches of {self.batch_size}, {order}>"

    # -- how many ---------------------------------------------------------------------------------

    @property
    def n_rows(self) -> int | None:
        if isinstance(self.source, Source):
            which, shards = self.how.shard
            return int(self._rows[which::shards].sum())
        return None

    @property
    def most_rows(self) -> int | None:
        if not isinstance(self.source, Source):
            return None
        largest = np.sort(self._rows)[::-1][: self.how.window]
        return int(largest.sum()) + self.batch_size

    @property
    def has_targets(self) -> bool:
        return self.source.has_targets if isinstance(self.source, Source) else True

    @property
    def is_shuffled(self) -> bool:
        return self.how.shuffle

    @property
    def digest(self) -> int:
        how = self.how
        told: list[object] = [how.batch_size, how.window, how.shuffle, how.seed, how.shard]
        told += [None if how.part is None else how.part.marks]
        if isinstance(self.source, Source):
            told += [self.source.marks, self._rows.tolist()]
        return zlib.crc32(json.dumps(told, default=str).encode())

    def __len__(self) -> int:
        """Batches of a pass; ``TypeError`` where only its end tells."""
        if self.how.shard != (0, 1):
            return len(self._whole_lengths())
        n = self.n_rows
        if n is None:
            raise TypeError(f"{self.source.name} does not say how many rows it has")
        return -(-n // self.batch_size)

    def check_passes(self, passes: int) -> None:
        if isinstance(self.source, Batches) and self.source.is_once and passes + self.source.begun > 1:
            raise ValueError(self.source.once)

    # -- batches ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[DataLike]:
        return self.batches()

    def batches(self, number: int = 0, first_batch: int = 0) -> Iterator[DataLike]:
        """The batches of a pass, from ``first_batch`` on; the next window is read by a thread meanwhile.

        Parameters
        ----------
        number : of the pass, from 0, which decides the order.
        first_batch : how many batches are left out; their windows are not read.

        Yields
        ------
        ``x``, ``(x, y)`` or ``(x, y, weight)``, arrays of their own. ``x`` is ``(rows, columns)`` of the stream's
        dtype, a list of arrays where an encoding has several. A shard gives a piece of every batch of the whole, empty
        ones at the end where it has fewer rows than others.
        """
        done = first_batch
        for portion in self._ahead(number, first_batch):
            arrays = _arrays(portion)
            for first in range(0, len(portion.order), self.batch_size):
                done += 1
                yield arrays.take(portion.order[first : first + self.batch_size]).batch()
        if self.how.shard != (0, 1):
            for _ in range(done, len(self)):
                yield self._nothing().batch()

    def raw(self, group: int, keep: Sequence[str] = ()) -> tuple[pa.Table, Arrays] | None:
        """The rows of a row group that count: an Arrow table with the columns to keep, and arrays; None without any."""
        from fastnn.data.arrow import Tables

        source, part = self.source, self.how.part
        assert isinstance(source, Tables)
        if not self._rows[group]:
            return None
        mask = None if part is None else part.mask(int(self._firsts[group]), int(source.rows[group]))
        table = source.table(group, list(dict.fromkeys([*source.encoder.columns, *keep])), mask)
        return table, source.encoder(table, source.where(group))

    def portions(self, number: int = 0, first_batch: int = 0) -> Iterator[Portion]:
        """The rows of a pass, a window at a time, with the order in which batches are cut from them."""
        pages = self._memory.pages()
        if isinstance(self.source, Source):
            size = self.batch_size
            return of_groups(self.source, self._rows, self._firsts, self.how, size, number, first_batch, pages)
        window_bytes = 0 if self.how.window else WINDOW_OF_BATCHES
        return of_batches(self.source, self.how, window_bytes, number, first_batch, pages)

    def _ahead(self, number: int, first_batch: int) -> Iterator[Portion]:
        portions = self.portions(number, first_batch)
        ahead = Ahead(lambda: next(portions, None))
        try:
            while (portion := ahead.get()) is not None:
                if not portion.is_last:
                    ahead.ask()
                yield portion
                if portion.is_last:
                    return
                del portion
        finally:
            ahead.close()

    def _nothing(self) -> Arrays:
        """A batch of no rows."""
        if self._empty is None:
            assert isinstance(self.source, Source)
            group = int(np.flatnonzero(self._rows)[0])
            self._empty = self.source.read(group, np.zeros(int(self.source.rows[group]), bool))
        return self._empty

    # -- others of the same rows --------------------------------------------------------------------

    def in_order(self, batch_size: int | None = None) -> Stream:
        """The same rows as they stand in the data, in batches of ``batch_size`` rows, None for as many as here."""
        size = self.batch_size if batch_size is None else integer("batch_size", batch_size, low=1)
        return Stream(self.source, replace(self.how, shuffle=False, batch_size=size))

    def split(self, share: float, seed: int = 0) -> tuple[Stream, Stream]:
        """Two streams: of the rows that are left, and of a ``share`` of them that is held out.

        Which rows are held out follows from ``seed`` and each row's number in the data, so that a row stays where it
        is whatever the windows and batches are. Each stream reads all row groups.

        Raises
        ------
        ValueError
            a part has no row; the stream is a part or a shard itself.
        """
        number("share", share, low=0.0, high=1.0, open_low=True, open_high=True)
        if self.how.part is not None or self.how.shard != (0, 1):
            raise ValueError("split a whole stream, no part or shard of one")
        parts = (Part(integer("seed", seed, low=0), float(share), held) for held in (False, True))
        training, held_out = (Stream(self.source, replace(self.how, part=part)) for part in parts)
        return training, held_out

    def shard(self, which: int, shards: int) -> Stream:
        """The part of every batch that one of several readers takes; it reads its own row groups alone.

        The contract, which data-parallel training rests on: row group ``g`` belongs to shard ``g % shards``. Each shard
        is a sequence of its own, whose row groups, and rows inside of a window, come in an order keyed by ``(seed,
        pass, shard)``. Batch ``b`` of the whole, of ``batch_size`` rows, is the pieces ``b`` of all shards, one behind
        the other by their numbers; piece ``i`` has ``(i + 1) * batch_size // shards - i * batch_size // shards`` rows,
        fewer where the shard ends, none behind that. All shards give as many batches, those of the longest one. So what
        the batches are depends on ``shards`` and never on who reads which. :meth:`piece_lengths` tells the rows of all
        pieces from the files' metadata, alike everywhere. ``fit`` on a shard trains on its rows alone, without the
        empty pieces. A window is of ``max(1, window // shards)`` row groups.

        Parameters
        ----------
        which : 0 .. ``shards - 1``.
        shards : 1 gives the stream as it is.

        Raises
        ------
        ValueError
            a batch has fewer rows than there are shards; there are fewer row groups than shards; the stream is a shard
            itself, or one of batches that an iterable gives, which has no row groups.
        """
        shards = integer("shards", shards, low=1, high=MOST_SHARDS)
        which = integer("which", which, low=0, high=shards - 1)
        if shards == 1:
            return self
        self._check_shards(shards)
        low, high = cut_of(self.batch_size, shards, which)
        how = replace(self.how, shard=(which, shards), window=max(1, self.how.window // shards))
        made = Stream(self.source, how)
        made.batch_size = high - low
        return made

    def piece_lengths(self, shards: int) -> np.ndarray:
        """Rows of each shard's piece of each batch, int64 ``(batches, shards)``; no file is read for that.

        Every pass has the same. Errors are those of :meth:`shard`.
        """
        self._check_shards(integer("shards", shards, low=1, high=MOST_SHARDS))
        return piece_lengths(self._rows, self.batch_size, shards)

    def _whole_lengths(self) -> np.ndarray:
        return piece_lengths(self._rows, self.how.batch_size, self.how.shard[1])

    def _check_shards(self, shards: int) -> None:
        if self.how.shard != (0, 1):
            raise ValueError("this stream is a shard itself; take shards of the whole")
        if not isinstance(self.source, Source):
            raise ValueError(f"{self.source.name} has no row groups to deal to shards; give files")
        if self.batch_size < shards:
            raise ValueError(f"batches of {self.batch_size} rows have no row for each of {shards} shards")
        empty = [i for i in range(shards) if not self._rows[i::shards].sum()]
        if empty:
            raise ValueError(
                f"{self.source.name} has {counted(int((self._rows > 0).sum()), 'row group')}, which leaves shard "
                f"{empty[0]} of {shards} without a row; write smaller row groups, or take fewer shards"
            )


def piece_lengths(rows: np.ndarray, batch_size: int, shards: int) -> np.ndarray:
    """:meth:`Stream.piece_lengths` of row groups with so many rows."""
    totals = np.array([int(rows[i::shards].sum()) for i in range(shards)], np.int64)
    sizes = np.diff([i * batch_size // shards for i in range(shards + 1)])
    batches = int((-(-totals // sizes)).max())
    left = totals - np.arange(batches)[:, None] * sizes
    found: np.ndarray = np.clip(left, 0, sizes)
    return found


def _arrays(portion: Portion) -> Arrays:
    x = tuple(portion.x) if isinstance(portion.x, list) else (portion.x,)
    return Arrays(x, portion.y, portion.weight)
