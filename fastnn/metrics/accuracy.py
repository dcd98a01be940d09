"""Accuracies: how often the answer is right.

``"accuracy"`` (``"acc"``) reads from the loss, the last activation and the targets what an answer is:

====================================  ========  ==============================================  ======================
loss, last activation                 outputs   a row is right when                             Keras 3.15
====================================  ========  ==============================================  ======================
any, softmax                          several   the largest output is the target's largest      the same
sparse or categorical cross-entropy,  several   the largest output is the target, also of       the same
categorical hinge, KL divergence                logits
hinge, squared hinge                  any       each output's sign is that of its target        one: above 0.5; more:
                                                (-1 or 1, or 0 or 1), of a sigmoid its side of  the largest
                                                0.5; a share when several
binary (focal) cross-entropy, or a    any       each output is above 0.5 where its target is 1  one: the same; more:
sigmoid under any other loss                    and not where it is 0; a share when several     the largest
binary cross-entropy from logits      any       the same, above 0                               above 0.5
other losses, other activations       any       by the targets of the epoch: rows with a single one: above 0.5; more:
                                                1, else 0: the largest output; 0 and 1: above   the largest
                                                0.5; -1 and 1: above 0; other numbers: equal
====================================  ========  ==============================================  ======================

Targets of a sparse loss are class indices, of the others as wide as the output. Where Keras differs it answers
another question: independent outputs have no largest one, logits are not above 0.5 for yes, and a regression's target
of 0.3 is not hit by everything below a half. The classes with full names compute what they say, as Keras does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._base.types import DtypeLike, Numbers
from fastnn.metrics.averages import r_mean
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.readings import Reading, Task
from fastnn.metrics.statistics import StatisticCode

HALF, SIGN, EQUAL, LARGEST, WEIGHT, NOT_01, NOT_SIGNS, NOT_ONE_HOT = range(8)


def r_equal(sums: np.ndarray) -> float:
    return sums[EQUAL] / sums[WEIGHT] if sums[WEIGHT] else float("nan")


def r_by_targets(sums: np.ndarray) -> float:
    """The hits by the rule that fits all targets."""
    rule = LARGEST if not sums[NOT_ONE_HOT] else HALF if not sums[NOT_01] else SIGN if not sums[NOT_SIGNS] else EQUAL
    return sums[rule] / sums[WEIGHT] if sums[WEIGHT] else float("nan")


class _Accuracy(Definition):
    rises: ClassVar[bool | None] = True

    def _hits(self, statistic: StatisticCode, read: Callable[..., Numbers] = r_mean, parameter: float = 0.0) -> Reading:
        return Reading(self.name, statistic, read, parameter, rises=True)


@dataclass(repr=False)
class ResolvedAccuracy(_Accuracy):
    """``"accuracy"``: what an answer is follows from loss, last activation and targets.

    The table is in the docstring of :mod:`fastnn.metrics.accuracy`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> metrics.get("accuracy")([0, 2, 1], [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
    0.6666666666666666
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    usual_name: ClassVar[str] = "accuracy"

    def reading(self, task: Task) -> Reading:
        if task.classes:
            return self._hits(StatisticCode.ARGMAX_HITS)
        if task.answers:
            return self._hits(StatisticCode.HITS, parameter=task.cut)
        return self._hits(StatisticCode.NUMBER_HITS, r_by_targets)


@dataclass(repr=False)
class Accuracy(_Accuracy):
    """Share of numbers that equal their target, as Keras' class; the string ``"accuracy"`` is another metric.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None

    def reading(self, task: Task) -> Reading:
        return self._hits(StatisticCode.NUMBER_HITS, r_equal)


@dataclass(repr=False)
class BinaryAccuracy(_Accuracy):
    """Share of outputs that are above ``threshold`` where their target is 1, and not where it is 0.

    A target between 0 and 1 is never hit. For logits, give ``threshold=0``.

    Parameters
    ----------
    threshold : predictions above it are a yes.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> metrics.BinaryAccuracy(threshold=0.7)([1, 1, 0, 0], [0.98, 0.6, 0.0, 0.6])
    0.75
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    threshold: float = 0.5

    def check(self) -> None:
        self.threshold = number("threshold", self.threshold)

    def reading(self, task: Task) -> Reading:
        return self._hits(StatisticCode.HITS, parameter=float(self.threshold))


@dataclass(repr=False)
class CategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is the target's class (a one-hot row, or a class index).

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    name: Name = UNNAMED
    dtype: DtypeLike | None = None

    def reading(self, task: Task) -> Reading:
        return self._hits(StatisticCode.ARGMAX_HITS)


@dataclass(repr=False)
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """:class:`CategoricalAccuracy` under the name that Keras gives it for class indices.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """


@dataclass(repr=False)
class TopKCategoricalAccuracy(_Accuracy):
    """Share of rows whose class is among the ``k`` largest outputs.

    Parameters
    ----------
    k : how many of the largest outputs count.
    name, dtype : as of :class:`Metric`.
    """

    k: int = 5
    name: Name = UNNAMED
    dtype: DtypeLike | None = None

    def check(self) -> None:
        self.k = integer("k", self.k, low=1)

    def reading(self, task: Task) -> Reading:
        return self._hits(StatisticCode.TOP_K_HITS, parameter=int(self.k))


@dataclass(repr=False)
class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """:class:`TopKCategoricalAccuracy` under the name that Keras gives it for class indices.

    Parameters
    ----------
    k : how many of the largest outputs count.
    name, dtype : as of :class:`Metric`.
    """


@dataclass(repr=False)
class TopK(TopKCategoricalAccuracy):
    """:class:`TopKCategoricalAccuracy` under a short name.

    Parameters
    ----------
    k : how many of the largest outputs count.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> metrics.TopK(2)([2, 0], [[0.1, 0.5, 0.4], [0.2, 0.5, 0.3]])
    0.5
    """

    usual_name: ClassVar[str] = "top_k"
