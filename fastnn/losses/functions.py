"""The losses as functions on arrays, under Keras' names: the loss of each row, ``(..., n)`` -> ``(...)``.

``y_true`` and ``y_pred`` have the same shape, or one of them an axis of one more; class indices lack the last axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn.losses import functions_of_classes
from fastnn.losses.functions_of_classes import binary_crossentropy
from fastnn.losses.of_rows import of_rows
from fastnn.losses.records import LOSSES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``(y - t)**2`` along the last axis.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("mean_squared_error", y_true, y_pred, {})


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``|y - t|`` along the last axis.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("mean_absolute_error", y_true, y_pred, {})


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``100 |y - t| / |t|``, with ``|t|`` at least 1e-7.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("mean_absolute_percentage_error", y_true, y_pred, {})


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``(log(1 + y) - log(1 + t))**2``, both at least 1e-7.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("mean_squared_logarithmic_error", y_true, y_pred, {})


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``log(cosh(y - t))``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("log_cosh", y_true, y_pred, {})


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``y - t log(y + 1e-7)``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("poisson", y_true, y_pred, {})


def poisson_deviance(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``t log(t / y) - (t - y)``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("poisson_deviance", y_true, y_pred, {})


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1].

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("kl_divergence", y_true, y_pred, {})


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("hinge", y_true, y_pred, {})


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Mean of ``max(1 - t y, 0)**2``; targets 0 and 1 are taken as -1 and 1.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("squared_hinge", y_true, y_pred, {})


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """``max(max((1 - t) y) - sum(t y) + 1, 0)``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    """
    return of_rows("categorical_hinge", y_true, y_pred, {})


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """Minus the cosine of the angle between target and prediction, ``-sum(t y) / sqrt(sum(t**2) sum(y**2))``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    axis : the axis of classes or units, which is left out of the result.
    """
    return of_rows("cosine_similarity", y_true, y_pred, {}, axis)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """``(y - t)**2 / 2`` up to an error of ``delta``, ``delta |y - t| - delta**2 / 2`` beyond.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    delta : the error from which on the loss is linear, above 0.
    """
    return of_rows("huber", y_true, y_pred, {"delta": delta})


def pinball(y_true: ArrayLike, y_pred: ArrayLike, quantile: float | Sequence[float] = 0.5) -> np.ndarray:
    """Mean of ``max(q (t - y), (q - 1) (t - y))``.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    quantile : the share of targets that lie below the prediction; a list has one for each output.
    """
    return of_rows("pinball", y_true, y_pred, {"quantile": quantile})


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
bce = BCE = binary_crossentropy
logcosh = log_cosh

FUNCTIONS: Mapping[Callable[..., object], str] = {
    (vars(functions_of_classes) | globals())[name]: name for name in LOSSES
}
"""The definition that each function computes: handed to ``compile``, it is that loss."""
