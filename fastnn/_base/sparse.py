"""Rows in compressed form (CSR), which backends write out as dense blocks one at a time.

What :func:`from_scipy` returns may be trusted: every index lies inside, every value is finite. Its indices are its own,
so that nobody who changes the matrix while a model trains on it can make a kernel read outside; values are shared where
they are of the right dtype.

Design: only the block at hand is dense, so that every kernel serves both kinds of rows and sparse ones give the bits of
dense ones. Products that skip zeros (rejected) would be a second text of the largest kernels in each backend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastnn._base.types import DataLike
from fastnn._base.windows import WindowRows

MAX_COLUMNS = 2**31  # indices are int32
COMPRESSED = ("csr", "csc", "bsr")  # formats with indptr and indices


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """Rows ``(n, n_columns)``; several values at one place of a row add up, in the order in which they are kept."""

    values: np.ndarray  # (n_values,)
    columns: np.ndarray  # int32 (n_values,)
    starts: np.ndarray  # int64 (n + 1,); row i has values[starts[i] : starts[i + 1]]
    n_columns: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the dense array of all rows."""
        return len(self), self.n_columns

    @property
    def dtype(self) -> np.dtype:
        """Of the values, the model's."""
        return self.values.dtype

    def __getitem__(self, rows: slice) -> SparseRows:
        """Rows that follow each other, without a copy."""
        first, last, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"sparse rows are cut where they follow each other, got the step {step}")
        return SparseRows(self.values, self.columns, self.starts[first : max(first, last) + 1], self.n_columns)

    def copy(self) -> SparseRows:
        """The same rows in arrays that nobody else has."""
        return SparseRows(self.values.copy(), self.columns.copy(), self.starts.copy(), self.n_columns)

    def take(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Write the rows of these indices into ``out``, C-contiguous ``(len(rows), n_columns)``."""
        first = self.starts[rows]
        sizes = self.starts[1:][rows] - first
        row = np.repeat(np.arange(len(rows)), sizes)
        place = np.arange(len(row)) + (first - np.cumsum(sizes) + sizes)[row]
        out[...] = 0
        np.add.at(out.reshape(-1), row * self.n_columns + self.columns[place], self.values[place])


AnyRows = np.ndarray | SparseRows | WindowRows


def take_rows(x: AnyRows, rows: np.ndarray, out: np.ndarray) -> None:
    """Write the rows of ``x`` of these indices into ``out`` ``(len(rows), n_columns)``."""
    if isinstance(x, np.ndarray):
        np.take(x, rows, axis=0, out=out, mode="clip")  # all are there; to raise would take a buffer, and twice as long
    else:
        x.take(rows, out)


def dense(x: AnyRows, room: np.ndarray) -> np.ndarray:
    """``x`` as it is, or sparse rows and windows written out at the front of ``room``, a flat vector of their dtype."""
    if isinstance(x, np.ndarray):
        return x
    out = room[: len(x) * x.n_columns].reshape(len(x), x.n_columns)
    x.take(np.arange(len(x)), out)
    return out


def from_scipy(name: str, came: object, dtype: np.dtype) -> SparseRows:
    """Rows of a two-axis sparse matrix or array of SciPy, in any of its formats, as values of ``dtype``.

    Raises
    ------
    ValueError
        a value is not finite, or the matrix is damaged: its indices point outside.
    """
    csr = _own_csr(name, came)
    if csr.shape[1] > MAX_COLUMNS:
        raise ValueError(f"{name} has {csr.shape[1]} columns; sparse rows have at most {MAX_COLUMNS}")
    starts = csr.indptr.astype(np.int64, copy=False)
    columns = csr.indices[: starts[-1]].astype(np.int32, copy=False)
    with np.errstate(over="ignore"):  # what overflows in the model's dtype is infinite, and refused below
        values = np.require(csr.data[: starts[-1]], dtype, ("C", "A"))
    rows = SparseRows(values, columns, starts, csr.shape[1])
    _check_finite(name, rows)
    return rows


def _own_csr(name: str, came: DataLike) -> DataLike:
    """A matrix in CSR with checked indices of its own; values may be those of ``came``.

    Indices are copied before they are checked, or else another thread could change them in between.
    """
    if getattr(came, "format", None) == "csr":
        own = CSR(came.data, np.array(came.indices, order="C"), np.array(came.indptr, order="C"), came.shape)
        _check_places(name, own)
        return own
    _check_places(name, came)
    if not hasattr(came, "copy"):  # of another package
        return _own_csr(name, came.tocsr())
    copied = came.copy()
    _check_places(name, copied)
    csr = copied.tocsr()
    _check_places(name, csr)
    return csr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CSR:
    """The arrays of a matrix of SciPy in CSR, under their names there."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]
    format: str = "csr"


def _check_places(name: str, came: DataLike) -> None:
    """Raise where an index points outside, before anything follows it; SciPy's conversions do not look."""
    kind, n_values = getattr(came, "format", None), len(getattr(came, "data", ()))
    if kind == "coo":
        for indices, size in zip((came.row, came.col), came.shape, strict=True):
            if len(indices) != n_values:
                raise _damaged(name, f"it has {len(indices)} indices for {n_values} values")
            _check_indices(name, indices, size)
    elif kind in COMPRESSED:
        blocks = came.blocksize if kind == "bsr" else (1, 1)
        major, minor = (size // block for size, block in zip(came.shape, blocks, strict=True))
        if kind == "csc":
            major, minor = minor, major
        _check_starts(name, came.indptr, major, min(len(came.indices), n_values))
        _check_indices(name, came.indices[: came.indptr[-1]], minor)


def _check_starts(name: str, starts: np.ndarray, n: int, n_values: int) -> None:
    if starts.dtype.kind not in "iu" or starts.shape != (n + 1,):
        raise _damaged(name, f"indptr must hold {n + 1} whole numbers, got {starts.dtype} {starts.shape}")
    if starts[0] != 0 or starts[-1] > n_values or (starts[1:] < starts[:-1]).any():
        raise _damaged(name, f"indptr must grow from 0 to at most {n_values}, the number of values")


def _check_indices(name: str, indices: np.ndarray, size: int) -> None:
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        raise _damaged(name, f"indices must be whole numbers in one axis, got {indices.dtype} {indices.shape}")
    low, high = (indices.min(), indices.max()) if len(indices) else (0, 0)
    if low < 0 or high >= max(size, 1):
        raise _damaged(name, f"indices must lie in 0 to {size - 1}, got {low} to {high}")


def _damaged(name: str, fault: str) -> ValueError:
    return ValueError(f"{name} is a damaged sparse matrix: {fault}; make it anew from its dense rows or its triplets")


def _check_finite(name: str, rows: SparseRows) -> None:
    """Raise when a value is NaN or infinite, and say where the first one is."""
    values = rows.values
    if not len(values) or (math.isfinite(values.min()) and math.isfinite(values.max())):  # NaN goes through both
        return
    bad = np.flatnonzero(~np.isfinite(values))
    where = int(np.searchsorted(rows.starts, bad[0], "right")) - 1, int(rows.columns[bad[0]])
    raise ValueError(
        f"{name} must be finite, got {values[bad[0]]} at index {where} and {len(bad)} such "
        f"value{'s' if len(bad) > 1 else ''} in all; replace or drop them"
    )
