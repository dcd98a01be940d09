"""Rows of a batch of which other ranks have the rest."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn._kernels.contract import Rows


@dataclass(frozen=True)
class PartRows(Rows):
    """Rows of some shards of a batch.

    Attributes
    ----------
    at : where each shard begins in the whole batch, and its end.
    first : the first shard that rows are of.
    """

    at: tuple[int, ...] = ()
    first: int = 0
