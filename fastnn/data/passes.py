"""A pass over a stream, portion by portion: which groups make a window, the order of their rows, how they are cut.

A pass is a sequence of rows: row groups in a keyed order, so many of them a window, the rows of a window in a keyed
order again. Batches are cut from that sequence, across the borders of windows. So a batch depends on the seed, the
number of the pass and its place, and on nothing that threads or machines decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base.portions import Portion
from fastnn.data.batches import Batches
from fastnn.data.orders import BLOCK, GROUPS, ROWS, held_out, keyed_order, keyed_places
from fastnn.data.rooms import Pages, Room
from fastnn.data.sources import Arrays, Parts, Source

WINDOW_BYTES = 2**26  # of rows as they are read, where the user says no window


@dataclass(frozen=True)
class Part:
    """Some of the rows, by a keyed draw: those held out, or all others. Other parts begin at another ``low``."""

    seed: int
    share: float
    is_held_out: bool
    low: float = 0.0

    @property
    def marks(self) -> list[object]:
        """What tells it from another one."""
        return [self.seed, self.share, self.is_held_out, *([self.low] if self.low else [])]

    def mask(self, first: int, count: int) -> np.ndarray:
        """Which of the rows ``first ..`` of the data belong to it, ``(count,)`` bool."""
        found = held_out(self.seed, self.share, first, count, self.low)
        return found if self.is_held_out else ~found

    def mask_of(self, numbers: np.ndarray) -> np.ndarray:
        """Which of the rows of these numbers in the data, from 0 and in order, belong to it, ``(n,)`` bool."""
        blocks, places = np.divmod(numbers, BLOCK)
        found = [self.mask(int(block) * BLOCK, BLOCK)[places[blocks == block]] for block in np.unique(blocks)]
        return np.concatenate(found) if found else np.empty(0, bool)


@dataclass(frozen=True)
class How:
    """How a stream makes batches of its rows; ``shard`` is ``(which, of how many)``."""

    batch_size: int = 32
    window: int = 1
    shuffle: bool = True
    seed: int = 0
    part: Part | None = None
    shard: tuple[int, int] = (0, 1)


def cut_of(batch_size: int, shards: int, shard: int) -> tuple[int, int]:
    """Where the piece of a shard begins and ends in a batch."""
    return shard * batch_size // shards, (shard + 1) * batch_size // shards


def groups_of(how: How, number: int, n_groups: int) -> np.ndarray:
    """The row groups of a shard, in the order of a pass."""
    own = np.arange(n_groups)[how.shard[0] :: how.shard[1]]
    if not how.shuffle:
        return own
    found: np.ndarray = own[keyed_order(how.seed, GROUPS + how.shard[0], number, 0, len(own))]
    return found


class Window:
    """Room for the rows of a window, into which its groups are put one by one; each row has its place in the order."""

    def __init__(self, room: Room, places: np.ndarray | None):
        self.room, self.places, self.begun = room, places, 0

    def put(self, parts: Parts[Any], where: str) -> None:
        """Write the rows of the next group."""
        own = slice(self.begun, self.begun + len(parts))
        self.begun = own.stop
        self.room.put(parts, where, None if self.places is None else self.places[own])


class Cutter:
    """Cuts windows of a pass into portions of whole batches; what is left goes before the next window's rows."""

    def __init__(self, how: How, size: int, number: int, first_batch: int, pages: Pages):
        self.how, self.size, self.number, self.pages = how, size, number, pages
        self.batch, self.skip = first_batch, first_batch * size
        self.passed = 0  # rows of the windows before
        self.left: Arrays | None = None
        self.left_is_finite = True
        self.order = np.empty(0, np.int32)  # 0, 1, ..., which portions share

    @property
    def n_left(self) -> int:
        """Rows that wait for the next window."""
        return 0 if self.left is None else len(self.left)

    def leaves_out(self, count: int) -> bool:
        """Whether all of so many rows, those of the next window, come before the first batch; they are passed then."""
        if self.passed + count > self.skip:
            return False
        self.passed += count
        return True

    def window(self, count: int, before: str = "what is left of the window before") -> Window:
        """Room for the next window, of so many rows, behind what is left of those ``before``, as errors call it."""
        n_left, skipped = self.n_left, max(0, self.skip - self.passed)
        room, how = Room(n_left + count - skipped, self.pages), self.how
        if self.left is not None:
            room.put(self.left, before)
            room.is_finite = self.left_is_finite
        places = None
        if how.shuffle:
            places = self.pages.array((count,), np.dtype(np.int32))
            keyed_places(how.seed, ROWS + how.shard[0], self.number, self.passed, places)
            places += np.int32(n_left - skipped)
        elif skipped:
            places = np.arange(-skipped, count - skipped, dtype=np.int32)
        self.passed += count
        return Window(room, places)

    def portion(self, room: Room, is_last: bool) -> Portion | None:
        """The whole batches of a window that has been written; None for less than one."""
        arrays, n = room.arrays(), room.n_rows
        whole = n if is_last else n // self.size * self.size
        self.left_is_finite = room.is_finite
        self.left = arrays.like([array[whole:].copy() for array in arrays.all]) if whole < n else None
        if not whole:
            return None
        first, self.batch = self.batch, self.batch + -(-whole // self.size)
        arrays = arrays.take(slice(whole))
        if len(self.order) < whole:
            self.order = np.arange(whole, dtype=np.int32)
        x, order = arrays.batch_of_inputs(), self.order[:whole]
        return Portion(x, arrays.y, arrays.weight, order, self.number, first, is_last, room.is_finite)


def of_groups(
    source: Source,
    rows: np.ndarray,
    firsts: np.ndarray,
    how: How,
    size: int,
    number: int,
    first_batch: int,
    pages: Pages,
) -> Iterator[Portion]:
    """The portions of a pass over row groups.

    Parameters
    ----------
    rows : of each group that count; ``firsts`` is the number of each one's first row in the data.
    size : rows of a batch, of this shard's piece of it.
    """
    own = groups_of(how, number, len(rows))
    own = own[rows[own] > 0]
    cutter = Cutter(how, size, number, first_batch, pages)
    with source.reading() as reader:
        for first in range(0, len(own), how.window):
            window = own[first : first + how.window]
            if not cutter.leaves_out(int(rows[window].sum())):
                made = _read(reader, rows, firsts, window, how.part, cutter, first + how.window >= len(own))
                if made is not None:
                    yield made
                del made  # its memory is for the next window


def _read(
    source: Source,
    rows: np.ndarray,
    firsts: np.ndarray,
    window: Sequence[int],
    part: Part | None,
    cutter: Cutter,
    is_last: bool,
) -> Portion | None:
    to = cutter.window(int(sum(rows[group] for group in window)))
    for group in map(int, window):
        mask = None if part is None else part.mask(int(firsts[group]), int(source.rows[group]))
        to.put(source.parts(group, mask), source.where(group))
    return cutter.portion(to.room, is_last)


def of_batches(
    source: Batches, how: How, window_bytes: int, number: int, first_batch: int, pages: Pages
) -> Iterator[Portion]:
    """The portions of a pass over batches as an iterable gives them, cut anew.

    A window is ``how.window`` of them, or as many as have ``window_bytes``, where that is not 0.
    """
    cutter = Cutter(how, how.batch_size, number, first_batch, pages)
    windows = _windows(source, how, window_bytes)
    held = next(windows, None)
    while held is not None:
        following = next(windows, None)
        if not cutter.leaves_out(sum(map(len, held))):
            made = _joined(source, held, cutter, following is None)
            held = following
            if made is not None:
                yield made
            del made
        held = following


def _joined(source: Batches, held: list[Arrays], cutter: Cutter, is_last: bool) -> Portion | None:
    first = f"the first batch of {source.name}"
    to = cutter.window(sum(map(len, held)), first)
    for arrays in held:
        to.put(arrays, f"a batch of {source.name}" if to.room.filled else first)
    return cutter.portion(to.room, is_last)


def _windows(source: Batches, how: How, window_bytes: int) -> Iterator[list[Arrays]]:
    held: list[Arrays] = []
    size = row = 0
    for batch in source.one_pass():
        n = len(batch)
        if how.part is not None:
            batch = batch.take(how.part.mask(row, n))
        row += n
        if not len(batch):
            continue
        held.append(batch)
        size += sum(array.nbytes for array in batch.all)
        if size >= window_bytes if window_bytes else len(held) == how.window:
            yield held
            held, size = [], 0
    if held:
        yield held


def window_of(source: Source | Batches, window: int | None) -> int:
    """Groups of a window: those given, else as many as have :data:`WINDOW_BYTES`."""
    if window is not None:
        return window
    if not isinstance(source, Source):
        return 0
    mean = float(source.rows.mean()) * source.row_bytes
    return int(min(max(1, round(WINDOW_BYTES / max(mean, 1.0))), len(source.rows)))
