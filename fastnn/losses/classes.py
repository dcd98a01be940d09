"""The losses under the names that Keras gives their classes; each call gives a record of :mod:`fastnn.losses.records`.

All take ``reduction``, ``name`` and ``dtype`` as :class:`fastnn.losses.Loss` does, those over classes, which stand in
``of_classes.py``, also ``axis``, which is the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.losses.base import MEAN
from fastnn.losses.binding import made
from fastnn.losses.names import ReductionName
from fastnn.losses.records import LossRecord


def MeanSquaredError(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Mean of ``(y - t)**2``.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("mean_squared_error", locals())


def MeanAbsoluteError(
    reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None
) -> LossRecord:
    """Mean of ``|y - t|``.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("mean_absolute_error", locals())


def MeanAbsolutePercentageError(
    reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None
) -> LossRecord:
    """Mean of ``100 |y - t| / |t|``, with ``|t|`` at least 1e-7.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("mean_absolute_percentage_error", locals())


def MeanSquaredLogarithmicError(
    reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None
) -> LossRecord:
    """Mean of ``(log(1 + y) - log(1 + t))**2``, both at least 1e-7.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("mean_squared_logarithmic_error", locals())


def CosineSimilarity(
    axis: int = -1, reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None
) -> LossRecord:
    """Minus the cosine of the angle between both, ``-sum(t y) / sqrt(sum(t**2) sum(y**2))``: -1 for the same direction.

    Parameters
    ----------
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.

    >>> from fastnn import losses
    >>> losses.CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])  # doctest: +ELLIPSIS
    -0.49999...
    """
    return made("cosine_similarity", locals())


def Huber(
    delta: float = 1.0, reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None
) -> LossRecord:
    """``(y - t)**2 / 2`` up to an error of ``delta``, ``delta |y - t| - delta**2 / 2`` beyond; the mean (Huber 1964).

    Parameters
    ----------
    delta : the error from which on the loss is linear, above 0.
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("huber", locals())


def LogCosh(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Mean of ``log(cosh(y - t))``.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("log_cosh", locals())


def Poisson(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Counts: mean of ``y - t log(y + 1e-7)``.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("poisson", locals())


def PoissonDeviance(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Counts and rates: mean of ``t log(t / y) - (t - y)``, half the Poisson deviance, for ``y > 0``.

    End the model with ``exponential``, which is taken together with the loss, or with ``softplus``.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("poisson_deviance", locals())


def KLDivergence(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1].

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("kl_divergence", locals())


def Hinge(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Margin: mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("hinge", locals())


def SquaredHinge(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Margin: mean of ``max(1 - t y, 0)**2``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("squared_hinge", locals())


def CategoricalHinge(reduction: ReductionName | None = MEAN, name: str | None = None, dtype: None = None) -> LossRecord:
    """Margin between classes, target one-hot: ``max(max((1 - t) y) - sum(t y) + 1, 0)`` (Crammer and Singer 2001).

    Parameters
    ----------
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("categorical_hinge", locals())


def Pinball(
    quantile: float | Sequence[float] = 0.5,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """Quantile regression: mean of ``max(q (t - y), (q - 1) (t - y))`` (Koenker and Bassett 1978).

    ``quantile`` is one number, or up to 32 in rising order that the columns of the output take in turn: with 3
    quantiles, columns 0, 3, 6 ... are of the first. The target is as wide as the output.

    Parameters
    ----------
    quantile : the share of targets that lie below the prediction; a list has one for each output.
    reduction, name, dtype : as of :class:`Loss`.

    >>> from fastnn import losses
    >>> upper = losses.Pinball(0.9)
    >>> round(upper([10.0], [8.0]), 3), round(upper([10.0], [12.0]), 3)  # too low costs nine times as much as too high
    (1.8, 0.2)
    """
    return made("pinball", locals())
