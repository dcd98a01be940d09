"""``y = (x - mean) / deviation`` for each column, or back again, ``y = x * deviation + mean``.

Mean and variance are parameters that are not trained, and ``deviation = max(sqrt(variance), 1e-7)`` as in Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views

LEAST = 1e-7  # deviation


def forward(op: np.void, a: Views, when: When) -> None:
    mean = a.vector(0, int(op["n_out"]))
    if a.sizes.inverts:
        a.y[...] = a.x * factor(op, a) + mean
    else:
        a.y[...] = (a.x - mean) * factor(op, a)


def backward(op: np.void, a: Views, when: When) -> None:
    a.dx.take(a.dy * factor(op, a))


def factor(op: np.void, a: Views) -> np.ndarray:
    """What the distance from the mean is multiplied by, ``(n_out,)``."""
    variance = a.vector(1, int(op["n_out"]))
    deviation = np.maximum(np.sqrt(variance), variance.dtype.type(LEAST))
    found: np.ndarray = deviation if a.sizes.inverts else 1 / deviation
    return found


OP = Op(19, "standardize", forward, backward, geometry=("inverts",))
