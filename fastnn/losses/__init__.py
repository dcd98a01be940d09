"""Losses as users write them: by name with :func:`get`, as classes with Keras' names, or as functions on arrays.

A class gives a record of :mod:`fastnn.losses.records`, with its parameters checked and bound; one of your own is a
subclass of :class:`Loss` or a function ``f(target, prediction)``.

Of an output that has a mask (of ``Embedding(mask_zero=True)``, ``Masking``) only positions that are there count, as in
Keras 3: the loss of a batch is the sum of ``weight * loss`` over them, divided by how many they are in that batch (or
by their weights, or by nothing, as ``reduction`` says). What is predicted elsewhere, NaN too, changes neither the loss
nor its gradient, and a batch in which no position counts has a loss of 0.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, overload

from fastnn._base.arguments import lookup
from fastnn.losses import classes, of_classes
from fastnn.losses.base import Loss, Reduction, check_reduction, reduction_of, snake_case, weight_of
from fastnn.losses.binding import bind as _bind
from fastnn.losses.classes import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Pinball,
    Poisson,
    PoissonDeviance,
    SquaredHinge,
)
from fastnn.losses.custom import CustomLoss
from fastnn.losses.functions import (
    BCE,
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    bce,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    kld,
    log_cosh,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    pinball,
    poisson,
    poisson_deviance,
    squared_hinge,
)
from fastnn.losses.functions import FUNCTIONS as _FUNCTIONS
from fastnn.losses.functions_of_classes import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
    sparse_categorical_focal_crossentropy,
)
from fastnn.losses.of_classes import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
    SparseCategoricalFocalCrossentropy,
)
from fastnn.losses.records import ALL_LOSSES, LOSSES, LOSSES_ON_LOGITS, LossCode, LossRecord

__all__ = [
    "ALIASES",
    "ALL_LOSSES",
    "BCE",
    "KLD",
    "LOSSES",
    "LOSSES_ON_LOGITS",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "CustomLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossCode",
    "LossRecord",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Pinball",
    "Poisson",
    "PoissonDeviance",
    "Reduction",
    "SparseCategoricalCrossentropy",
    "SparseCategoricalFocalCrossentropy",
    "SquaredHinge",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pinball",
    "poisson",
    "poisson_deviance",
    "reduction_of",
    "sparse_categorical_crossentropy",
    "sparse_categorical_focal_crossentropy",
    "squared_hinge",
    "weight_of",
]

ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "bce": "binary_crossentropy",
}
_CLASSES = [
    made
    for name, made in (vars(classes) | vars(of_classes)).items()
    if isinstance(made, FunctionType) and name[0].isupper()
]


@overload
def get(loss: str | LossRecord, **arguments: Any) -> LossRecord: ...
@overload
def get(loss: object, **arguments: Any) -> LossRecord | CustomLoss: ...
def get(loss: object, **arguments: Any) -> LossRecord | CustomLoss:
    """Turn what a user wrote (name, record, stored config, function, class) into a loss.

    Parameters
    ----------
    loss : str in any of Keras' spellings, a loss of this module or its class, a :class:`Loss` of yours, dict as from
        ``config()`` or as Keras serialises losses, or a function ``f(target, prediction)``.
    **arguments : those of the loss's class, such as ``from_logits``, ``delta`` (huber), ``reduction``, ``name``.

    >>> from fastnn import losses
    >>> losses.get("huber", delta=0.5)
    <loss huber(delta=0.5)>
    >>> losses.get("MSE")([0.0, 2.0], [1.0, 5.0])
    5.0
    """
    if isinstance(loss, dict):
        return _of_config(loss, arguments)
    if isinstance(loss, str):
        return _bind(lookup("loss", loss, LOSSES, ALIASES), arguments)
    if isinstance(loss, LossRecord):
        return _bind(loss, arguments)
    if isinstance(loss, CustomLoss) and not arguments:
        return loss
    if loss in _CLASSES or (isinstance(loss, type) and issubclass(loss, Loss) and loss is not Loss):
        return get(loss(**arguments))
    if isinstance(loss, Loss) and not arguments:
        name = getattr(loss, "name", None) or snake_case(type(loss).__name__)  # without Loss.__init__ it has none
        return CustomLoss(loss.call, name, check_reduction(loss.reduction))
    if callable(loss) and loss in _FUNCTIONS:
        return _bind(LOSSES[_FUNCTIONS[loss]], arguments)
    if callable(loss) and not isinstance(loss, type) and not arguments:
        return CustomLoss(loss)
    raise TypeError(f"loss must be a name, a loss of fastnn.losses or a function f(target, prediction), got {loss!r}")


def _of_config(config: dict[str, Any], arguments: dict[str, Any]) -> LossRecord | CustomLoss:
    if "class_name" in config:
        found: LossRecord | CustomLoss = get(config["class_name"], **(config.get("config") or {}) | arguments)
        return found
    if "name" not in config:
        raise TypeError(f"a model has one output: give its loss alone, not a dict of outputs, got {config!r}")
    return get(config.get("name"), **{k: v for k, v in config.items() if k != "name"} | arguments)
