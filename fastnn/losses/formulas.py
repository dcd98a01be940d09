"""The formulas of the losses: ``t_name`` is the loss, ``s_name`` its slope by the prediction.

A formula takes ``t`` (target), ``y`` (prediction, or logits ``z`` where the name says so) and the loss's
parameter ``p`` (the label smoothing of the cross-entropies, gamma of the focal ones; a number, or one for each
column). Elementwise formulas give a value for each output and are also compiled by Numba for single numbers; those
of the categorical cross-entropies work along the last axis.

Design: ``1 - p`` of the focal losses on logits is never a difference from 1. It is the other classes' share, which
keeps its digits when it is small, as the power ``(1 - p)**gamma`` with a gamma below 1 needs.
"""

from __future__ import annotations

import math

import numpy as np

from fastnn.activations.formulas import f_log_softmax, f_sigmoid, f_softmax

CLIP = 1e-7  # Keras keeps probabilities this far from 0 and 1
LOG_2 = math.log(2.0)
FAR = 1e4  # e**-FAR is 0 in every dtype
LARGE_EXPONENT = 40.0  # beside e**40 its exponent is less than a unit in the last place


def smoothed(t, p, n):
    """Targets of which the share ``p`` is spread evenly over ``n`` classes (Szegedy et al. 2016); ``t`` when p is 0."""
    return t * (1 - p) + p / n


def t_binary_crossentropy(t, y, p):
    t = smoothed(t, p, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    return -(t * np.log(q) + (1 - t) * np.log(1 - q))


def s_binary_crossentropy(t, y, p):
    t = smoothed(t, p, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    return np.where((y >= CLIP) & (y <= 1 - CLIP), (q - t) / (q * (1 - q)), 0)


def t_binary_crossentropy_logits(t, z, p):
    return np.maximum(z, 0) - smoothed(t, p, 2) * z + np.log1p(np.exp(-np.abs(z)))


def s_binary_crossentropy_logits(t, z, p):
    return f_sigmoid(z, p) - smoothed(t, p, 2)


def t_categorical_crossentropy(t, y, p):
    q = np.clip(y / y.sum(axis=-1, keepdims=True), CLIP, 1 - CLIP)
    return -(smoothed(t, p, y.shape[-1]) * np.log(q)).sum(axis=-1)


def s_categorical_crossentropy(t, y, p):
    total = y.sum(axis=-1, keepdims=True)
    share = y / total
    inside = (share >= CLIP) & (share <= 1 - CLIP)
    slope = np.where(inside, -smoothed(t, p, y.shape[-1]) / np.clip(share, CLIP, 1 - CLIP), 0)
    return (slope - (slope * share).sum(axis=-1, keepdims=True)) / total


def t_categorical_crossentropy_logits(t, z, p):
    return -(smoothed(t, p, z.shape[-1]) * f_log_softmax(z, p)).sum(axis=-1)


def s_categorical_crossentropy_logits(t, z, p):
    t = smoothed(t, p, z.shape[-1])
    return f_softmax(z, p) * t.sum(axis=-1, keepdims=True) - t


def t_binary_focal_crossentropy(t, y, p):
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    left = t * (1 - q) + (1 - t) * q
    return -np.exp(p * np.log(left)) * (t * np.log(q) + (1 - t) * np.log(1 - q))


def s_binary_focal_crossentropy(t, y, p):
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    left = t * (1 - q) + (1 - t) * q
    entropy = -(t * np.log(q) + (1 - t) * np.log(1 - q))
    slope = np.exp(p * np.log(left)) * ((q - t) / (q * (1 - q)) + p * (1 - 2 * t) * entropy / left)
    return np.where((y >= CLIP) & (y <= 1 - CLIP), slope, 0)


def against(t, z):
    """Share of the target on the side that ``z`` speaks against: the focal loss depends on it and ``|z|`` alone."""
    return np.where(z < 0, t, 1 - t)


def unsure(w, e):
    """``1 - p_t`` over the larger probability, with ``e = e**-|z|``; over both probabilities where ``w`` is 0."""
    return np.where(w > 0, w + (1 - w) * e, 1)


def focal_factor(w, z, p):
    """``(1 - p_t)**p`` by its logarithm, which does not underflow before the result does."""
    a = np.minimum(np.abs(z), FAR)
    e = np.exp(-a)
    return np.exp(p * (np.log(unsure(w, e)) - np.where(w > 0, 0, a) - np.log1p(e)))


def t_binary_focal_crossentropy_logits(t, z, p):
    w = against(t, z)
    return focal_factor(w, z, p) * (np.log1p(np.exp(-np.abs(z))) + np.where(w > 0, w * np.abs(z), 0))


def s_binary_focal_crossentropy_logits(t, z, p):
    w, a = against(t, z), np.minimum(np.abs(z), FAR)
    e = np.exp(-a)
    balance = np.where(w > 0, e, 1) / unsure(w, e)  # p (1 - p) / (1 - p_t), times 1 + e
    size = w - (1 - w) * e + p * (2 * w - 1) * balance * (np.log1p(e) + w * a)
    slope = focal_factor(w, z, p) * size / (1 + e)
    return np.where(z < 0, -slope, slope)


def t_categorical_focal_crossentropy(t, y, p):
    q = np.clip(y / y.sum(axis=-1, keepdims=True), CLIP, 1 - CLIP)
    return -(t * (1 - q) ** p * np.log(q)).sum(axis=-1)


def s_categorical_focal_crossentropy(t, y, p):
    total = y.sum(axis=-1, keepdims=True)
    share = y / total
    q = np.clip(share, CLIP, 1 - CLIP)
    slope = np.where(share == q, t * (1 - q) ** p * (p * np.log(q) / (1 - q) - 1 / q), 0)
    return (slope - (slope * share).sum(axis=-1, keepdims=True)) / total


def focal_parts(z, p):
    """Softmax ``s`` of logits, ``1 - s``, ``-log s`` and ``(1 - s)**p``, each to its last digits."""
    top = z.max(axis=-1, keepdims=True)
    below = np.subtract(z, top, out=np.zeros_like(z), where=z != top)
    e = np.exp(below)
    total = e.sum(axis=-1, keepdims=True)
    rest = np.where(z < top, e, 0).sum(axis=-1, keepdims=True)
    others = np.where(total < 2, rest, total - 1)  # all but one of the largest
    share = e / total
    left = np.where(share > 0.5, others / total, 1 - share)
    power = np.exp(p * np.log(np.maximum(left, np.finfo(left.dtype).tiny)))
    return share, left, np.log1p(others) - below, power


def t_categorical_focal_crossentropy_logits(t, z, p):
    _, _, surprise, power = focal_parts(z, p)
    return np.where(t == 0, 0, t * power * surprise).sum(axis=-1)


def s_categorical_focal_crossentropy_logits(t, z, p):
    share, left, surprise, power = focal_parts(z, p)
    ratio = share * np.minimum(surprise, FAR) / np.maximum(left, np.finfo(left.dtype).tiny)
    pull = t * power * (1 + p * ratio)
    return share * (pull.sum(axis=-1, keepdims=True) - pull) - pull * left


def t_mean_squared_error(t, y, p):
    return (y - t) * (y - t)


def s_mean_squared_error(t, y, p):
    return 2 * (y - t)


def t_mean_absolute_error(t, y, p):
    return np.abs(y - t)


def s_mean_absolute_error(t, y, p):
    return np.sign(y - t)


def t_huber(t, y, p):
    e = np.abs(y - t)
    return np.where(e <= p, 0.5 * e * e, p * e - 0.5 * p * p)


def s_huber(t, y, p):
    return np.minimum(np.maximum(y - t, -p), p)


def t_log_cosh(t, y, p):
    e = np.abs(y - t)
    return e + np.log1p(np.exp(-2 * e)) - LOG_2


def s_log_cosh(t, y, p):
    return np.tanh(y - t)


def t_poisson(t, y, p):
    return y - t * np.log(y + CLIP)


def s_poisson(t, y, p):
    return 1 - t / (y + CLIP)


def t_poisson_deviance(t, y, p):
    return t * np.log(np.where(t > 0, t / y, 1)) - (t - y)


def s_poisson_deviance(t, y, p):
    return 1 - np.where(t > 0, t / y, 0)


def t_poisson_deviance_logits(t, z, p):
    """``t (e**d - 1 - d)`` with ``d = z - log t``: a plain sum would lose large counts in its rounding."""
    above = z - np.log(np.where(t > 0, t, 1))
    d = np.where(t > 0, np.minimum(above, LARGE_EXPONENT), 2)
    return np.where(d <= 1, t * (np.expm1(np.minimum(d, 1)) - d), np.exp(z) - t * (1 + d))


def s_poisson_deviance_logits(t, z, p):
    return np.exp(z) - t


def t_kl_divergence(t, y, p):
    target = np.minimum(np.maximum(t, CLIP), 1)
    return target * np.log(target / np.minimum(np.maximum(y, CLIP), 1))


def s_kl_divergence(t, y, p):
    target = np.minimum(np.maximum(t, CLIP), 1)
    return np.where((y >= CLIP) & (y <= 1), -target / np.maximum(y, CLIP), 0)


def t_hinge(t, y, p):
    return np.maximum(1 - t * y, 0)


def s_hinge(t, y, p):
    return np.where(t * y < 1, -t, 0)


def t_pinball(t, y, p):
    return np.maximum(p * (t - y), (p - 1) * (t - y))


def s_pinball(t, y, p):
    return np.where(y < t, -p, np.where(y > t, 1 - p, 0))
