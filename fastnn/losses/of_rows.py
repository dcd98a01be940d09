"""Losses of rows from arrays: what the functions of :mod:`fastnn.losses` have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arrays import floats, of_reals
from fastnn.losses.binding import bind
from fastnn.losses.records import LOSSES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def of_rows(
    definition: str, y_true: ArrayLike, y_pred: ArrayLike, arguments: Mapping[str, object], axis: int = -1
) -> np.ndarray:
    loss, target, y = bind(LOSSES[definition], arguments), of_reals("y_true", y_true), floats("y_pred", y_pred)
    if axis != -1:
        target, y = target if loss.sparse else np.moveaxis(target, axis, -1), np.moveaxis(y, axis, -1)
    return loss.call(target, y)
