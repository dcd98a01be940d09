"""Matrix products: one kernel serves ``x @ w + b``, ``x.T @ dz`` and ``dz @ w.T``; and sums of rows, a transpose.

``a`` is read by strides, so that it may be a transposed view; ``b`` ``(k, n)`` and ``c`` ``(m, n)`` are flat and
row-major, or some columns of such matrices. ``c`` is cut into tiles of some rows and two vectors, which stay in
registers while ``k`` runs.

Design: nothing is packed or blocked over ``k``. Rows of ``b`` come from the second-level cache for the layers this
backend is meant for; ``np.dot`` needs SciPy inside Numba.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel, sum_kernel
from fastnn._kernels.numba.vector.tile import VECTOR_BYTES, square_transpose, tile

ARGUMENTS = "start, a, row_stride, k_stride, b, c, m, k, n, pitch"
SUMS = 16 if VECTOR_BYTES == 64 else 8  # vectors of a tile, half of the registers


def _strip(vectors, masked):
    """A strip of ``c``, some vectors wide: tiles of many rows, then of half as many, then of one."""
    n_many = SUMS // vectors
    n_few = n_many // 2
    many, few, one = (tile(rows, vectors, masked=masked) for rows in (n_many, n_few, 1))

    @inlined
    def fill(start, each, a, row_stride, k_stride, b, c, m, k, pitch, width):
        i = 0
        while i + n_many <= m:
            many(start[i * each :], each, a[i * row_stride :], row_stride, k_stride, b, c[i * pitch :], pitch, k, width)
            i += n_many
        while i + n_few <= m:
            few(start[i * each :], each, a[i * row_stride :], row_stride, k_stride, b, c[i * pitch :], pitch, k, width)
            i += n_few
        while i < m:
            one(start[i * each :], each, a[i * row_stride :], row_stride, k_stride, b, c[i * pitch :], pitch, k, width)
            i += 1

    return fill


wide_strip, edge_strip = _strip(2, masked=False), _strip(1, masked=True)


@inlined
def product_of_columns(start, a, row_stride, k_stride, b, c, m, k, n, pitch):
    """``c = start + a @ b`` with ``a[i, l]`` at ``a[i * row_stride + l * k_stride]``.

    ``b`` and ``c`` are ``n`` columns of matrices whose rows are ``pitch`` numbers apart. ``start`` ``(n,)`` is added to
    every row; longer, it lies as ``c`` does, which it may be, and each row has its own; empty, it stands for zeros.
    Where ``pitch`` is 1 and ``a`` is transposed, the ``m`` numbers of its rows lie side by side, ``k_stride = m``.
    """
    each = pitch if start.shape[0] > n else 0  # numbers of start from a row to the next
    if pitch == 1 and k_stride == 1:
        _dots(start, each, a, row_stride, b, c, m, k)
        return
    if pitch == 1:  # a column from a transposed a is a row from a as it lies
        a, row_stride, k_stride, b, m, n, pitch = b, k, 1, a, 1, m, m
    lanes = VECTOR_BYTES // a.itemsize
    wide = n // (2 * lanes) * (2 * lanes)
    for j in range(0, wide, 2 * lanes):
        wide_strip(start[j:], each, a, row_stride, k_stride, b[j:], c[j:], m, k, pitch, 0)
    for j in range(wide, n, lanes):
        edge_strip(start[j:], each, a, row_stride, k_stride, b[j:], c[j:], m, k, pitch, n - j)


@inlined
def product(start, a, row_stride, k_stride, b, c, m, k, n):
    """The same of whole matrices, ``b`` ``(k, n)`` and ``c`` ``(m, n)``."""
    product_of_columns(start, a, row_stride, k_stride, b, c, m, k, n, n)


@sum_kernel
def _dots(start, each, a, row_stride, b, c, m, k):
    """The case n = 1, along the rows of ``a``."""
    for i in range(m):
        row, total = a[i * row_stride : i * row_stride + k], start[i * each] if start.shape[0] else start.dtype.type(0)
        for j in range(k):
            total += row[j] * b[j]
        c[i] = total


@kernel
def transpose(w, out, m, n):
    """``out`` ``(n, m)`` becomes the transpose of ``w`` ``(m, n)``."""
    lanes = VECTOR_BYTES // w.itemsize
    for i in range(0, m, lanes):
        for j in range(0, n, lanes):
            square_transpose(w[i * n + j :], n, out[j * m + i :], m, m - i, n - j)


@kernel
def add_rows(c, a, m, n):
    """Add all rows of ``a`` ``(m, n)`` to ``c`` ``(n,)``."""
    for i in range(m):
        row = a[i * n : (i + 1) * n]
        for j in range(n):
            c[j] += row[j]
