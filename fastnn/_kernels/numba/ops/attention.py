"""``y = softmax(scale * q @ k.T) @ v`` for each head of a sample, and its way back.

Heads are runs of columns, and are numbered over all samples. The second factor of each product is copied, dense, into
``spare``, whose size :func:`fastnn._kernels.numba.handed.attention_spare` says. Gradients of a sample are zeros first,
and all is added to them, because queries, keys and values may be one value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.ops.arrays import adds, input_gradient, read
from fastnn._kernels.numba.table import product
from fastnn._kernels.numba.vector.math import exp
from fastnn._kernels.numba.vector.random import dropout_factors


class Sizes(NamedTuple):
    """Those of the kind's geometry that heads are cut by."""

    heads: int
    queries: int
    keys: int
    d: int
    e: int


class Spare(NamedTuple):
    """Room for a head: a matrix transposed, one dense, a result, and twice ``(queries, keys)``."""

    turned: np.ndarray
    dense: np.ndarray
    result: np.ndarray
    scores: np.ndarray
    dropped: np.ndarray


@inlined
def forward(op, arrays, when):
    s, x = sizes_of(op), inputs_of(op, arrays, when.n_rows)
    if op.room >= 0 and op.rate != 0:
        draw(op, arrays, s, when)
    for number in range(when.n_rows * s.heads):
        attend(op, arrays, s, x, number, when.n_rows)


@inlined
def backward(op, arrays, when):
    s, x = sizes_of(op), inputs_of(op, arrays, when.n_rows)
    dq, dk = started(op, arrays, 0, when.n_rows), started(op, arrays, 1, when.n_rows)
    dv = started(op, arrays, 2, when.n_rows)
    for number in range(when.n_rows * s.heads):
        attend_back(op, arrays, s, x, (dq, dk, dv), number, when.n_rows)


@inlined
def sizes_of(op):
    g = op.geometry
    return Sizes(g[0], g[1], g[2], g[3], g[4])


@inlined
def inputs_of(op, arrays, n_rows):
    """Queries, keys, values and the mask, empty without one."""
    mask = read(op, arrays, 3 if op.geometry[5] else 0, n_rows)
    size = n_rows * op.geometry[5] * op.geometry[2]
    return read(op, arrays, 0, n_rows), read(op, arrays, 1, n_rows), read(op, arrays, 2, n_rows), mask[:size]


@inlined
def started(op, arrays, i, n_rows):
    """The gradient of the i-th input, zeros where nobody has set it; empty where nobody wants it."""
    dx = input_gradient(op, arrays, i, n_rows)
    if not adds(op, arrays, i):
        dx[:] = 0
    return dx


@inlined
def spare_of(arrays, s):
    wide, many, scores = max(s.d, s.e), max(s.queries, s.keys), s.queries * s.keys
    dense = s.keys * wide
    result = dense + many * wide
    first = result + many * wide
    dropped, end = first + scores, first + 2 * scores
    spare = arrays.spare
    return Spare(spare[:dense], spare[dense:result], spare[result:first], spare[first:dropped], spare[dropped:end])


@inlined
def of_sample(op, arrays, offset, number, s):
    """The sample of a head in the output, or in its gradient."""
    size = arrays.values[op.output].size
    first = offset + number // s.heads * size
    return arrays.workspace[first : first + size]


@inlined
def scores_behind(y, number, s):
    """The head's weights behind the output of the heads; those of the following heads too."""
    return y[s.queries * (s.heads * s.e + number % s.heads * s.keys) :]


@inlined
def kept_weights(op, arrays, s, number):
    """Empty in plans for prediction."""
    n = s.queries * s.keys
    first = max(op.room, 0) + number * n
    return arrays.workspace[first : first + (n if op.room >= 0 else 0)]


@inlined
def kept_factors(op, arrays, s, number, n_rows):
    """Empty without dropout."""
    n = s.queries * s.keys
    first = max(op.room, 0) + (n_rows * s.heads + number) * n
    return arrays.workspace[first : first + (n if op.room >= 0 and op.rate != 0 else 0)]


@inlined
def draw(op, arrays, s, when):
    """Factors of all weights of a block; ones where dropout rests."""
    n = s.heads * s.queries * s.keys
    first = op.room + when.n_rows * n
    factors = arrays.workspace[first : first + when.n_rows * n]
    if when.training:
        dropout_factors(factors, op.seed, op.stream, when.step, op.rate, when.first_row * n)
    else:
        factors[:] = 1


@inlined
def attend(op, arrays, s, x, number, n_rows):
    """One head."""
    q, k, v, mask = x
    y = of_sample(op, arrays, arrays.values[op.output].offset, number, s)
    spare, kept, row = spare_of(arrays, s), kept_weights(op, arrays, s, number), s.heads * s.d
    weights = kept if kept.shape[0] else spare.scores
    turn_head(k, number, s.keys, s.heads, s.d, spare.turned)
    queries = q[head_at(number, s.queries, s.heads, s.d) :]
    product(arrays.kernels, 0, (y[:0], queries, row, 1, spare.turned, weights, s.queries, s.d, s.keys))
    own_mask = mask[number // s.heads * op.geometry[5] * s.keys :] if mask.shape[0] else mask
    weigh(weights, own_mask, op.geometry[5] > 1, op.geometry[6], op.numbers[0], s)
    factor = dropped_weights(weights, kept_factors(op, arrays, s, number, n_rows), spare.dropped)
    take_head(v, number, s.keys, s.heads, s.e, spare.dense)
    product(arrays.kernels, 0, (y[:0], factor, s.keys, 1, spare.dense, spare.result, s.queries, s.keys, s.e))
    give_head(spare.result, number % s.heads, s.queries, s.heads, s.e, y, 0)
    if op.geometry[7]:
        given = scores_behind(y, number, s)
        for i in range(s.queries * s.keys):
            given[i] = weights[i]


@inlined
def attend_back(op, arrays, s, x, gradients, number, n_rows):
    """Adds the gradients of one head's queries, keys and values."""
    q, k, v, _ = x
    dq, dk, dv = gradients
    dy = of_sample(op, arrays, arrays.values[op.output].grad, number, s)
    none, spare = dy[:0], spare_of(arrays, s)
    slopes = spare.scores
    weights, factors = kept_weights(op, arrays, s, number), kept_factors(op, arrays, s, number, n_rows)
    if dv.shape[0]:
        factor = dropped_weights(weights, factors, spare.dropped)
        take_head(dy, number % s.heads, s.queries, s.heads, s.e, spare.dense)
        product(arrays.kernels, 0, (none, factor, 1, s.keys, spare.dense, spare.result, s.keys, s.queries, s.e))
        give_head(spare.result, number, s.keys, s.heads, s.e, dv, 1)
    turn_head(v, number, s.keys, s.heads, s.e, spare.turned)
    of_head = dy[number % s.heads * s.e :]
    product(arrays.kernels, 0, (none, of_head, s.heads * s.e, 1, spare.turned, slopes, s.queries, s.e, s.keys))
    weigh_back(weights, factors, scores_behind(dy, number, s) if op.geometry[7] else none, slopes, op.numbers[0], s)
    if dq.shape[0]:
        take_head(k, number, s.keys, s.heads, s.d, spare.dense)
        product(arrays.kernels, 0, (none, slopes, s.keys, 1, spare.dense, spare.result, s.queries, s.keys, s.d))
        give_head(spare.result, number, s.queries, s.heads, s.d, dq, 1)
    if dk.shape[0]:
        take_head(q, number, s.queries, s.heads, s.d, spare.dense)
        product(arrays.kernels, 0, (none, slopes, 1, s.keys, spare.dense, spare.result, s.keys, s.queries, s.d))
        give_head(spare.result, number, s.keys, s.heads, s.d, dk, 1)


@inlined
def head_at(number, rows, heads, n):
    """Where a head of ``rows`` rows begins, each ``heads * n`` wide."""
    return number // heads * rows * heads * n + number % heads * n


@kernel
def take_head(x, number, rows, heads, n, out):
    """A head's rows, dense."""
    first = head_at(number, rows, heads, n)
    for i in range(rows):
        for j in range(n):
            out[i * n + j] = x[first + i * heads * n + j]


@kernel
def turn_head(x, number, rows, heads, n, out):
    """A head's rows as columns."""
    first = head_at(number, rows, heads, n)
    for i in range(rows):
        for j in range(n):
            out[j * rows + i] = x[first + i * heads * n + j]


@kernel
def give_head(rows_of_head, number, rows, heads, n, out, added):
    """Sets or adds dense rows where the head lies."""
    first = head_at(number, rows, heads, n)
    for i in range(rows):
        for j in range(n):
            at, value = first + i * heads * n + j, rows_of_head[i * n + j]
            out[at] = out[at] + value if added else value


@kernel
def weigh(weights, mask, has_rows, causal, scale, s):
    """The softmax of each query's products, in place; zeros where no key counts."""
    by, none = weights.dtype.type(scale), weights.dtype.type(-np.inf)
    for i in range(s.queries):
        row, top, total = weights[i * s.keys : (i + 1) * s.keys], none, 0.0
        own = mask[i * s.keys :] if has_rows else mask
        for j in range(s.keys):
            counts = (not causal or j <= i) and (mask.shape[0] == 0 or own[j] != 0)
            row[j] = row[j] * by if counts else none
            top = max(top, row[j])
        top = weights.dtype.type(0) if top == none else top
        for j in range(s.keys):
            row[j] = exp(row[j] - top)
        for j in range(s.keys):
            total += row[j]
        total = 1.0 if total == 0 else total
        for j in range(s.keys):
            row[j] /= total


@kernel
def dropped_weights(weights, factors, out):
    """The weights times their factors, which may be empty."""
    if factors.shape[0] == 0:
        return weights
    for i in range(factors.shape[0]):
        out[i] = weights[i] * factors[i]
    return out


@kernel
def weigh_back(weights, factors, given, slopes, scale, s):
    """Gradients of the products in place of those of the weights with their factors; ``given`` are of the weights."""
    by = slopes.dtype.type(scale)
    for first in range(0, s.queries * s.keys, s.keys):
        mean = 0.0
        for j in range(first, first + s.keys):
            if factors.shape[0]:
                slopes[j] *= factors[j]
            if given.shape[0]:
                slopes[j] += given[j]
            mean += slopes[j] * weights[j]
        for j in range(first, first + s.keys):
            slopes[j] = weights[j] * (slopes[j] - mean) * by
