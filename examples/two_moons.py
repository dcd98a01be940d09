"""The data of the examples: two half circles that no straight line parts."""

import numpy as np


def two_moons(n: int = 400, noise: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(n, 2)`` and their classes ``(n, 1)``, 0 or 1."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0.0, np.pi, n)
    label = np.arange(n) % 2
    x = np.where(label == 0, np.cos(angle), 1.0 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.column_stack([x, y]) + noise * rng.standard_normal((n, 2))
    return points, label[:, None].astype(float)
