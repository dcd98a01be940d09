"""``y = activation(x * w + b)`` for every window of an image by products of whole numbers; see ``int8.py``.

The kernel is that of ``conv.py`` as a matrix, ``(kh * kw * channels, filters)``; zeros around the image are exact.
There are no groups and there is no way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops import int8, windows
from fastnn._ops.activation import activate
from fastnn._ops.base import Op, Operation, When, always
from fastnn._ops.conv import GEOMETRY

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    size = a.sizes
    image = windows.padded(int8.whole(op, a.x), size)
    rows = np.stack([windows.tap(image, size, ky, kx) for ky, kx in windows.taps(size)], axis=3)
    a.y[...] = activate(op, int8.products(op, a, rows.reshape(len(a.y), -1)))


def kernel_size(operation: Operation) -> int:
    return int8.rows_of_kernel(operation.geometry) * operation.n_out


OP = Op(36, "conv_int8", forward, weights=kernel_size, geometry=GEOMETRY, by_sample=True, activates=always)
