"""Random numbers of a shape, keyed by seed and stream: uniform, normal, and normal cut at two standard deviations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastnn._base import random
from fastnn.initializers.quantile import TRUNCATED_TAIL, normal_quantile


def uniform(low: float, high: float, shape: Sequence[int], seed: int, stream: int) -> np.ndarray:
    """Between two bounds."""
    drawn = random.uniform(seed, stream, math.prod(shape)).reshape(shape)
    return low + (high - low) * drawn


def normal(mean: float, stddev: float, shape: Sequence[int], seed: int, stream: int) -> np.ndarray:
    """Of a mean and a standard deviation."""
    return mean + stddev * normal_quantile(random.uniform(seed, stream, math.prod(shape))).reshape(shape)


def cut_normal(mean: float, stddev: float, shape: Sequence[int], seed: int, stream: int) -> np.ndarray:
    """Likewise before the cut."""
    drawn = TRUNCATED_TAIL + (1 - 2 * TRUNCATED_TAIL) * random.uniform(seed, stream, math.prod(shape))
    return mean + stddev * normal_quantile(drawn).reshape(shape)
