"""The vector functions in 40 digits, their arguments over all exponents, and errors in units in the last place.

A unit is the distance of neighbouring numbers in the binade of the exact value; below the smallest normal number it
is the smallest denormal. What lies beyond the largest number counts as the power of two that follows it, so that
overflow too early or too late is an error of as many units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 40
FAR = 2000  # exp, tanh and the like are 0, 1 or infinite long before, in any dtype


def _near(x):
    """The argument, cut where nothing changes any more: 40 digits of exp(1e300) would take an hour."""
    return max(-FAR, min(FAR, x))


FUNCTIONS = {  # in the order of enum fnn_math: the formula, and the open lower end of its domain
    "exp": (lambda x: mp.exp(_near(x)), -math.inf),
    "log": (mp.log, 0.0),
    "tanh": (lambda x: mp.tanh(_near(x)), -math.inf),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-_near(x))), -math.inf),
    "erf": (lambda x: mp.erf(_near(x)), -math.inf),
    "softplus": (lambda x: x if x > FAR else mp.log1p(mp.exp(_near(x))), -math.inf),
    "expm1": (lambda x: mp.expm1(_near(x)), -math.inf),
    "log1p": (mp.log1p, -1.0),
}
NAMES = tuple(FUNCTIONS)


def arguments(name: str, dtype, a_binade: int, rng) -> np.ndarray:
    """Finite arguments in the function's domain, of the dtype.

    Both ends of every binade from the smallest denormal on and a random number between; ``a_binade`` numbers in
    each binade where the function is neither a constant nor its argument; the neighbours of all switches.
    """
    kind = np.finfo(dtype)
    least, most = kind.minexp - kind.nmant, kind.maxexp
    ends = np.ldexp(np.ones(most - least), np.arange(least, most))
    lively = np.arange(-kind.nmant - 8, 12 if kind.bits == 64 else 9)
    inside = np.ldexp(1 + rng.random((a_binade, len(lively))), lively).ravel()
    sizes = np.concatenate([ends, inside, (ends * (1 + rng.random(len(ends)))), _switches(dtype)]).astype(dtype)
    around = [sizes, np.nextafter(sizes, dtype.type(0)), *_neighbours(_switches(dtype).astype(dtype))]
    x = np.concatenate([*around, *(-part for part in around)])
    return np.unique(x[np.isfinite(x) & (x > FUNCTIONS[name][1])])


def _switches(dtype) -> np.ndarray:
    """Where formulas change sides, or the result its range."""
    kind = np.finfo(dtype)
    limits = [0.5, 1, 5.5, 6, 10, 20, 22, 40, 89, 104, 710, 746, float(kind.tiny), kind.eps / 2, kind.eps / 4]
    results = [abs(math.log(float(edge))) for edge in (kind.tiny, kind.smallest_subnormal, kind.max)]
    exponents = np.arange(60)
    halves = (exponents + 0.5) * math.log(2)  # where exp goes to the next power of two
    return np.concatenate([limits, results, halves, np.sqrt(0.5) * 2.0**exponents, 2.0**exponents, 0.5**exponents])


def _neighbours(numbers: np.ndarray) -> list[np.ndarray]:
    """The numbers up to six places above and below."""
    found, above, below = [], numbers, numbers
    for _ in range(6):
        above = np.nextafter(above, numbers.dtype.type(np.inf))
        below = np.nextafter(below, numbers.dtype.type(0))
        found += [above, below]
    return found


@dataclass(frozen=True)
class Truth:
    """Exact values: the nearest finite number of the dtype, and how many units the exact value lies above it."""

    x: np.ndarray
    nearest: np.ndarray
    rest: np.ndarray
    units: np.ndarray  # float64; in float64 a unit may be denormal, which is exact


def truth(name: str, x: np.ndarray) -> Truth:
    """Values of a function in 40 digits."""
    formula, kind = FUNCTIONS[name][0], np.finfo(x.dtype)
    beyond, least = mp.ldexp(1, int(kind.maxexp)), kind.minexp + 1
    nearest, rest, units = np.empty_like(x), np.empty(len(x)), np.empty(len(x))
    for i, number in enumerate(x.tolist()):
        right = min(beyond, formula(mp.mpf(number)))
        _, exponent = mp.frexp(right)
        exponent = max(least, min(int(exponent), kind.maxexp)) - kind.nmant - 1
        near = min(x.dtype.type(float(min(right, mp.mpf(float(kind.max))))), kind.max)
        nearest[i], units[i] = near, math.ldexp(1, exponent)
        rest[i] = mp.ldexp(right - mp.mpf(float(near)), -exponent)
    return Truth(x, nearest, rest, units)


def units_off(y: np.ndarray, right: Truth) -> np.ndarray:
    """Distance of each result from the exact value in units, float64; NaN for NaN."""
    largest = np.finfo(y.dtype).max
    finite = np.clip(y, -largest, largest).astype(np.float64)
    with np.errstate(over="ignore"):  # of results that are wrong by far
        steps = finite / right.units - right.nearest.astype(np.float64) / right.units
    return np.abs(steps + np.where(np.isinf(y), np.sign(y), 0) - right.rest)
