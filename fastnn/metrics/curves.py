"""Areas under curves, exact for any scores: every score is a threshold.

Predictions of an epoch are kept (8 bytes a number) and sorted at its end, so that rare events, tiny probabilities,
logits, scores in a narrow band and ties are all alike. Without a positive or without a negative there is no curve:
the area is NaN (Keras says 0, which reads as a wrong order of all rows), also with a prediction that is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._base.types import DtypeLike, Numbers
from fastnn.metrics.averages import averaged, check_average
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.names import Average, Curve
from fastnn.metrics.readings import Reading, Task
from fastnn.metrics.statistics import StatisticCode, one_hot

NAN = float("nan")


def counts_above(yes: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Weight of positives and of negatives at or above each distinct score, from the highest down, after a zero.

    None where there is no curve.
    """
    if np.isnan(score).any():
        return None
    order = np.argsort(-score, kind="stable")
    score, yes = score[order], yes[order]
    last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)  # of equal scores
    positives = np.append(0.0, np.cumsum(weight[order] * yes)[last])
    negatives = np.append(0.0, np.cumsum(weight[order] * ~yes)[last])
    return (positives, negatives) if positives[-1] and negatives[-1] else None


def area_roc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Share of pairs of a positive and a negative in their right order, ties counting half (Hanley and McNeil 1982)."""
    heights = (positives[1:] + positives[:-1]) / 2
    return float((np.diff(negatives) * heights).sum() / (positives[-1] * negatives[-1]))


def area_pr(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Precision over recall, true and false positives linear between thresholds (Davis and Goadrich 2006), as Keras."""
    total = positives + negatives
    rise, run, low, high = np.diff(positives), np.diff(total), total[:-1], total[1:]
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run != 0)
    within = (low > 0) & (high > 0)
    logarithm = np.log(np.divide(high, low, out=np.ones_like(rise), where=within))
    return float((slope * (rise + (positives[:-1] - slope * low) * logarithm)).sum() / positives[-1])


def average_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Sum of precision at each threshold times the rise of recall there, as scikit-learn."""
    total = positives[1:] + negatives[1:]
    precision = np.divide(positives[1:], total, out=np.zeros_like(total), where=total != 0)
    return float((np.diff(positives) * precision).sum() / positives[-1])


class _Curve(Definition):
    rises: ClassVar[bool | None] = True
    label_weights: Sequence[float] | None = None

    def _area_reading(self, area: Callable[..., float], average: str | None, n_out: int) -> Reading:
        def read(target: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Numbers:
            return self._value(area, average, (one_hot(target, y) > 0, y, weight))

        count = n_out if average is None else 1
        return Reading(self.name, StatisticCode.PREDICTIONS, read, rises=True, count=count)

    def _value(
        self, area: Callable[..., float], average: str | None, rows: tuple[np.ndarray, np.ndarray, np.ndarray | None]
    ) -> Numbers:
        yes, score, weight = rows
        weight = np.ones(len(score)) if weight is None else weight.astype(np.float64)
        own = np.ones(score.shape[-1]) if self.label_weights is None else np.asarray(self.label_weights, np.float64)
        if average == "micro":
            return _area(area, yes.ravel(), score.ravel(), (weight[:, None] * own).ravel())
        values = np.array([_area(area, *column, weight) for column in zip(yes.T, score.T, strict=True)])
        importance = (yes * weight[:, None]).sum(0) if average == "weighted" else own
        result = averaged(values, ~np.isnan(values), importance, None if average is None else "weighted")
        return result[0] if np.shape(result) == (1,) else result


def _area(area: Callable[..., float], yes: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    counts = counts_above(yes, score, weight)
    return NAN if counts is None else area(*counts)


@dataclass(repr=False)
class AUC(_Curve):
    """Area under a curve, at every score: exact where Keras takes 200 thresholds.

    A target above 0 is a yes. Class indices are taken as one-hot rows.

    Parameters
    ----------
    num_thresholds : taken for Keras' sake, at least 2: the exact area is what Keras comes near with more of them.
    curve : ``"ROC"``, or ``"PR"`` for precision over recall, interpolated as Keras does; :class:`AveragePrecision` is
        the sum that scikit-learn takes.
    summation_method : ``"interpolation"``; Keras' bounds from below and above are the same on the exact curve.
    name, dtype : as of :class:`Metric`.
    thresholds : None; a list is refused, for it would make another area.
    multi_label, num_labels, label_weights : the area of each output, and their mean, which ``label_weights`` weigh;
        otherwise all outputs of all rows make one curve, and ``label_weights`` weigh its points.
    from_logits : taken for Keras' sake: logits are in the same order as their probabilities.
    average : ``"micro"`` (one curve, as ``multi_label=False``), ``"macro"`` (as ``multi_label=True``), ``"weighted"``
        by positives, None for an area an output; ``"auto"`` is what ``multi_label`` says. Outputs that have no curve
        do not count in a mean.

    >>> from fastnn import metrics
    >>> metrics.AUC()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> metrics.AUC()([0, 0, 1, 1], [1e-9, 4e-9, 3.5e-9, 8e-9])
    0.75
    """

    num_thresholds: int = 200
    curve: Curve = "ROC"
    summation_method: str = "interpolation"
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    thresholds: None = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Sequence[float] | None = None
    from_logits: bool = False
    average: str | None = "auto"

    def check(self) -> None:
        self.num_thresholds = integer("num_thresholds", self.num_thresholds, low=2)
        curve: object = self.curve
        if not isinstance(curve, str) or curve.upper() not in ("ROC", "PR"):
            raise ValueError(f'curve must be "ROC" or "PR", got {self.curve!r}')
        if self.summation_method != "interpolation":
            raise ValueError(
                f'summation_method must be "interpolation", got {self.summation_method!r}; bounds from below and '
                f"above are the area itself when every score is a threshold"
            )
        if self.thresholds is not None:
            raise ValueError("AUC is the exact area, at every score; leave out thresholds")
        if self.average != "auto":
            check_average(self.average)
        if self.label_weights is not None:
            self.label_weights = tuple(number("label_weights", one, low=0.0) for one in self.label_weights)

    def reading(self, task: Task) -> Reading:
        for name, count in (("num_labels", self.num_labels), ("label_weights", self.label_weights)):
            wanted = len(count) if isinstance(count, tuple) else count
            if wanted not in (None, task.n_out):
                raise ValueError(f"{name} must be of the {task.n_out} outputs of the model, got {wanted}")
        average = ("macro" if self.multi_label else "micro") if self.average == "auto" else self.average
        return self._area_reading(area_roc if self.curve.upper() == "ROC" else area_pr, average, task.n_out)


@dataclass(repr=False)
class AveragePrecision(_Curve):
    """Mean of precision over the rises of recall, as ``sklearn.metrics.average_precision_score``.

    ``average`` as for :class:`AUC`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> round(metrics.AveragePrecision()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """

    average: Average | None = "macro"
    name: Name = UNNAMED
    dtype: DtypeLike | None = None

    def check(self) -> None:
        check_average(self.average)

    def reading(self, task: Task) -> Reading:
        return self._area_reading(average_precision, self.average, task.n_out)
