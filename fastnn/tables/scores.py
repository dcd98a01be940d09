"""How good predictions of a table's target are: exact numbers from known targets and predictions, in NumPy.

Beside each score stands what a constant answer reaches on the same rows: the most frequent class, or the mean.

Design: the constant is that of the rows scored, not of the training rows. It is then the best one there is, so that
no model looks better than it by a shift between the two, and a model file need not carry counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST = float(np.finfo(np.float32).eps)  # as scikit-learn: float32 tells 1 - p no finer than that


@dataclass(frozen=True)
class ClassScores:
    """Scores of predicted classes.

    Attributes
    ----------
    confusion : ``(n_classes, n_classes)``, rows by their class and the predicted one.
    said : ``(n_classes,)``, how often each class was predicted, also for rows of no class that the model knows.
    n_unknown : rows of a class that the model does not know: all are wrong, and count in ``accuracy`` alone.
    accuracy, log_loss : share of rows that are right; mean of ``-log(p)`` of the right class.
    auc : area under the ROC curve of two classes, ties counted by half; NaN unless there are rows of both.
    baseline_class, baseline_accuracy, baseline_log_loss : always the most frequent class; always the classes' shares.
    """

    confusion: np.ndarray
    said: np.ndarray
    n_unknown: int
    accuracy: float
    log_loss: float
    auc: float
    baseline_class: int
    baseline_accuracy: float
    baseline_log_loss: float

    @property
    def support(self) -> np.ndarray:
        """``(n_classes,)``, rows of each class."""
        found: np.ndarray = self.confusion.sum(axis=1)
        return found

    def by_class(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Precision, recall and F1, each ``(n_classes,)``; NaN where there is nothing to divide by."""
        right, support = np.diag(self.confusion).astype(np.float64), self.support
        with np.errstate(invalid="ignore"):
            return right / self.said, right / support, 2 * right / (self.said + support)


def score_classes(y: np.ndarray, probabilities: np.ndarray) -> ClassScores:
    """Scores of classes.

    Parameters
    ----------
    y : ``(n,)``, class index of each row, -1 for a class that the model does not know.
    probabilities : ``(n, n_classes)``.

    >>> import numpy as np
    >>> scores = score_classes(np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]]))
    >>> scores.confusion.tolist(), scores.auc, round(scores.accuracy, 3), round(scores.baseline_accuracy, 3)
    ([[1, 0], [1, 1]], 1.0, 0.667, 0.667)
    """
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    known = y >= 0
    confusion = np.bincount(y[known] * n_classes + predicted[known], minlength=n_classes**2)
    confusion = confusion.reshape(n_classes, n_classes)
    counts = confusion.sum(axis=1)
    given = np.asarray(probabilities, np.float64)[known, y[known]]
    two = n_classes == 2
    return ClassScores(
        confusion,
        np.bincount(predicted, minlength=n_classes),
        int((~known).sum()),
        float(np.trace(confusion)) / len(y),
        _mean(-np.log(np.maximum(given, LEAST))),
        roc_auc(y[known] == 1, probabilities[known, 1]) if two else float("nan"),
        int(counts.argmax()),
        float(counts.max()) / len(y),
        _entropy(counts),
    )


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve, exact by ranks (Mann and Whitney 1947), ties counted by half; NaN for one class alone.

    >>> import numpy as np
    >>> roc_auc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of each distinct score, from 1
    return float((ranks[place][positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


@dataclass(frozen=True)
class NumberScores:
    """Errors of predicted numbers, in the target's unit, and those of always the mean; ``r2`` is NaN for one value."""

    rmse: float
    mae: float
    r2: float
    mean: float
    baseline_rmse: float
    baseline_mae: float


def score_numbers(y: np.ndarray, predicted: np.ndarray) -> NumberScores:
    """Errors of ``predicted`` ``(n,)`` against ``y`` ``(n,)``, both float64 in the target's unit.

    >>> import numpy as np
    >>> score_numbers(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])).r2
    0.5
    """
    error, mean = predicted - y, float(y.mean())
    apart = y - mean
    squared, spread = float(np.mean(error**2)), float(np.mean(apart**2))
    r2 = 1 - squared / spread if spread else float("nan")
    return NumberScores(squared**0.5, _mean(np.abs(error)), r2, mean, spread**0.5, _mean(np.abs(apart)))


def _entropy(counts: np.ndarray) -> float:
    """Log loss of always the classes' shares."""
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum()) if len(shares) > 1 else 0.0


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
