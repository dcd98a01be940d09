"""Columns that count by what each tells of the target: soft feature selection, before the training.

Among many columns that say nothing a network learns the noise of each, and trees pass them over. So each column is
scaled by a power of its relevance, the share of the target's variance that its encoded numbers explain in a ridge
regression of their own, less what chance explains. Each network goes by the rows that it learns from, and by no other:
what it says of rows that it did not see stays honest. The scales then become part of its first layer.

Design: the power is small, and the least scale is no zero, for a column may say much beside another and nothing alone.
Scales are steps of a ladder, so that the last bits of a linear solver decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn.tabular.bag import Rows

POWER = 0.3  # of the correlation by which a column is scaled
LEAST = 0.5  # scale of a column beside the mean one
STEPS = 8  # of the ladder, to each doubling
RIDGE = 1e-3  # of the mean variance of a column's numbers
MOST_ROWS = 20_000  # that relevance is found from
WIDEST = 128  # numbers of a column up to which it is looked at; wider ones count as the mean one
SMALL_PRODUCT = 2**18  # multiplications that OpenBLAS starts no threads for, who would be in the way of networks


def relevance_scales(
    blocks: Sequence[int], x: np.ndarray, y: np.ndarray, classes: bool, weights: np.ndarray | None = None
) -> np.ndarray | None:
    """The scale of each number of an encoded row, ``(sum(blocks),)`` float32; None where no column tells anything.

    Parameters
    ----------
    blocks : how many numbers each column is encoded as.
    x : ``(n, sum(blocks))`` encoded rows.
    y : ``(n,)`` encoded target: indices of classes, or numbers.
    classes : whether it is the former.
    weights : None or ``(n,)``, how much each row counts.

    >>> x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    >>> [round(scale, 2) for scale in relevance_scales([1] * 4, x, x[:, 0] + 0.1 * x[:, 1], False).tolist()]
    [1.54, 0.77, 0.65, 0.65]
    """
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), MOST_ROWS)).astype(np.int64))
    count = np.ones(len(rows)) if weights is None or not weights[rows].any() else weights[rows].astype(np.float64)
    count = count / count.sum()
    target = _standardised(y[rows], classes, count)
    found, first = np.full(len(blocks), math.nan), 0
    for i, width in enumerate(blocks):
        if 0 < width <= WIDEST and target.shape[1]:
            found[i] = _relevance(x[rows, first : first + width].astype(np.float64), target, count)
        first += width
    told = np.sqrt(found[~np.isnan(found)])
    if not told.any():
        return None
    mean = float(np.sqrt(np.mean(told**2)))
    scales = np.where(np.isnan(found), 1.0, np.maximum(LEAST, (np.sqrt(found) / mean) ** POWER))
    scales /= np.sqrt(np.mean(scales**2))
    steps = np.round(STEPS * np.log2(scales))
    return np.repeat(np.array([2.0 ** (step / STEPS) for step in steps.tolist()], np.float32), blocks)


def scale_by_relevance(blocks: Sequence[int], classes: bool, learned: Rows, held: Rows) -> np.ndarray | None:
    """Scale a network's rows in place by what those that it learns from say of the columns; the scales."""
    if not blocks:
        return None
    numbers = [rows.x[0] if isinstance(rows.x, list) else rows.x for rows in (learned, held)]
    scales = relevance_scales(blocks, numbers[0], learned.y, classes, learned.weights)
    for each in numbers if scales is not None else []:
        each *= scales
    return scales


def _standardised(y: np.ndarray, classes: bool, count: np.ndarray) -> np.ndarray:
    """The target's columns ``(n, k)``, those that vary: an indicator of each class, or the number."""
    columns = (y[:, None] == np.unique(y)) if classes else y[:, None]
    centered = columns - np.average(columns, axis=0, weights=count)
    spread = np.sqrt(np.average(centered**2, axis=0, weights=count))
    return centered[:, spread > 0] / spread[spread > 0]


def _relevance(x: np.ndarray, target: np.ndarray, count: np.ndarray) -> float:
    """Adjusted R2 of a ridge regression of the target on a column's numbers, the mean over its columns; 0 at least."""
    n, width = x.shape
    centered = x - np.average(x, axis=0, weights=count)
    both, weighted = np.hstack([centered, target]), centered * count[:, None]
    products, step = np.zeros((width, both.shape[1])), max(1, SMALL_PRODUCT // (width * both.shape[1]))
    for first in range(0, n, step):
        products += weighted[first : first + step].T @ both[first : first + step]
    gram, with_target = products[:, :width], products[:, width:]
    variance = float(np.trace(gram)) / width
    if variance <= 0.0:
        return 0.0
    ridged = gram + RIDGE * variance * np.eye(width)
    solved = np.linalg.solve(ridged, products)
    slopes, freedom = solved[:, width:], float(np.trace(solved[:, :width]))
    explained = 2 * np.sum(slopes * with_target, axis=0) - np.sum(slopes * (gram @ slopes), axis=0)
    adjusted = 1 - (1 - explained) * (n - 1) / max(1.0, n - 1 - freedom)
    return max(0.0, float(adjusted.mean()))
