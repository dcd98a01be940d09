"""Scores of predictions by name, the same for a model, its baselines and the folds of a cross-validation.

Classes: ``auc`` (of the second of two; of several the mean of each against all others), ``log_loss``, ``accuracy``,
``balanced_accuracy``, ``f1`` (of the second of two; of several the mean), ``ece``. Numbers: ``rmse``, ``mae``,
``median_error`` and ``bias`` in the target's unit, ``r2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.scores import roc_auc, score_classes, score_numbers
from fastnn.tables.target import Classes, Target
from fastnn.tabular.report.curves import calibration_curve

if TYPE_CHECKING:
    from fastnn.tabular.report.found import Spread

HIGHER = ("auc", "accuracy", "balanced_accuracy", "f1", "r2")  # of these more is better, of all others less


def score(target: Target, y: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """Scores by name.

    Parameters
    ----------
    target : how the target is encoded.
    y : ``(n,)``, encoded targets: class indices, -1 for a class that the model does not know, or standardised numbers.
    output : ``(n, n_out)``, what the network said.

    >>> import numpy as np
    >>> target = Classes("sold", ["no", "yes"])
    >>> scores = score(target, np.array([0, 1, 1]), np.array([[0.2], [0.6], [0.4]]))
    >>> scores["auc"], round(scores["accuracy"], 3), scores["balanced_accuracy"]
    (1.0, 0.667, 0.75)
    """
    if isinstance(target, Classes):
        return score_probabilities(y, target.probabilities(output))
    return score_values(target.restore(y), target.decode(output))


def score_probabilities(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Scores of classes, of probabilities ``(n, n_classes)``."""
    found = score_classes(y, probabilities)
    _, recall, f1 = found.by_class()
    there = found.support > 0
    occurs = there | (found.said > 0)
    two = probabilities.shape[1] == 2
    return {
        "auc": found.auc if two else mean_auc(y, probabilities),
        "log_loss": found.log_loss,
        "accuracy": found.accuracy,
        "balanced_accuracy": float(recall[there].mean()) if there.any() else float("nan"),
        "f1": float(np.nan_to_num(f1[1]) if two else np.nan_to_num(f1[occurs]).mean()),
        "ece": calibration_error(y, probabilities),
    }


def mean_auc(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean over the classes that occur of the area under the ROC curve of each against all others."""
    known = y >= 0
    y, probabilities = y[known], probabilities[known]
    areas = [roc_auc(y == k, probabilities[:, k]) for k in np.unique(y)]
    return float(np.mean(areas)) if areas else float("nan")


def calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The expected calibration error: of the second of two classes, of several of the class that was predicted."""
    if probabilities.shape[1] == 2:
        return calibration_curve(y[y >= 0] == 1, probabilities[y >= 0, 1])["ece"]
    return calibration_curve(probabilities.argmax(axis=1) == y, probabilities.max(axis=1))["ece"]


def score_values(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Scores of numbers, both ``(n,)`` in the target's unit."""
    found, error = score_numbers(y, predicted), predicted - y
    return {
        "rmse": found.rmse,
        "mae": found.mae,
        "median_error": float(np.median(np.abs(error))),
        "bias": float(error.mean()),
        "r2": found.r2,
    }


def spread_of(folds: list[dict[str, float]]) -> dict[str, Spread]:
    """Of each score its ``mean``, ``std`` (with n - 1) and values over the folds of a cross-validation."""
    names = [name for name in folds[0] if all(name in fold for fold in folds)] if folds else []
    made: dict[str, Spread] = {}
    for name in names:
        values = np.array([fold[name] for fold in folds], np.float64)
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        made[name] = {"mean": float(values.mean()), "std": spread, "folds": values}
    return made
