"""Metrics as functions on arrays, with Keras' names and results: ``f(y_true, y_pred)`` gives a value for each row.

Rows lie along the last axis: two arrays ``(n, k)`` give ``(n,)``, two of ``(n,)`` one number. Where one array has a
last axis of 1 more than the other, that axis is left out. The classes of :mod:`fastnn.metrics` give the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import losses
from fastnn._base.arrays import floats, of_reals

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def arrays(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Target and prediction as arrays of floats of the same number of axes."""
    y, t = floats("y_pred", y_pred), of_reals("y_true", y_true)
    if y.ndim == t.ndim + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if t.ndim == y.ndim + 1 and t.shape[-1] == 1:
        t = t[..., 0]
    return t, y


DOCSTRING = """{} for each row: ``(..., n)`` -> ``(...)``.

Parameters
----------
y_true : targets ``t``, in the shape of the predictions.
y_pred : predictions ``y``, ``(..., n)``.
"""


def _of(name: str, formula: str) -> Callable[[ArrayLike, ArrayLike], np.ndarray]:
    def function(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
        t, y = arrays(y_true, y_pred)
        record = losses.get(name)
        return record.value(t if record.sparse else t.astype(y.dtype), y)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = DOCSTRING.format(formula)
    return function


mean_squared_error = mse = _of("mean_squared_error", "Mean of ``(y - t)**2``")
mean_absolute_error = mae = _of("mean_absolute_error", "Mean of ``|y - t|``")
mean_absolute_percentage_error = mape = _of("mean_absolute_percentage_error", "Mean of ``100 |t - y| / |t|``")
mean_squared_logarithmic_error = msle = _of("mean_squared_logarithmic_error", "Mean of ``(log(1+t) - log(1+y))**2``")
log_cosh = _of("log_cosh", "Mean of ``log(cosh(y - t))``")
huber = _of("huber", "Mean of ``(y - t)**2 / 2`` up to an error of 1 and ``|y - t| - 1/2`` beyond")
poisson = _of("poisson", "Mean of ``y - t log y``")
kl_divergence = _of("kl_divergence", "Sum of ``t log(t / y)``")
hinge = _of("hinge", "Mean of ``max(1 - t y, 0)``")
squared_hinge = _of("squared_hinge", "Mean of ``max(1 - t y, 0)**2``")
categorical_hinge = _of("categorical_hinge", "``max(1 + max((1 - t) y) - sum(t y), 0)``")
binary_crossentropy = _of("binary_crossentropy", "Mean of ``-(t log y + (1-t) log(1-y))``")
categorical_crossentropy = _of("categorical_crossentropy", "``-sum(t log(y / sum y))``")
binary_focal_crossentropy = _of("binary_focal_crossentropy", "Mean of ``-(1 - p)**2 log p``, ``p`` of the target")
categorical_focal_crossentropy = _of("categorical_focal_crossentropy", "``-sum(0.25 t (1 - y)**2 log y)``")


def sparse_categorical_crossentropy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """``-log(y[t] / sum y)`` for each row, of class indices ``(n,)`` or ``(n, 1)``.

    Parameters
    ----------
    y_true : class indices ``(...)``, whole numbers from 0 on.
    y_pred : predictions ``(..., n)``.
    """
    y = floats("y_pred", y_pred)
    return losses.get("sparse_categorical_crossentropy").value(_indices(y_true, y), y)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """1 for each number that is above ``threshold`` where its target is 1, or not where it is 0; else 0.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``.
    threshold : predictions above it are a yes.
    """
    t, y = arrays(y_true, y_pred)
    found: np.ndarray = ((y > threshold) == t).astype(y.dtype)
    return found


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """1 for each row whose largest output is where its target is largest; else 0.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``.
    """
    y = of_reals("y_pred", y_pred)
    found: np.ndarray = (of_reals("y_true", y_true).argmax(axis=-1) == y.argmax(axis=-1)).astype(np.float64)
    return found


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """1 for each row whose largest output is its class index; else 0.

    Parameters
    ----------
    y_true : class indices ``(...)``, whole numbers from 0 on.
    y_pred : predictions ``(..., n)``.
    """
    y = of_reals("y_pred", y_pred)
    found: np.ndarray = (_indices(y_true, y) == y.argmax(axis=-1)).astype(np.float64)
    return found


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> np.ndarray:
    """1 for each row whose target's largest place is among the ``k`` largest outputs; else 0.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``.
    k : how many of the largest outputs count.
    """
    return sparse_top_k_categorical_accuracy(of_reals("y_true", y_true).argmax(axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> np.ndarray:
    """1 for each row whose class index is among the ``k`` largest outputs; else 0.

    Parameters
    ----------
    y_true : class indices ``(...)``, whole numbers from 0 on.
    y_pred : predictions ``(..., n)``.
    k : how many of the largest outputs count.
    """
    y = of_reals("y_pred", y_pred)
    hit = np.take_along_axis(y, _indices(y_true, y)[..., None], axis=-1)
    found: np.ndarray = ((y > hit).sum(axis=-1) < k).astype(np.float64)
    return found


def _indices(y_true: ArrayLike, y: np.ndarray) -> np.ndarray:
    t = of_reals("y_true", y_true)
    if t.dtype.kind == "f" and not np.array_equal(t, np.floor(t)):
        raise ValueError("y_true must hold class indices (whole numbers), got fractions or NaN")
    return (t[..., 0] if t.ndim == y.ndim and t.shape[-1] == 1 else t).astype(np.int64)
