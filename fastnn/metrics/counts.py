"""Counts of right and wrong answers: true and false positives and negatives, over all outputs and rows.

They are Keras' classes: a target above 0 is a yes, a prediction above the threshold says yes, and in
``weighted_metrics`` a row counts by its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from fastnn._base.types import DtypeLike
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.confusion import checked_thresholds
from fastnn.metrics.readings import Reading, Task
from fastnn.metrics.statistics import STATISTICS, StatisticCode, one_hot


@dataclass(repr=False)
class _Count(Definition):
    """A count from a table of true positives, predicted and actual ones, ``(3,)``, and the weight of all answers."""

    thresholds: float | Sequence[float] | None = None
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    of_all: ClassVar[bool] = False  # whether the count needs the weight of all answers, which is in no table

    def check(self) -> None:
        self.thresholds = checked_thresholds(self.thresholds)

    def reading(self, task: Task) -> Reading:
        given = self.thresholds if isinstance(self.thresholds, tuple) else (self.thresholds,)
        cuts = [task.cut if cut is None else float(cut) for cut in given]
        if self.of_all or len(cuts) > 1:
            read = partial(self._of_rows, cuts)
            return Reading(self.name, StatisticCode.PREDICTIONS, read, rises=self.rises, count=len(cuts))
        return Reading(self.name, StatisticCode.CONFUSION, self._of_sums, cuts[0], rises=self.rises)

    def _of_sums(self, sums: np.ndarray) -> float:
        hits, predicted, actual = sums.reshape(3, -1).sum(axis=1)
        return self.count(hits, predicted, actual, np.nan)

    def _of_rows(
        self, cuts: list[float], target: np.ndarray, y: np.ndarray, weight: np.ndarray | None
    ) -> float | np.ndarray:
        weight = np.ones(len(y)) if weight is None else weight
        counts = []
        for cut in cuts:
            sums = np.zeros(3 * y.shape[-1])
            STATISTICS[StatisticCode.CONFUSION](one_hot(target, y), y, weight, sums, cut)
            hits, predicted, actual = sums.reshape(3, -1).sum(axis=1)
            counts.append(self.count(hits, predicted, actual, weight.sum() * y.shape[-1]))
        return np.array(counts) if len(counts) > 1 else counts[0]

    @staticmethod
    def count(hits: float, predicted: float, actual: float, answers: float) -> float:
        """The count, of a table's sums over all outputs."""
        raise NotImplementedError


@dataclass(repr=False)
class TruePositives(_Count):
    """How often the answer is yes where the target is.

    Parameters
    ----------
    thresholds : predictions above it are a yes; several give a count each. None is 0.5, and 0 for hinge and logits.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> truth, predicted = [0, 1, 1, 1], [0.1, 0.9, 0.2, 0.8]
    >>> metrics.TruePositives()(truth, predicted), metrics.FalseNegatives([0.1, 0.5])(truth, predicted)
    (2.0, array([0., 1.]))
    """

    rises: ClassVar[bool | None] = True

    @staticmethod
    def count(hits: float, predicted: float, actual: float, answers: float) -> float:
        return hits


@dataclass(repr=False)
class FalsePositives(_Count):
    """How often the answer is yes where the target is not; arguments as :class:`TruePositives`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    rises: ClassVar[bool | None] = False

    @staticmethod
    def count(hits: float, predicted: float, actual: float, answers: float) -> float:
        return predicted - hits


@dataclass(repr=False)
class FalseNegatives(_Count):
    """How often the answer is no where the target is yes; arguments as :class:`TruePositives`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    rises: ClassVar[bool | None] = False

    @staticmethod
    def count(hits: float, predicted: float, actual: float, answers: float) -> float:
        return actual - hits


@dataclass(repr=False)
class TrueNegatives(_Count):
    """How often the answer is no where the target is; arguments as :class:`TruePositives`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    rises: ClassVar[bool | None] = True
    of_all: ClassVar[bool] = True

    @staticmethod
    def count(hits: float, predicted: float, actual: float, answers: float) -> float:
        return answers - predicted - actual + hits
