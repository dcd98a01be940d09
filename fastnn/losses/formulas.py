"""The formulas of the losses: ``t_name`` is the loss, ``s_name`` its slope by the prediction.

A formula takes ``t`` (target), ``y`` (prediction, or logits ``z`` where the name says so) and the loss's
parameter ``p`` (the label smoothing of the cross-entropies; a number, or one for each column). Elementwise formulas
give a value for each output and are also compiled by Numba for single numbers; those of the categorical
cross-entropies, of the categorical hinge and of the cosine similarity work along the last axis. The focal losses are
in :mod:`fastnn.losses.focal`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn.activations.formulas import f_log_softmax, f_sigmoid, f_softmax

if TYPE_CHECKING:
    from fastnn._base.types import Numbers

CLIP = 1e-7  # Keras keeps probabilities this far from 0 and 1
LOG_2 = math.log(2.0)
LARGE_EXPONENT = 40.0  # beside e**40 its exponent is less than a unit in the last place


def smoothed(t: Numbers, p: Numbers, n: int) -> Numbers:
    """Targets of which the share ``p`` is spread evenly over ``n`` classes (Szegedy et al. 2016); ``t`` when p is 0."""
    return t * (1 - p) + p / n


def t_binary_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    t = smoothed(t, p, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    return -(t * np.log(q) + (1 - t) * np.log(1 - q))


def s_binary_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    t = smoothed(t, p, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    return np.where((y >= CLIP) & (y <= 1 - CLIP), (q - t) / (q * (1 - q)), 0)


def t_binary_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    return np.maximum(z, 0) - smoothed(t, p, 2) * z + np.log1p(np.exp(-np.abs(z)))


def s_binary_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    return f_sigmoid(z, p) - smoothed(t, p, 2)


def t_categorical_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    q = np.clip(y / y.sum(axis=-1, keepdims=True), CLIP, 1 - CLIP)
    return -(smoothed(t, p, y.shape[-1]) * np.log(q)).sum(axis=-1)


def s_categorical_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    total = y.sum(axis=-1, keepdims=True)
    share = y / total
    inside = (share >= CLIP) & (share <= 1 - CLIP)
    slope = np.where(inside, -smoothed(t, p, y.shape[-1]) / np.clip(share, CLIP, 1 - CLIP), 0)
    return (slope - (slope * share).sum(axis=-1, keepdims=True)) / total


def t_categorical_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    return -(smoothed(t, p, z.shape[-1]) * f_log_softmax(z, p)).sum(axis=-1)


def s_categorical_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    t = smoothed(t, p, z.shape[-1])
    return f_softmax(z, p) * t.sum(axis=-1, keepdims=True) - t


def t_mean_squared_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return (y - t) * (y - t)


def s_mean_squared_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 2 * (y - t)


def t_mean_absolute_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.abs(y - t)


def s_mean_absolute_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.sign(y - t)


def t_huber(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    e = np.abs(y - t)
    return np.where(e <= p, 0.5 * e * e, p * e - 0.5 * p * p)


def s_huber(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.minimum(np.maximum(y - t, -p), p)


def t_log_cosh(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    e = np.abs(y - t)
    return e + np.log1p(np.exp(-2 * e)) - LOG_2


def s_log_cosh(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.tanh(y - t)


def t_poisson(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return y - t * np.log(y + CLIP)


def s_poisson(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 1 - t / (y + CLIP)


def t_poisson_deviance(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return t * np.log(np.where(t > 0, t / y, 1)) - (t - y)


def s_poisson_deviance(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 1 - np.where(t > 0, t / y, 0)


def t_poisson_deviance_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    """``t (e**d - 1 - d)`` with ``d = z - log t``: a plain sum would lose large counts in its rounding."""
    above = z - np.log(np.where(t > 0, t, 1))
    d = np.where(t > 0, np.minimum(above, LARGE_EXPONENT), 2)
    return np.where(d <= 1, t * (np.expm1(np.minimum(d, 1)) - d), np.exp(z) - t * (1 + d))


def s_poisson_deviance_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    return np.exp(z) - t


def t_kl_divergence(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    target = np.minimum(np.maximum(t, CLIP), 1)
    return target * np.log(target / np.minimum(np.maximum(y, CLIP), 1))


def s_kl_divergence(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    target = np.minimum(np.maximum(t, CLIP), 1)
    return np.where((y >= CLIP) & (y <= 1), -target / np.maximum(y, CLIP), 0)


def t_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.maximum(1 - t * y, 0)


def s_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(t * y < 1, -t, 0)


def t_pinball(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.maximum(p * (t - y), (p - 1) * (t - y))


def s_pinball(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.where(y < t, -p, np.where(y > t, 1 - p, 0))


def t_mean_absolute_percentage_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 100 * np.abs((y - t) / np.maximum(np.abs(t), CLIP))


def s_mean_absolute_percentage_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return 100 * np.sign(y - t) / np.maximum(np.abs(t), CLIP)


def t_mean_squared_logarithmic_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    e = np.log1p(np.maximum(y, CLIP)) - np.log1p(np.maximum(t, CLIP))
    return e * e


def s_mean_squared_logarithmic_error(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    e = np.log1p(np.maximum(y, CLIP)) - np.log1p(np.maximum(t, CLIP))
    return np.where(y >= CLIP, 2 * e / (1 + np.maximum(y, CLIP)), 0)


def t_squared_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.maximum(1 - t * y, 0) * np.maximum(1 - t * y, 0)


def s_squared_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return -2 * t * np.maximum(1 - t * y, 0)


def t_inner_product(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    """A loss that is linear in ``y`` has any gradient that somebody brings: ``t``."""
    return t * y


def s_inner_product(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return t


def t_categorical_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return np.maximum(((1 - t) * y).max(axis=-1) - (t * y).sum(axis=-1) + 1, 0)


def s_categorical_hinge(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    wrong = (1 - t) * y
    largest = wrong == wrong.max(axis=-1, keepdims=True)  # classes that tie for it share its slope
    slope = np.where(largest, (1 - t) / largest.sum(axis=-1, keepdims=True).astype(y.dtype), 0) - t
    return np.where((t_categorical_hinge(t, y, p) <= 0)[..., None], 0, slope)


def norm(a: Numbers) -> Numbers:
    """Length of each row, kept from zero."""
    return np.maximum(np.sqrt((a * a).sum(axis=-1, keepdims=True)), CLIP)


def t_cosine_similarity(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    return -(t / norm(t) * (y / norm(y))).sum(axis=-1)


def s_cosine_similarity(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    length = norm(y)
    similarity = (t / norm(t) * (y / length)).sum(axis=-1, keepdims=True)
    along = np.where(length > CLIP, similarity * (y / length), 0)
    return (along - t / norm(t)) / length
