"""Losses over classes as functions on arrays, under Keras' names; see :mod:`fastnn.losses.functions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arrays import of_reals
from fastnn.losses.of_rows import of_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """Of yes/no outputs, as :func:`fastnn.losses.BinaryCrossentropy`.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    from_logits : whether predictions are logits, to which the sigmoid is applied, else probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : the axis of classes or units, which is left out of the result.

    >>> from fastnn import losses
    >>> losses.binary_crossentropy([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]]).round(3)
    array([0.916, 0.714])
    """
    return of_rows(
        "binary_crossentropy", y_true, y_pred, {"from_logits": from_logits, "label_smoothing": label_smoothing}, axis
    )


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """Of one-hot classes, as :func:`fastnn.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : the axis of classes or units, which is left out of the result.
    """
    return of_rows(
        "categorical_crossentropy",
        y_true,
        y_pred,
        {"from_logits": from_logits, "label_smoothing": label_smoothing},
        axis,
    )


def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """Of class indices, as :func:`fastnn.losses.SparseCategoricalCrossentropy`; 0 for rows of ``ignore_class``.

    Parameters
    ----------
    y_true : class indices ``(...)``, whole numbers from 0 on.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    ignore_class : class whose rows have a loss of 0; None for none.
    axis : the axis of classes or units, which is left out of the result.
    """
    arguments, target = {"from_logits": from_logits}, of_reals("y_true", y_true)
    if ignore_class is None:
        return of_rows("sparse_categorical_crossentropy", target, y_pred, arguments, axis)
    ignored = target == ignore_class
    values = of_rows("sparse_categorical_crossentropy", np.where(ignored, 0, target), y_pred, arguments, axis)
    return np.where(ignored.reshape(values.shape), 0, values)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Of yes/no outputs, as :func:`fastnn.losses.BinaryFocalCrossentropy`.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    apply_class_balancing : whether a yes has the weight ``alpha`` and a no ``1 - alpha``.
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which the sigmoid is applied, else probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : the axis of classes or units, which is left out of the result.
    """
    return of_rows(
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
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Of one-hot classes, as :func:`fastnn.losses.CategoricalFocalCrossentropy`.

    Parameters
    ----------
    y_true : targets, in the shape of the predictions.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : the axis of classes or units, which is left out of the result.
    """
    return of_rows(
        "categorical_focal_crossentropy",
        y_true,
        y_pred,
        {"alpha": alpha, "gamma": gamma, "from_logits": from_logits, "label_smoothing": label_smoothing},
        axis,
    )


def sparse_categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> np.ndarray:
    """Of class indices, as :func:`fastnn.losses.SparseCategoricalFocalCrossentropy`.

    Parameters
    ----------
    y_true : class indices ``(...)``, whole numbers from 0 on.
    y_pred : predictions ``(..., n)``, for which ``(...)`` losses come out.
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    axis : the axis of classes or units, which is left out of the result.
    """
    return of_rows(
        "sparse_categorical_focal_crossentropy",
        y_true,
        y_pred,
        {"alpha": alpha, "gamma": gamma, "from_logits": from_logits},
        axis,
    )
