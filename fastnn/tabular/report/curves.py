"""Curves of one class against all others, exact: ROC, precision and recall, calibration, and a table of thresholds.

All take ``positive`` ``(n,)`` bool, which rows are of the class, and ``scores`` ``(n,)``, how probable it was said to
be; a row is flagged where its score is at least the threshold. Figures agree with scikit-learn's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.scores import roc_auc

if TYPE_CHECKING:
    from fastnn.tabular.report.found import CalibrationCurve, PrecisionRecallCurve, RocCurve, ThresholdTable

BINS = 10
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


def flagged_counts(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores, the highest first, how many rows score at least each, and how many of these are positive."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, np.int64)
    return ranked[last], last + 1, np.cumsum(positive[order])[last]


def roc_curve(positive: np.ndarray, scores: np.ndarray) -> RocCurve:
    """The receiver operating characteristic: ``fpr``, ``tpr``, ``thresholds`` (from infinity), each ``(k,)``, ``auc``.

    Points on a straight line between their neighbours are left out. Without rows of both kinds rates are NaN.

    >>> import numpy as np
    >>> curve = roc_curve(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    >>> curve["fpr"].tolist(), curve["tpr"].tolist(), curve["auc"]
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0], 0.875)
    """
    thresholds, flagged, hits = flagged_counts(positive, scores)
    wrong = flagged - hits
    kept = np.ones(len(hits), bool)
    kept[1:-1] = (np.diff(hits, 2) != 0) | (np.diff(wrong, 2) != 0)

    def start(values: np.ndarray) -> np.ndarray:
        return np.append(0, values[kept])

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    return {
        "fpr": start(wrong) / (n_negative or np.nan),
        "tpr": start(hits) / (n_positive or np.nan),
        "thresholds": np.append(np.inf, thresholds[kept]),
        "auc": roc_auc(positive, scores),
    }


def precision_recall_curve(positive: np.ndarray, scores: np.ndarray) -> PrecisionRecallCurve:
    """``precision``, ``recall``, ``thresholds``, each ``(k,)`` by falling threshold, and ``average_precision``.

    The latter is the sum of each precision times the recall that its threshold adds; NaN without a positive row.
    """
    thresholds, flagged, hits = flagged_counts(positive, scores)
    precision, recall = hits / flagged, hits / (int(positive.sum()) or np.nan)
    average = float((precision * np.diff(recall, prepend=0.0)).sum()) if len(hits) else float("nan")
    return {"precision": precision, "recall": recall, "thresholds": thresholds, "average_precision": average}


def calibration_curve(positive: np.ndarray, scores: np.ndarray, n_bins: int = BINS) -> CalibrationCurve:
    """How often what was said with some probability came true, in bins of about equally many rows.

    ``predicted`` and ``observed``, the mean probability and the share of positive rows, and ``rows``, each ``(bins,)``
    of those that have rows; ``ece`` is the expected calibration error, the mean of their distances over the rows
    (Naeini et al. 2015, with bins of equal mass).

    >>> import numpy as np
    >>> curve = calibration_curve(np.array([False, True, True, True]), np.array([0.2, 0.2, 0.8, 0.8]), n_bins=2)
    >>> curve["predicted"].tolist(), curve["observed"].tolist(), round(curve["ece"], 3)
    ([0.2, 0.8], [0.5, 1.0], 0.25)
    """
    means, targets, rows = binned(positive.astype(np.float64), scores, n_bins)
    ece = float((np.abs(means - targets) * rows).sum() / len(scores)) if len(scores) else float("nan")
    return {"predicted": means, "observed": targets, "rows": rows, "ece": ece}


def binned(values: np.ndarray, predicted: np.ndarray, n_bins: int = BINS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of ``predicted`` and of ``values``, and rows, of bins of ``predicted`` between its quantiles."""
    predicted = np.asarray(predicted, np.float64)
    if not len(predicted):
        return (np.empty(0),) * 2 + (np.empty(0, np.int64),)
    borders = np.quantile(predicted, np.linspace(0, 1, n_bins + 1))[1:-1]
    index = np.searchsorted(borders, predicted)
    rows = np.bincount(index, minlength=n_bins)
    there = rows > 0
    means, targets = (np.bincount(index, v, n_bins)[there] / rows[there] for v in (predicted, values))
    return means, targets, rows[there]


def threshold_table(positive: np.ndarray, scores: np.ndarray) -> ThresholdTable:
    """What flagging rows from each threshold on brings: ``threshold``, ``precision``, ``recall``, ``f1``, ``flagged``.

    Each is ``(k,)``, ``flagged`` the share of the rows; :data:`THRESHOLDS` and ``best``, the one of the highest F1,
    which is among them. Precision is NaN where nothing is flagged.
    """
    distinct, flagged, hits = flagged_counts(positive, scores)
    n, n_positive = len(scores), int(positive.sum())
    f1 = 2 * hits / (flagged + n_positive)
    best = float(distinct[f1.argmax()]) if n_positive else float("nan")
    chosen = np.unique(np.append(THRESHOLDS, best if n_positive else THRESHOLDS[0]))
    place = np.searchsorted(-distinct, -chosen, side="right")  # how many distinct scores are flagged
    flagged, hits = np.append(0, flagged)[place], np.append(0, hits)[place]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "threshold": chosen,
            "precision": hits / flagged,
            "recall": hits / np.float64(n_positive),
            "f1": 2 * hits / (flagged + np.float64(n_positive)),
            "flagged": flagged / max(1, n),
            "best": best,
        }
