"""Errors of numbers, r2, and losses as metrics.

Squared and absolute error and r2 are sums; every other loss is computed from all predictions by its own formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.types import DtypeLike, Numbers
from fastnn.metrics.averages import r_mean, ratio
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.readings import Reading, Task
from fastnn.metrics.statistics import StatisticCode

AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)


def r_root_mean(sums: np.ndarray) -> float:
    found: float = np.sqrt(r_mean(sums))
    return found


def weighted_mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    """Mean over rows of their values, by weight where there is one; NaN without rows."""
    values = np.asarray(values, np.float64).reshape(len(values), -1).mean(axis=-1)
    weight = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    return r_mean(((values * weight).sum(), weight.sum()))


@dataclass(repr=False)
class MeanSquaredError(Definition):
    """Mean of ``(y - t)**2``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    rises: ClassVar[bool | None] = False

    def reading(self, task: Task) -> Reading:
        return Reading(self.name, StatisticCode.SQUARED_ERROR, r_mean, rises=False)


@dataclass(repr=False)
class RootMeanSquaredError(Definition):
    """Root of the mean of ``(y - t)**2``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    rises: ClassVar[bool | None] = False

    def reading(self, task: Task) -> Reading:
        return Reading(self.name, StatisticCode.SQUARED_ERROR, r_root_mean, rises=False)


@dataclass(repr=False)
class MeanAbsoluteError(Definition):
    """Mean of ``|y - t|``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    rises: ClassVar[bool | None] = False

    def reading(self, task: Task) -> Reading:
        return Reading(self.name, StatisticCode.ABSOLUTE_ERROR, r_mean, rises=False)


@dataclass(repr=False)
class R2Score(Definition):
    """Coefficient of determination, ``1 - sum (t - y)**2 / sum (t - mean t)**2``.

    A constant target has 1 where it is met and else 0, as in scikit-learn. No digits are lost for targets far from
    zero, such as times in seconds.

    Parameters
    ----------
    class_aggregation : ``"uniform_average"`` over the outputs, ``"variance_weighted_average"``, or None for each.
    num_regressors : of the adjusted score ``1 - (1 - r2) (n - 1) / (n - p - 1)``; 0 is the plain one. ``n`` is the
        number of rows, or their weight (Keras counts every output of a row).
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> round(metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 4)
    0.5714
    """

    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    rises: ClassVar[bool | None] = True

    def check(self) -> None:
        self.num_regressors = integer("num_regressors", self.num_regressors, low=0)
        if self.class_aggregation not in AGGREGATIONS:
            raise ValueError(f"class_aggregation must be one of {AGGREGATIONS}, got {self.class_aggregation!r}")

    def reading(self, task: Task) -> Reading:
        count = task.n_out if self.class_aggregation is None else 1
        return Reading(self.name, StatisticCode.MOMENTS, self._read, rises=True, count=count)

    def _read(self, sums: np.ndarray) -> Numbers:
        weight, _, spread, error = sums.reshape(4, -1)
        scores = np.where(spread > 0, 1 - ratio(error, spread), np.where(error > 0, 0.0, 1.0))
        scores = np.where(weight != 0, scores, np.nan)
        if self.num_regressors:
            scores = 1 - (1 - scores) * (weight - 1) / (weight - self.num_regressors - 1)
        if self.class_aggregation is None:
            return scores[0] if len(scores) == 1 else scores
        varied = self.class_aggregation == "variance_weighted_average" and spread.sum() > 0
        return (scores * spread).sum() / spread.sum() if varied else scores.mean()


@dataclass(repr=False)
class CosineSimilarity(Definition):
    """Mean cosine of the angle between both, ``sum(t y) / sqrt(sum(t**2) sum(y**2))``; 1 is the same direction.

    Parameters
    ----------
    axis : the axis of classes or units; only the last one, -1, is there.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> round(metrics.CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]), 3)
    0.5
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    axis: int = -1
    rises: ClassVar[bool | None] = True

    def check(self) -> None:
        if self.axis not in (-1, 1):
            raise ValueError(f"axis must be -1, the outputs of a row, got {self.axis!r}")

    def reading(self, task: Task) -> Reading:
        if task.sparse:
            raise ValueError(f"metric {self.name!r} needs a target as wide as the output, not class indices")
        return Reading(self.name, StatisticCode.PREDICTIONS, self._read, rises=True)

    def _read(self, target: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> float | np.ndarray:
        t, y = target.astype(np.float64), y.astype(np.float64)
        lengths = np.sqrt(np.maximum((t * t).sum(-1), 1e-12)) * np.sqrt(np.maximum((y * y).sum(-1), 1e-12))
        return weighted_mean((t * y).sum(-1) / lengths, weight)
