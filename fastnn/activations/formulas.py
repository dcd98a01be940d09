"""The formulas of the activations: ``f_name`` is the value, ``d_name`` its derivative.

A formula ``f_name`` takes ``z`` (before the activation) and its one parameter ``p`` and works on NumPy arrays
and, compiled by Numba, on single numbers. A derivative ``d_name`` takes ``z``, ``y`` and ``p`` and returns
dy/dz; it reads ``z`` only where the record says ``keeps_z``, because backends drop ``z`` otherwise.
Row-wise activations (softmax, log_softmax) work along the last axis; their second function is the
whole product ``dz = J.T @ dy``, written as ``(y, dy) -> dz``.

Design: the derivative is written in ``y`` where it can be, so that a layer overwrites ``z`` by ``y``
in place and keeps one buffer. Keeping ``z`` for all (rejected) costs a quarter of the workspace.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._base.types import Numbers

SELU_SCALE = 1.0507009873554805  # Klambauer et al. 2017, appendix 1
SELU_ALPHA = 1.6732632423543772
SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
GELU_LINE = 2 * math.sqrt(2 / math.pi)  # Hendrycks and Gimpel 2016: sigmoid(GELU_LINE (z + 0.044715 z**3))
GELU_CUBE = 0.044715 * GELU_LINE
SQUARE_FITS = 1e18  # its square is finite in every dtype
INFINITY = float("inf")

erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none; the reference may be slow


def f_linear(z: Numbers, p: Numbers) -> Numbers:
    return z


def d_linear(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.ones_like(y)


def f_sigmoid(z: Numbers, p: Numbers) -> Numbers:
    t = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1 / (1 + t), t / (1 + t))


def d_sigmoid(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return y * (1 - y)


def f_tanh(z: Numbers, p: Numbers) -> Numbers:
    return np.tanh(z)


def d_tanh(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 1 - y * y


def f_relu(z: Numbers, p: Numbers) -> Numbers:
    return np.maximum(z, 0)


def d_relu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y > 0, 1, 0)


def f_leaky_relu(z: Numbers, p: Numbers) -> Numbers:
    return np.where(z < 0, p * z, z)


def d_leaky_relu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y > 0, 1, p)


def f_elu(z: Numbers, p: Numbers) -> Numbers:
    return np.where(z > 0, z, p * np.expm1(np.minimum(z, 0)))


def d_elu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y > 0, 1, y + p)


def f_selu(z: Numbers, p: Numbers) -> Numbers:
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def d_selu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


def f_gelu(z: Numbers, p: Numbers) -> Numbers:
    return 0.5 * z * (1 + erf(z * SQRT_HALF))


def d_gelu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 0.5 * (1 + erf(z * SQRT_HALF)) + z * INV_SQRT_2PI * np.exp(-0.5 * z * z)


def f_silu(z: Numbers, p: Numbers) -> Numbers:
    return z * f_sigmoid(z, p)


def d_silu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    s = f_sigmoid(z, p)
    return s * (1 + z * (1 - s))


def f_softplus(z: Numbers, p: Numbers) -> Numbers:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def d_softplus(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return -np.expm1(-y)  # sigmoid(z) = 1 - exp(-softplus(z))


def f_softsign(z: Numbers, p: Numbers) -> Numbers:
    return z / (1 + np.abs(z))


def d_softsign(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return (1 - np.abs(y)) * (1 - np.abs(y))


def f_hard_sigmoid(z: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.maximum(z / 6 + 0.5, 0), 1)


def d_hard_sigmoid(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where((y > 0) & (y < 1), 1 / 6, 0)


def f_hard_swish(z: Numbers, p: Numbers) -> Numbers:
    return z * f_hard_sigmoid(z, p)


def d_hard_swish(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5))


def f_exponential(z: Numbers, p: Numbers) -> Numbers:
    return np.exp(z)


def d_exponential(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return y


def f_relu6(z: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.maximum(z, 0), p)


def d_relu6(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where((y > 0) & (y < p), 1, 0)


def f_hard_tanh(z: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.maximum(z, -1), 1)


def d_hard_tanh(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where((y > -1) & (y < 1), 1, 0)


def f_celu(z: Numbers, p: Numbers) -> Numbers:
    return np.where(z > 0, z, p * np.expm1(np.minimum(z, 0) / p))


def d_celu(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y > 0, 1, y / p + 1)


def f_log_sigmoid(z: Numbers, p: Numbers) -> Numbers:
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


def d_log_sigmoid(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return -np.expm1(y)  # 1 - sigmoid(z)


def f_gelu_tanh(z: Numbers, p: Numbers) -> Numbers:
    return z * f_sigmoid(z * (GELU_LINE + GELU_CUBE * z * z), p)  # (1 + tanh(u)) / 2 without cancelling


def d_gelu_tanh(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    s = f_sigmoid(z * (GELU_LINE + GELU_CUBE * z * z), p)
    return s * (1 + z * (1 - s) * (GELU_LINE + 3 * GELU_CUBE * z * z))


def f_mish(z: Numbers, p: Numbers) -> Numbers:
    e = np.exp(-np.abs(z))
    right, left = (1 + 2 * e) / (1 + 2 * e * (1 + e)), e * (e + 2) / (e * (e + 2) + 2)
    return z * np.where(z >= 0, right, left)  # tanh(softplus(z)), whose sums have one sign


def d_mish(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    e = np.exp(-np.abs(z))
    squares = np.where(z >= 0, 1 + 2 * e * (1 + e), e * (e + 2) + 2)
    t = np.where(z >= 0, 1 + 2 * e, e * (e + 2)) / squares
    rest = np.where(z >= 0, 2 * e * e, 2) / squares
    return t + z * rest * (1 + t) * f_sigmoid(z, p)


def f_tanh_shrink(z: Numbers, p: Numbers) -> Numbers:
    return z - np.tanh(z)


def d_tanh_shrink(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.tanh(z) * np.tanh(z)


def f_hard_shrink(z: Numbers, p: Numbers) -> Numbers:
    return np.where(np.abs(z) <= p, 0, z)


def d_hard_shrink(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y == 0, 0, 1)


def f_soft_shrink(z: Numbers, p: Numbers) -> Numbers:
    return z - np.minimum(np.maximum(z, -p), p)


def d_soft_shrink(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y == 0, 0, 1)


def f_sparse_plus(z: Numbers, p: Numbers) -> Numbers:
    bent = np.minimum(np.maximum(z, -1), 1) + 1
    return np.where(z >= 1, z, 0.25 * bent * bent)


def d_sparse_plus(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.sqrt(y), 1)


def f_sparse_sigmoid(z: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.maximum(0.5 * z + 0.5, 0), 1)


def d_sparse_sigmoid(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where((y > 0) & (y < 1), 0.5, 0)


def f_squareplus(z: Numbers, p: Numbers) -> Numbers:
    root = np.sqrt(z * z + p)
    fits = root < INFINITY  # else it is |z| but for its rounding
    left = np.where(fits, 0.5 * p, 0.25 * p) / np.where(fits, root + np.abs(z), np.abs(z))
    return np.where(z > 0, np.where(fits, 0.5 * (z + root), z), left)


def d_squareplus(z: Numbers, y: Numbers, p: Numbers) -> Numbers:
    square = np.minimum(y, SQUARE_FITS) * np.minimum(y, SQUARE_FITS)
    return square / (square + 0.25 * p)


def f_softmax(z: Numbers, p: Numbers) -> Numbers:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def backward_softmax(y: Numbers, dy: Numbers) -> Numbers:
    return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


def f_log_softmax(z: Numbers, p: Numbers) -> Numbers:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def backward_log_softmax(y: Numbers, dy: Numbers) -> Numbers:
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)
