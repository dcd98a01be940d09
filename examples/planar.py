"""The data of the examples: points of the plane above and below a wave, which no straight line follows."""

import numpy as np


def wave(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(n, 2)`` of a square and their classes ``(n, 1)``: 1 above the wave ``b = 2 sin(1.5 a)``, 0 below."""
    points = np.random.default_rng(seed).uniform(-3.0, 3.0, (n, 2))
    a, b = points.T
    return points, (b > 2.0 * np.sin(1.5 * a))[:, None].astype(float)
