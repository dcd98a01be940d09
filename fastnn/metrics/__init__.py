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

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastnn import losses
from fastnn._base.arguments import lookup, number, shown, unknown_name
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

METRICS: Mapping[str, Any] = {
    m.name: m
    for m in (
        ResolvedAccuracy(),
        BinaryAccuracy(),
        CategoricalAccuracy(),
        SparseCategoricalAccuracy(),
        TopK(),
        TopKCategoricalAccuracy(),
        SparseTopKCategoricalAccuracy(),
        Precision(),
        Recall(),
        F1Score("macro", name="f1"),
        F1Score(),
        FBetaScore(),
        TruePositives(),
        FalsePositives(),
        TrueNegatives(),
        FalseNegatives(),
        AUC(),
        AUC(curve="PR", name="pr_auc"),
        AveragePrecision(),
        MeanSquaredError(name="mse"),
        MeanAbsoluteError(name="mae"),
        RootMeanSquaredError(name="rmse"),
        R2Score(name="r2"),
        CosineSimilarity(),
    )
}
ALIASES = {
    "acc": "accuracy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "r2_score": "r2",
    "f_beta_score": "fbeta_score",
    "f_score": "f1",
}
LOSS_ALIASES = {"log_cosh_error": "log_cosh"}
CLASSES: Mapping[str, type[Definition]] = {
    c.__name__: c
    for c in (
        *{type(m) for m in METRICS.values()},
        *OF_LOSSES,
        *(Accuracy, LossMetric),
    )
}


def get(metric: object, custom: Mapping[str, Any] | None = None) -> Metric:
    """Turn what a user wrote (name, object, loss, function, stored config) into a metric.

    Parameters
    ----------
    metric : str, Metric, Loss, function ``f(target, prediction)`` or a dict as from :meth:`Metric.config`.
    custom : the user's functions and classes by name, which a stored config can ask for.

    >>> from fastnn import metrics
    >>> metrics.get("AUC"), metrics.get("huber")
    (AUC(name='AUC'), LossMetric(loss='huber', name='huber'))
    """
    if isinstance(metric, Metric):
        if not hasattr(metric, "name"):
            raise TypeError(f"{type(metric).__name__}.__init__ must call super().__init__(name=...)")
        return metric
    if isinstance(metric, losses.Loss):
        return LossMetric(metric)
    if isinstance(metric, dict):
        return _from_config(metric, custom or {})
    if isinstance(metric, str):
        return _named(metric)
    if isinstance(metric, type) and issubclass(metric, Metric):
        raise TypeError(f"metrics must be made first: {metric.__name__}()")
    if callable(metric):
        return MeanMetricWrapper(metric)
    raise TypeError(
        f"metrics must be names, objects of fastnn.metrics or functions f(target, prediction), got {metric!r}"
    )


def _named(name: str) -> Metric:
    """The metric, or the loss as a metric, of a name, which it keeps."""
    try:
        found: Metric = replace(lookup("metric", name, METRICS, ALIASES), name=name)
        return found
    except ValueError:
        known = {loss: loss for loss in losses.LOSSES}
        try:
            loss = lookup("metric", name, known, {**losses.ALIASES, **LOSS_ALIASES})
        except ValueError:
            raise unknown_name("metric", name, {*METRICS, *ALIASES, *losses.LOSSES}) from None
    return LossMetric(loss, name=name)


def _from_config(stored: dict[str, Any], custom: Mapping[str, Any]) -> Metric:
    if "class" in stored:
        kind = lookup("metric", stored["class"], CLASSES)
        return kind(**{name: value for name, value in stored.items() if name != "class"})
    if "custom" in stored:
        made = lookup("metric of custom_objects", stored["custom"], custom)
        return get(made(**stored["arguments"]) if "arguments" in stored else made)
    if isinstance(stored.get("name"), str):
        return _from_first_format(stored)
    raise TypeError(f"metrics must be names or what config() of a metric gives, got {shown(stored)}")


def _from_first_format(stored: dict[str, Any]) -> Metric:
    """A metric of a file that has a statistic and a parameter: averages were means over outputs then."""
    made: Any = _named(stored.get("name"))  # type: ignore[arg-type]  # refused where it is no text
    fixed = stored["statistic"] == "confusion"
    parameter = number("parameter", stored["parameter"])
    if isinstance(made, Precision | Recall):
        return replace(made, average="macro", thresholds=parameter if fixed else None)
    if isinstance(made, F1Score):
        return replace(made, average="macro", threshold=parameter if fixed else None)
    if isinstance(made, AUC):
        return replace(made, average="macro")
    if isinstance(made, TopKCategoricalAccuracy):
        return replace(made, k=int(parameter))
    found: Metric = made
    return found
