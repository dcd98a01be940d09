"""Matrix products: one kernel that adds ``a @ b`` to ``c`` serves ``x @ w``, ``x.T @ dz`` and ``dz @ w.T``.

``a`` is read by strides, so that it may be a transposed view; ``b`` ``(k, n)`` and ``c`` ``(m, n)`` are flat and
row-major. The inner loop runs over the contiguous rows of ``b`` and ``c``, where LLVM vectorises it.

Design: four rows of ``c`` and four of ``b`` a pass make 16 fused multiply-adds of 8 loads and 4 stores, and
the 16 numbers of ``a`` stay in registers. It reaches NumPy's speed for rows of 64 and more. Accumulators kept in
registers over ``k`` need arrays on the stack, which Numba does not have; ``np.dot`` needs SciPy.
"""

from __future__ import annotations

from fastnn._kernels.jit_compile import kernel, sum_kernel


@kernel
def add_product(a, row_stride, k_stride, b, c, m, k, n):
    """``c += a @ b`` with ``a[i, l]`` at ``a[i * row_stride + l * k_stride]``."""
    if n == 1:
        _add_column(a, row_stride, k_stride, b, c, m, k)
        return
    whole = m // 4 * 4
    for i in range(0, whole, 4):
        _add_four_rows(a[i * row_stride :], row_stride, k_stride, b, c[i * n : (i + 4) * n], k, n)
    for i in range(whole, m):
        _add_row(a[i * row_stride :], k_stride, b, c[i * n : (i + 1) * n], k, n)


@kernel
def _add_four_rows(a, row_stride, k_stride, b, c, k, n):
    c0, c1, c2, c3 = c[:n], c[n : 2 * n], c[2 * n : 3 * n], c[3 * n :]
    whole = k // 4 * 4
    for first in range(0, whole, 4):
        b0, b1 = b[first * n : (first + 1) * n], b[(first + 1) * n : (first + 2) * n]
        b2, b3 = b[(first + 2) * n : (first + 3) * n], b[(first + 3) * n : (first + 4) * n]
        a00, a01, a02, a03 = _four(a, first * k_stride, k_stride)
        a10, a11, a12, a13 = _four(a, row_stride + first * k_stride, k_stride)
        a20, a21, a22, a23 = _four(a, 2 * row_stride + first * k_stride, k_stride)
        a30, a31, a32, a33 = _four(a, 3 * row_stride + first * k_stride, k_stride)
        for j in range(n):
            v0, v1, v2, v3 = b0[j], b1[j], b2[j], b3[j]
            c0[j] = c0[j] + a00 * v0 + a01 * v1 + a02 * v2 + a03 * v3
            c1[j] = c1[j] + a10 * v0 + a11 * v1 + a12 * v2 + a13 * v3
            c2[j] = c2[j] + a20 * v0 + a21 * v1 + a22 * v2 + a23 * v3
            c3[j] = c3[j] + a30 * v0 + a31 * v1 + a32 * v2 + a33 * v3
    for last in range(whole, k):
        row = b[last * n : (last + 1) * n]
        a0, a1, a2, a3 = _four(a, last * k_stride, row_stride)
        for j in range(n):
            v = row[j]
            c0[j] += a0 * v
            c1[j] += a1 * v
            c2[j] += a2 * v
            c3[j] += a3 * v


@kernel
def _four(a, first, stride):
    return a[first], a[first + stride], a[first + 2 * stride], a[first + 3 * stride]


@kernel
def _add_row(a, k_stride, b, c, k, n):
    whole = k // 4 * 4
    for first in range(0, whole, 4):
        b0, b1 = b[first * n : (first + 1) * n], b[(first + 1) * n : (first + 2) * n]
        b2, b3 = b[(first + 2) * n : (first + 3) * n], b[(first + 3) * n : (first + 4) * n]
        a0, a1, a2, a3 = _four(a, first * k_stride, k_stride)
        for j in range(n):
            c[j] = c[j] + a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
    for last in range(whole, k):
        factor, row = a[last * k_stride], b[last * n : (last + 1) * n]
        for j in range(n):
            c[j] += factor * row[j]


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
