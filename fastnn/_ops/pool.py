"""The largest number, or the mean, of every window of an image, each channel by itself; and its way back.

What is padded counts for nothing: it is no largest number and no part of a mean. Of numbers that are the largest of a
window together, the first in row-major order has the whole gradient; NaN is larger than any number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import Numbers
from fastnn._ops import windows
from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes
    from fastnn._ops.views import Views

GEOMETRY = ("h", "w", "c", "oh", "ow", "kh", "kw", "sh", "sw", "top", "left", "dh", "dw", "average")  # dh and dw are 1
MANY = 256  # numbers of a window: the sum of more than so many is made in twice the precision


def forward(op: np.void, a: Views, when: When) -> None:
    size = a.sizes
    y = means(a.x, size) if size.average else largest(a.x, size)
    a.y[...] = y.reshape(a.y.shape)


def backward(op: np.void, a: Views, when: When) -> None:
    if not a.dx:
        return
    size = a.sizes
    dy = a.dy.reshape(-1, size.oh, size.ow, size.c)
    dx = windows.padded(np.zeros_like(a.x), size)
    if size.average:
        spread(dy, dx, size)
    else:
        give_to_first(dy, a.y.reshape(dy.shape), a.x, dx, size)
    a.dx.take(windows.inner(dx, size).reshape(a.x.shape))


def largest(x: np.ndarray, size: Sizes) -> np.ndarray:
    """``(samples, oh, ow, channels)``."""
    image = windows.padded(x, size, -np.inf)
    y: Numbers = None
    for ky, kx in windows.taps(size):
        read = windows.tap(image, size, ky, kx)
        y = read if y is None else np.where((read > y) | np.isnan(read), read, y)
    found: np.ndarray = y
    return found


def means(x: np.ndarray, size: Sizes) -> np.ndarray:
    """``(samples, oh, ow, channels)``."""
    image = windows.padded(x.astype(np.float64) if size.kh * size.kw > MANY else x, size)
    total: Numbers = 0
    for ky, kx in windows.taps(size):
        total = total + windows.tap(image, size, ky, kx)
    found: np.ndarray = (total / counts(size, image.dtype)).astype(x.dtype)
    return found


def counts(size: Sizes, dtype: np.dtype) -> np.ndarray:
    """How many places of each window lie in the image, ``(1, oh, ow, 1)``."""
    ones = windows.padded(np.ones((1, size.h * size.w), dtype), size._replace(c=1))
    total: Numbers = sum(windows.tap(ones, size, ky, kx) for ky, kx in windows.taps(size))
    found: np.ndarray = total
    return found


def spread(dy: np.ndarray, dx: np.ndarray, size: Sizes) -> None:
    """Adds a mean's gradient to ``dx``, padded: every place of a window has an equal part."""
    part = dy / counts(size, dy.dtype)
    for ky, kx in windows.taps(size):
        windows.tap(dx, size, ky, kx)[...] += part


def give_to_first(dy: np.ndarray, y: np.ndarray, x: np.ndarray, dx: np.ndarray, size: Sizes) -> None:
    """Adds a maximum's gradient to ``dx``, padded: ``left`` is what no tap has taken yet."""
    image, left = windows.padded(x, size, -np.inf), dy
    for ky, kx in windows.taps(size):
        read, inside = windows.tap(image, size, ky, kx), windows.tap(_places(size), size, ky, kx)
        takes = ((read == y) | np.isnan(read)) & inside
        windows.tap(dx, size, ky, kx)[...] += np.where(takes, left, 0)
        left = np.where(takes, 0, left)


def _places(size: Sizes) -> np.ndarray:
    """What of a padded image is the image, ``(1, height, width, 1)``."""
    return windows.padded(np.ones((1, size.h * size.w), bool), size._replace(c=1), False)


def has_maxima_apart(operation: Operation) -> bool:
    """Whether it gives the largest numbers of windows that have no place in common."""
    kh, kw, sh, sw = operation.geometry[5:9]
    return not operation.geometry[GEOMETRY.index("average")] and sh >= kh and sw >= kw


OP = Op(10, "pool", forward, backward, geometry=GEOMETRY, by_sample=True)
