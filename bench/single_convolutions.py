"""Single convolutions that are timed, and what each of their three passes is: forward, dW, dx; no bias, no activation.

NumPy is all this needs. Channels, sizes and windows are those of common networks, odd ones among them, in batches that
take about as long as a layer's in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from layers import Conv, Shape
from reference import convolved, way_back

PASSES = ("forward", "dW", "dx")


@dataclass(frozen=True)
class Case:
    """A layer, and the images that it reads."""

    shape: Shape
    conv: Conv
    images: int = 64

    @property
    def flops(self) -> int:
        """Operations of one pass; each of the three has as many."""
        return 2 * self.images * self.conv.work(self.shape)

    def __str__(self) -> str:
        (height, width, channels), conv = self.shape, self.conv
        made = "each" if conv.depthwise else conv.n
        stride = f"/{conv.strides}" if conv.strides > 1 else ""
        return f"{height}x{width} {channels}>{made} {conv.k}x{conv.k}{stride} {conv.padding}"


def _case(height: int, width: int, channels: int, n: int, k: int, strides: int = 1, padding: str = "same") -> Case:
    return Case((height, width, channels), Conv(n, k, padding, strides, bias=False))


def _each(height: int, width: int, channels: int, strides: int = 1, padding: str = "same") -> Case:
    return Case((height, width, channels), Conv(channels, 3, padding, strides, bias=False, depthwise=True))


GROUPS = {
    "wide": [  # 16 channels and more on both sides
        _case(28, 28, 16, 16, 3),
        _case(32, 32, 16, 16, 3),
        _case(16, 16, 32, 32, 3),
        _case(28, 28, 32, 32, 3),
        _case(8, 8, 64, 64, 3),
        _case(14, 14, 64, 64, 3),
        _case(7, 7, 128, 128, 3),
        _case(4, 4, 256, 256, 3),
        _case(13, 13, 32, 64, 3, padding="valid"),
        _case(15, 17, 24, 40, 3),
        _case(10, 10, 48, 96, 3),
        _case(29, 29, 16, 32, 3, 2, "valid"),
        _case(15, 15, 64, 128, 3, 2, "valid"),
        _case(14, 14, 64, 128, 1),
        _case(14, 14, 256, 64, 1),
        _case(17, 17, 32, 64, 1, 2, "valid"),
        _case(14, 14, 16, 16, 5),
        _case(14, 14, 16, 32, 5, padding="valid"),
        _case(12, 12, 20, 50, 5, padding="valid"),
        _case(14, 14, 16, 16, 7),
    ],
    "few": [  # 1 to 8 channels on one side at least
        _case(28, 28, 1, 32, 3),
        _case(28, 28, 1, 6, 5),
        _case(32, 32, 3, 16, 3),
        _case(32, 32, 3, 32, 3),
        _case(32, 32, 3, 6, 5, padding="valid"),
        _case(33, 33, 3, 64, 7, 2, "valid"),
        _case(14, 14, 6, 16, 5, padding="valid"),
        _case(28, 28, 8, 8, 3),
        _case(16, 16, 4, 4, 3),
        _case(15, 15, 8, 16, 3),
        _case(20, 20, 2, 24, 3),
        _case(14, 14, 32, 8, 1),
    ],
    "depthwise": [
        _each(28, 28, 16),
        _each(16, 16, 32),
        _each(32, 32, 64),
        _each(14, 14, 24),
        _each(7, 7, 128),
        _each(29, 29, 32, 2, "valid"),
    ],
}
CASES = {str(case): case for cases in GROUPS.values() for case in cases}


def arrays(case: Case, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``x (images, height, width, channels)``, the kernel, and ``dy``."""
    rng = np.random.default_rng(0)
    (kernel,) = case.conv.arrays(case.shape)
    shapes = (case.images, *case.shape), kernel, (case.images, *case.conv.after(case.shape))
    x, w, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, w, dy


def right(case: Case, part: str, given: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The result of a pass."""
    x, w, dy = given
    if part == "forward":
        return convolved(case.conv, x, w)
    return way_back(case.conv, x, w, dy)[PASSES.index(part) - 1]
