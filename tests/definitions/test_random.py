"""The generator against its published vectors, and what is drawn from it against chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tolerance import chi_square_limit, mean_limit

from fastnn._base import random

ALL = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)


@pytest.mark.parametrize(
    ("key", "counter", "published"),
    [
        (0, (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (ALL << 32 | ALL, (ALL,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (0x299F31D0 << 32 | 0xA4093822, PI, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_philox_gives_the_published_words(key, counter, published):
    """Known answers of philox4x32-10 in Random123."""
    assert tuple(int(word) for word in random.philox(key, counter)) == published


def test_words_of_a_range_equal_the_words_drawn_one_by_one():
    whole = random.words(77, 3, 2**33 + 9, 0, 50)
    for first, count in itertools.product((0, 1, 3, 4, 17), (0, 1, 2, 5, 8)):
        np.testing.assert_array_equal(random.words(77, 3, 2**33 + 9, first, count), whole[first : first + count])


def test_words_drawn_in_several_goes_are_those_of_their_counters():
    border = 4 * random._SIDE_BY_SIDE
    drawn = random.words(9, 4, 3, 2, 2 * border + 7)
    for first in (2, border - 5, border, 2 * border - 1, 2 * border + 1):
        np.testing.assert_array_equal(random.words(9, 4, 3, first, 8), drawn[first - 2 : first + 6])
    np.testing.assert_array_equal(random.philox(9, (border // 4, 4, 3, 0)), drawn[border - 2 : border + 2])


def test_words_beyond_four_billion_elements_are_those_of_the_counter():
    first = 2**33 + 5
    expected = random.philox(5, (first // 4, 2, 7, 0))[first % 4]
    assert random.words(5, 2, 7, first, 1)[0] == expected


def test_every_part_of_the_place_changes_the_words():
    places = [(1, 1, 1), (2, 1, 1), (1 + 2**32, 1, 1), (1, 2, 1), (1, 1, 2), (1, 1, 1 + 2**32)]
    drawn = {random.words(*place, 0, 8).tobytes() for place in places}
    assert len(drawn) == len(places)


def test_streams_do_not_share_words():
    streams = [random.ORDER, *range(1, 40), *range(random.INITIAL, random.INITIAL + 40)]
    words = np.concatenate([random.words(3, stream, 0, 0, 100) for stream in streams])
    repeated = words.size - len(np.unique(words))
    assert repeated <= 5 + words.size**2 / 2**33  # as many as chance allows


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 17, 1000])
def test_order_is_a_permutation(n):
    for epoch in range(5):
        order = np.full(n, -1, np.int32)
        random.fill_order(order, 11, epoch)
        np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_order_follows_seed_and_epoch():
    orders = set()
    for seed, epoch in itertools.product((0, 1, 2**40), (0, 1, 2)):
        order = np.empty(64, np.int32)
        random.fill_order(order, seed, epoch)
        orders.add(order.tobytes())
    assert len(orders) == 9


def chi_square(counts, expected):
    return ((counts - expected) ** 2 / expected).sum()


@pytest.mark.parametrize("vary", ["epoch", "seed"])
def test_all_orders_of_four_rows_are_equally_likely(vary):
    draws, order, counts = 4800, np.empty(4, np.int32), dict.fromkeys(itertools.permutations(range(4)), 0)
    for i in range(draws):
        random.fill_order(order, *((i, 0) if vary == "seed" else (5, i)))
        counts[tuple(order.tolist())] += 1
    assert chi_square(np.array(list(counts.values())), draws / 24) < chi_square_limit(23)


def test_every_row_comes_equally_often_at_every_place():
    n, draws = 9, 2000
    counts, order = np.zeros((n, n)), np.empty(n, np.int32)
    for epoch in range(draws):
        random.fill_order(order, 1, epoch)
        counts[np.arange(n), order] += 1
    assert chi_square(counts, draws / n) < chi_square_limit((n - 1) ** 2)


def test_uniform_numbers_fill_the_interval_evenly():
    u = random.uniform(4, 1, 20000)
    assert u.min() > 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < mean_limit(12**-0.5, len(u))
    assert chi_square(np.histogram(u, 50, (0, 1))[0], len(u) / 50) < chi_square_limit(49)


def test_neighbouring_streams_are_not_correlated():
    drawn = np.array([random.uniform(4, stream, 5000) for stream in range(6)])
    correlation = np.corrcoef(drawn)[np.triu_indices(6, 1)]
    assert np.abs(correlation).max() < mean_limit(1.0, 5000)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_dropout_keeps_its_share_and_the_mean(rate):
    n = 40000
    factors = random.dropout_scale(8, 2, 5, rate, 0, n)
    assert set(np.unique(factors)) <= {0.0, 1 / (1 - rate)}
    assert abs((factors == 0).mean() - rate) <= mean_limit((rate * (1 - rate)) ** 0.5, n)
    np.testing.assert_array_equal(random.dropout_scale(8, 2, 5, rate, 1001, 77), factors[1001:1078])


def test_dropout_thresholds_at_the_ends():
    assert random.keep_threshold(0.0) == 0
    assert random.keep_threshold(0.5) == 2**31
    assert random.keep_threshold(1 - 2**-53) == ALL
