"""Logarithm, power and cosine in float64 with the same bits on every machine, for what is computed in Python.

Each is within a few units in the last place. Only operations that IEEE 754 rounds correctly are used.

Design: what NumPy and C libraries offer differs in its last bits with the library and with the processor's
instruction set, and a learning rate or a first weight that differs changes all that is trained from it.
"""

from __future__ import annotations

import math

import numpy as np

_LOG_2 = 0.6931471805599453
_LOG_2_HIGH, _LOG_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # the product with an int32 is exact
_PI = 3.141592653589793


def _series(x: np.ndarray, terms: list[float]) -> np.ndarray:
    """``terms[0] + terms[1] x + ...`` by Horner's rule."""
    total = np.zeros_like(x)
    for term in reversed(terms):
        total = total * x + term
    return total


def logarithm(x: np.ndarray | np.float64) -> np.ndarray:
    """Natural logarithm of positive numbers by ``2 atanh((m-1)/(m+1)) + e log 2``; < 1e-15 off."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    s = (mantissa - 1) / (mantissa + 1)
    found: np.ndarray = 2 * s * _series(s * s, [1.0 / k for k in range(1, 22, 2)]) + exponent * _LOG_2
    return found


def exponential(x: np.ndarray) -> np.ndarray:
    """``e**x`` for numbers whose result is neither zero nor infinite, by its series around the next power of two."""
    k = np.rint(x / _LOG_2)
    rest = (x - k * _LOG_2_HIGH) - k * _LOG_2_LOW
    found: np.ndarray = np.ldexp(_series(rest, [1.0 / math.factorial(n) for n in range(15)]), k.astype(np.int32))
    return found


@np.errstate(over="ignore")
def power(base: object, exponent: object) -> np.ndarray:
    """``base ** exponent`` for bases and exponents from 0 on, numbers or arrays: squaring for the whole part."""
    base, exponent = np.broadcast_arrays(np.asarray(base, np.float64), np.asarray(exponent, np.float64))
    whole = np.floor(exponent)
    bits, square, result = whole.astype(np.int64), base, np.ones_like(whole)
    while bits.any():
        result = np.where(bits & 1, result * square, result)
        bits, square = bits >> 1, square * square
    positive = np.where(base > 0, base, 1.0)
    rest = np.where(base > 0, exponential((exponent - whole) * logarithm(positive)), exponent == whole)
    found: np.ndarray = result * rest
    return found


def cosine_of_pi(x: np.ndarray) -> np.ndarray:
    """``cos(pi x)`` for 0 <= x <= 1, as the sine of the distance from the middle."""
    angle = _PI * (0.5 - x)
    terms = [(-1) ** n / math.factorial(2 * n + 1) for n in range(12)]
    found: np.ndarray = angle * _series(angle * angle, terms)
    return found
