"""Losses as metrics: the mean of a loss over all rows of an epoch, by the loss's own formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fastnn import losses
from fastnn._base.types import Config, DtypeLike
from fastnn.losses import LossRecord
from fastnn.metrics.base import UNNAMED, Definition, Name
from fastnn.metrics.errors import weighted_mean
from fastnn.metrics.readings import MARGINS, SIGMOIDS, SOFTMAXES, Reading, Task
from fastnn.metrics.statistics import StatisticCode


class _OfLoss(Definition):
    rises: ClassVar[bool | None] = False
    of: ClassVar[str] = ""

    def record(self) -> LossRecord:
        """The loss, with its parameters bound."""
        return losses.get(type(self).of)

    def reading(self, task: Task) -> Reading:
        record = self.record()
        if record.sparse != task.sparse:
            wanted = "class indices" if record.sparse else "a target as wide as the output"
            raise ValueError(f"metric {self.name!r} needs {wanted}, as the loss {record.name!r} does")
        takes_shares = not record.from_logits and record.activation in (SIGMOIDS[0], SOFTMAXES[0])
        if takes_shares and task.from_logits and task.activation not in (*SIGMOIDS, *SOFTMAXES):
            raise ValueError(f"metric {self.name!r} takes probabilities, and the loss logits; give from_logits=True")

        def read(target: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> float:
            if record.name in MARGINS and target.min() == 0:
                target = 2 * target - 1
            target = target if record.sparse else target.astype(y.dtype)
            return weighted_mean(record.value(target, y), weight)

        return Reading(self.name, StatisticCode.PREDICTIONS, read, rises=False)


@dataclass(repr=False)
class LossMetric(_OfLoss):
    """Any loss as a metric, from a name, a record or a configuration of :mod:`fastnn.losses`.

    A string of ``compile(metrics=[...])`` that names a loss becomes one, and so does a loss itself.

    Parameters
    ----------
    loss : a loss, by name or as an object of :mod:`fastnn.losses`.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import losses, metrics
    >>> metrics.LossMetric(losses.Huber(delta=2.0))([[0.0], [0.0]], [[1.0], [4.0]])
    3.25
    """

    loss: Any = "mean_squared_error"
    name: Name = UNNAMED
    dtype: DtypeLike | None = None

    def __post_init__(self) -> None:
        given: object = self.name
        self.name = self.record().name if given is None else self.name
        super().__post_init__()

    def record(self) -> LossRecord:
        found: LossRecord = losses.get(self.loss)
        return found

    def config(self) -> Config:
        return super().config() | {"loss": self.record().config()}


@dataclass(repr=False)
class _Plain(_OfLoss):
    """The metric of the loss ``of``, without arguments."""

    name: Name = UNNAMED
    dtype: DtypeLike | None = None


@dataclass(repr=False)
class MeanAbsolutePercentageError(_Plain):
    """Mean of ``100 |t - y| / max(|t|, 1e-7)``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "mean_absolute_percentage_error"


@dataclass(repr=False)
class MeanSquaredLogarithmicError(_Plain):
    """Mean of ``(log(1 + t) - log(1 + y))**2``, of numbers not below 0.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "mean_squared_logarithmic_error"


@dataclass(repr=False)
class LogCoshError(_Plain):
    """Mean of ``log(cosh(y - t))``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "log_cosh"
    usual_name = "logcosh"


@dataclass(repr=False)
class Poisson(_Plain):
    """Mean of ``y - t log(y + 1e-7)``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "poisson"


@dataclass(repr=False)
class KLDivergence(_Plain):
    """Mean over rows of the sum of ``t log(t / y)``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "kl_divergence"


@dataclass(repr=False)
class Hinge(_Plain):
    """Mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "hinge"


@dataclass(repr=False)
class SquaredHinge(_Plain):
    """Mean of ``max(1 - t y, 0)**2``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "squared_hinge"


@dataclass(repr=False)
class CategoricalHinge(_Plain):
    """Mean over rows of ``max(1 + max((1 - t) y) - sum(t y), 0)``.

    Parameters
    ----------
    name, dtype : as of :class:`Metric`.
    """

    of = "categorical_hinge"


@dataclass(repr=False)
class _Crossentropy(_Plain):
    from_logits: bool = False

    def record(self) -> LossRecord:
        arguments: dict[str, object] = {"from_logits": self.from_logits}
        if smoothing := getattr(self, "label_smoothing", 0.0):
            arguments["label_smoothing"] = smoothing
        return losses.get(type(self).of, **arguments)


@dataclass(repr=False)
class BinaryCrossentropy(_Crossentropy):
    """Mean of ``-(t log y + (1-t) log(1-y))`` over outputs and rows.

    Parameters
    ----------
    from_logits : whether predictions are logits, else shares or probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    name, dtype : as of :class:`Metric`.

    >>> from fastnn import metrics
    >>> round(metrics.BinaryCrossentropy()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.8149
    """

    label_smoothing: float = 0.0
    of = "binary_crossentropy"


@dataclass(repr=False)
class CategoricalCrossentropy(_Crossentropy):
    """Mean over rows of ``-sum(t log(y / sum y))``, targets one-hot or soft.

    Parameters
    ----------
    from_logits : whether predictions are logits, else shares or probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    name, dtype : as of :class:`Metric`.
    """

    label_smoothing: float = 0.0
    of = "categorical_crossentropy"


@dataclass(repr=False)
class SparseCategoricalCrossentropy(_Crossentropy):
    """Mean over rows of ``-log(y[t] / sum y)``, targets class indices.

    Parameters
    ----------
    from_logits : whether predictions are logits, else shares or probabilities.
    name, dtype : as of :class:`Metric`.
    """

    of = "sparse_categorical_crossentropy"


OF_LOSSES = (
    *(MeanAbsolutePercentageError, MeanSquaredLogarithmicError, LogCoshError, Poisson, KLDivergence, Hinge),
    *(SquaredHinge, CategoricalHinge, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy),
)
