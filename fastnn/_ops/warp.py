"""Images read at places of a map that training draws for each sample; prediction reads the middle as it is.

Place ``(i, j)`` of the output reads its sample's image at ``y = (yy i + yx j) + y0`` and ``x = (xy i + xx j) + x0``, as
Keras' ``affine_transform`` does. Two words of the model's generator, found by seed, op, step and the sample's place in
its batch, give the map. It is kept for the way back as the halves of these words, which float32 holds exactly; a
negative number stands there where nothing was drawn. The way back adds each gradient to the places it was read from,
output by output.

Design: places and weights are computed in float64 by products and sums in a fixed order, cast, and never fused, so
that every backend has the same bits; compiled kernels that may contract (rejected) differ where a place is rounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base import random
from fastnn._base.turns import sine_cosine
from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    Map = tuple[float, float, float, float, float, float]

    from fastnn._ops.views import Views

TRANSLATE, ROTATE, ZOOM, ZOOM_EQUALLY, FLIP, CROP = range(6)
CONSTANT, REFLECT, WRAP, NEAREST = range(4)
GEOMETRY = ("h", "w", "c", "oh", "ow", "move", "fill", "bilinear")
KEPT, NOTHING = 4, -1  # numbers of a sample: both halves of two words, or that none were drawn
VALUE = 4  # in the record's numbers: what CONSTANT reads outside; the ranges of two draws stand before it


def drawn_map(g: np.ndarray, ranges: np.ndarray, u: float, v: float) -> Map:
    """``yy, yx, y0, xy, xx, x0`` from two draws in (0, 1); ``g`` is the geometry."""
    middle_y, middle_x = (g[0] - 1) * 0.5, (g[1] - 1) * 0.5
    first = ranges[0] + (ranges[1] - ranges[0]) * u
    second = ranges[2] + (ranges[3] - ranges[2]) * v
    if g[5] == TRANSLATE:
        return 1.0, 0.0, -(first * g[0]), 0.0, 1.0, -(second * g[1])
    if g[5] == ROTATE:
        s, c = sine_cosine(first)
        return c, s, (middle_y - middle_x * s) - middle_y * c, -s, c, (middle_x - middle_x * c) + middle_y * s
    if g[5] == CROP:
        return 1.0, 0.0, np.floor(u * (g[0] - g[3] + 1)), 0.0, 1.0, np.floor(v * (g[1] - g[4] + 1))
    if g[5] == ZOOM_EQUALLY:
        second = first
    if g[5] == FLIP:
        first = ranges[1] if u < 0.5 else ranges[0]
        second = ranges[3] if u < 0.5 else ranges[2]
    return first, 0.0, middle_y * (1.0 - first), 0.0, second, middle_x * (1.0 - second)


def inside(at: np.ndarray, n: int, fill: int) -> np.ndarray:
    """The place along an axis of ``n`` that stands for ``at``, which may lie outside."""
    if fill == WRAP:
        return at % n
    if fill == REFLECT:
        again = at % (2 * n)
        return np.where(again < n, again, 2 * n - 1 - again)
    found: np.ndarray = np.minimum(np.maximum(at, 0), n - 1)
    return found


def uniform(high: float, low: float) -> float:
    """A draw in (0, 1) from the halves of a word."""
    return ((high * 65536.0 + low) + 0.5) / 4294967296.0


def forward(op: np.void, a: Views, when: When) -> None:
    if op["room"] >= 0:
        _keep(op, a, when)
    images, ys = a.x.reshape(a.n_samples, -1, a.sizes.c), a.y.reshape(a.n_samples, -1, a.sizes.c)
    for image, y, drawn in zip(images, ys, _maps(op, a), strict=True):
        total = None
        for at, is_inside, weight in _read(op, *drawn, y.dtype):
            number = np.where(is_inside, image[at], y.dtype.type(op["numbers"][VALUE]))
            number = number if weight is None else weight * number
            total = number if total is None else total + number
        y[...] = total


def backward(op: np.void, a: Views, when: When) -> None:
    taker = a.dx
    if taker.out is None:
        return
    if not taker.adds:
        taker.out[...] = 0
    dxs, dys = taker.out.reshape(a.n_samples, -1, a.sizes.c), a.dy.reshape(a.n_samples, -1, a.sizes.c)
    for dx, dy, drawn in zip(dxs, dys, _maps(op, a), strict=True):
        at, is_inside, weights = zip(*_read(op, *drawn, dy.dtype), strict=True)
        slopes = np.stack([dy if weight is None else weight * dy for weight in weights], axis=1)
        read = np.stack(is_inside, axis=1)[..., 0]
        np.add.at(dx, np.stack(at, axis=1)[read], slopes[read])


def _keep(op: np.void, a: Views, when: When) -> None:
    """Keep what is drawn for each sample."""
    first, count = KEPT * when.first_row, KEPT * a.n_samples
    if not when.training or not op["rate"]:
        a.room[:count] = NOTHING
        return
    words = random.words(int(op["seed"]), int(op["stream"]) + 1, when.step, first, count).reshape(-1, KEPT)[:, :2]
    a.room[:count] = np.stack([words >> np.uint32(16), words & np.uint32(0xFFFF)], axis=-1).reshape(-1)


def _maps(op: np.void, a: Views) -> list[tuple[Map, bool]]:
    """Of each sample, the map and whether it was drawn: else the middle is read as it is."""
    g, size = op["geometry"], a.sizes
    middle = (1.0, 0.0, (size.h - size.oh) // 2, 0.0, 1.0, (size.w - size.ow) // 2)
    if op["room"] < 0:
        return [(middle, False)] * a.n_samples
    return [
        (middle, False) if kept[0] < 0 else (drawn_map(g, op["numbers"], uniform(*kept[:2]), uniform(*kept[2:])), True)
        for kept in a.room[: KEPT * a.n_samples].reshape(-1, KEPT).astype(np.float64)
    ]


def _read(
    op: np.void, places: Map, drawn: bool, dtype: np.dtype
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """What the outputs ``(oh * ow,)`` read: where, whether that is inside, and weights; both ``(oh * ow, 1)``."""
    h, w, _, oh, ow, _, fill, bilinear = op["geometry"][: len(GEOMETRY)].tolist()
    yy, yx, y0, xy, xx, x0 = places
    i, j = np.divmod(np.arange(oh * ow), ow)
    axes = _along((yy * i + yx * j) + y0, bilinear and drawn), _along((xy * i + xx * j) + x0, bilinear and drawn)
    for (row, of_row), (column, of_column) in itertools.product(*axes):
        at = inside(row, h, fill) * w + inside(column, w, fill)
        is_inside = (fill != CONSTANT) | ((row >= 0) & (row < h) & (column >= 0) & (column < w))
        weight = None if of_row is None else (of_row * of_column).astype(dtype)[:, None]
        yield at, is_inside[:, None], weight


def _along(place: np.ndarray, bilinear: bool) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Whole places beside one along an axis, with their weights."""
    if not bilinear:
        return [(np.rint(place).astype(np.int64), None)]
    below = np.floor(place)
    above_weight = place - below
    at = below.astype(np.int64)
    return [(at, 1.0 - above_weight), (at + 1, above_weight)]


def _hands_on(operation: Operation) -> bool:
    """Whether prediction gives what it reads."""
    return operation.geometry[:2] == operation.geometry[3:5]


OP = Op(
    21,
    "warp",
    forward,
    backward,
    geometry=GEOMETRY,
    by_sample=True,
    room=lambda operation, rows: KEPT * rows,
    idle=_hands_on,
)
