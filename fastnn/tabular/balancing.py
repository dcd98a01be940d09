"""Columns that count alike at the start: all that one column is encoded as is scaled to a variance of one in sum.

Without it a number of 32 pieces weighs ten times what a category does, and a network takes long to find the latter.
Rows are scaled for the training alone; then the scales become part of each network's first layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.models.model import Model
from fastnn.tables.columns import CategoryFeature
from fastnn.tables.pieces import PieceFeature

if TYPE_CHECKING:
    from fastnn.tables.features import Encoded, Feature

LEAST_VARIANCE = 0.25  # of what a column is encoded as; of rarer things not all is made of


def block_scales(features: object, x: Encoded) -> np.ndarray | None:
    """The factor of each number of an encoded row, ``(width,)`` float32; None where there are none to scale.

    The pieces of a number and the categories of a text are scaled together; numbers themselves and indicators of gaps
    have a variance of about one, and stay.

    Parameters
    ----------
    features : the encoding, :class:`fastnn.tables.features.TableFeatures`.
    x : what it makes of training rows, an array or a list of the numbers and of codes.
    """
    numbers = x[0] if isinstance(x, list) else x
    dense = getattr(features, "numbers", [])
    if not dense:
        return None
    scales, first = np.ones(numbers.shape[1], np.float32), 0
    for feature in dense:
        block = _block(feature, first)
        first += feature.width
        variance = float(numbers[:, block].var(axis=0, dtype=np.float64).sum()) if block else 0.0
        if block:
            scales[block] = max(variance, LEAST_VARIANCE) ** -0.5
    return scales


def _block(feature: Feature, first: int) -> slice | None:
    """Where the numbers stand that are scaled together."""
    if isinstance(feature, PieceFeature) and feature.n_pieces:
        return slice(first + 1, first + 1 + feature.n_pieces)
    return slice(first, first + feature.width) if isinstance(feature, CategoryFeature) else None


def scaled(x: Encoded, scales: np.ndarray | None) -> Encoded:
    """Encoded rows with each number multiplied by its scale."""
    if scales is None:
        return x
    return [x[0] * scales, *x[1:]] if isinstance(x, list) else x * scales


def part_of(x: Encoded, rows: np.ndarray) -> Encoded:
    """Rows of an array, or of each of a list."""
    return [part[rows] for part in x] if isinstance(x, list) else x[rows]


def blocks(features: object) -> tuple[int, ...]:
    """How many numbers each column is encoded as that has no codes; none of what is no table."""
    return tuple(feature.width for feature in getattr(features, "numbers", []))


def fold_scales(model: Model, scales: np.ndarray | None) -> None:
    """Make a network that was trained on scaled rows one that takes rows as they are encoded."""
    if scales is None:
        return
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    kernel, *bias = dense.get_weights()
    kernel[: len(scales)] *= scales[:, None]
    dense.set_weights([kernel, *bias])
