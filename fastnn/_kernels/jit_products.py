"""Matrix products: one kernel that adds ``a @ b`` to ``c`` serves ``x @ w``, ``x.T @ dz`` and ``dz @ w.T``.

``a`` is read by strides, so that it may be a transposed view; ``b`` ``(k, n)`` and ``c`` ``(m, n)`` are flat and
row-major. ``c`` is cut into tiles of four rows and two vectors, which stay in registers while ``k`` runs.

Design: nothing is packed or blocked over ``k``. Rows of ``b`` come from the second-level cache for the layers this
backend is meant for; ``np.dot`` needs SciPy inside Numba.
"""

from __future__ import annotations

from fastnn._kernels.jit_compile import kernel, sum_kernel
from fastnn._kernels.jit_tile import VECTOR_BYTES, tile

ROWS = 4  # with two vectors a row, 8 sums hide the latency of the multiply-add
rows_wide, rows_edge = tile(ROWS, 2), tile(ROWS, 1, masked=True)
row_wide, row_edge = tile(1, 2), tile(1, 1, masked=True)


@kernel
def add_product(a, row_stride, k_stride, b, c, m, k, n):
    """``c += a @ b`` with ``a[i, l]`` at ``a[i * row_stride + l * k_stride]``."""
    if n == 1:
        _add_column(a, row_stride, k_stride, b, c, m, k)
        return
    lanes = VECTOR_BYTES // a.itemsize
    whole, wide = m // ROWS * ROWS, n // (2 * lanes) * (2 * lanes)
    for j in range(0, wide, 2 * lanes):
        for i in range(0, whole, ROWS):
            rows_wide(a[i * row_stride :], row_stride, k_stride, b[j:], c[i * n + j :], n, k, 0)
        for i in range(whole, m):
            row_wide(a[i * row_stride :], row_stride, k_stride, b[j:], c[i * n + j :], n, k, 0)
    for j in range(wide, n, lanes):
        for i in range(0, whole, ROWS):
            rows_edge(a[i * row_stride :], row_stride, k_stride, b[j:], c[i * n + j :], n, k, n - j)
        for i in range(whole, m):
            row_edge(a[i * row_stride :], row_stride, k_stride, b[j:], c[i * n + j :], n, k, n - j)


@sum_kernel
def _add_column(a, row_stride, k_stride, b, c, m, k):
    """The case n = 1, with the inner loop along the contiguous side of ``a``."""
    if k_stride == 1:
        for i in range(m):
            row, total = a[i * row_stride : i * row_stride + k], c[i]
            for j in range(k):
                total += row[j] * b[j]
            c[i] = total
        return
    for j in range(k):
        factor = b[j]
        for i in range(m):
            c[i] += a[i * row_stride + j * k_stride] * factor


@kernel
def transpose(w, out, m, n):
    """``out`` ``(n, m)`` becomes the transpose of ``w`` ``(m, n)``."""
    for i in range(m):
        for j in range(n):
            out[j * m + i] = w[i * n + j]


@kernel
def add_rows(c, a, m, n):
    """Add all rows of ``a`` ``(m, n)`` to ``c`` ``(n,)``."""
    for i in range(m):
        row = a[i * n : (i + 1) * n]
        for j in range(n):
            c[j] += row[j]
