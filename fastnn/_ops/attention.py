"""``y = softmax(scale * q @ k.T) @ v`` for each head of a sample, and its way back (Vaswani et al. 2017).

Inputs are queries ``(queries, heads * d)``, keys ``(keys, heads * d)`` and values ``(keys, heads * e)``, the h-th run
of columns being those of the h-th head, then with ``mask_rows`` a mask ``(mask_rows, keys)``: one row for all queries,
or one for each. Where it is 0 a key counts for nothing; nor does, with ``causal``, a key behind the query. A query for
which no key counts gets zeros. With ``gives_weights``, the softmax ``(heads, queries, keys)`` stands behind the output.

With a ``rate`` the weights are multiplied in training by factors as of dropout. ``room`` keeps the weights, and behind
them those factors. ``numbers[0]`` is the scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base import random
from fastnn._base.types import Numbers
from fastnn._ops.base import Op, Operation, Wants, When, Work
from fastnn.activations import ActivationCode

if TYPE_CHECKING:
    from fastnn._ops.views import Views

GEOMETRY = ("heads", "queries", "keys", "d", "e", "mask_rows", "causal", "gives_weights")


def forward(op: np.void, a: Views, when: When) -> None:
    s = a.sizes
    q, k, v = heads_of(a)
    logits = q @ k.swapaxes(2, 3) * q.dtype.type(op["numbers"][0])
    weights, factors = kept(op, a, logits)
    weights[...] = softmax(np.where(counting(a), logits, -np.inf))
    if when.training and op["rate"]:
        first = when.first_row * weights[0].size
        seed, stream, rate = int(op["seed"]), int(op["stream"]), float(op["rate"])
        drawn = random.dropout_scale(seed, stream, when.step, rate, first, weights.size)
        factors[...] = drawn.reshape(weights.shape)
    y, scores = outputs(a, a.whole_y)
    y[...] = (weights * factors) @ v
    if s.gives_weights:
        scores[...] = weights


def backward(op: np.void, a: Views, when: When) -> None:
    q, k, v = heads_of(a)
    weights, factors = kept(op, a, None)
    dy, dscores = outputs(a, a.whole_dy)
    dweights = dy @ v.swapaxes(2, 3) * factors + (dscores if a.sizes.gives_weights else 0)
    dlogits = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True)) * q.dtype.type(op["numbers"][0])
    gradients = dlogits @ k, dlogits.swapaxes(2, 3) @ q, (weights * factors).swapaxes(2, 3) @ dy
    for taker, x, gradient in zip(a.dxs, a.xs, gradients, strict=False):
        if taker:
            taker.take(gradient.swapaxes(1, 2).reshape(x.shape))


def heads_of(a: Views) -> list[np.ndarray]:
    """Queries, keys and values as ``(samples, heads, rows, numbers)``."""
    s = a.sizes
    shapes = (s.queries, s.d), (s.keys, s.d), (s.keys, s.e)
    return [x.reshape(-1, n, s.heads, width).swapaxes(1, 2) for x, (n, width) in zip(a.xs, shapes, strict=False)]


def counting(a: Views) -> np.ndarray | bool:
    """Which keys count for which queries, ``(samples or 1, 1, queries or 1, keys)``."""
    s = a.sizes
    counts = a.xs[3].reshape(-1, 1, s.mask_rows, s.keys) != 0 if s.mask_rows else True
    return counts & np.tri(s.queries, s.keys, dtype=bool) if s.causal else counts


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis; zeros where all are minus infinity."""
    highest = logits.max(axis=-1, keepdims=True)
    parts = np.exp(logits - np.where(highest == -np.inf, 0, highest))
    total = parts.sum(axis=-1, keepdims=True)
    found: np.ndarray = parts / np.where(total == 0, 1, total)
    return found


def kept(op: np.void, a: Views, like: np.ndarray | None) -> tuple[np.ndarray, Numbers]:
    """The weights ``(samples, heads, queries, keys)`` and what they are multiplied by, an array or 1."""
    s = a.sizes
    shape = a.n_samples, s.heads, s.queries, s.keys
    if op["room"] < 0:
        return np.empty_like(like), 1
    size = int(np.prod(shape))
    weights = a.room[:size].reshape(shape)
    if not op["rate"]:
        return weights, 1
    factors = a.room[size : 2 * size].reshape(shape)
    if like is not None:
        factors[...] = 1
    return weights, factors


def outputs(a: Views, whole: np.ndarray) -> tuple[np.ndarray, Numbers]:
    """Of the output ``(samples, numbers)``: that of the heads, and the weights behind it, None where there are none."""
    s = a.sizes
    n = s.queries * s.heads * s.e
    y = whole[:, :n].reshape(-1, s.queries, s.heads, s.e).swapaxes(1, 2)
    return y, whole[:, n:].reshape(-1, s.heads, s.queries, s.keys) if s.gives_weights else None


def n_weights(operation: Operation) -> int:
    """Numbers of the weights of a sample."""
    heads, queries, keys = operation.geometry[:3]
    return heads * queries * keys


def products(operation: Operation) -> int:
    """Numbers that a query is multiplied with."""
    heads, _, keys, d, e = operation.geometry[:5]
    return heads * keys * (d + e)


def work(op: np.void, wants: Wants) -> Work:
    """Of keys that queries see: a causal one none behind itself; all that a mask blanks count. Of the softmax its
    exponentials."""
    s = OP.sizes(op)
    seen = sum(min(i + 1, s.keys) for i in range(s.queries)) if s.causal else s.queries * s.keys
    of_q, of_k, of_v = wants.dx[:3]
    of_weights = s.e * (of_q or of_k)
    scores = s.heads * seen
    back = scores * (s.e * of_v + of_weights + s.d * (of_q + of_k))
    return Work(scores * (s.d + s.e), back, activated=((int(ActivationCode.EXPONENTIAL), scores),))


def room(operation: Operation, rows: int) -> int:
    return rows * n_weights(operation) * (1 + (operation.rate > 0))


OP = Op(28, "attention", forward, backward, weights=products, work=work, geometry=GEOMETRY, room=room, by_sample=True)
