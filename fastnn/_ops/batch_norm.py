"""``y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta)`` for each column, and its way back.

In training, mean and (biased) variance are those of all rows of the batch, else the moving ones (Ioffe and Szegedy
2015, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", algorithms 1 and
2). ``room`` begins with vectors ``(n_out,)``: mean and variance of the batch, sums of ``dy`` and ``dy * (x - mean)``.
Where the second input is a mask (``masked``), the rows for which it is not 0 are measured alone; of none both are 0.
All rows are normalised, and those others hand on a gradient, where they have one.

Design: backends measure a batch part by part, :data:`PART` rows at most of ``samples`` samples at most: two passes over
a part give its mean and the sum of squares around it, and Chan's formula joins those in double, in the order of the
parts. The plan alone decides the parts, so neither threads nor instruction sets change a bit. ``E[x^2] - E[x]^2``
(rejected) loses all digits where the mean is a thousand times the deviation. NumPy sums in double at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate, activation_gradient
from fastnn._ops.base import Op, Operation, When, always

if TYPE_CHECKING:
    from fastnn._ops.views import Views

PART = 256  # rows whose sums are one chain
MOST_SAMPLES = 8  # of a part: threads' shares of a batch are multiples of it
VECTORS = 4  # in front of the parts


def forward(op: np.void, a: Views, when: When) -> None:
    x = a.x
    if when.training and not op["inference"]:
        mean, variance = measured(op, a)
        exact = x[counts(op, a)].astype(np.float64)
        mean[...] = exact.mean(axis=0) if len(exact) else 0
        variance[...] = np.square(exact - exact.mean(axis=0)).mean(axis=0) if len(exact) else 0
    else:
        mean, variance = moving(op, a)
    z = (x - mean) * (gamma(op, a) * inverse(op, variance)) + a.b
    a.keep(z)
    a.y[...] = activate(op, z)


def backward(op: np.void, a: Views, when: When) -> None:
    x, dy, moves = a.x, activation_gradient(op, a), not op["inference"]
    mean, variance = measured(op, a) if moves else moving(op, a)
    by, there = inverse(op, variance), counts(op, a)[:, None]
    apart, n = np.where(there | (dy != 0), x - mean, 0), max(np.count_nonzero(there), 1)
    total = dy.sum(axis=0, dtype=np.float64).astype(dy.dtype)
    along = (dy * apart).sum(axis=0, dtype=np.float64).astype(dy.dtype)
    if a.dw:
        a.dw.take(along * by)
    if a.db:
        a.db.take(total)
    if a.dx:
        slope = np.where(there, apart * (by * by * along / n) + total / n, 0) if moves else 0
        a.dx.take((dy - slope) * (gamma(op, a) * by))


def settle(op: np.void, a: Views) -> None:
    """Have the moving statistics follow the batch."""
    momentum = float(op["numbers"][1])
    for kept, came in zip(moving(op, a), measured(op, a), strict=True):
        kept[...] = kept.astype(np.float64) * momentum + came.astype(np.float64) * (1 - momentum)


def summary(op: np.void, a: Views) -> np.ndarray:
    """How many rows are measured, their mean and variance."""
    return np.concatenate([[np.count_nonzero(counts(op, a))], *measured(op, a)]).astype(np.float64)


def pool(op: np.void, a: Views, parts: Sequence[np.ndarray]) -> None:
    """Mean and variance of all rows of several parts, around the common mean (Chan, Golub and LeVeque 1979)."""
    n = int(op["n_out"])
    told = np.array(parts)
    share = told[:, :1] / max(told[:, 0].sum(), 1.0)
    means, variances = told[:, 1 : 1 + n], told[:, 1 + n :]
    mean, variance = measured(op, a)
    exact = (share * means).sum(axis=0)
    mean[...] = exact
    variance[...] = (share * (variances + np.square(means - exact))).sum(axis=0)


def counts(op: np.void, a: Views) -> np.ndarray:
    """Which rows are measured."""
    return a.xs[1][:, 0] != 0 if a.sizes.masked else np.ones(len(a.x), bool)


def measured(op: np.void, a: Views) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the batch, ``(n_out,)`` each."""
    n = int(op["n_out"])
    return a.room[:n], a.room[n : 2 * n]


def moving(op: np.void, a: Views) -> tuple[np.ndarray, np.ndarray]:
    """The moving ones."""
    n = int(op["n_out"])
    return a.vector(0, n), a.vector(1, n)


def inverse(op: np.void, variance: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / np.sqrt(variance + variance.dtype.type(op["numbers"][0]))
    return found


def gamma(op: np.void, a: Views) -> np.ndarray | int:
    return a.w if op["w"] >= 0 else 1


def samples_of_part(repeat: int, masked: bool) -> int:
    """Samples whose rows are measured together: a power of two; with a mask the length of padding has no part in it."""
    samples = MOST_SAMPLES
    while not masked and samples > 1 and samples * repeat > PART:
        samples //= 2
    return samples


def room(operation: Operation, rows: int) -> int:
    """Numbers for the vectors in front, and two vectors for each part of so many samples."""
    samples = operation.geometry[0]
    parts = -(-rows // samples) * -(-samples * operation.repeat // PART)
    return operation.n_out * (VECTORS + 2 * parts)


def n_factors(operation: Operation) -> int:
    return operation.n_out


OP = Op(
    12,
    "batch_norm",
    forward,
    backward,
    weights=n_factors,
    geometry=("samples", "masked"),
    shape=lambda op: (int(op["n_out"]),),
    room=room,
    activates=always,
    back_in_place=always,
    measures=True,
    settle=settle,
    summary=summary,
    pool=pool,
)
