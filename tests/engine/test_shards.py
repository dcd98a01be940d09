"""The tree that adds what shards give: the same bits whoever computes which part."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn._engine.shards import BLOCK, add_up, bounds, children, cover


def leaves(shards, n, dtype, empty=()):
    draws = np.random.default_rng(shards)
    return {(i, i + 1): draws.standard_normal(n).astype(dtype) for i in range(shards) if i not in empty}


def by_hand(parts, node):
    if node in parts:
        return parts[node]
    if node[1] - node[0] == 1:
        return None
    left, right = (by_hand(parts, child) for child in children(node))
    if left is None or right is None:
        return right if left is None else left
    return left + right


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shards", [1, 2, 3, 5, 7, 12, 16])
def test_any_number_of_ranks_adds_to_the_same_bits(shards, dtype):
    n = BLOCK + 37  # a block, and a part of one
    for empty in ((), {0}, {shards - 1}, set(range(1, shards, 2)), set(range(shards - 1))):
        if len(empty) == shards:
            continue
        all_parts = leaves(shards, n, dtype, empty)
        wanted = by_hand(all_parts, (0, shards))
        for ranks in range(1, shards + 1):
            told = {}
            for rank in range(ranks):
                own = shards * rank // ranks, shards * (rank + 1) // ranks
                parts = {leaf: part.copy() for leaf, part in all_parts.items() if own[0] <= leaf[0] < own[1]}
                for node in cover(own, (0, shards)):
                    below = {leaf: part for leaf, part in parts.items() if node[0] <= leaf[0] < node[1]}
                    if below:
                        told[node] = next(iter(below.values()))
                        add_up(below, node, told[node])
            out = np.full(n, np.nan, dtype)
            assert add_up(told, (0, shards), out)
            np.testing.assert_array_equal(out, wanted, f"{ranks} ranks")


def test_nothing_is_there_of_shards_without_rows():
    out = np.ones(3)
    assert not add_up({}, (0, 4), out)
    assert out.tolist() == [1, 1, 1]


def test_shards_are_all_rows_once_and_differ_by_one_at_most():
    for n in (1, 3, 16, 17, 100):
        for shards in (1, 2, 12, 16):
            at = bounds(n, shards)
            sizes = np.diff(at)
            assert (at[0], at[-1]) == (0, n)
            assert sizes.max() - sizes.min() <= 1
            assert sizes.max() == -(-n // shards)


def test_a_rank_of_a_power_of_two_sends_one_part():
    for ranks in (1, 2, 4, 8, 16):
        assert all(len(cover((16 * r // ranks, 16 * (r + 1) // ranks), (0, 16))) == 1 for r in range(ranks))
