"""Scores of the tabular benchmark: of probabilities of classes, or of numbers."""

from __future__ import annotations

import numpy as np

BINS = 15  # of confidence, for the expected calibration error
LOWEST = 1e-7  # a probability, as the log loss takes it


def scores(y: np.ndarray, predicted: np.ndarray, classes: bool) -> dict[str, float]:
    """Of rows that were not trained on; ``predicted`` is (n,) numbers, or (n, k) probabilities with ``y`` in 0..k-1."""
    predicted = np.asarray(predicted, dtype=np.float64)
    wanted = (len(y),) if not classes else (len(y), predicted.shape[-1])
    if predicted.shape != wanted or not np.isfinite(predicted).all():
        raise ValueError(f"predictions of shape {predicted.shape}, wanted {wanted}, or some that are not finite")
    return _of_classes(y, predicted) if classes else _of_numbers(y, predicted)


def _of_numbers(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    square = float(np.mean((predicted - y) ** 2))
    return {"rmse": square**0.5, "mae": float(np.mean(np.abs(predicted - y))), "r2": 1 - square / float(np.var(y))}


def _of_classes(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    shares = np.clip(predicted, LOWEST, 1)
    shares /= shares.sum(axis=1, keepdims=True)
    one_against_rest = [
        roc_auc_score(y == label, predicted[:, label])
        for label in range(shares.shape[1])
        if 0 < np.mean(y == label) < 1
    ]
    return {
        "auc": float(np.mean(one_against_rest)),
        "log_loss": float(-np.mean(np.log(shares[np.arange(len(y)), y]))),
        "accuracy": float(np.mean(shares.argmax(axis=1) == y)),
        "ece": calibration_error(y, shares),
    }


def calibration_error(y: np.ndarray, shares: np.ndarray) -> float:
    """Expected calibration error: |accuracy - confidence| of 15 bins of equal width, weighted by their rows.

    The confidence is the probability of the class that is most probable (Guo et al. 2017, "On calibration of modern
    neural networks").
    """
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(apart).sum() / len(y))


def error(found: dict[str, float]) -> float:
    """What ranks and ratios are made of: RMSE, or 1 - AUC."""
    return found["rmse"] if "rmse" in found else 1 - found["auc"]
