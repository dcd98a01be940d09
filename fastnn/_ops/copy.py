"""Numbers moved and nothing computed: parts of an array, zeros around it, axes in another order, repeats.

The output has five axes of ``n0 ... n4`` numbers. Along the axis ``k`` its next number stands ``s_k`` numbers further
on in the input; 0 repeats a number, and else none is read twice. What lies in ``[top, bottom)`` of the fourth axis and
in ``[left, right)`` of the last one is read from the input, from number ``start`` on; all around that box are zeros.

Design: five axes serve an image whose lines and places are repeated. What stands side by side in input and output is
one axis (:func:`merged`), so that the innermost loop is long and few layers need more axes than there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes
    from fastnn._ops.views import Views

AXES = 5
GEOMETRY = (
    *(f"n{k}" for k in range(AXES)),
    *(f"s{k}" for k in range(AXES)),
    *("top", "bottom", "left", "right", "start"),
)


def forward(op: np.void, a: Views, when: When) -> None:
    size = a.sizes
    y = a.y.reshape(-1, *_counts(size))
    y[...] = 0
    _box(y, size)[...] = a.x[:, _places(size)]


def backward(op: np.void, a: Views, when: When) -> None:
    if not a.dx:
        return
    size, dx = a.sizes, np.zeros_like(a.x)
    again = tuple(1 + k for k, stride in enumerate(_strides(size)) if stride == 0)
    dx[:, _places(size, once=True)] += _box(a.dy.reshape(-1, *_counts(size)), size).sum(axis=again, keepdims=True)
    a.dx.take(dx)


def _counts(size: Sizes) -> tuple[int, ...]:
    return tuple(size[:AXES])


def _strides(size: Sizes) -> tuple[int, ...]:
    return tuple(size[AXES : 2 * AXES])


def _box(y: np.ndarray, size: Sizes) -> np.ndarray:
    """What of an output ``(samples, n0, ..., n4)`` is read from the input."""
    return y[..., size.top : size.bottom, size.left : size.right]


def _places(size: Sizes, once: bool = False) -> np.ndarray:
    """Numbers of the input that the box reads, in its shape; ``once`` for one of each that is repeated."""
    counts = (*_counts(size)[:-2], size.bottom - size.top, size.right - size.left)
    places = np.full((1,) * AXES, size.start)
    for k, (n, stride) in enumerate(zip(counts, _strides(size), strict=True)):
        along = np.arange(1 if once and stride == 0 else n) * stride
        places = places + along.reshape([-1 if i == k else 1 for i in range(AXES)])
    return places


def merged(axes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Axes ``(n, stride)``, those as one that stand side by side in the input as in the output; none of one number."""
    found: list[tuple[int, int]] = []
    for n, stride in axes:
        if n == 1:
            continue
        if found and found[-1][1] == n * stride:
            found[-1] = (found[-1][0] * n, stride)
        else:
            found.append((n, stride))
    return found


def part_of(size: int, start: int, rows: int, n: int, read: int) -> Operation:
    """Numbers ``start ... start + rows * n - 1`` of a sample's ``size``, as ``rows`` rows of what operation reads."""
    count = rows * n
    geometry = (1, 1, 1, 1, count, 0, 0, 0, 0, 1, 0, 1, 0, count, start)
    return Operation(OP, size, n, rows, inputs=(read,), geometry=geometry)


OP = Op(11, "copy", forward, backward, geometry=GEOMETRY, by_sample=True)
