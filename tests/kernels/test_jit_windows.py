"""What Numba's convolutions and pooling are made of: products of some columns, and runs of numbers some way apart.

In numbers that are exact, inside guarded memory. Windows as a whole are shown by the tests of all backends.
"""

from __future__ import annotations

import numpy as np
import pytest
from networks import Memory, network

from fastnn.layers import Conv2D, Conv2DTranspose, DepthwiseConv2D

pytest.importorskip("numba", reason="numba is not installed")

from numba import njit

from fastnn._kernels.numba import ops
from fastnn._kernels.numba.vector import products, runs

pytestmark = pytest.mark.numba
OF_COLUMNS = njit(
    lambda start, a, i, j, b, c, m, k, n, pitch: products.product_of_columns(start, a, i, j, b, c, m, k, n, pitch)
)
RUNS = {
    "copy": njit(lambda out, to, step, x, at, apart, n, k: runs.copy_runs(out, to, step, x, at, apart, n, k)),
    "add": njit(lambda out, to, step, x, at, apart, n, k: runs.add_runs(out, to, step, x, at, apart, n, k)),
    "larger": njit(lambda out, to, step, x, at, apart, n, k: runs.take_larger_runs(out, to, step, x, at, apart, n, k)),
}
RULES = {"copy": lambda old, new: new, "add": lambda old, new: old + new, "larger": max}
MULTIPLY_ADD = njit(
    lambda out, to, step, a, at, a_step, b, b_at, b_step, n, k: runs.multiply_add_runs(
        out, to, step, a, at, a_step, b, b_at, b_step, n, k
    )
)
GIVE = njit(
    lambda x, dx, at, apart, y, left, to, step, n, k: runs.give_to_largest(x, dx, at, apart, y, left, to, step, n, k)
)


@pytest.mark.covering
@pytest.mark.parametrize("n", [1, 3, 8, 17])
@pytest.mark.parametrize("m", [1, 9])
@pytest.mark.parametrize("first", [0, 2])
def test_products_of_columns_leave_the_other_columns_alone(rng, dtype, m, n, first):
    memory, k, pitch = Memory(), 5, first + n + 1
    a, b, c, row = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((m, k), (k, pitch), (m, pitch), (n,)))
    part = slice(first, first + n)
    for turned, goes_on in ((False, False), (False, True), (True, True)):
        held, flat = memory.copy(c.ravel()), memory.copy((a.T if turned else a).ravel())
        start, strides = held[first:] if goes_on else memory.copy(row), (1, m) if turned else (k, 1)
        OF_COLUMNS(start, flat, *strides, memory.copy(b.ravel())[first:], held[first:], m, k, n, pitch)
        right = c.copy()
        right[:, part] = (c[:, part] if goes_on else row) + a @ b[:, part]
        np.testing.assert_array_equal(held.reshape(m, pitch), right)
    memory.check()


def numbers(rng, dtype, count):
    """Three vectors that hold four runs of so many numbers, up to three more apart."""
    return [rng.integers(-9, 9, 2 + 4 * (count + 3)).astype(dtype) for _ in range(3)]


@pytest.mark.covering
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 11, 16, 21])
@pytest.mark.parametrize("times", [0, 1, 4])
@pytest.mark.parametrize("rule", RUNS)
def test_runs_are_changed_in_all_their_numbers_and_nowhere_else(rng, dtype, count, times, rule):
    memory, (old, new, _) = Memory(), numbers(rng, dtype, count)
    got, right = memory.copy(old), old.copy()
    RUNS[rule](got, 2, count + 1, memory.copy(new), 1, count + 3, times, count)
    for run in range(times):
        for j in range(count):
            to, at = 2 + run * (count + 1) + j, 1 + run * (count + 3) + j
            right[to] = RULES[rule](right[to], new[at])
    np.testing.assert_array_equal(got, right)
    memory.check()


@pytest.mark.covering
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 11, 16, 21])
@pytest.mark.parametrize("step", [0, 1])
def test_products_of_runs_are_added_in_all_their_numbers_and_nowhere_else(rng, dtype, count, step):
    memory, (old, a, b) = Memory(), numbers(rng, dtype, count)
    got, right = memory.copy(old), old.copy()
    MULTIPLY_ADD(got, 2, step * count, memory.copy(a), 1, count + 3, memory.copy(b), 1, (1 - step) * count, 4, count)
    for run in range(4):
        for j in range(count):
            right[2 + run * step * count + j] += a[1 + run * (count + 3) + j] * b[1 + run * (1 - step) * count + j]
    np.testing.assert_array_equal(got, right)
    memory.check()


def test_the_larger_of_two_is_nan_once_one_of_them_is(dtype):
    nan, inf = np.nan, np.inf
    got, new = np.array([1, nan, 2, nan, -inf], dtype), np.array([nan, 1, 3, nan, -inf], dtype)
    RUNS["larger"](got, 0, 5, new, 0, 5, 1, 5)
    np.testing.assert_array_equal(got, np.array([nan, nan, 3, nan, -inf], dtype))


@pytest.mark.covering
@pytest.mark.parametrize("count", [1, 3, 8, 13])
def test_the_first_of_the_largest_gets_all_that_is_left(dtype, count):
    memory, shares = Memory(), np.arange(count) + 1
    image, left = memory.copy(np.repeat([1, 4, 4], count), dtype), memory.copy(shares, dtype)
    dx, y = memory.copy(np.full(3 * count, 2), dtype), memory.copy(np.full(count, 4), dtype)
    for tap in range(3):
        GIVE(image, dx, tap * count, count, y, left, 0, count, 1, count)
    np.testing.assert_array_equal(dx.reshape(3, count), 2 + np.outer([0, 1, 0], shares))
    np.testing.assert_array_equal(left, np.zeros(count))
    memory.check()


def test_a_plan_needs_the_kernels_of_its_convolutions_alone(rng):
    def names(*layers):
        needed = ops.needed(network(rng, layers, (6, 6, 2)).plan)
        return sorted(f"{family.name} {code}" for family, code in needed if family.name in ("rows", "by_channel"))

    assert names(Conv2D(4, 3)) == ["rows 0"]
    assert names(Conv2DTranspose(4, 3)) == ["rows 1"]
    assert names(DepthwiseConv2D(2)) == ["by_channel 0"]
    assert names(DepthwiseConv2D(2, depth_multiplier=2), Conv2DTranspose(4, 3)) == ["rows 0", "rows 1"]
