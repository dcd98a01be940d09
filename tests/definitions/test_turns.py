"""Sine and cosine of turns: exact to two units in the last place, and the same bits in NumPy, Numba and C."""

from __future__ import annotations

import numpy as np
import pytest
from tolerance import MOST_UNITS

from fastnn import _kernels
from fastnn._base.turns import sine_cosine

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")


def angles(rng):
    """All over a turn and beyond, around every eighth of it, and tiny ones."""
    eighths = np.arange(-40, 41) / 8
    near = [eighths + sign * 2.0**-k for k in (3, 20, 32, 50, 53, 56, 60) for sign in (-1, 1)]
    words = rng.integers(0, 2**32, 1000) / 2.0**32
    return np.concatenate(
        [eighths, *near, words, -words, rng.uniform(-1000, 1000, 500), 2.0 ** -np.arange(60, 1000, 50)]
    )


def units_off(found, exact):
    """Distance from a number of 40 digits in units of the last place of the nearest double."""
    unit = mpmath.mpf(float(np.spacing(abs(float(exact))))) if exact else mpmath.mpf(2) ** -1074
    return abs(mpmath.mpf(float(found)) - exact) / unit


def test_sine_and_cosine_are_exact_to_two_units(rng):
    x = angles(rng)
    sines, cosines = sine_cosine(x)
    with mpmath.workdps(40):
        for turns, sine, cosine in zip(x.tolist(), sines, cosines, strict=True):
            exact = mpmath.mpf(turns) * 2
            assert units_off(sine, mpmath.sinpi(exact)) <= MOST_UNITS[8], turns
            assert units_off(cosine, mpmath.cospi(exact)) <= MOST_UNITS[8], turns


def test_quarters_of_a_turn_give_whole_numbers():
    quarters = np.arange(-9, 10) / 4
    sines, cosines = sine_cosine(quarters)
    np.testing.assert_array_equal(sines, [-1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1])
    np.testing.assert_array_equal(cosines, [0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0])


def assert_bits(found, right):
    """Equal, signs of zeros included."""
    np.testing.assert_array_equal(np.array(found).view(np.int64), np.array(right).view(np.int64))


def test_c_gives_the_same_bits(rng):
    reason = _kernels.why_not("cython")
    if reason:
        pytest.skip(str(reason))
    x, native = angles(rng), _kernels.load("cython")
    assert_bits(np.array([native.sine_cosine(turns) for turns in x.tolist()]).T, sine_cosine(x))


def test_numba_gives_the_same_bits_also_in_a_loop_that_may_contract(rng):
    numba = pytest.importorskip("numba", reason="numba is not installed")
    from fastnn._kernels.numba.compile import OPTIONS
    from fastnn._kernels.numba.vector import turns

    @numba.njit(**OPTIONS)
    def fill(x, sines, cosines):
        for i in range(x.shape[0]):
            sines[i], cosines[i] = turns.sine_cosine(x[i])

    x = angles(rng)
    found = np.empty((2, len(x)))
    fill(x, *found)
    assert_bits(found, sine_cosine(x))
