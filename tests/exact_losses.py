"""The losses' formulas in 40 digits, by the names of their codes: ``f(target, prediction, parameter)`` of one row.

They are written from the definitions, without the steps by which :mod:`fastnn.losses.formulas` keeps digits.
"""

from __future__ import annotations

import mpmath

mp = mpmath.mp
mp.dps = 40
TINY = mp.mpf(1e-7)


def kept(y, low=TINY, high=1 - TINY):
    return min(max(y, low), high)


def shares(y):
    return [v / mp.fsum(y) for v in y]


def softmax(z):
    return shares([mp.exp(v) for v in z])


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def mean(terms):
    return mp.fsum(terms) / len(terms)


def pairs(formula):
    return lambda t, y, p: mean([formula(a, b, p) for a, b in zip(t, y, strict=True)])


def binary(t, y, p):
    t = t * (1 - p) + p / 2
    return -(t * mp.log(y) + (1 - t) * mp.log(1 - y))


def categorical(t, y, p):
    t = [a * (1 - p) + p / len(t) for a in t]
    return -mp.fsum(a * mp.log(b) for a, b in zip(t, y, strict=True))


def one_minus(t, y):
    """``1 - p_t`` of a yes/no output."""
    return t * (1 - y) + (1 - t) * y


def dot(a, b):
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def binary_focal(t, y, p, surprise_yes=None, surprise_no=None):
    """Of a yes/no output ``y``; its surprises ``-log y`` and ``-log(1 - y)`` may be known to more digits."""
    gamma, smoothing, yes, no = p
    t = t * (1 - smoothing) + mp.mpf(smoothing) / 2
    surprise_yes, surprise_no = surprise_yes or -mp.log(y), surprise_no or -mp.log(1 - y)
    balance = t * yes + (1 - t) * no
    return balance * one_minus(t, y) ** gamma * (t * surprise_yes + (1 - t) * surprise_no)


def weighed(t, p):
    """The target after label smoothing, each class times its alpha."""
    alphas = p[2:] if len(p) > 3 else [p[2]] * len(t)
    return [(v * (1 - p[1]) + p[1] / len(t)) * alpha for v, alpha in zip(t, alphas, strict=True)]


def focal(t, y, p):
    """The sum over classes of ``-t (1 - y)**p log y``, 1 - y as the sum of the other classes."""
    rest = [mp.fsum(y[:j]) + mp.fsum(y[j + 1 :]) for j in range(len(y))]
    return -mp.fsum(a * left**p * mp.log(b) for a, b, left in zip(t, y, rest, strict=True) if a)


def focal_of_shares(t, y, p):
    q = [kept(v) for v in shares(y)]
    return -mp.fsum(a * (1 - b) ** p * mp.log(b) for a, b in zip(t, q, strict=True))


def one_hot(t, n):
    return [mp.mpf(int(t == j)) for j in range(n)]


def half_deviance(t, y):
    return (t * mp.log(t / y) if t else mp.zero) - (t - y)


FORMULAS = {
    "binary_crossentropy": pairs(lambda t, y, p: binary(t, kept(y), p)),
    "binary_crossentropy_logits": pairs(lambda t, y, p: binary(t, 1 / (1 + mp.exp(-y)), p)),
    "categorical_crossentropy": lambda t, y, p: categorical(t, [kept(v) for v in shares(y)], p),
    "categorical_crossentropy_logits": lambda t, y, p: categorical(t, softmax(y), p),
    "sparse_categorical_crossentropy": lambda t, y, p: -mp.log(kept(shares(y)[t])),
    "sparse_categorical_crossentropy_logits": lambda t, y, p: -mp.log(softmax(y)[t]),
    "mean_squared_error": pairs(lambda t, y, p: (y - t) ** 2),
    "mean_absolute_error": pairs(lambda t, y, p: abs(y - t)),
    "huber": pairs(lambda t, y, p: (y - t) ** 2 / 2 if abs(y - t) <= p else p * (abs(y - t) - p / 2)),
    "log_cosh": pairs(lambda t, y, p: mp.log(mp.cosh(y - t))),
    "poisson": pairs(lambda t, y, p: y - t * mp.log(y + TINY)),
    "kl_divergence": lambda t, y, p: mp.fsum(
        kept(a, high=1) * mp.log(kept(a, high=1) / kept(b, high=1)) for a, b in zip(t, y, strict=True)
    ),
    "hinge": pairs(lambda t, y, p: max(1 - t * y, mp.zero)),
    "pinball": pairs(lambda t, y, p: p * (t - y) if t > y else (1 - p) * (y - t)),
    "poisson_deviance": pairs(lambda t, y, p: half_deviance(t, y)),
    "poisson_deviance_logits": pairs(lambda t, y, p: half_deviance(t, mp.exp(y))),
    "binary_focal_crossentropy": pairs(lambda t, y, p: binary_focal(t, kept(y), p)),
    "binary_focal_crossentropy_logits": pairs(
        lambda t, z, p: binary_focal(t, sigmoid(z), p, mp.log1p(mp.exp(-z)), mp.log1p(mp.exp(z)))
    ),
    "categorical_focal_crossentropy": lambda t, y, p: focal_of_shares(weighed(t, p), y, p[0]),
    "categorical_focal_crossentropy_logits": lambda t, y, p: focal(weighed(t, p), softmax(y), p[0]),
    "sparse_categorical_focal_crossentropy": lambda t, y, p: focal_of_shares(weighed(one_hot(t, len(y)), p), y, p[0]),
    "sparse_categorical_focal_crossentropy_logits": lambda t, y, p: focal(
        weighed(one_hot(t, len(y)), p), softmax(y), p[0]
    ),
    "mean_absolute_percentage_error": pairs(lambda t, y, p: 100 * abs(t - y) / max(abs(t), TINY)),
    "mean_squared_logarithmic_error": pairs(lambda t, y, p: (mp.log(max(y, TINY) + 1) - mp.log(max(t, TINY) + 1)) ** 2),
    "squared_hinge": pairs(lambda t, y, p: max(1 - t * y, mp.zero) ** 2),
    "categorical_hinge": lambda t, y, p: max(
        max((1 - a) * b for a, b in zip(t, y, strict=True)) - dot(t, y) + 1, mp.zero
    ),
    "cosine_similarity": lambda t, y, p: -dot(t, y) / (max(mp.sqrt(dot(t, t)), TINY) * max(mp.sqrt(dot(y, y)), TINY)),
    "inner_product": lambda t, y, p: dot(t, y),
}
