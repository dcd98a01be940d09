"""How a batch is cut into shards, and the fixed tree in which what they give is added.

Shards are ranges of a batch's rows by their place. The tree stands over the numbers of the shards alone: a node
``(first, last)`` is the sum of the shards from ``first`` up to ``last``, its left child as many of them as the largest
power of two below their number. So a sum has the same bits whoever computes which part of it, on any number of ranks.
A shard without rows adds nothing, not even a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

Node = tuple[int, int]
BLOCK = 65536  # numbers that are added together: few enough for the cache, and many beside a call of NumPy


def bounds(n_rows: int, shards: int) -> list[int]:
    """Where the shards of a batch begin, and its end: ``shards + 1`` places.

    >>> bounds(10, 4)
    [0, 2, 5, 7, 10]
    """
    return [n_rows * i // shards for i in range(shards + 1)]


def children(node: Node) -> tuple[Node, Node]:
    """The two halves of a node of more than one shard.

    >>> children((0, 12))
    ((0, 8), (8, 12))
    """
    first, last = node
    middle = first + (1 << (last - first - 1).bit_length() - 1)
    return (first, middle), (middle, last)


def cover(own: Node, of: Node) -> list[Node]:
    """The fewest nodes under ``of`` whose shards are those of ``own``, from left to right.

    >>> cover((5, 10), (0, 16))
    [(5, 6), (6, 8), (8, 10)]
    """
    if own[0] <= of[0] and of[1] <= own[1]:
        return [of]
    if of[1] <= own[0] or own[1] <= of[0]:
        return []
    left, right = children(of)
    return cover(own, left) + cover(own, right)


@lru_cache(64)
def postfix(at: tuple[int, ...], node: Node) -> np.ndarray:
    """A node's shards with rows, int64 ``(shards, 2)``: how many, and how often then the two sums made last are added.

    >>> postfix((0, 2, 5, 7, 10), (0, 4)).tolist()
    [[2, 0], [3, 1], [2, 0], [3, 2]]
    """
    found: list[list[int]] = []

    def walk(first: int, last: int) -> bool:
        if at[first] == at[last]:
            return False
        if last - first == 1:
            found.append([at[last] - at[first], 0])
            return True
        left, right = (walk(*child) for child in children((first, last)))
        found[-1][1] += left and right
        return True

    walk(*node)
    made = np.array(found, np.int64).reshape(-1, 2)
    made.flags.writeable = False
    return made


def add_up(parts: Mapping[Node, np.ndarray], node: Node, out: np.ndarray) -> bool:
    """Write the sum of a node to ``out``, from the parts ``(n,)`` of nodes below it; False where there is none.

    ``out`` may be one of the parts. Nodes that are missing are of shards without rows.
    """
    if node in parts:
        if not _is(parts[node], out):
            out[...] = parts[node]
        return True
    rooms = [np.empty(min(BLOCK, len(out)), out.dtype) for _ in range((node[1] - node[0]).bit_length())]
    found = False
    for first in range(0, len(out), BLOCK):
        made = _sum(parts, node, slice(first, first + BLOCK), rooms)
        found = made is not None
        if made is not None:
            out[first : first + BLOCK] = made
    return found


def _is(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two vectors of one length are the same memory: to copy that takes as long as to copy any."""
    return bool(a.ctypes.data == b.ctypes.data)


def _sum(parts: Mapping[Node, np.ndarray], node: Node, where: slice, rooms: Sequence[np.ndarray]) -> np.ndarray | None:
    """A stretch of the sum of a node, in the first room or a part itself."""
    if node in parts:
        return parts[node][where]
    if node[1] - node[0] == 1:
        return None
    left, right = (_sum(parts, child, where, rooms[i:]) for i, child in enumerate(children(node)))
    if right is None:
        return left
    out = rooms[0][: len(right)]
    if left is None:
        out[...] = right  # not in a room in which the sum beside this one will be made
        return out
    np.add(left, right, out=out)
    return out
