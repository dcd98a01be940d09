"""Initialisers: what a parameter holds before training, from the model's seed and its own place.

Names, arguments and formulas are those of Keras 3; ``fan_in`` and ``fan_out`` of a kernel
``(..., n_in, n_out)`` count the receptive field in front.

Design: normal numbers come from the inverse distribution function over Philox words and not from
NumPy's generators, so that the same seed gives the same parameters on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fastnn import random
from fastnn.definitions import lookup, number
from fastnn.elementary import logarithm
from fastnn.reprs import call_of

TRUNCATED_STDDEV = 0.87962566103423978  # of a normal cut at two standard deviations
TRUNCATED_TAIL = 0.022750131948179209  # its weight beyond them on one side, erfc(sqrt(2)) / 2


def normal_quantile(u: np.ndarray) -> np.ndarray:
    """Inverse of the standard normal distribution function (Wichura 1988, AS 241, PPND16)."""
    q = u - 0.5
    r = np.sqrt(-logarithm(np.minimum(u, 1 - u)))
    near, middle, far = 0.180625 - q * q, r - 1.6, r - 5.0
    value = np.where(
        np.abs(q) <= 0.425,
        q * _ratio(_NEAR, near),
        np.where(q < 0, -1.0, 1.0) * np.where(r <= 5, _ratio(_MIDDLE, middle), _ratio(_FAR, far)),
    )
    return value


def _ratio(table, r):
    above, below = np.zeros_like(r), np.zeros_like(r)
    for a, b in table:
        above, below = above * r + a, below * r + b
    return above / below


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


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """``(fan_in, fan_out)`` of a parameter's shape."""
    if len(shape) < 2:
        return (float(shape[0]), float(shape[0])) if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(field * shape[-2]), float(field * shape[-1])


class Initializer:
    """Base of all initialisers; an object is called with a shape, a seed and a stream."""

    def __call__(self, shape: tuple[int, ...], seed: int, stream: int) -> np.ndarray:
        """Float64 array of ``shape``; ``stream`` is the number of the parameter in its model."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"name": NAMES[type(self)], **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class Constant(Initializer):
    """The same value everywhere."""

    value: float = 0.0

    def __post_init__(self):
        number("value", self.value)

    def __call__(self, shape, seed, stream):
        return np.full(shape, float(self.value))


@dataclass(frozen=True, repr=False)
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape, seed, stream):
        return np.zeros(shape)


@dataclass(frozen=True, repr=False)
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape, seed, stream):
        return np.ones(shape)


@dataclass(frozen=True, repr=False)
class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    >>> from fastnn.initializers import RandomUniform
    >>> drawn = RandomUniform(-1.0, 1.0)((100, 100), seed=1, stream=0)
    >>> bool((abs(drawn) <= 1).all()), abs(round(float(drawn.mean()), 1))
    (True, 0.0)
    """

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self):
        number("minval", self.minval)
        number("maxval", self.maxval)

    def __call__(self, shape, seed, stream):
        drawn = random.uniform(seed, stream, math.prod(shape)).reshape(shape)
        return self.minval + (self.maxval - self.minval) * drawn


@dataclass(frozen=True, repr=False)
class RandomNormal(Initializer):
    """Normal with the given mean and standard deviation."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self):
        number("mean", self.mean)
        number("stddev", self.stddev, low=0.0)

    def __call__(self, shape, seed, stream):
        return self.mean + self.stddev * normal_quantile(random.uniform(seed, stream, math.prod(shape))).reshape(shape)


@dataclass(frozen=True, repr=False)
class TruncatedNormal(Initializer):
    """Normal cut at two standard deviations from the mean."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self):
        number("mean", self.mean)
        number("stddev", self.stddev, low=0.0)

    def __call__(self, shape, seed, stream):
        drawn = TRUNCATED_TAIL + (1 - 2 * TRUNCATED_TAIL) * random.uniform(seed, stream, math.prod(shape))
        return self.mean + self.stddev * normal_quantile(drawn).reshape(shape)


@dataclass(frozen=True, repr=False)
class VarianceScaling(Initializer):
    """Variance ``scale / fan`` (Glorot and Bengio 2010; He et al. 2015).

    Parameters
    ----------
    scale : float > 0.
    mode : ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
    distribution : ``"uniform"``, ``"truncated_normal"`` or ``"untruncated_normal"``.

    >>> from fastnn import initializers
    >>> initializers.get("he_normal")
    VarianceScaling(scale=2.0)
    >>> drawn = initializers.get("he_normal")((200, 300), seed=1, stream=0)
    >>> round(float(drawn.std()), 3)  # sqrt(2 / 200)
    0.1
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self):
        number("scale", self.scale, low=0.0, open_low=True)
        lookup("mode", self.mode, dict.fromkeys(("fan_in", "fan_out", "fan_avg")))
        lookup("distribution", self.distribution, dict.fromkeys(("uniform", "truncated_normal", "untruncated_normal")))

    def __call__(self, shape, seed, stream):
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * deviation
            return RandomUniform(-limit, limit)(shape, seed, stream)
        if self.distribution == "truncated_normal":
            return TruncatedNormal(0.0, deviation / TRUNCATED_STDDEV)(shape, seed, stream)
        return RandomNormal(0.0, deviation)(shape, seed, stream)


@dataclass(frozen=True, repr=False)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, times ``gain`` (Saxe et al. 2014).

    The decomposition is LAPACK's, so its last bits may differ between builds of NumPy.

    >>> import numpy as np
    >>> from fastnn.initializers import Orthogonal
    >>> w = Orthogonal()((5, 3), seed=1, stream=0)
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """

    gain: float = 1.0

    def __post_init__(self):
        number("gain", self.gain)

    def __call__(self, shape, seed, stream):
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs a parameter of rank 2 or more, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = RandomNormal(0.0, 1.0)((max(rows, columns), min(rows, columns)), seed, stream)
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": Zeros(),
    "ones": Ones(),
    "constant": Constant(),
    "random_uniform": RandomUniform(),
    "random_normal": RandomNormal(),
    "truncated_normal": TruncatedNormal(),
    "orthogonal": Orthogonal(),
    "variance_scaling": VarianceScaling(),
    "glorot_uniform": VarianceScaling(1.0, "fan_avg", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "fan_avg", "truncated_normal"),
    "he_uniform": VarianceScaling(2.0, "fan_in", "uniform"),
    "he_normal": VarianceScaling(2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": VarianceScaling(1.0, "fan_in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "fan_in", "truncated_normal"),
}
ALIASES = {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"}
NAMES = {
    Zeros: "zeros",
    Ones: "ones",
    Constant: "constant",
    RandomUniform: "random_uniform",
    RandomNormal: "random_normal",
    TruncatedNormal: "truncated_normal",
    Orthogonal: "orthogonal",
    VarianceScaling: "variance_scaling",
}


def get(initializer: object) -> Initializer:
    """Turn what a user wrote (name, object, stored config) into an initialiser.

    >>> from fastnn import initializers
    >>> initializers.get("glorot_uniform")
    VarianceScaling(mode='fan_avg', distribution='uniform')
    """
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, dict):
        kind = type(lookup("initializer", initializer.get("name"), INITIALIZERS))
        return kind(**{k: v for k, v in initializer.items() if k != "name"})
    if isinstance(initializer, str):
        return lookup("initializer", initializer, INITIALIZERS, ALIASES)
    raise TypeError(f"an initializer must be a name or an object of fastnn.initializers, got {initializer!r}")
