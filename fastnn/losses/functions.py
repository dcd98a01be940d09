"""The losses as functions on arrays, under Keras' names: the loss of each row, ``(..., n)`` -> ``(...)``.

``y_true`` and ``y_pred`` have the same shape, or one of them an axis of one more; class indices lack the last axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._base.arrays import floats, of_reals
from fastnn.losses.classes import bind
from fastnn.losses.records import LOSSES


def _values(definition: str, y_true: Any, y_pred: Any, arguments: Mapping[str, Any], axis: int = -1) -> np.ndarray:
    loss, target, y = bind(LOSSES[definition], arguments), of_reals("y_true", y_true), floats("y_pred", y_pred)
    if axis != -1:
        target, y = target if loss.sparse else np.moveaxis(target, axis, -1), np.moveaxis(y, axis, -1)
    found: np.ndarray = loss.call(target, y)
    return found


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """Of yes/no outputs, as :func:`fastnn.losses.BinaryCrossentropy`.

    >>> from fastnn import losses
    >>> losses.binary_crossentropy([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(3)
    array([0.916, 0.714])
    """
    return _values(
        "binary_crossentropy", y_true, y_pred, {"from_logits": from_logits, "label_smoothing": label_smoothing}, axis
    )


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """Of one-hot classes, as :func:`fastnn.losses.CategoricalCrossentropy`."""
    return _values(
        "categorical_crossentropy",
        y_true,
        y_pred,
        {"from_logits": from_logits, "label_smoothing": label_smoothing},
        axis,
    )


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """Of class indices, as :func:`fastnn.losses.SparseCategoricalCrossentropy`; 0 for rows of ``ignore_class``."""
    arguments, target = {"from_logits": from_logits}, of_reals("y_true", y_true)
    if ignore_class is None:
        return _values("sparse_categorical_crossentropy", target, y_pred, arguments, axis)
    ignored = target == ignore_class
    values = _values("sparse_categorical_crossentropy", np.where(ignored, 0, target), y_pred, arguments, axis)
    return np.where(ignored.reshape(values.shape), 0, values)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Of yes/no outputs, as :func:`fastnn.losses.BinaryFocalCrossentropy`."""
    return _values(
        "binary_focal_crossentropy",
        y_true,
        y_pred,
        {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
        },
        axis,
    )


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Of one-hot classes, as :func:`fastnn.losses.CategoricalFocalCrossentropy`."""
    return _values(
        "categorical_focal_crossentropy",
        y_true,
        y_pred,
        {"alpha": alpha, "gamma": gamma, "from_logits": from_logits, "label_smoothing": label_smoothing},
        axis,
    )


def sparse_categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> np.ndarray:
    """Of class indices, as :func:`fastnn.losses.SparseCategoricalFocalCrossentropy`."""
    return _values(
        "sparse_categorical_focal_crossentropy",
        y_true,
        y_pred,
        {"alpha": alpha, "gamma": gamma, "from_logits": from_logits},
        axis,
    )


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``(y - t)**2`` along the last axis."""
    return _values("mean_squared_error", y_true, y_pred, {})


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``|y - t|`` along the last axis."""
    return _values("mean_absolute_error", y_true, y_pred, {})


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``100 |y - t| / |t|``, with ``|t|`` at least 1e-7."""
    return _values("mean_absolute_percentage_error", y_true, y_pred, {})


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``(log(1 + y) - log(1 + t))**2``, both at least 1e-7."""
    return _values("mean_squared_logarithmic_error", y_true, y_pred, {})


def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``log(cosh(y - t))``."""
    return _values("log_cosh", y_true, y_pred, {})


def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``y - t log(y + 1e-7)``."""
    return _values("poisson", y_true, y_pred, {})


def poisson_deviance(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``t log(t / y) - (t - y)``."""
    return _values("poisson_deviance", y_true, y_pred, {})


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """Sum of ``t log(t / y)``, both kept in [1e-7, 1]."""
    return _values("kl_divergence", y_true, y_pred, {})


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``max(1 - t y, 0)``; targets 0 and 1 are taken as -1 and 1."""
    return _values("hinge", y_true, y_pred, {})


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean of ``max(1 - t y, 0)**2``; targets 0 and 1 are taken as -1 and 1."""
    return _values("squared_hinge", y_true, y_pred, {})


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """``max(max((1 - t) y) - sum(t y) + 1, 0)``."""
    return _values("categorical_hinge", y_true, y_pred, {})


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """Minus the cosine of the angle between target and prediction."""
    return _values("cosine_similarity", y_true, y_pred, {}, axis)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """Half the squared error up to ``delta``, linear beyond."""
    return _values("huber", y_true, y_pred, {"delta": delta})


def pinball(y_true: Any, y_pred: Any, quantile: float | Sequence[float] = 0.5) -> np.ndarray:
    """Mean of ``max(q (t - y), (q - 1) (t - y))``."""
    return _values("pinball", y_true, y_pred, {"quantile": quantile})


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
bce = BCE = binary_crossentropy
logcosh = log_cosh

FUNCTIONS: Mapping[Callable[..., Any], str] = {globals()[name]: name for name in LOSSES}
"""The definition that each function computes: handed to ``compile``, it is that loss."""
