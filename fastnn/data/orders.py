"""Orders of row groups and of rows, and which rows are held out: all follow from a seed and a place.

Design: sorted Philox words, whose ties (one in 2**32) go by place. NumPy sorts 64-bit numbers in some 10 ns each; the
shuffle of Fisher and Yates (:func:`fastnn._base.random.fill_order`, rejected) takes 50 times that in Python.
"""

from __future__ import annotations

import numpy as np

from fastnn._base import placing
from fastnn._base.random import words

GROUPS, ROWS, HELD_OUT, SAMPLED = 0x41000000, 0x42000000, 0x43000000, 0x44000000  # streams of random numbers
MOST_SHARDS = 2**16
BLOCK = 2**14  # numbers that are drawn at a time


def keyed_order(seed: int, stream: int, epoch: int, first: int, count: int) -> np.ndarray:
    """``0 .. count - 1`` in the order of the elements ``first ..`` of a stream of random numbers, int32.

    >>> keyed_order(7, GROUPS, 0, 0, 5), keyed_order(7, GROUPS, 1, 0, 5)
    (array([1, 2, 3, 4, 0], dtype=int32), array([3, 4, 1, 2, 0], dtype=int32))
    """
    keys = np.empty(count, np.uint64)
    for begin in range(0, count, BLOCK):  # random words take four times the memory of what they become
        drawn = words(seed, stream, epoch, first + begin, min(BLOCK, count - begin)).astype(np.uint64)
        keys[begin : begin + BLOCK] = (drawn << np.uint64(32)) + np.arange(begin, begin + len(drawn), dtype=np.uint64)
    keys.sort()
    return keys.astype(np.uint32).view(np.int32)


def keyed_places(seed: int, stream: int, epoch: int, first: int, places: np.ndarray) -> None:
    """Where each of ``0 .. len(places) - 1`` stands in :func:`keyed_order`, into an int32 array."""
    if placing.compiled is not None:
        placing.compiled.keyed_places(seed % 2**64, stream, epoch, first, places)
    else:
        places[keyed_order(seed, stream, epoch, first, len(places))] = np.arange(len(places), dtype=np.int32)


def held_out(seed: int, share: float, first: int, count: int, low: float = 0.0) -> np.ndarray:
    """Which of the rows ``first .. first + count - 1`` of the data are held out, ``(count,)`` bool.

    They are those whose numbers, drawn from [0, 1), lie in ``[low, low + share)``: so shares side by side are folds.
    """
    drawn, high = words(seed, HELD_OUT, 0, first, count), round((low + share) * 2**32)
    if not low:
        high = min(high, 2**32 - 1)
    found: np.ndarray = drawn >= np.uint32(min(round(low * 2**32), 2**32 - 1))
    return found & (drawn < np.uint32(high)) if high < 2**32 else found
