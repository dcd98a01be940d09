"""Exponentials on single numbers that LLVM can turn into vector code: no calls, no branches.

``expm1`` carries the work: ``x = n log 2 + r`` with ``|r| <= log(2) / 2``, a Taylor polynomial for ``e**r - 1`` and
``e**x - 1 = 2**n (e**r - 1) + (2**n - 1)``, which keeps all digits near 0. All is done in float64, also for float32.
Below -707 the result of ``exp`` is 0.

Design: the mathematics library's functions (rejected here, still used for logarithms and erf) are called for
one number at a time, which made a tanh network three times slower than one of relu.
"""

from __future__ import annotations

import math

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastnn._kernels.numba.compile import small_kernel

ROUND = 1.5 * 2.0**52  # added to a number, leaves its nearest integer in the low bits
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # log 2, the first with zeros at its end
LARGEST, SMALLEST = 709.782712893384, -707.0
TANH_IS_ONE = 20.0  # from here on in float64


@intrinsic
def bits_of(typing, number):
    """The bits of a float64 as int64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def number_of(typing, bits):
    """The float64 of these bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


TAYLOR = tuple(1.0 / math.factorial(k) for k in range(1, 14))  # the first term left out is below 1e-17 of the sum


@small_kernel
def _reduced(x):
    """``(e**r - 1, 2**(n - 1))``; half the power, because 2**1024 is no number."""
    shifted = x * LOG2_E + ROUND
    n = shifted - ROUND
    r = x - n * LN2_HIGH - n * LN2_LOW
    c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13 = TAYLOR
    high = c8 + r * (c9 + r * (c10 + r * (c11 + r * (c12 + r * c13))))
    low = c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * (c7 + r * high))))))
    return r * low, number_of((bits_of(shifted) + 1022) << 52)


@small_kernel
def exp(x):
    wide = float(x)
    q, half = _reduced(wide)
    result = (half + half * q) * 2.0
    result = math.inf if wide > LARGEST else result
    return 0.0 if wide < SMALLEST else result


@small_kernel
def expm1(x):
    wide = float(x)
    q, half = _reduced(wide)
    result = (half * q + (half - 0.5)) * 2.0
    result = math.inf if wide > LARGEST else result
    return -1.0 if wide < SMALLEST else result


@small_kernel
def tanh(x):
    """``m / (m + 2)`` with ``m = e**2x - 1``."""
    wide = float(x)
    bounded = TANH_IS_ONE if wide > TANH_IS_ONE else wide
    bounded = -TANH_IS_ONE if bounded < -TANH_IS_ONE else bounded
    m = expm1(2.0 * bounded)
    return m / (m + 2.0)
