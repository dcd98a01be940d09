"""``y = a @ b`` for every sample, and its way back; each matrix is read by strides, so that it may be transposed."""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, sum_kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, output_gradient, read, written


@inlined
def strides(rows, columns, transposed):
    """From a row to the next, and from a column to the next, of a matrix that may be transposed in memory."""
    return (1, rows) if transposed else (columns, 1)


@inlined
def forward(op, arrays, when):
    m, k, n = op.geometry[0], op.geometry[1], op.geometry[2]
    a, b = strides(m, k, op.geometry[3]), strides(k, n, op.geometry[4])
    first, second = read(op, arrays, 0, when.n_rows), read(op, arrays, 1, when.n_rows)
    multiply(first, a, second, b, written(op, arrays, when.n_rows), (n, 1), (m, k, n), 0)


@inlined
def backward(op, arrays, when):
    m, k, n = op.geometry[0], op.geometry[1], op.geometry[2]
    a, b = strides(m, k, op.geometry[3]), strides(k, n, op.geometry[4])
    first, second = read(op, arrays, 0, when.n_rows), read(op, arrays, 1, when.n_rows)
    dy = output_gradient(op, arrays, when.n_rows)
    da, db = input_gradient(op, arrays, 0, when.n_rows), input_gradient(op, arrays, 1, when.n_rows)
    multiply(dy, (n, 1), second, (b[1], b[0]), da, a, (m, n, k), adds(op, arrays, 0))
    multiply(first, (a[1], a[0]), dy, (n, 1), db, b, (k, m, n), adds(op, arrays, 1))


@sum_kernel
def multiply(a, a_strides, b, b_strides, c, c_strides, sizes, added):
    """``c = a @ b`` or ``c += a @ b`` for as many matrices, ``(m, k)`` and ``(k, n)``, as ``c`` has room for."""
    m, k, n = sizes
    for sample in range(c.shape[0] // (m * n)):
        x, y, z = a[sample * m * k :], b[sample * k * n :], c[sample * m * n :]
        for i in range(m):
            for j in range(n):
                total = c.dtype.type(0)
                for p in range(k):
                    total += x[i * a_strides[0] + p * a_strides[1]] * y[p * b_strides[0] + j * b_strides[1]]
                at = i * c_strides[0] + j * c_strides[1]
                z[at] = z[at] + total if added else total
