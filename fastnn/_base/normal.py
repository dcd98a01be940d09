"""Normal numbers from random words, in plain arithmetic: the same bits on every machine and in every backend.

Two words make two numbers (Box and Muller 1958, "A Note on the Generation of Random Normal Deviates"): ``u`` in (0, 1)
from the first one gives the radius ``sqrt(-2 ln u)``, the second one the turn. NumPy runs the functions on arrays, and
Numba compiles them for numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.turns import sine_cosine

if TYPE_CHECKING:
    from fastnn._base.types import Numbers

SQRT_HALF, LN_2 = 0.7071067811865476, 0.6931471805599453


def logarithm(x: Numbers) -> Numbers:
    """The natural logarithm of positive normal float64 numbers: ``(e - 1/2) ln 2 + 2 artanh(s)``, an odd series.

    ``x = m * 2**e`` with ``m`` in [1/2, 1), and ``s = (m - sqrt 1/2) / (m + sqrt 1/2)``, of 0.172 at most.
    """
    mantissa, exponent = np.frexp(x)
    s = (mantissa - SQRT_HALF) / (mantissa + SQRT_HALF)
    q = s * s
    series = 1.0 / 21
    for n in range(19, 0, -2):
        series = series * q + 1.0 / n
    return (exponent - 0.5) * LN_2 + 2 * s * series


def normal_pair(first: Numbers, second: Numbers) -> tuple[Numbers, Numbers]:
    """Two normal numbers of mean 0 and variance 1 from two words, float64 whole numbers below 2**32."""
    radius = np.sqrt(-2 * logarithm((first + 0.5) * 2.0**-32))
    sine, cosine = sine_cosine(second * 2.0**-32)
    return radius * cosine, radius * sine
