"""Metrics by their names, and how what a user wrote becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fastnn import losses, metrics
from fastnn._base import lazy
from fastnn._base.arguments import lookup, number, shown, unknown_name
from fastnn._base.types import Config
from fastnn.metrics.base import Definition, Metric


def _made(kind: str, *arguments: object, **given: object) -> Callable[[], Metric]:
    """What makes a metric of a class."""
    return lambda: getattr(metrics, kind)(*arguments, **given)


METRICS: Mapping[str, Metric] = lazy.Table(
    {
        "accuracy": _made("ResolvedAccuracy"),
        "binary_accuracy": _made("BinaryAccuracy"),
        "categorical_accuracy": _made("CategoricalAccuracy"),
        "sparse_categorical_accuracy": _made("SparseCategoricalAccuracy"),
        "top_k": _made("TopK"),
        "top_k_categorical_accuracy": _made("TopKCategoricalAccuracy"),
        "sparse_top_k_categorical_accuracy": _made("SparseTopKCategoricalAccuracy"),
        "precision": _made("Precision"),
        "recall": _made("Recall"),
        "f1": _made("F1Score", "macro", name="f1"),
        "f1_score": _made("F1Score"),
        "fbeta_score": _made("FBetaScore"),
        "true_positives": _made("TruePositives"),
        "false_positives": _made("FalsePositives"),
        "true_negatives": _made("TrueNegatives"),
        "false_negatives": _made("FalseNegatives"),
        "auc": _made("AUC"),
        "pr_auc": _made("AUC", curve="PR", name="pr_auc"),
        "average_precision": _made("AveragePrecision"),
        "mse": _made("MeanSquaredError", name="mse"),
        "mae": _made("MeanAbsoluteError", name="mae"),
        "rmse": _made("RootMeanSquaredError", name="rmse"),
        "r2": _made("R2Score", name="r2"),
        "cosine_similarity": _made("CosineSimilarity"),
    }
)
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
_CLASSES = (
    "Accuracy AUC AveragePrecision BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy "
    "CategoricalHinge CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge KLDivergence "
    "LogCoshError LossMetric MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
    "MeanSquaredLogarithmicError Poisson Precision R2Score Recall ResolvedAccuracy RootMeanSquaredError "
    "SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SquaredHinge TopK "
    "TopKCategoricalAccuracy TrueNegatives TruePositives"
)
CLASSES: Mapping[str, type[Definition]] = lazy.table(metrics.__name__, {name: name for name in _CLASSES.split()})


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
        return metrics.LossMetric(metric)
    if isinstance(metric, dict):
        return _from_config(metric, custom or {})
    if isinstance(metric, str):
        return _named(metric)
    if isinstance(metric, type) and issubclass(metric, Metric):
        raise TypeError(f"metrics must be made first: {metric.__name__}()")
    if callable(metric):
        return metrics.MeanMetricWrapper(metric)
    raise TypeError(
        f"metrics must be names, objects of fastnn.metrics or functions f(target, prediction), got {metric!r}"
    )


def _named(name: str) -> Metric:
    """The metric, or the loss as a metric, of a name, which it keeps."""
    try:
        known: Any = lookup("metric", name, METRICS, ALIASES)
        found: Metric = replace(known, name=name)
        return found
    except ValueError:
        known = {loss: loss for loss in losses.LOSSES}
        try:
            loss = lookup("metric", name, known, {**losses.ALIASES, **LOSS_ALIASES})
        except ValueError:
            raise unknown_name("metric", name, {*METRICS, *ALIASES, *losses.LOSSES}) from None
    return metrics.LossMetric(loss, name=name)


def _from_config(stored: Config, custom: Mapping[str, Any]) -> Metric:
    if "class" in stored:
        kind = lookup("metric", stored["class"], CLASSES)
        return kind(**{name: value for name, value in stored.items() if name != "class"})
    if "custom" in stored:
        made = lookup("metric of custom_objects", stored["custom"], custom)
        return get(made(**stored["arguments"]) if "arguments" in stored else made)
    if isinstance(stored.get("name"), str):
        return _from_first_format(stored)
    raise TypeError(f"metrics must be names or what config() of a metric gives, got {shown(stored)}")


def _from_first_format(stored: dict[str, object]) -> Metric:
    """A metric of a file that has a statistic and a parameter: averages were means over outputs then."""
    made: Any = _named(stored.get("name"))  # type: ignore[arg-type]  # refused where it is no text
    fixed = stored["statistic"] == "confusion"
    parameter = number("parameter", stored["parameter"])
    if isinstance(made, metrics.Precision | metrics.Recall):
        return replace(made, average="macro", thresholds=parameter if fixed else None)
    if isinstance(made, metrics.F1Score):
        return replace(made, average="macro", threshold=parameter if fixed else None)
    if isinstance(made, metrics.AUC):
        return replace(made, average="macro")
    if isinstance(made, metrics.TopKCategoricalAccuracy):
        return replace(made, k=int(parameter))
    found: Metric = made
    return found
