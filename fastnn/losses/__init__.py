"""Losses as users write them: by name with :func:`get`, as classes with Keras' names, or as functions on arrays.

A class gives a record of :mod:`fastnn.losses.records`, with its parameters checked and bound; one of your own is a
subclass of :class:`Loss` or a function ``f(target, prediction)``.

Of an output that has a mask (of ``Embedding(mask_zero=True)``, ``Masking``) only positions that are there count, as in
Keras 3: the loss of a batch is the sum of ``weight * loss`` over them, divided by how many they are in that batch (or
by their weights, or by nothing, as ``reduction`` says). What is predicted elsewhere, NaN too, changes neither the loss
nor its gradient, and a batch in which no position counts has a loss of 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.losses.base import Loss, Reduction, reduction_of, weight_of
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
    from fastnn.losses.functions_of_classes import (
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        sparse_categorical_crossentropy,
        sparse_categorical_focal_crossentropy,
    )
    from fastnn.losses.known import ALIASES, get
    from fastnn.losses.of_classes import (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        SparseCategoricalCrossentropy,
        SparseCategoricalFocalCrossentropy,
    )
    from fastnn.losses.records import ALL_LOSSES, LOSSES, LOSSES_ON_LOGITS, LossCode, LossRecord

_MODULES = {
    "base": "Loss Reduction reduction_of weight_of",
    "classes": "CategoricalHinge CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError "
    "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Pinball Poisson "
    "PoissonDeviance SquaredHinge",
    "custom": "CustomLoss",
    "functions": "BCE KLD MAE MAPE MSE MSLE bce categorical_hinge cosine_similarity hinge huber kl_divergence "
    "kld log_cosh logcosh mae mape mean_absolute_error mean_absolute_percentage_error "
    "mean_squared_error mean_squared_logarithmic_error mse msle pinball poisson poisson_deviance "
    "squared_hinge",
    "functions_of_classes": "binary_crossentropy binary_focal_crossentropy categorical_crossentropy "
    "categorical_focal_crossentropy sparse_categorical_crossentropy "
    "sparse_categorical_focal_crossentropy",
    "known": "ALIASES get",
    "of_classes": "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy "
    "CategoricalFocalCrossentropy SparseCategoricalCrossentropy "
    "SparseCategoricalFocalCrossentropy",
    "records": "ALL_LOSSES LOSSES LOSSES_ON_LOGITS LossCode LossRecord",
}

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

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
