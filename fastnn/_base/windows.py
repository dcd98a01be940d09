"""Rows that are windows of one array, which may overlap; backends write them out a block at a time.

What has a WindowRows may trust it: every window lies inside. They begin at regular distances, which takes no memory for
a window, or wherever ``starts`` says (windows of several groups, windows in another order): 8 bytes for each.

Design: as sparse rows, only the block at hand is written out, so that every kernel serves all kinds of rows and windows
give the bits of their copies. Kernels that read windows where they lie (rejected) would need a distance of rows in
every op that reads an input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.reprs import cut

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WindowRows:
    """Rows ``(n, length, *step_shape)``: each holds ``length`` steps of the series, which follow each other."""

    values: np.ndarray  # the series (steps, *step_shape), C-contiguous
    length: int
    stride: int = 1  # steps from one window to the next, where there are no starts
    starts: np.ndarray | None = None  # int64 (n,): the step at which each window begins

    def __len__(self) -> int:
        if self.starts is not None:
            return len(self.starts)
        return max(0, (len(self.values) - self.length) // self.stride + 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of all windows."""
        return len(self), self.length, *self.values.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """Of the series."""
        return self.values.dtype

    @property
    def n_columns(self) -> int:
        """Numbers of a window."""
        return self.length * self._n_step

    @property
    def pitch(self) -> int:
        """Numbers from one window to the next or, where there are starts, from one step to the next."""
        return self._n_step * (self.stride if self.starts is None else 1)

    @property
    def _n_step(self) -> int:
        return math.prod(self.values.shape[1:])

    def __getitem__(self, rows: Any) -> Any:
        """Windows by a slice, without a copy, or by an array of indices or booleans; or one window, a view."""
        if isinstance(rows, slice) and self.starts is None:
            first, last, step = rows.indices(len(self))
            if step > 0:
                n, begin = len(range(first, last, step)), first * self.stride
                end = begin + (n - 1) * self.stride * step + self.length if n else begin
                return WindowRows(self.values[begin:end], self.length, self.stride * step)
        begins = self.begins()[rows]
        if isinstance(begins, np.ndarray):
            if begins.ndim > 1:
                raise IndexError(f"windows are chosen by a slice, an index or indices (n,), got {rows!r}")
            return WindowRows(self.values, self.length, starts=np.ascontiguousarray(begins))
        return self.values[begins : begins + self.length]

    def begins(self) -> np.ndarray:
        """The step at which each window begins, int64 ``(n,)``."""
        return np.arange(len(self), dtype=np.int64) * self.stride if self.starts is None else self.starts

    def take(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Write the windows of these indices into ``out``, C-contiguous ``(len(rows), n_columns)``."""
        if not len(rows):
            return
        size, n_step = self.values.itemsize, self._n_step
        shape = len(self.values) - self.length + 1, self.n_columns
        every = np.lib.stride_tricks.as_strided(self.values, shape, (n_step * size, size), writeable=False)
        out[...] = every[rows.astype(np.int64) * self.stride if self.starts is None else self.starts[rows]]

    def copy(self) -> np.ndarray:
        """All windows as one array ``(n, n_columns)``."""
        out = np.empty((len(self), self.n_columns), self.dtype)
        self.take(np.arange(len(self)), out)
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("windows become an array by a copy; WindowRows[i] is a view of one of them")
        return self.copy().reshape(self.shape).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return cut(f"<{len(self)} windows {self.shape[1:]} of a series {self.values.shape}, {self.dtype}>")
