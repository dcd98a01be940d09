"""Logarithm, power and cosine without a C library, against mpmath."""

from __future__ import annotations

import numpy as np
import pytest
from tolerance import assert_close

from fastnn._base import portable_math
from fastnn.initializers import quantile

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
mp = mpmath.mp.clone()
mp.dps = 40


def compare(got, formula, arguments):
    right = np.array([float(formula(mp.mpf(float(x)))) for x in arguments])
    assert_close(got, right, np.float64, magnitude=np.abs(right))


def test_logarithm():
    x = np.concatenate([np.geomspace(1e-300, 1e300, 301), 1 + np.linspace(-0.3, 0.4, 101)])
    compare(portable_math.logarithm(x), mp.log, x)


def test_exponential():
    x = np.linspace(-700, 700, 1001)
    compare(portable_math.exponential(x), mp.exp, x)


def test_cosine_of_pi():
    x = np.concatenate([np.linspace(0, 1, 501), 0.5 + np.geomspace(1e-12, 1e-3, 9)])
    compare(portable_math.cosine_of_pi(x), mp.cospi, x)
    np.testing.assert_array_equal(portable_math.cosine_of_pi(np.array([0, 0.5, 1])), [1, 0, -1])


@pytest.mark.parametrize("base", [0.1, 0.5, 0.96, 1.0, 3.0])
def test_power(base):
    exponents = np.concatenate([np.linspace(0, 9, 181), [97, 123.25]])
    right = np.array([float(mp.mpf(base) ** mp.mpf(x)) for x in exponents])
    assert_close(portable_math.power(base, exponents), right, np.float64, 123, np.abs(right))


def test_powers_out_of_range_go_to_zero_and_infinity():
    np.testing.assert_array_equal(portable_math.power(0.1, np.array([1e6, 1e15])), [0, 0])
    np.testing.assert_array_equal(portable_math.power(2, np.array([5000.0, 3, 0])), [np.inf, 8, 1])


def test_the_tail_of_the_truncated_normal():
    assert float(mp.erfc(mp.sqrt(2)) / 2) == quantile.TRUNCATED_TAIL
