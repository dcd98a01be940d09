"""Normal numbers from uniform ones, with the same bits on every machine.

Design: by the inverse distribution function over Philox words and not by NumPy's generators, whose bits may change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn._base.portable_math import logarithm

TRUNCATED_STDDEV = 0.87962566103423978  # of a normal cut at two standard deviations
TRUNCATED_TAIL = 0.022750131948179209  # its weight beyond them on one side, erfc(sqrt(2)) / 2


def normal_quantile(u: np.ndarray) -> np.ndarray:
    """Inverse of the standard normal distribution function (Wichura 1988, AS 241, PPND16).

    Parameters
    ----------
    u : numbers between 0 and 1.
    """
    q = u - 0.5
    r = np.sqrt(-logarithm(np.minimum(u, 1 - u)))
    near, middle, far = 0.180625 - q * q, r - 1.6, r - 5.0
    value = np.where(
        np.abs(q) <= 0.425,
        q * _ratio(_NEAR, near),
        np.where(q < 0, -1.0, 1.0) * np.where(r <= 5, _ratio(_MIDDLE, middle), _ratio(_FAR, far)),
    )
    return value


def _ratio(table: Sequence[tuple[float, float]], r: np.ndarray) -> np.ndarray:
    above, below = np.zeros_like(r), np.zeros_like(r)
    for a, b in table:
        above, below = above * r + a, below * r + b
    found: np.ndarray = above / below
    return found


# Numerator and denominator of AS 241 side by side, highest power first.
_NEAR = (
    (2509.0809287301226727, 5226.495278852545925),
    (33430.575583588128105, 28729.085735721942674),
    (67265.770927008700853, 39307.89580009271061),
    (45921.953931549871457, 21213.794301586595867),
    (13731.693765509461125, 5394.1960214247511077),
    (1971.5909503065514427, 687.1870074920579083),
    (133.14166789178437745, 42.313330701600911252),
    (3.387132872796366608, 1.0),
)
_MIDDLE = (
    (7.7454501427834140764e-4, 1.05075007164441684324e-9),
    (0.0227238449892691845833, 5.475938084995344946e-4),
    (0.24178072517745061177, 0.0151986665636164571966),
    (1.27045825245236838258, 0.14810397642748007459),
    (3.64784832476320460504, 0.68976733498510000455),
    (5.7694972214606914055, 1.6763848301838038494),
    (4.6303378461565452959, 2.05319162663775882187),
    (1.42343711074968357734, 1.0),
)
_FAR = (
    (2.01033439929228813265e-7, 2.04426310338993978564e-15),
    (2.71155556874348757815e-5, 1.4215117583164458887e-7),
    (0.0012426609473880784386, 1.8463183175100546818e-5),
    (0.026532189526576123093, 7.868691311456132591e-4),
    (0.29656057182850489123, 0.0148753612908506148525),
    (1.7848265399172913358, 0.13692988092273580531),
    (5.4637849111641143699, 0.59983220655588793769),
    (6.6579046435011037772, 1.0),
)
