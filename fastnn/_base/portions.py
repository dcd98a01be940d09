"""Rows that are in memory together while the rest of the data is not, and what gives them: between streams and a fit.

Design: an engine that is handed batches one by one pays Python for each, three quarters of the time of a network of 64
and 32 units. So it is handed the rows of many batches at once, with the order in which they train, and one native call
makes many updates. The batches are cut from that order, so the bits are those of batch by batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastnn._base.reprs import counted
from fastnn._base.types import DataLike


@dataclass(frozen=True, eq=False)
class Portion:
    """Rows of some batches of a pass.

    Attributes
    ----------
    x : ``(n, ...)``, or a list of such.   y, weight : ``(n, ...)`` and ``(n,)``, or None.
    order : int32, the rows in the order in which they are used; some may not be named.
    number : of the pass, from 0.
    first_batch : of the pass, from 0, that it holds. All its batches are full but the last of the pass.
    is_last : whether the pass ends with it.
    is_finite : whether all numbers of ``x`` are known to be finite.
    """

    x: DataLike
    y: DataLike
    weight: np.ndarray | None
    order: np.ndarray
    number: int
    first_batch: int
    is_last: bool
    is_finite: bool = False

    def __repr__(self) -> str:
        return f"<Portion of {counted(len(self.order), 'row')} of pass {self.number}>"

    @property
    def batch(self) -> tuple[DataLike, ...]:
        """Inputs, targets and weights as those of a batch."""
        return (self.x, self.y) if self.weight is None else (self.x, self.y, self.weight)


class GivesPortions(ABC):
    """Data that come portion by portion, in passes whose numbers decide their order: a :class:`fastnn.data.Stream`."""

    batch_size: int

    @property
    @abstractmethod
    def n_rows(self) -> int | None:
        """Rows of a pass; None where only its end tells."""

    @property
    @abstractmethod
    def most_rows(self) -> int | None:
        """Rows of the largest portion; None where nobody knows."""

    @property
    @abstractmethod
    def has_targets(self) -> bool:
        """Whether rows come with what they shall become."""

    @property
    @abstractmethod
    def is_shuffled(self) -> bool:
        """Whether passes have orders of their own."""

    @property
    @abstractmethod
    def digest(self) -> int:
        """A number that differs where other rows, or others batches of them, would come."""

    @abstractmethod
    def check_passes(self, passes: int) -> None:
        """``ValueError`` where it cannot be read so many times."""

    @abstractmethod
    def portions(self, number: int = 0, first_batch: int = 0) -> Iterator[Portion]:
        """The portions of a pass from a batch on."""

    @abstractmethod
    def in_order(self, batch_size: int | None = None) -> GivesPortions:
        """The same rows as they stand in the data."""

    @abstractmethod
    def shard(self, which: int, shards: int) -> GivesPortions:
        """The rows that one of several readers takes of every batch; ``ValueError`` where they cannot be dealt."""

    @abstractmethod
    def piece_lengths(self, shards: int) -> np.ndarray:
        """How many rows each of them has of each batch, ``(batches, shards)``."""

    @abstractmethod
    def batches(self, number: int = 0, first_batch: int = 0) -> Iterator[DataLike]:
        """The batches of a pass, from one on."""

    @abstractmethod
    def __iter__(self) -> Iterator[DataLike]: ...
