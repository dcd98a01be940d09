"""Parameters drawn uniform, normal or orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import fixed, number
from fastnn.initializers import draws
from fastnn.initializers.base import Initializer, check_seed


@fixed
@dataclass(frozen=True, repr=False)
class RandomUniform(Initializer):
    """Uniform: ``minval <= w < maxval``, each as likely.

    Parameters
    ----------
    minval : the least number that is drawn.
    maxval : all numbers that are drawn are below.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.

    >>> from fastnn.initializers import RandomUniform
    >>> drawn = RandomUniform(-1.0, 1.0)((100, 100), seed=1, stream=0)
    >>> bool((abs(drawn) <= 1).all()), abs(round(float(drawn.mean()), 1))
    (True, 0.0)
    """

    stored_name = "random_uniform"

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        number("minval", self.minval)
        number("maxval", self.maxval)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        seed = seed if self.seed is None else self.seed
        return draws.uniform(self.minval, self.maxval, shape, seed, stream)


@fixed
@dataclass(frozen=True, repr=False)
class RandomNormal(Initializer):
    """Normal: ``w`` with density ``exp(-((w - mean) / stddev)**2 / 2) / (stddev sqrt(2 pi))``.

    Parameters
    ----------
    mean : mean of what is drawn.
    stddev : standard deviation of what is drawn, from 0 on.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    stored_name = "random_normal"

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        number("mean", self.mean)
        number("stddev", self.stddev, low=0.0)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        seed = seed if self.seed is None else self.seed
        return draws.normal(self.mean, self.stddev, shape, seed, stream)


@fixed
@dataclass(frozen=True, repr=False)
class TruncatedNormal(Initializer):
    """Normal cut at two standard deviations: ``mean - 2 stddev < w < mean + 2 stddev``.

    Parameters
    ----------
    mean : mean of what is drawn.
    stddev : standard deviation before the cut, from 0 on.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    stored_name = "truncated_normal"

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        number("mean", self.mean)
        number("stddev", self.stddev, low=0.0)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        seed = seed if self.seed is None else self.seed
        return draws.cut_normal(self.mean, self.stddev, shape, seed, stream)


@fixed
@dataclass(frozen=True, repr=False)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, times ``gain``: ``w.T @ w = gain**2`` times the identity (Saxe et al. 2014).

    The decomposition is LAPACK's, so its last bits may differ between builds of NumPy.

    Parameters
    ----------
    gain : a factor for all numbers.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.

    >>> import numpy as np
    >>> from fastnn.initializers import Orthogonal
    >>> w = Orthogonal()((5, 3), seed=1, stream=0)
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """

    stored_name = "orthogonal"

    gain: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        number("gain", self.gain)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        seed = seed if self.seed is None else self.seed
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs a parameter of rank 2 or more, got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = RandomNormal(0.0, 1.0)((max(rows, columns), min(rows, columns)), seed, stream)
        q, r = np.linalg.qr(drawn)
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
