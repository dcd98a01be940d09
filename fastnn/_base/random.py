"""Random numbers that follow from a seed and a position: Philox4x32-10 and what is drawn from it.

``philox(key, counter)`` is Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". A
stream is named by the four counter words ``(index // 4, stream, low, high)``; element ``index``
takes word ``index % 4`` of the result. Streams: ORDER (low, high = epoch) for the order of rows,
``layer + 1`` (low, high = step) for what layers draw in training, ``INITIAL + segment`` for initial
parameters. The key is the model's seed, or a layer's or initialiser's own. The same definition stands
in C (``random.h``) and in the Numba backend.

Design: counters, not a generator with a state, so that any backend, thread or restart draws the
number of its place without drawing those before it. NumPy's ``Generator`` (rejected) keeps no
promise across versions and cannot be entered in the middle by a kernel.
"""

from __future__ import annotations

import itertools
import os

import numpy as np

from fastnn._base.normal import normal_pair
from fastnn._base.types import Numbers

ORDER = 0
_given: itertools.count[int] | None = None  # seeds of the models to come, when a program has asked for it
INITIAL = 0x80000000

_MULTIPLY = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_ROUNDS = np.arange(10, dtype=np.uint64)[:, None]
_SIDE_BY_SIDE = 8192  # counters: what the rounds make of them stays in the cache
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(seed: int, counter: tuple[Numbers, ...]) -> tuple[np.ndarray, ...]:
    """Ten rounds on four words: counters (uint32 arrays or numbers that broadcast) -> four uint32 arrays.

    Words 0 and 2, and 1 and 3, go through the rounds side by side, so that a few numbers cost few calls of NumPy.
    """
    shape = np.broadcast_shapes(*map(np.shape, counter))
    even, odd = np.empty((2, *shape), np.uint64), np.empty((2, *shape), np.uint64)
    even[0], odd[0], even[1], odd[1] = counter
    pair = 2, *(1 for _ in shape)
    keys = (_ROUNDS * _WEYL + np.array([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF], np.uint64)) & _LOW
    multiply = _MULTIPLY.reshape(pair)
    for key in keys.reshape(10, *pair):
        product = even * multiply
        even = np.right_shift(product, _HALF)[::-1] ^ odd
        even ^= key
        odd = np.bitwise_and(product, _LOW, out=product)[::-1]
    return tuple(word.astype(np.uint32) for word in (even[0], odd[0], even[1], odd[1]))


def words(seed: int, stream: int, position: int, first: int, count: int) -> np.ndarray:
    """Elements ``first .. first + count - 1`` of a stream, uint32; ``position`` is its step or epoch."""
    begin, end = first // 4, (first + count + 3) // 4
    made = np.empty((end - begin, 4), np.uint32)
    for at in range(begin, end, _SIDE_BY_SIDE):
        blocks = np.arange(at, min(at + _SIDE_BY_SIDE, end), dtype=np.uint64)
        drawn = philox(seed, (blocks & _LOW, stream, position & 0xFFFFFFFF, position >> 32))
        for place, word in enumerate(drawn):
            made[at - begin : at - begin + len(blocks), place] = word
    return made.reshape(-1)[first % 4 : first % 4 + count]


def fill_order(order: np.ndarray, seed: int, epoch: int) -> None:
    """Put the order of rows in ``epoch`` into ``order``, int32: Fisher and Yates, from the end.

    Row i changes places with ``word[i] * (i + 1) >> 32``. That is uniform up to ``n / 2**32``.
    """
    n = len(order)
    choices = np.arange(1, n + 1, dtype=np.uint64)
    partner = np.right_shift(words(seed, ORDER, epoch, 0, n) * choices, np.uint64(32)).tolist()
    rows = list(range(n))
    for i in range(n - 1, 0, -1):
        j = partner[i]
        rows[i], rows[j] = rows[j], rows[i]
    order[:] = rows


def keep_threshold(rate: float) -> int:
    """Dropout drops an element whose word is below this: ``rate * 2**32``."""
    return min(int(rate * 4294967296.0), 0xFFFFFFFF)


def dropout_scale(seed: int, layer: int, step: int, rate: float, first: int, count: int) -> np.ndarray:
    """Factor of each element, 0 or ``1 / (1 - rate)``, float64."""
    drawn = words(seed, layer + 1, step, first, count)
    return (drawn >= keep_threshold(rate)) * (1.0 / (1.0 - rate))


def normal(seed: int, layer: int, step: int, first: int, count: int) -> np.ndarray:
    """Elements of a stream as normal numbers of mean 0 and variance 1, float64; pairs of words make pairs of them."""
    skip = first % 2
    drawn = words(seed, layer + 1, step, first - skip, count + skip + (count + skip) % 2).astype(np.float64)
    return np.stack(normal_pair(drawn[0::2], drawn[1::2]), axis=-1).reshape(-1)[skip : skip + count]


def uniform(seed: int, stream: int, count: int) -> np.ndarray:
    """Numbers in (0, 1), float64, from 32 bits each; never 0 or 1."""
    return (words(seed, INITIAL + stream, 0, 0, count) + 0.5) / 4294967296.0


def new_seed() -> int:
    """A seed for a model that was given none: from the system, or the next one after :func:`seed_models`."""
    return int.from_bytes(os.urandom(8)) >> 1 if _given is None else next(_given)


def seed_models(first: int) -> None:
    """Give models that are made without a seed this one, then the numbers after it."""
    global _given
    _given = itertools.count(first)
