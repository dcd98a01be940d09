"""Metrics as users write them: by name, as classes with Keras' names and arguments, and as functions of their own.

``compile(metrics=["accuracy", "auc", metrics.F1Score("macro"), f])`` takes names in any spelling, objects, losses,
functions ``f(target, prediction)`` and objects of subclasses of :class:`Metric`. ``weighted_metrics`` are the same
with rows that count by their weights. A metric object is also called on arrays: ``metrics.AUC()(target, prediction)``.

Positions of an output that its mask (of ``Embedding(mask_zero=True)``, ``Masking``) says are not there count nothing in
any metric. Keras 3 leaves them out only where there is a ``sample_weight``, and only of means; else it counts what is
predicted for padding. What is computed from all predictions, functions of your own too, is then told of one position a
row: targets and predictions ``(positions that count, n)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.metrics.accuracy import (
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        ResolvedAccuracy,
        SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy,
        TopK,
        TopKCategoricalAccuracy,
    )
    from fastnn.metrics.base import Definition, Metric
    from fastnn.metrics.confusion import F1Score, FBetaScore, Precision, Recall
    from fastnn.metrics.counts import FalseNegatives, FalsePositives, TrueNegatives, TruePositives
    from fastnn.metrics.curves import AUC, AveragePrecision
    from fastnn.metrics.errors import (
        CosineSimilarity,
        MeanAbsoluteError,
        MeanSquaredError,
        R2Score,
        RootMeanSquaredError,
    )
    from fastnn.metrics.functions import (
        binary_accuracy,
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_accuracy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_hinge,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mae,
        mape,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        mse,
        msle,
        poisson,
        sparse_categorical_accuracy,
        sparse_categorical_crossentropy,
        sparse_top_k_categorical_accuracy,
        squared_hinge,
        top_k_categorical_accuracy,
    )
    from fastnn.metrics.known import ALIASES, METRICS, get
    from fastnn.metrics.known import CLASSES as CLASSES
    from fastnn.metrics.known import LOSS_ALIASES as LOSS_ALIASES
    from fastnn.metrics.means import Mean, MeanMetricWrapper
    from fastnn.metrics.of_losses import (
        OF_LOSSES,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        CategoricalHinge,
        Hinge,
        KLDivergence,
        LogCoshError,
        LossMetric,
        MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
    )
    from fastnn.metrics.readings import Reading, Task, resolve, resolve_all, task_of
    from fastnn.metrics.statistics import STATISTICS, TAKES_LABELS, StatisticCode, n_sums

_MODULES = {
    "accuracy": "Accuracy BinaryAccuracy CategoricalAccuracy ResolvedAccuracy SparseCategoricalAccuracy "
    "SparseTopKCategoricalAccuracy TopK TopKCategoricalAccuracy",
    "base": "Definition Metric",
    "confusion": "F1Score FBetaScore Precision Recall",
    "counts": "FalseNegatives FalsePositives TrueNegatives TruePositives",
    "curves": "AUC AveragePrecision",
    "errors": "CosineSimilarity MeanAbsoluteError MeanSquaredError R2Score RootMeanSquaredError",
    "functions": "binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy "
    "categorical_crossentropy categorical_focal_crossentropy categorical_hinge hinge huber "
    "kl_divergence log_cosh mae mape mean_absolute_error mean_absolute_percentage_error "
    "mean_squared_error mean_squared_logarithmic_error mse msle poisson "
    "sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy "
    "squared_hinge top_k_categorical_accuracy",
    "known": "ALIASES CLASSES LOSS_ALIASES METRICS get",
    "means": "Mean MeanMetricWrapper",
    "of_losses": "OF_LOSSES BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge KLDivergence "
    "LogCoshError LossMetric MeanAbsolutePercentageError MeanSquaredLogarithmicError Poisson "
    "SparseCategoricalCrossentropy SquaredHinge",
    "readings": "Reading Task resolve resolve_all task_of",
    "statistics": "STATISTICS TAKES_LABELS StatisticCode n_sums",
}

__all__ = [
    "ALIASES",
    "AUC",
    "METRICS",
    "OF_LOSSES",
    "STATISTICS",
    "TAKES_LABELS",
    "Accuracy",
    "AveragePrecision",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Definition",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "LossMetric",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "R2Score",
    "Reading",
    "Recall",
    "ResolvedAccuracy",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "StatisticCode",
    "Task",
    "TopK",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "n_sums",
    "poisson",
    "resolve",
    "resolve_all",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "task_of",
    "top_k_categorical_accuracy",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
