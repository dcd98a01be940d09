"""A stream: the batches of one call of ``fit``, ``evaluate`` or ``predict``, epoch by epoch, as they come.

While a batch trains the next one of the same epoch is fetched (see :class:`fastnn._base.ahead.Ahead`); never more
than one, never one beyond the number that is wanted, and none of the next epoch, before which the user's hooks come.

Design: with ``steps`` an epoch goes on where the last one ended, and what can begin anew does so whenever it ends. So
each epoch has as many batches as were asked for. Keras 3 cuts the epoch in which the data end (rejected: an epoch of
one batch counts for as much as a whole one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fastnn._base.arguments import integer
from fastnn._base.types import DataLike
from fastnn._engine.bookmark import MOST
from fastnn.errors import BatchError

if TYPE_CHECKING:
    from fastnn._engine.sources import Source

END = object()  # in place of a batch


class Stream:
    """Batches of a source, epoch by epoch.

    Parameters
    ----------
    source : where they come from.
    convert : makes of a batch what is wanted of it; an error names the batch.
    steps : batches of an epoch; None for one pass.
    first_pass : number of the first pass, for the order of shuffled batches.
    kind : what errors put before "batch".
    wraps : whether a source that restarts does so within ``steps``.

    Attributes
    ----------
    length : batches of the epoch at hand; None where only its end tells.
    taken : how many of them have been taken.
    """

    def __init__(
        self,
        source: Source,
        convert: Callable[[DataLike], object],
        steps: int | None = None,
        first_pass: int = 0,
        kind: str = "",
        wraps: bool = True,
    ):
        from fastnn._base.ahead import Ahead

        self.source, self.convert, self.steps, self.kind = source, convert, steps, kind
        self.wraps = wraps and source.restarts
        self.passes = first_pass
        self.batches: Iterator[DataLike] | None = None
        self.epoch: int | None = None
        self.length: int | None = None
        self.taken = self.fetched = 0
        self.raw: list[DataLike] = []  # a batch that has been looked at
        self.held: list[Any] = []  # one that is converted, or the end
        self.ahead = Ahead(self._fetch)
        self.has_begun = False
        self.whole = 0  # batches of the epochs that are over
        self.border = 0, first_pass  # behind how many batches the pass began that is fetched from, and its number

    def mark(self) -> dict[str, object]:
        """Where the next batch stands: of which pass it is, how many come before it there, and how many in all."""
        total = self.whole + self.taken
        if self.steps is None and not self.has_begun:  # between two passes
            return {"pass": self.passes, "at": 0, "total": total}
        first, number = self.border  # not behind the next batch, for none but that is fetched ahead
        return {"pass": number, "at": total - first, "total": total}

    def go_on(self, epoch: int, batch: int, marked: dict[str, object], done: int) -> None:
        """Begin in the middle of an epoch, counted from 1, where another stream was marked; ``done`` epochs are over.

        See :meth:`fastnn._engine.sources.Source.go_on` for what the source is told.
        """
        number, at, total = (integer(name, marked[name], low=0, high=MOST) for name in ("pass", "at", "total"))
        self.source.replay(done, epoch - 1, batch)
        self.begin(epoch)
        self.passes, self.border = number, (total - at, number)
        self.whole, self.taken, self.fetched = total - batch, batch, batch
        if at or not self.source.restarts:
            self.batches, self.passes = self.source.go_on(number, at, total), number + 1

    def begin(self, epoch: int | None = None) -> None:
        """Begin an epoch, of which users count this number from 1."""
        self.epoch, self.has_begun = epoch, True
        self.whole += self.taken
        self.taken = self.fetched = 0
        self.source.tell("on_epoch_begin")
        self.length = self.steps or self.source.length()
        if self.steps is None:
            self.batches = None

    def look(self, read: Callable[[object], object]) -> Any:
        """What ``read`` makes of the first batch of the epoch as it came, which is still there to be taken."""
        if not self.raw:
            self.raw.append(self._next())
        if self.raw[0] is END:
            raise self._ran_out()
        return self._made(read, self.raw[0])

    def first(self) -> Any:
        """The first batch of the epoch as it is wanted, still there to be taken."""
        self.check()
        return self.held[0]

    def more(self) -> bool:
        """Whether the epoch has another batch; waits for it where nothing else tells."""
        if self.length is not None:
            return self.taken < self.length
        if not self.held:
            self.held.append(self.ahead.get())
        return self.held[0] is not END

    @property
    def is_over(self) -> bool:
        """Whether it is known already that the epoch has no other batch."""
        return self.taken == self.length if self.length is not None else bool(self.held) and self.held[0] is END

    def take(self) -> Any:
        """The next batch of an epoch that has one; the one after it is fetched meanwhile."""
        batch = self.held.pop() if self.held else self.ahead.get()
        self.taken += 1
        if self.length is None or self.taken < self.length:
            self.ahead.ask()
        return batch

    def end(self) -> None:
        """Have come to the end of an epoch."""
        self.held.clear()
        self.has_begun = False
        self.source.tell("on_epoch_end")

    def __iter__(self) -> Iterator[DataLike]:
        """The batches of one epoch."""
        if not self.has_begun:
            self.begin()
        self.check()
        while self.more():
            yield self.take()
        self.end()

    def check(self) -> None:
        """Wait for the first batch of the epoch; an error when there is none."""
        if not self.held:
            self.held.append(self.ahead.get())
        if self.held[0] is END:
            raise self._ran_out()

    def refused(self, message: str) -> BatchError:
        """The error for the batch that was taken last."""
        return self._error(message, self.taken)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(interrupted=kind is not None and not issubclass(kind, Exception))

    def close(self, interrupted: bool = False) -> None:
        """Leave no thread behind."""
        self.ahead.close(interrupted)

    # -- in whatever thread fetches -------------------------------------------------------------

    def _fetch(self) -> object:
        """The next batch as it is wanted, or the end of the epoch."""
        batch = self.raw.pop() if self.raw else self._next()
        if batch is END:
            return END
        made = self._made(self.convert, batch)
        self.fetched += 1
        return made

    def _made(self, convert: Callable[[DataLike], object], batch: object) -> Any:
        try:
            return convert(batch)
        except Exception as error:
            of_rows = self.source.has_index and "; one row is " in str(error)
            mend = f"; {self.source.name} gives rows: DataLoader(x, batch_size=32) makes batches" if of_rows else ""
            raise self._error(f"{error}{mend}") from error

    def _next(self) -> object:
        """The next batch as it comes, or the end of the epoch."""
        while True:
            fresh = self.batches is None
            try:
                if self.batches is None:
                    self.border = self.whole + self.fetched, self.passes
                    self.batches, self.passes = self.source.one_pass(self.passes), self.passes + 1
                return next(self.batches)
            except StopIteration:
                if self.steps is None:
                    return END
                if fresh or not self.wraps:
                    raise self._ran_out() from None
                self.batches = None
            except Exception as error:
                raise self._error(f"{self.source.name} raised {type(error).__name__}: {error}") from error

    def _ran_out(self) -> BatchError:
        came = f"after {self.fetched} of {self.steps} batches" if self.steps else "before the epoch began"
        if self.source.restarts:
            return self._error(f"{self.source.name} ran out of data {came}")
        return self._error(
            f"{self.source.name} ran out of data {came}; it must give the batches of all epochs, or be an iterable "
            f"that begins anew, such as a list or a fastnn.utils.PyDataset"
        )

    def _error(self, message: str, number: int = 0) -> BatchError:
        number = number or self.fetched + 1
        where = f"{self.kind}batch {number}" + ("" if self.epoch is None else f" of epoch {self.epoch}")
        return BatchError(f"{where}: {message}", number, self.epoch)
