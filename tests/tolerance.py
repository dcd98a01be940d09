"""How far two results may lie apart: the only place where tests take tolerances from.

Design: a bound follows from the dtype, the length of the sums behind a number and the size of what
was added, so that it is tight where a result is exact to the last bit and wide only where rounding
explains it. A constant a test (rejected) is widened until it hides what it should find.
"""

from __future__ import annotations

import numpy as np

ROUNDINGS = 8  # of a formula beside its sums: vector mathematics is a few units off, and formulas nest
FLUSHED = 128  # smallest normal numbers: native code flushes denormals, and a factor may have followed

MOST_UNITS = {4: 3, 8: 2}  # of a vector function, in the last place, by the bytes of a number

DIFFERENCE_STEP = 1e-6  # of central differences in float64


def limit(dtype, k: int = 0, magnitude=1.0):
    """Largest error that rounding explains in a sum of ``k`` terms whose absolute values add to ``magnitude``."""
    kind = np.finfo(dtype)
    return float(kind.eps) * (ROUNDINGS + k) * np.abs(magnitude) + float(kind.tiny) * (FLUSHED + k)


def difference_limit(numeric):
    """Largest distance of a gradient from its central differences over :data:`DIFFERENCE_STEP`."""
    return 1e-5 + 1e-3 * np.abs(numeric)


def trajectory_limit(dtype) -> float:
    """Largest relative distance of parameters after some epochs from those another library reaches in float64."""
    return {"float64": 1e-9, "float32": 2e-3}[np.dtype(dtype).name]


def folded_limit(dtype) -> float:
    """Largest distance of a folded model's outputs from the model's, as a part of the largest of them."""
    return {"float64": 1e-12, "float32": 1e-5}[np.dtype(dtype).name]


def chi_square_limit(freedom: int) -> float:
    """Chi-square that a fair draw exceeds about once in three million (Wilson and Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * (1 - part + 5 * part**0.5) ** 3


def mean_limit(deviation: float, n: int) -> float:
    """Largest distance of a mean of ``n`` draws from its expectation: five standard errors."""
    return 5 * deviation / n**0.5


def assert_close(actual, expected, dtype, k: int = 0, magnitude=None) -> None:
    """Every number within :func:`limit`, NaN and infinities in the same places.

    ``magnitude`` is a number or an array of the shape of ``expected``; without it, the largest
    finite absolute value of ``expected``.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite], "NaN or infinity in other places")
    lost = ~np.isfinite(actual[finite])
    assert not lost.any(), f"not finite where {expected[finite][lost]} is due"
    if not finite.any():
        return
    if magnitude is None:
        magnitude = np.abs(expected[finite]).max()
    bound = np.broadcast_to(limit(dtype, k, magnitude), expected.shape)[finite]
    distance = np.abs(actual[finite] - expected[finite])
    worst = int(np.argmax(distance - bound))
    got, right, share = actual[finite][worst], expected[finite][worst], distance[worst] / bound[worst]
    assert np.all(distance <= bound), (
        f"{np.count_nonzero(distance > bound)} of {distance.size} numbers are off; "
        f"the worst is {got!r} for {right!r}, {share:.3g} times the limit"
    )
