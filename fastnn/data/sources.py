"""What a stream reads from: row groups by number, each read alone, as arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from fastnn._base.reprs import counted

Numbers = TypeVar("Numbers", bound=Sized)


@dataclass(frozen=True)
class Parts(Generic[Numbers]):
    """What belongs to some rows.

    Attributes
    ----------
    x : numbers ``(n, ...)`` for each input.   y, weight : ``(n, ...)`` and ``(n,)``, or None.
    """

    x: tuple[Numbers, ...]
    y: Numbers | None = None
    weight: Numbers | None = None

    def __len__(self) -> int:
        return len(self.x[0])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {counted(len(self), 'row')}>"

    @property
    def all(self) -> tuple[Numbers, ...]:
        """All that there are."""
        return (*self.x, *(part for part in (self.y, self.weight) if part is not None))


class Arrays(Parts[np.ndarray]):
    """Rows as a network takes them, in arrays."""

    def like(self, arrays: Sequence[np.ndarray]) -> Arrays:
        """Others in their places."""
        n, rest = len(self.x), list(arrays[len(self.x) :])
        return Arrays(
            tuple(arrays[:n]),
            None if self.y is None else rest.pop(0),
            None if self.weight is None else rest.pop(0),
        )

    def take(self, rows: np.ndarray | slice) -> Arrays:
        """Some of the rows, by a slice, a mask or their numbers."""
        return self.like([array[rows] for array in self.all])

    def batch_of_inputs(self) -> np.ndarray | list[np.ndarray]:
        """The array of inputs, or the list of them."""
        return self.x[0] if len(self.x) == 1 else list(self.x)

    def batch(self) -> object:
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

    def parts(self, group: int, mask: np.ndarray | None = None) -> Parts[Any]:
        """The same for a :class:`fastnn.data.rooms.Room`, which may write them as they come."""
        return self.read(group, mask)

    def reading(self) -> AbstractContextManager[Source]:
        """The same rows for one pass, in a block that leaves no file open behind it."""
        return nullcontext(self)

    @abstractmethod
    def where(self, group: int) -> str:
        """What errors call a group."""

    @property
    @abstractmethod
    def has_targets(self) -> bool:
        """Whether rows come with targets."""

    @property
    @abstractmethod
    def marks(self) -> list[object]:
        """What tells it from another one: names, sizes, columns."""


def check_numbers(where: str, what: str, values: np.ndarray) -> None:
    """``ValueError`` for numbers that are not finite, with the row of the first one."""
    if values.dtype.kind != "f" or np.isfinite(values.sum(dtype=np.float64)):
        return
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.flatnonzero(bad.reshape(len(values), -1).any(axis=1))[0])
        raise ValueError(f"{where}: {what} has {bad.sum():,} numbers that are not finite, the first in row {row}")
