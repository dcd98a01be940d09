"""Where a window of an image stands: what convolutions and pooling share.

Images are ``(samples, height, width, channels)``. The output's number at ``(oy, ox)`` reads the image at
``(oy * sh + ky * dh - top, ox * sw + kx * dw - left)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes


def padded(x: np.ndarray, size: Sizes, value: float = 0) -> np.ndarray:
    """The image with as many rows and columns of ``value`` around it as the windows read."""
    high = (size.oh - 1) * size.sh + (size.kh - 1) * size.dh + 1
    wide = (size.ow - 1) * size.sw + (size.kw - 1) * size.dw + 1
    bottom, right = max(0, high - size.top - size.h), max(0, wide - size.left - size.w)
    around = ((0, 0), (size.top, bottom), (size.left, right), (0, 0))
    return np.pad(x.reshape(len(x), size.h, size.w, size.c), around, constant_values=value)


def tap(x: np.ndarray, size: Sizes, ky: int, kx: int) -> np.ndarray:
    """What all windows of a padded image read at ``(ky, kx)``: a view ``(samples, oh, ow, channels)``."""
    y, across = ky * size.dh, kx * size.dw
    return x[:, y : y + size.sh * size.oh : size.sh, across : across + size.sw * size.ow : size.sw][
        :, : size.oh, : size.ow
    ]


def inner(x: np.ndarray, size: Sizes) -> np.ndarray:
    """The image without what was padded."""
    return x[:, size.top : size.top + size.h, size.left : size.left + size.w]


def taps(size: Sizes) -> list[tuple[int, int]]:
    """All places in a window, in the order in which they are added."""
    return [(ky, kx) for ky in range(size.kh) for kx in range(size.kw)]
