"""The formulas of the focal losses (Lin et al. 2017), as those of :mod:`fastnn.losses.formulas`.

``p`` holds gamma, the label smoothing, and of a yes/no loss what counts a yes and a no, of a categorical one the alpha
of all classes or of each.

Design: ``1 - p`` of the focal losses on logits is never a difference from 1. It is the other classes' share, which
keeps its digits when it is small, as the power ``(1 - p)**gamma`` with a gamma below 1 needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.losses.formulas import CLIP, smoothed

if TYPE_CHECKING:
    from fastnn._base.types import Numbers

FAR = 1e4  # e**-FAR is 0 in every dtype


def balance(t: Numbers, yes: Numbers, no: Numbers) -> Numbers:
    """What a target counts, between ``no`` and ``yes``; just 1 where both are 1."""
    return no + t * (yes - no)


def weighed(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    """A target's shares after label smoothing, each times the alpha of its class."""
    return smoothed(t, p[1], y.shape[-1]) * np.asarray(p[2:], y.dtype)


def t_binary_focal_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    gamma, smoothing, yes, no = p
    t = smoothed(t, smoothing, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    left = t * (1 - q) + (1 - t) * q
    entropy = -(t * np.log(q) + (1 - t) * np.log(1 - q))
    return balance(t, yes, no) * (np.exp(gamma * np.log(left)) * entropy)


def s_binary_focal_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    gamma, smoothing, yes, no = p
    t = smoothed(t, smoothing, 2)
    q = np.minimum(np.maximum(y, CLIP), 1 - CLIP)
    left = t * (1 - q) + (1 - t) * q
    entropy = -(t * np.log(q) + (1 - t) * np.log(1 - q))
    slope = np.exp(gamma * np.log(left)) * ((q - t) / (q * (1 - q)) + gamma * (1 - 2 * t) * entropy / left)
    return np.where((y >= CLIP) & (y <= 1 - CLIP), balance(t, yes, no) * slope, 0)


def against(t: Numbers, z: Numbers) -> Numbers:
    """Share of the target on the side that ``z`` speaks against: the focal loss depends on it and ``|z|`` alone."""
    return np.where(z < 0, t, 1 - t)


def unsure(w: Numbers, e: Numbers) -> Numbers:
    """``1 - p_t`` over the larger probability, with ``e = e**-|z|``; over both probabilities where ``w`` is 0."""
    return np.where(w > 0, w + (1 - w) * e, 1)


def focal_factor(w: Numbers, z: Numbers, gamma: Numbers) -> Numbers:
    """``(1 - p_t)**gamma`` by its logarithm, which does not underflow before the result does."""
    a = np.minimum(np.abs(z), FAR)
    e = np.exp(-a)
    return np.exp(gamma * (np.log(unsure(w, e)) - np.where(w > 0, 0, a) - np.log1p(e)))


def t_binary_focal_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    gamma, smoothing, yes, no = p
    t = smoothed(t, smoothing, 2)
    w = against(t, z)
    entropy = np.log1p(np.exp(-np.abs(z))) + np.where(w > 0, w * np.abs(z), 0)
    return balance(t, yes, no) * focal_factor(w, z, gamma) * entropy


def s_binary_focal_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    gamma, smoothing, yes, no = p
    t = smoothed(t, smoothing, 2)
    w, a = against(t, z), np.minimum(np.abs(z), FAR)
    e = np.exp(-a)
    spread = np.where(w > 0, e, 1) / unsure(w, e)  # p (1 - p) / (1 - p_t), times 1 + e
    size = w - (1 - w) * e + gamma * (2 * w - 1) * spread * (np.log1p(e) + w * a)
    slope = balance(t, yes, no) * focal_factor(w, z, gamma) * size / (1 + e)
    return np.where(z < 0, -slope, slope)


def t_categorical_focal_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    gamma, t = p[0], weighed(t, y, p)
    q = np.clip(y / y.sum(axis=-1, keepdims=True), CLIP, 1 - CLIP)
    return -(t * (1 - q) ** gamma * np.log(q)).sum(axis=-1)


def s_categorical_focal_crossentropy(t: Numbers, y: Numbers, p: Numbers) -> Numbers:
    gamma, t = p[0], weighed(t, y, p)
    total = y.sum(axis=-1, keepdims=True)
    share = y / total
    q = np.clip(share, CLIP, 1 - CLIP)
    slope = np.where(share == q, t * (1 - q) ** gamma * (gamma * np.log(q) / (1 - q) - 1 / q), 0)
    return (slope - (slope * share).sum(axis=-1, keepdims=True)) / total


def focal_parts(z: Numbers, gamma: Numbers) -> tuple[Numbers, ...]:
    """Softmax ``s`` of logits, ``1 - s``, ``-log s`` and ``(1 - s)**gamma``, each to its last digits."""
    top = z.max(axis=-1, keepdims=True)
    below = np.subtract(z, top, out=np.zeros_like(z), where=z != top)
    e = np.exp(below)
    total = e.sum(axis=-1, keepdims=True)
    rest = np.where(z < top, e, 0).sum(axis=-1, keepdims=True)
    others = np.where(total < 2, rest, total - 1)  # all but one of the largest
    share = e / total
    left = np.where(share > 0.5, others / total, 1 - share)
    power = np.exp(gamma * np.log(np.maximum(left, np.finfo(left.dtype).tiny)))
    return share, left, np.log1p(others) - below, power


def t_categorical_focal_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    t = weighed(t, z, p)
    _, _, surprise, power = focal_parts(z, p[0])
    return np.where(t == 0, 0, t * power * surprise).sum(axis=-1)


def s_categorical_focal_crossentropy_logits(t: Numbers, z: Numbers, p: Numbers) -> Numbers:
    t = weighed(t, z, p)
    share, left, surprise, power = focal_parts(z, p[0])
    ratio = share * np.minimum(surprise, FAR) / np.maximum(left, np.finfo(left.dtype).tiny)
    pull = t * power * (1 + p[0] * ratio)
    return share * (pull.sum(axis=-1, keepdims=True) - pull) - pull * left
