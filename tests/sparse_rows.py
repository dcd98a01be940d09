"""Sparse rows of all kinds for the tests, and what they are when they are written out."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw

from fastnn._base.sparse import SparseRows, from_scipy

scipy_sparse = pytest.importorskip("scipy.sparse", reason="SciPy is missing, and sparse matrices are its own")
WIDTH = 37
KINDS = ("ragged", "empty rows", "full rows", "one row", "nothing", "unsorted", "duplicates", "slice")


def triplets(rng, rows: int, width: int = WIDTH, share: float = 0.2) -> np.ndarray:
    """Dense rows of float32 numbers, most of them zero."""
    x = draw(rng, (rows, width)).astype(np.float32)
    x[rng.random(x.shape) >= share] = 0
    return x


def rows_of_kind(rng, kind: str, dtype, rows: int = 67) -> SparseRows:
    """Sparse rows with what the kind names."""
    x = triplets(rng, 1 if kind == "one row" else rows)
    if kind == "empty rows":
        x[[0, 1, 5, rows // 2, -2, -1]] = 0
    elif kind == "full rows":
        x[[0, 3, -1]] = draw(rng, (3, WIDTH))
    elif kind == "nothing":
        x[...] = 0
    found = from_scipy("x", scipy_sparse.csr_array(x.astype(dtype)), np.dtype(dtype))
    if kind == "unsorted":
        return reordered(found, lambda n: rng.permutation(n))
    if kind == "duplicates":
        return reordered(found, lambda n: rng.integers(0, max(n, 1), n))
    return found[13:61] if kind == "slice" else found


def reordered(rows: SparseRows, choose) -> SparseRows:
    """Each row's places anew: ``choose(n)`` of its ``n``."""
    values, columns = rows.values.copy(), rows.columns.copy()
    for begin, end in zip(rows.starts, rows.starts[1:], strict=False):
        chosen = begin + choose(int(end - begin))
        values[begin:end], columns[begin:end] = rows.values[chosen], rows.columns[chosen]
    return SparseRows(values, columns, rows.starts, rows.n_columns)


def written_out(rows: SparseRows) -> np.ndarray:
    """The dense rows, number by number."""
    out = np.zeros(rows.shape, rows.dtype)
    for i in range(len(rows)):
        for j in range(rows.starts[i], rows.starts[i + 1]):
            out[i, rows.columns[j]] += rows.values[j]
    return out
