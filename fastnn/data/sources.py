"""What a stream reads from: row groups by number, each read alone, as arrays; and how such arrays are put together."""

from __future__ import annotations

import math
import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base.reprs import counted

OWN_PAGES = 2**18  # bytes from which on an array has pages of its own


@dataclass(frozen=True)
class Arrays:
    """Rows as a network takes them.

    Attributes
    ----------
    x : an array ``(n, ...)`` for each input.   y, weight : ``(n, ...)`` and ``(n,)``, or None.
    """

    x: tuple[np.ndarray, ...]
    y: np.ndarray | None = None
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x[0])

    def __repr__(self) -> str:
        return f"<Arrays of {counted(len(self), 'row')}>"

    @property
    def all(self) -> tuple[np.ndarray, ...]:
        """All arrays that there are."""
        return (*self.x, *(array for array in (self.y, self.weight) if array is not None))

    def like(self, arrays: Sequence[np.ndarray]) -> Arrays:
        """Others in their places."""
        n, rest = len(self.x), list(arrays[len(self.x) :])
        return Arrays(
            tuple(arrays[:n]),
            None if self.y is None else rest.pop(0),
            None if self.weight is None else rest.pop(0),
        )

    def take(self, rows: Any) -> Arrays:
        """Some of the rows, by a slice, a mask or their numbers."""
        return self.like([array[rows] for array in self.all])

    def batch_of_inputs(self) -> Any:
        """The array of inputs, or the list of them."""
        return self.x[0] if len(self.x) == 1 else list(self.x)

    def batch(self) -> Any:
        """What users are given: x alone, or (x, y), or (x, y, weight)."""
        x = self.batch_of_inputs()
        if self.y is None:
            return x
        return (x, self.y) if self.weight is None else (x, self.y, self.weight)


class Source(ABC):
    """Rows in groups that are read one by one, in any order.

    Attributes
    ----------
    rows : of each group.   name : what errors and reprs call it.
    row_bytes : about how much memory a row takes as it is read.
    """

    rows: np.ndarray
    name: str
    row_bytes: int

    @abstractmethod
    def read(self, group: int, mask: np.ndarray | None = None) -> Arrays:
        """The rows of a group, or those of them that a mask names."""

    @abstractmethod
    def where(self, group: int) -> str:
        """What errors call a group."""

    @property
    @abstractmethod
    def has_targets(self) -> bool:
        """Whether rows come with targets."""

    @property
    @abstractmethod
    def marks(self) -> list[Any]:
        """What tells it from another one: names, sizes, columns."""


class Room:
    """Memory for some rows, which groups are written into one after the other.

    All must have the shapes and dtypes of the first.
    """

    def __init__(self, n_rows: int):
        self.n_rows, self.filled = n_rows, 0
        self.first: Arrays | None = None
        self.where = ""
        self.held: list[np.ndarray] = []

    def put(self, arrays: Arrays, where: str) -> None:
        """Write rows behind those that are there."""
        if self.first is None:
            self.first, self.where = arrays.take(slice(0)), where
            self.held = [room_of((self.n_rows, *array.shape[1:]), array.dtype) for array in arrays.all]
        check_alike(self.first, self.where, arrays, where)
        for room, array in zip(self.held, arrays.all, strict=True):
            room[self.filled : self.filled + len(arrays)] = array
        self.filled += len(arrays)

    def arrays(self) -> Arrays:
        """What has been written."""
        assert self.first is not None
        return self.first.like([room[: self.filled] for room in self.held])


def room_of(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that goes back to the system as soon as nobody has it.

    Design: pages of its own. Of what ``malloc`` gives a window of rows, much stays with the process when the window is
    let go, and a fit took three windows where two are in use.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < OWN_PAGES:
        return np.empty(shape, dtype)
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    return np.frombuffer(mmap.mmap(-1, size, **private), dtype).reshape(shape)


def check_alike(first: Arrays, where_first: str, arrays: Arrays, where: str) -> None:
    """``ValueError`` where two groups have not the same arrays."""
    forms = [[(a.dtype.str, a.shape[1:]) for a in each.all] for each in (first, arrays)]
    if forms[0] != forms[1] or len(first.x) != len(arrays.x) or (first.y is None) != (arrays.y is None):
        before, now = (_in_words(each) for each in (first, arrays))
        raise ValueError(f"{where} has {now}, and {where_first} has {before}; all must be alike")


def _in_words(arrays: Arrays) -> str:
    return ", ".join(f"rows of shape {array.shape[1:]} and dtype {array.dtype}" for array in arrays.all)


def check_numbers(where: str, what: str, values: np.ndarray) -> None:
    """``ValueError`` for numbers that are not finite, with the row of the first one."""
    if values.dtype.kind != "f" or np.isfinite(values.sum(dtype=np.float64)):
        return
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.flatnonzero(bad.reshape(len(values), -1).any(axis=1))[0])
        raise ValueError(f"{where}: {what} has {bad.sum():,} numbers that are not finite, the first in row {row}")


Parts = Iterator[tuple[Arrays, str]]
