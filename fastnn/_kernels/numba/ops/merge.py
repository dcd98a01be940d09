"""Several inputs become one, number by number, and back. Where an input has one number a row, it stands for all.

A maximum's gradient is shared as in ``_ops/merge.py``: of k inputs that equal the output, the first two take
``1 / 2**(k - 1)`` of it each, and every later one twice as much as the one before.
"""

from __future__ import annotations

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.activation import activate_rows, output_gradient_back
from fastnn._kernels.numba.ops.arrays import adds, hand_on, input_gradient, kept, output_gradient, read, written
from fastnn._kernels.numba.vector.rows import copy
from fastnn._ops.merge import Join

ADD, SUBTRACT, MULTIPLY, AVERAGE, MAXIMUM, MINIMUM = map(int, Join)


def _joining(formula):
    """``y = formula(y, x)`` for all rows of ``n``."""
    of_two = inlined(formula)

    @kernel
    def join(y, x, n):
        if x.shape[0] == y.shape[0]:
            for i in range(y.shape[0]):
                y[i] = of_two(y[i], x[i])
        else:
            for row in range(x.shape[0]):
                for i in range(row * n, (row + 1) * n):
                    y[i] = of_two(y[i], x[row])

    return join


def _larger(a, b):
    return a if a > b or a != a else b


def _smaller(a, b):
    return a if a < b or a != a else b


first_of = _joining(lambda a, b: b)
add, subtract, multiply = (_joining(f) for f in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b))
maximum, minimum = _joining(_larger), _joining(_smaller)


@inlined
def join_with(join, y, x, n):
    if join in (ADD, AVERAGE):
        add(y, x, n)
    elif join == SUBTRACT:
        subtract(y, x, n)
    elif join == MULTIPLY:
        multiply(y, x, n)
    elif join == MAXIMUM:
        maximum(y, x, n)
    else:
        minimum(y, x, n)


@kernel
def divide(y, by):
    for i in range(y.shape[0]):
        y[i] /= y.dtype.type(by)


@kernel
def negate(y):
    for i in range(y.shape[0]):
        y[i] = -y[i]


@inlined
def forward(op, arrays, when):
    y, n_rows = written(op, arrays, when.n_rows), when.n_rows
    first_of(y, read(op, arrays, 0, n_rows), op.n_out)
    for i in range(1, op.n_inputs):
        join_with(op.geometry[0], y, read(op, arrays, i, n_rows), op.n_out)
    if op.geometry[0] == AVERAGE:
        divide(y, op.n_inputs)
    activate_rows(arrays.kernels, op, y, kept(op, arrays, n_rows))


@inlined
def backward(op, arrays, when):
    if op.geometry[0] in (MAXIMUM, MINIMUM):
        largest_back(op, arrays, when.n_rows)
    elif op.geometry[0] == MULTIPLY:
        product_back(op, arrays, when.n_rows)
    else:
        sum_back(op, arrays, when.n_rows)


@inlined
def sum_back(op, arrays, n_rows):
    dy = output_gradient_back(op, arrays, n_rows)
    if op.geometry[0] == AVERAGE:
        divide(dy, op.n_inputs)
    for i in range(op.n_inputs):
        if op.geometry[0] == SUBTRACT and i == 1:
            negate(dy)
        give(op, arrays, i, dy, n_rows)


@inlined
def product_back(op, arrays, n_rows):
    dy, gradient = output_gradient(op, arrays, n_rows), kept(op, arrays, n_rows)
    for i in range(op.n_inputs):
        copy(gradient, dy)
        for j in range(op.n_inputs):
            if j != i:
                multiply(gradient, read(op, arrays, j, n_rows), op.n_out)
        give(op, arrays, i, gradient, n_rows)


@kernel
def give(op, arrays, i, gradient, n_rows):
    """Hand a gradient on to the i-th input; to one number a row, the sum over the row."""
    dx = input_gradient(op, arrays, i, n_rows)
    if dx.shape[0] in (0, gradient.shape[0]):
        hand_on(op, arrays, i, gradient, n_rows)
        return
    for row in range(dx.shape[0]):
        total = dx.dtype.type(0)
        for j in range(row * op.n_out, (row + 1) * op.n_out):
            total += gradient[j]
        dx[row] = dx[row] + total if adds(op, arrays, i) else total


@inlined
def largest_back(op, arrays, n_rows):
    y, dy, seen = written(op, arrays, n_rows), output_gradient(op, arrays, n_rows), kept(op, arrays, n_rows)
    seen[:] = 0
    for i in range(op.n_inputs):
        count_equals(read(op, arrays, i, n_rows), y, dy, seen, op.n_out)
    for i in range(op.n_inputs):
        x, dx = read(op, arrays, i, n_rows), input_gradient(op, arrays, i, n_rows)
        give_shares(x, dx, adds(op, arrays, i), y, dy, seen, op.n_out)


@kernel
def count_equals(x, y, dy, seen, n):
    """Halve what is left for each input that equals the output behind the first: ``seen`` is 1 where one was met."""
    whole = x.shape[0] == y.shape[0]
    for i in range(y.shape[0]):
        if x[i if whole else i // n] == y[i]:
            dy[i] *= dy.dtype.type(1) - seen[i] * dy.dtype.type(0.5)
            seen[i] = 1


@kernel
def give_shares(x, dx, added, y, dy, seen, n):
    """What an input takes; the next one that equals the output takes twice as much when this is not the first."""
    whole = x.shape[0] == y.shape[0]
    for row in range(y.shape[0] // n):
        total = dy.dtype.type(0)
        for i in range(row * n, (row + 1) * n):
            share = dy.dtype.type(0)
            if x[i if whole else row] == y[i]:
                share = dy[i]
                dy[i] *= seen[i]
                seen[i] = 2
            if whole and dx.shape[0]:
                dx[i] = dx[i] + share if added else share
            total += share
        if dx.shape[0] and not whole:
            dx[row] = dx[row] + total if added else total
