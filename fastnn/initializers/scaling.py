"""Parameters whose variance follows from how many numbers go in and out of a unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import fixed, lookup, number
from fastnn.initializers import draws
from fastnn.initializers.base import Initializer, check_seed
from fastnn.initializers.names import Distribution, Fan
from fastnn.initializers.quantile import TRUNCATED_STDDEV


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """``(fan_in, fan_out)`` of a parameter's shape.

    Parameters
    ----------
    shape : shape of a kernel, ``(..., n_in, n_out)``.
    """
    if len(shape) < 2:
        return (float(shape[0]), float(shape[0])) if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(field * shape[-2]), float(field * shape[-1])


@fixed
@dataclass(frozen=True, repr=False, eq=False)
class VarianceScaling(Initializer):
    """Variance ``scale / fan`` (Glorot and Bengio 2010; He et al. 2015).

    ``fan_in`` counts the numbers that an output is made of, ``fan_out`` those that an input goes to, ``fan_avg`` is
    their mean. Uniform numbers lie within ``sqrt(3 * scale / fan)``, normal ones are cut at two standard deviations.

    Parameters
    ----------
    scale : what the variance is a multiple of, above 0.
    mode : ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
    distribution : ``"uniform"``, ``"truncated_normal"`` or ``"untruncated_normal"``.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.

    >>> from fastnn import initializers
    >>> initializers.get("he_normal")
    VarianceScaling(scale=2.0)
    >>> drawn = initializers.get("he_normal")((200, 300), seed=1, stream=0)
    >>> round(float(drawn.std()), 3)  # sqrt(2 / 200)
    0.1
    """

    stored_name = "variance_scaling"

    scale: float = 1.0
    mode: Fan = "fan_in"
    distribution: Distribution = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        number("scale", self.scale, low=0.0, open_low=True)
        lookup("mode", self.mode, dict.fromkeys(("fan_in", "fan_out", "fan_avg")))
        lookup("distribution", self.distribution, dict.fromkeys(("uniform", "truncated_normal", "untruncated_normal")))

    def __eq__(self, other: object) -> bool:
        """Two draw the same where their arguments are the same, whatever the class that made them."""
        return isinstance(other, VarianceScaling) and self.config() == other.config()

    def __hash__(self) -> int:
        return hash((self.scale, self.mode, self.distribution, self.seed))

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        seed = seed if self.seed is None else self.seed
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * deviation
            return draws.uniform(-limit, limit, shape, seed, stream)
        if self.distribution == "truncated_normal":
            return draws.cut_normal(0.0, deviation / TRUNCATED_STDDEV, shape, seed, stream)
        return draws.normal(0.0, deviation, shape, seed, stream)


class GlorotUniform(VarianceScaling):
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Normal, cut, with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform with variance ``2 / fan_in`` (He et al. 2015).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Normal, cut, with variance ``2 / fan_in`` (He et al. 2015).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Uniform with variance ``1 / fan_in`` (LeCun et al. 1998).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Normal, cut, with variance ``1 / fan_in`` (Klambauer et al. 2017).

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed)
