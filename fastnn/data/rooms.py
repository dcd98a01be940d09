"""Memory for a window of rows, into which groups are written as they are read: each row once, where it is used."""

from __future__ import annotations

import contextlib
import math
import mmap
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.placing import place_columns, place_rows
from fastnn._base.reprs import counted
from fastnn.data.sources import Arrays, Parts, check_numbers

if TYPE_CHECKING:
    import numpy.typing as npt

OWN_PAGES = 2**18  # bytes from which on an array has pages of its own
HUGE_PAGES = 2**22  # and large ones, where the system has them


class Columns:
    """Numbers that stand column by column, to be written side by side.

    Parameters
    ----------
    n : rows.
    columns : ``(n,)`` each, or ``(n, width)``.
    dtype : as which they are written; of whole numbers only where all columns are.
    where, what : what errors call the rows, and the numbers.
    is_flat : whether the only column is written as ``(n,)``.
    """

    def __init__(
        self, n: int, columns: Sequence[np.ndarray], dtype: npt.DTypeLike, where: str, what: str, is_flat: bool = False
    ):
        self.columns = [each for column in columns for each in ([column] if column.ndim == 1 else column.T)]
        self.dtype, self.where, self.what = np.dtype(dtype), where, what
        self.shape = (n,) if is_flat and len(self.columns) == 1 else (n, len(self.columns))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Columns: {self.what} of {counted(len(self), 'row')}>"

    def write(self, rows: np.ndarray, places: np.ndarray | None) -> None:
        """Write them into rows; ``ValueError`` for numbers that are not finite as they are written."""
        if self.columns and not place_columns(self.columns, rows.reshape(len(rows), len(self.columns)), places):
            made = np.empty(self.shape, self.dtype)
            place_columns(self.columns, made.reshape(len(made), -1))
            check_numbers(self.where, self.what, made)

    def array(self) -> np.ndarray:
        """An array of their own."""
        made = np.empty(self.shape, self.dtype)
        self.write(made, None)
        return made


class Room:
    """Memory for some rows, which groups are written into.

    All must have the shapes and dtypes of the first.
    """

    def __init__(self, n_rows: int, pages: Pages):
        self.n_rows, self.filled, self.pages = n_rows, 0, pages
        self.first: Parts[Any] | None = None
        self.is_finite = True  # whether all numbers of x were looked at as they were written
        self.where = ""
        self.held: list[np.ndarray] = []

    def put(self, parts: Parts[Any], where: str, places: np.ndarray | None = None) -> None:
        """Write rows, arrays or :class:`Columns`, to their places, int32; without, behind those that are there."""
        if self.first is None:
            self.where = where
            self.held = [self.pages.array((self.n_rows, *part.shape[1:]), part.dtype) for part in parts.all]
            self.first = _like(parts, [held[:0] for held in self.held])
        check_alike(self.first, self.where, parts, where)
        self.is_finite &= all(isinstance(part, Columns) for part in parts.x)
        for held, part in zip(self.held, parts.all, strict=True):
            rows = held[self.filled : self.filled + len(parts)] if places is None else held
            if isinstance(part, Columns):
                part.write(rows, places)
            else:
                place_rows(part, rows, places)
        self.filled += len(parts)

    def arrays(self) -> Arrays:
        """What has been written."""
        assert self.first is not None
        return _like(self.first, self.held)


def _like(parts: Parts[Any], arrays: Sequence[np.ndarray]) -> Arrays:
    return Arrays(parts.x, parts.y, parts.weight).like(arrays)


class Pages:
    """Memory for the windows of a stream: what nobody has any more is for the next one, as long as there are others;
    with the last it goes back to the system.

    Design: pages of their own. Of what ``malloc`` gives a window of rows, much stays with the process when the window
    is let go, and a fit took three windows where two are in use. Large pages, where the system gives them when asked:
    on a virtual machine small ones took a third of the time of reading, for each is made empty when it is first written
    to. New ones for each window took a tenth.
    """

    def __init__(self) -> None:
        self.free: list[mmap.mmap] = []
        self.lock = threading.Lock()  # of those who take

    def array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of any numbers."""
        size = math.prod(shape) * dtype.itemsize
        if size < OWN_PAGES:
            return np.empty(shape, dtype)
        with self.lock:
            pages = self._fitting(size)
        pages = pages or new_pages(size)
        found = np.frombuffer(pages, dtype, math.prod(shape))
        weakref.finalize(found, self._take_back, pages).atexit = False  # views of it hold it, too
        return found.reshape(shape)

    def _take_back(self, pages: mmap.mmap) -> None:
        self.free.append(pages)  # without the lock, which this thread may have when the collector of cycles comes

    def _fitting(self, size: int) -> mmap.mmap | None:
        """Free memory for so many bytes; where there is none, what is too small is let go."""
        fitting = [pages for pages in self.free if size <= len(pages) <= 2 * size]
        if not fitting:
            self.free[:] = [pages for pages in self.free if len(pages) > size]
            return None
        found = min(fitting, key=len)
        self.free.remove(found)
        return found


class Memory:
    """The pages of a stream, of which nothing stays when nobody has a window. Each process has its own."""

    def __init__(self) -> None:
        self._last: weakref.ref[Pages] | None = None

    def __reduce__(self) -> tuple[type[Memory], tuple[()]]:
        return Memory, ()

    def pages(self) -> Pages:
        """Those of the pass before where one of its windows is in use, else new ones."""
        found = None if self._last is None else self._last()
        if found is None:
            found = Pages()
            self._last = weakref.ref(found)
        return found


def new_pages(size: int) -> mmap.mmap:
    """Memory of the system's, somewhat more than so many bytes, for windows differ by less than a batch."""
    size += size // 64
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    pages = mmap.mmap(-1, size, **private)
    if size >= HUGE_PAGES and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system that has none
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


def check_alike(first: Parts[Any], where_first: str, parts: Parts[Any], where: str) -> None:
    """``ValueError`` where two groups have not the same arrays."""
    forms = [[(a.dtype.str, a.shape[1:]) for a in each.all] for each in (first, parts)]
    if forms[0] != forms[1] or len(first.x) != len(parts.x) or (first.y is None) != (parts.y is None):
        before, now = (_in_words(each) for each in (first, parts))
        raise ValueError(f"{where} has {now}, and {where_first} has {before}; all must be alike")


def _in_words(parts: Parts[Any]) -> str:
    return ", ".join(f"rows of shape {part.shape[1:]} and dtype {part.dtype}" for part in parts.all)
