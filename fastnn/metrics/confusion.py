"""Precision, recall and F scores: readings of a table of true positives, predicted and actual ones of each output.

A target above 0 is a yes. The table has a column an output; ``average`` says how they become one number:

- ``"micro"`` adds the columns up (Keras' ``Precision()`` and ``Recall()`` do that: they flatten the arrays);
- ``"macro"`` is the mean over outputs or classes, ``"weighted"`` the mean weighted by how often each is actual.
  One that occurs neither in targets nor in predictions does not count (Keras counts it as 0);
- ``None`` gives a value for each, in ``History`` as ``precision_0``, ``precision_1`` ...; 0 where there is none.

A model with one output has one column, that of yes; its averages are all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._base.arrays import of_reals
from fastnn._base.types import DataLike, DtypeLike, Numbers
from fastnn.metrics.averages import averaged, check_average, ratio
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.names import Average
from fastnn.metrics.readings import Reading, Task
from fastnn.metrics.statistics import STATISTICS, StatisticCode, one_hot

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def precision(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    return ratio(hits, predicted)


def recall(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    return ratio(hits, actual)


def f_score(hits: np.ndarray, predicted: np.ndarray, actual: np.ndarray, beta: float = 1.0) -> np.ndarray:
    return ratio((1 + beta**2) * hits, predicted + beta**2 * actual)


def score_of(sums: np.ndarray, score: Score, average: str | None, column: int | None = None) -> Numbers:
    """The value of a table ``(3 * columns,)``, or of one of its columns."""
    table = sums.reshape(3, -1)
    if column is not None:
        table = table[:, column : column + 1]
    if average == "micro":
        table = table.sum(axis=1, keepdims=True)
    values = score(*table)
    return averaged(values, (table[1] + table[2]) != 0, table[2], None if average == "micro" else average)


def checked_thresholds(came: object) -> float | tuple[float, ...] | None:
    """A number, a tuple of some, or None; ``ValueError`` or ``TypeError`` for anything else."""
    if not isinstance(came, list | tuple | np.ndarray):
        return None if came is None else number("thresholds", came)
    if not len(came):
        raise ValueError("thresholds must be a number or some of them, got none")
    return tuple(number("thresholds", one) for one in came)


def _single(value: Numbers) -> Numbers:
    return value[0] if np.shape(value) == (1,) else value


@dataclass(repr=False)
class _Thresholded(Definition):
    """Precision and recall, with Keras' arguments and ``average``."""

    thresholds: float | Sequence[float] | None = None
    top_k: int | None = None
    class_id: int | None = None
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    average: Average | None = "micro"
    rises: ClassVar[bool | None] = True
    score: ClassVar[Callable[..., Numbers]]

    def check(self) -> None:
        check_average(self.average)
        if self.top_k is not None:
            self.top_k = integer("top_k", self.top_k, low=1)
        if self.class_id is not None:
            self.class_id = integer("class_id", self.class_id, low=0)
        self.thresholds = checked_thresholds(self.thresholds)

    def update_state(self, y_true: DataLike, y_pred: DataLike, sample_weight: DataLike = None) -> None:
        if self.top_k is not None and np.ndim(y_pred) == 1:  # Keras takes one axis for the classes of one row
            y_true = of_reals("y_true", y_true).reshape(1, -1)
            y_pred = of_reals("y_pred", y_pred).reshape(1, -1)
        super().update_state(y_true, y_pred, sample_weight)

    def reading(self, task: Task) -> Reading:
        if self.class_id is not None and self.class_id >= task.n_out:
            raise ValueError(f"class_id must be below the {task.n_out} outputs of the model, got {self.class_id}")
        read = partial(self._read, type(self).score)
        if self.top_k is not None or isinstance(self.thresholds, tuple):
            return Reading(
                self.name, StatisticCode.PREDICTIONS, partial(self._of_rows, task), rises=True, count=self._count(task)
            )
        statistic = StatisticCode.ARGMAX_CONFUSION if self._by_largest(task) else StatisticCode.CONFUSION
        return Reading(self.name, statistic, read, self._cut(task), rises=True, count=self._count(task))

    def _count(self, task: Task) -> int:
        cuts = len(self.thresholds) if isinstance(self.thresholds, tuple) else 1
        return cuts * (task.n_out if self.average is None and self.class_id is None else 1)

    def _by_largest(self, task: Task) -> bool:
        """Whether the largest output decides: for classes, where no threshold on shares is asked for or possible."""
        return self.thresholds is None and task.classes and (self.average != "micro" or task.cut == 0.0)

    def _cut(self, task: Task) -> float:
        return task.cut if self.thresholds is None else float(self.thresholds)  # type: ignore[arg-type]  # a number

    def _read(self, score: Score, sums: np.ndarray) -> Numbers:
        return _single(score_of(sums, score, self.average, self.class_id))

    def _of_rows(self, task: Task, target: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Numbers:
        """The value at several thresholds, or among the largest outputs alone."""
        lowest = task.cut if self.top_k is None else -np.inf
        cuts = self.thresholds if isinstance(self.thresholds, tuple) else (self.thresholds,)
        chosen = y if self.top_k is None else _largest(y, self.top_k)
        weight = np.ones(len(y)) if weight is None else weight
        values = []
        for cut in cuts:
            sums = np.zeros(3 * y.shape[-1])
            p = lowest if cut is None else cut
            STATISTICS[StatisticCode.CONFUSION](one_hot(target, y), chosen, weight, sums, p)
            values.append(self._read(type(self).score, sums))
        return _single(np.array(values))


def _largest(y: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` largest of each row, ``-inf`` in place of the others; of equal ones the first."""
    chosen = np.full_like(y, -np.inf)
    places = np.argsort(-y, axis=-1, kind="stable")[:, :k]
    np.put_along_axis(chosen, places, np.take_along_axis(y, places, axis=-1), axis=-1)
    return chosen


@dataclass(repr=False)
class Precision(_Thresholded):
    """True positives among predicted positives: ``TP / (TP + FP)``.

    Parameters
    ----------
    thresholds : predictions above it are a yes; several give a value each. None is 0.5, and 0 for hinge and for
        logits (Keras compares logits with 0.5, too). Under other averages than ``"micro"``, and for logits of
        classes, None lets the largest output of a row decide where the outputs are classes, as scikit-learn does.
    top_k : only the ``k`` largest outputs of a row can be a yes.
    class_id : only this output or class.
    name, dtype : as of :class:`Metric`.
    average : ``"micro"``, ``"macro"``, ``"weighted"`` or None; see :mod:`fastnn.metrics.confusion`.

    >>> import numpy as np
    >>> from fastnn import Sequential, metrics
    >>> from fastnn.layers import Activation
    >>> model = Sequential([Activation("linear", input_shape=(1,))])
    >>> model.compile("sgd", "binary_crossentropy", metrics=[metrics.Precision(0.8), metrics.Recall(0.8)])
    >>> told = model.evaluate([[0.9], [0.85], [0.7], [0.1]], [1, 0, 1, 0], return_dict=True)
    >>> round(told["precision"], 3), round(told["recall"], 3)
    (0.5, 0.5)
    >>> truth, predicted = [[1, 0], [1, 1], [0, 1]], [[0.9, 0.6], [0.2, 0.7], [0.1, 0.8]]
    >>> metrics.Precision()(truth, predicted), metrics.Precision(average="macro")(truth, predicted)
    (0.75, 0.8333333333333333)
    >>> metrics.Precision(average=None)(truth, predicted).round(3)
    array([1.   , 0.667])
    """

    score = staticmethod(precision)


@dataclass(repr=False)
class Recall(_Thresholded):
    """True positives among actual positives, ``TP / (TP + FN)``; arguments as :class:`Precision`.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    score = staticmethod(recall)


class _FScore(Definition):
    average: Average | None
    beta: ClassVar[float] = 1.0
    threshold: float | None
    rises: ClassVar[bool | None] = True

    def check(self) -> None:
        check_average(self.average)
        if self.threshold is not None:
            self.threshold = number("threshold", self.threshold)

    def reading(self, task: Task) -> Reading:
        alone = task.n_out == 1 or (task.answers and not task.classes)
        largest = self.threshold is None and not alone
        statistic = StatisticCode.ARGMAX_CONFUSION if largest else StatisticCode.CONFUSION
        cut = task.cut if self.threshold is None else float(self.threshold)
        count = task.n_out if self.average is None else 1
        return Reading(self.name, statistic, self._read, cut, rises=True, count=count)

    def _read(self, sums: np.ndarray) -> Numbers:
        return _single(score_of(sums, partial(f_score, beta=self.beta), self.average))


@dataclass(repr=False)
class FBetaScore(_FScore):
    """``(1 + b^2) p r / (b^2 p + r)`` of precision ``p`` and recall ``r``.

    Parameters
    ----------
    average : ``"micro"``, ``"macro"``, ``"weighted"`` or None, for a value of each output.
    beta : how many times recall counts as much as precision.
    threshold : predictions above it are a yes. None lets the largest output of a row decide, and of outputs that say
        yes or no by themselves (one output, sigmoids) each above 0.5 (above 0 for logits). Keras takes the largest
        there, too, so that one output always says yes, and a row of many labels has one.
    name, dtype : as of :class:`Metric`.
    """

    average: Average | None = None
    beta: float = 1.0  # type: ignore[misc]  # a class constant of the base
    threshold: float | None = None
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
    usual_name: ClassVar[str] = "fbeta_score"

    def check(self) -> None:
        super().check()
        self.beta = number("beta", self.beta, low=0.0, open_low=True)


@dataclass(repr=False)
class F1Score(_FScore):
    """:class:`FBetaScore` with ``beta=1``: the harmonic mean of precision and recall.

    Parameters
    ----------
    average : ``"micro"``, ``"macro"``, ``"weighted"`` or None for a value of each class.
    threshold : predictions above it are a yes.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> truth, predicted = [[1, 0, 0], [0, 1, 0], [0, 1, 0]], [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]
    >>> metrics.F1Score()(truth, predicted).round(3)
    array([0.667, 0.667, 0.   ])
    >>> round(metrics.F1Score("macro")(truth, predicted), 3)  # the last class occurs nowhere
    0.667
    """

    average: Average | None = None
    threshold: float | None = None
    name: Name = UNNAMED
    dtype: DtypeLike | None = None
