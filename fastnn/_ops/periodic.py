"""Numbers as waves of trained frequencies, each column for itself (Gorishniy et al. 2022; Holzmueller et al. 2024).

For a number ``x`` of column ``j``: ``h = cos(2 pi w1[j] x + b1[j])``, ``e = w2[j] h + b2[j]``; of each column the row
of the output has ``e``, and behind it ``x`` where the op hands it on.

Design: the cosine is taken of turns, ``w1 x + b1 / (2 pi)``, which are cut to an eighth without rounding, so that
large frequencies lose no digits of pi. Training keeps cosines and sines, for they are what costs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.turns import sine_cosine
from fastnn._ops.base import Op, Operation, Wants, When, Work

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes
    from fastnn._ops.views import Views

PER_RADIAN = 0.15915494309189535  # turns, 1 / (2 pi)
TURN = 6.283185307179586  # radians, 2 pi


def width(sizes: Sizes) -> int:
    """Numbers of the output for each of the input."""
    return int(sizes.units + sizes.hands_on)


def forward(op: np.void, a: Views, when: When) -> None:
    sizes = a.sizes
    sine, cosine = waves(op, a)
    if op["room"] >= 0:
        _kept(op, a)[...] = np.stack([cosine, sine], axis=2)
    y = a.y.reshape(*a.x.shape, width(sizes))
    kernel, bias = _kernel(op, a), _bias(op, a)
    y[..., : sizes.units] = np.einsum("rjk,juk->rju", cosine, kernel) + bias
    if sizes.hands_on:
        y[..., -1] = a.x


def backward(op: np.void, a: Views, when: When) -> None:
    sizes, x = a.sizes, a.x
    n, waves_of_one = x.shape[1], sizes.frequencies
    dy = a.dy.reshape(len(x), n, width(sizes))
    de, kept = dy[..., : sizes.units], _kept(op, a)
    cosine, sine = kept[:, :, 0], kept[:, :, 1]
    dz = -sine * np.einsum("rju,juk->rjk", de, _kernel(op, a))
    if a.dw:
        a.dw.take(x.dtype.type(TURN) * np.einsum("rj,rjk->jk", x, dz))
        a.gradient(op["dmore"][0], n * waves_of_one).take(dz.sum(axis=0).reshape(-1))
        along = np.einsum("rju,rjk->juk", de, cosine).reshape(-1)
        a.gradient(op["dmore"][1], n * sizes.units * waves_of_one).take(along)
        a.gradient(op["db"], n * sizes.units).take(de.sum(axis=0).reshape(-1))
    if a.dx:
        slope = x.dtype.type(TURN) * np.einsum("rjk,jk->rj", dz, a.w)
        a.dx.take(slope + dy[..., -1] if sizes.hands_on else slope)


@np.errstate(invalid="ignore")  # of infinities
def waves(op: np.void, a: Views) -> tuple[np.ndarray, ...]:
    """Sines and cosines, ``(rows, n_in, frequencies)``."""
    phase = a.vector(0, a.w.size).reshape(a.w.shape)
    turns = a.x[:, :, None].astype(np.float64) * a.w + phase * PER_RADIAN
    return tuple(part.astype(a.w.dtype) for part in sine_cosine(turns))


def _kernel(op: np.void, a: Views) -> np.ndarray:
    n, sizes = int(op["n_in"]), a.sizes
    return a.vector(1, n * sizes.units * sizes.frequencies).reshape(n, sizes.units, sizes.frequencies)


def _bias(op: np.void, a: Views) -> np.ndarray:
    n, units = int(op["n_in"]), a.sizes.units
    return a.parameter(op["b"], n * units).reshape(n, units)


def _kept(op: np.void, a: Views) -> np.ndarray:
    shape = len(a.x), int(op["n_in"]), 2, a.sizes.frequencies
    return a.room[: math.prod(shape)].reshape(shape)


def _room(operation: Operation, rows: int) -> int:
    return 2 * rows * operation.repeat * operation.n_in * operation.geometry[1]


def _weights(operation: Operation) -> int:
    units, frequencies, _ = operation.geometry
    return operation.n_in * frequencies * (units + 1)


def _work(op: np.void, wants: Wants) -> Work:
    """Gradients of the angles are made once, of the input or of the parameters."""
    units, frequencies, _ = (int(size) for size in op["geometry"][:3])
    angles = int(op["repeat"]) * int(op["n_in"]) * frequencies
    made, (of_x, *_) = angles * units, wants.dx
    return Work(made + angles, (made + angles) * of_x, (made + angles) * wants.dw + made * (wants.dw and not of_x))


def _shape(op: np.void) -> tuple[int, int]:
    return int(op["n_in"]), int(op["geometry"][1])


OP = Op(
    34,
    "periodic",
    forward,
    backward,
    weights=_weights,
    work=_work,
    geometry=("units", "frequencies", "hands_on"),
    shape=_shape,
    room=_room,
)
