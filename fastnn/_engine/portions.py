"""Training on portions: the rows of many batches at once, of data that are not all in memory.

A portion trains as rows do, many updates in a native call, while a thread reads the next one. The updates, sums and
rows of an epoch are those of its batches one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base import interrupts
from fastnn._base.arguments import integer
from fastnn._base.portions import GivesPortions, Portion
from fastnn._base.types import DataLike, Stored
from fastnn._engine.beside import Beside
from fastnn._engine.bookmark import MOST
from fastnn._engine.compiled import Trainee
from fastnn._engine.pieces import Pieces
from fastnn._engine.sources import Source
from fastnn._engine.streams import END, Stream
from fastnn._engine.trainer import Choose
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import new_run
from fastnn.errors import BatchError


@dataclass(frozen=True)
class Ready:
    """A portion as the engine takes it."""

    rows: Rows
    order: np.ndarray
    number: int
    first_batch: int
    is_last: bool


def _row(came: DataLike) -> object:
    """A copy of the first row, of one array or of several: whoever keeps it keeps no window in memory."""
    return [_row(each) for each in came] if isinstance(came, list) else came[:1].copy()


class PortionStream(Stream):
    """The portions of a source, pass by pass, in place of batches; what it fetches ahead is a portion.

    Parameters
    ----------
    given : where they come from.
    convert : makes the engine's rows of a portion.
    steps, first_pass : as of a :class:`Stream`.
    """

    def __init__(self, given: GivesPortions, convert: Callable[[Portion], Rows], steps: int | None, first_pass: int):
        self.given = given

        def ready(portion: Portion) -> Ready:
            return Ready(convert(portion), portion.order, portion.number, portion.first_batch, portion.is_last)

        super().__init__(Source(given), ready, steps, first_pass)
        self.at = 0  # batches of the pass that come before what is fetched next
        self.portion: Ready | None = None  # that trains

    def begin(self, epoch: int | None = None) -> None:
        self.epoch, self.has_begun = epoch, True
        self.taken = self.fetched = 0

    def go_on(self, epoch: int, batch: int, marked: dict[str, object], done: int) -> None:
        """Begin where another was marked; windows before that place are not read."""
        self.begin(epoch)
        self.passes = integer("pass", marked["pass"], low=0, high=MOST)
        self.at = integer("at", marked["at"], low=0, high=MOST)

    def look(self, read: Callable[[object], object]) -> Any:
        if not self.raw:
            self.raw.append(self._next())
        if self.raw[0] is END:
            raise self._ran_out()
        return self._made(read, tuple(map(_row, self.raw[0].batch)))

    def next_portion(self) -> Ready:
        """The next one, of the next pass where one has ended."""
        self.check()
        found: Ready = self.held.pop()
        self.taken += 1
        return found

    def end(self) -> None:
        self.has_begun = False

    def close(self, interrupted: bool = False) -> None:
        super().close(interrupted)
        self.portion = self.batches = None
        self.held.clear()  # a window is too large to wait for the collector of cycles
        self.raw.clear()

    def _next(self) -> object:
        try:
            if self.batches is None:
                self.batches, self.at = self.given.portions(self.passes, self.at), 0
            portion = next(self.batches)
        except StopIteration:
            return END
        except Exception as error:
            raise self._error(str(error)) from error
        if portion.is_last:
            self.batches, self.passes = None, self.passes + 1
        return portion

    def _error(self, message: str, number: int = 0) -> BatchError:
        where = "" if self.epoch is None else f" of epoch {self.epoch}"
        return BatchError(f"portion {self.fetched + 1}{where}: {message}", self.fetched + 1, self.epoch)


class PortionTrainer(Pieces):
    """Updates on the batches that are cut from portions."""

    def __init__(self, trainee: Trainee, choose: Choose, stream: PortionStream, batch_size: int):
        self.stream, given = stream, stream.given
        self.n_samples = None if stream.steps else given.n_rows
        self.steps = stream.steps or (None if given.n_rows is None else -(-given.n_rows // batch_size))
        self.place = {"pass": stream.passes, "at": stream.at}
        self.beside = Beside(stream.ahead)
        most = max(given.most_rows or 0, len(stream.first().rows))
        super().__init__(trainee, choose, batch_size, most, new_run(1, (0, 1), shuffle=False))

    def what(self) -> dict[str, object]:
        told = {"steps_per_epoch": self.stream.steps, "digest of the stream": self.stream.given.digest}
        return {**super().what(), "n_samples": self.stream.given.n_rows, **told}

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object]:
        return {**super().mark(vectors), "stream": {**self.place, "total": 0}}

    def go_on(self, marked: dict[str, Stored], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        super().go_on(marked, vectors, run, shuffle)
        self.place = {name: integer(name, marked["stream"][name], low=0, high=MOST) for name in ("pass", "at")}

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        if not self.stream.has_begun:
            self.stream.begin(epoch)
        if self.stream.portion is None:
            self._take(more=True)

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        interrupts.check()
        if self.stream.portion is None:
            self._take(self._goes_on(run))
        ready = self.stream.portion
        assert ready is not None
        piece = self.piece
        first = int(piece["batch"])
        left = -(-len(ready.order) // self.batch_size) - first  # or the seconds of an update would come out too few
        if self.stream.steps:
            left = min(left, self.stream.steps - int(run["batch"]))
        run["max_steps"] = steps = self.beside.most(min(int(run["max_steps"]), left))
        piece["max_steps"], piece["epoch"] = steps, 0
        try:
            with np.errstate(all="ignore"), self.beside.call(steps):  # as on arrays
                made = self._train(run, ready.rows, ready.order, self._rates(run), sums)
        finally:
            self._follow(run, ready, first, sums)
        if made and (run["batch"] == self.stream.steps or (self._is_over(ready) and not self.stream.steps)):
            self._end_epoch(run)

    def _goes_on(self, run: np.ndarray) -> bool:
        """Whether there will be another epoch, or pass within it."""
        return bool(self.stream.steps) or bool(run["epoch"] + 1 < run["last_epoch"])

    def _is_over(self, ready: Ready) -> bool:
        return self.stream.portion is None and ready.is_last

    def _take(self, more: bool) -> None:
        """Have the next portion, and begin to read the one behind it; ``more`` is whether one of a next pass is."""
        self.stream.portion = ready = self.stream.next_portion()
        self.piece["n_samples"], self.piece["batch"], self.piece["epoch"] = len(ready.order), 0, 0
        self.place = {"pass": ready.number, "at": ready.first_batch}
        if more or not ready.is_last:
            self.stream.ahead.ask()

    def _follow(self, run: np.ndarray, ready: Ready, first: int, sums: np.ndarray) -> None:
        """Count what a call has trained on; let a portion go that is used up."""
        piece, size = self.piece, self.batch_size
        is_done = bool(piece["epoch"])
        last = -(-len(ready.order) // size) if is_done else int(piece["batch"])
        rows = slice(first * size, min(last * size, len(ready.order)))
        self.seen += rows.stop - rows.start
        if last > first:
            self._keep(sums, ready.rows, ready.order[rows])
        self.place = {"pass": ready.number, "at": ready.first_batch + last}
        if is_done:
            self.stream.portion = None
            if ready.is_last:
                self.place = {"pass": ready.number + 1, "at": 0}

    def _end_epoch(self, run: np.ndarray) -> None:
        if self.steps is None:
            self.steps = int(run["batch"])
        super()._end_epoch(run)
        self.stream.end()
