"""A layer whose output has a mask, of ops that every backend has; and what a loss makes of rows that count alone."""

from __future__ import annotations

import math

import numpy as np
from networks import draw, draw_target

from fastnn._ops import copy
from fastnn.layers.described import Described, described


@described
class Padded(Described):
    """A sample is the numbers of ``shape``, and behind them one for each step, 0 where the step is not there."""

    shape: tuple
    input_shape: tuple | None = None
    name: str | None = None
    mask_operation = 0

    def output_shape(self, shape):
        return self.shape

    def operations(self, shape):
        steps, size = self.shape[0], math.prod(self.shape)
        mask = copy.part_of(size + steps, size, steps, 1, 0)
        return mask, copy.part_of(size + steps, 0, size // self.shape[-1], self.shape[-1], 0)


def draw_mask(rng, rows: int, steps: int, kind: str) -> np.ndarray:
    """Which steps count: some ``"ahead"`` of padding, here and there (``"mixed"``), ``"all"`` or ``"none"``."""
    if kind == "ahead":
        return np.arange(steps) < rng.integers(0, steps + 1, rows)[:, None]
    return rng.random((rows, steps)) < {"mixed": 0.6, "all": 1.0, "none": 0.0}[kind]


def draw_batch(rng, loss, rows, shape, mask, lost=(np.nan, np.inf, -np.inf)):
    """Rows for :class:`Padded` whose steps that do not count are ``lost``, and targets."""
    y = draw(rng, (rows, *shape), 0.5)  # where no activation is at an end
    y[~mask] = rng.choice(lost, y[~mask].shape)
    return np.column_stack([y.reshape(rows, -1), mask]), draw_target(rng, loss, rows, shape)


def counting(values, mask, shape) -> np.ndarray:
    """Of numbers ``(rows, positions * n)`` those of positions that count, a position a row."""
    each = math.prod(shape[1:-1])
    return values.reshape(mask.size * each, -1)[np.repeat(mask.ravel(), each)]
