"""Row groups that stay in memory once they are read, where all of them take less than a window."""

from __future__ import annotations

import numpy as np

from fastnn.data.arrow import Tables
from fastnn.data.passes import WINDOW_BYTES
from fastnn.data.sources import Arrays, Source


class Kept(Source):
    """The rows of files as they are encoded, read from them once; files that change are still noticed."""

    def __init__(self, tables: Tables):
        self.tables, self.rows, self.name, self.row_bytes = tables, tables.rows, tables.name, tables.row_bytes
        self.held: dict[int, Arrays] = {}

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"held": {}}  # another process reads for itself

    @property
    def has_targets(self) -> bool:
        return self.tables.has_targets

    @property
    def marks(self) -> list[object]:
        return self.tables.marks

    def where(self, group: int) -> str:
        return self.tables.where(group)

    def read(self, group: int, mask: np.ndarray | None = None) -> Arrays:
        """The rows of a group, or those of them that a mask names."""
        if group in self.held:
            self.tables.check(group)
        else:
            self.held[group] = self.tables.read(group)
        arrays = self.held[group]
        return arrays if mask is None else arrays.take(mask)


def kept_if_small(tables: Tables) -> Source:
    """The same rows, kept where they take less than a window."""
    return Kept(tables) if int(tables.rows.sum()) * tables.row_bytes <= WINDOW_BYTES else tables
