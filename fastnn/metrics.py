"""Metrics: each is a statistic summed over rows while training runs, and a result read from the sums.

Several metrics share a statistic (precision, recall and f1 are three readings of one table), so a
backend knows nine statistics and no metric. ``sums(t, y, w, out)`` adds a batch to ``out`` (float64).

The threshold is for predictions alone. Targets between 0 and 1 are read as Keras 3 reads them: accuracy hits only
a target that is just the answer, 1 for yes and 0 (hinge: -1) for no, so that a soft target is never hit; precision,
recall, f1 and the area under the curve take every target above 0 for a yes. Label smoothing is the loss's own affair.

Design: sums instead of stored predictions keep an epoch at one native call without memory that
grows with the data. The price is the area under the curve by 200 thresholds, as Keras has it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from fastnn.definitions import fixed, integer, lookup, number


class StatisticCode(IntEnum):
    """Number of each statistic in the plan; the C enum ``fnn_statistic_code`` is the same."""

    HITS = 0
    ARGMAX_HITS = 1
    TOP_K_HITS = 2
    SQUARED_ERROR = 3
    ABSOLUTE_ERROR = 4
    CONFUSION = 5
    ARGMAX_CONFUSION = 6
    MOMENTS = 7
    ROC = 8


N_THRESHOLDS = 200


def labels(t, y):
    """Class index of each row: of the target itself when it is one, else of its largest entry."""
    return t if t.ndim < y.ndim else t.argmax(axis=-1)


def _mean(values, w, out):
    out += (values * w).sum(dtype=np.float64), w.sum(dtype=np.float64)


def s_hits(t, y, w, out, p):
    _mean(np.where(y > p, t == 1, t <= 0).mean(axis=-1), w, out)


def s_argmax_hits(t, y, w, out, p):
    _mean(labels(t, y) == y.argmax(axis=-1), w, out)


def s_top_k_hits(t, y, w, out, p):
    hit = np.take_along_axis(y, labels(t, y)[:, None], axis=-1)
    _mean((y > hit).sum(axis=-1) < p, w, out)


def s_squared_error(t, y, w, out, p):
    _mean(((y - t) ** 2).mean(axis=-1), w, out)


def s_absolute_error(t, y, w, out, p):
    _mean(np.abs(y - t).mean(axis=-1), w, out)


def _confusion(actual, predicted, w, out):
    table = out.reshape(3, -1)  # true positives, predicted, actual; a column an output
    table += [((actual & predicted) * w[:, None]).sum(0), (predicted * w[:, None]).sum(0), (actual * w[:, None]).sum(0)]


def s_confusion(t, y, w, out, p):
    _confusion(t > 0, y > p, w, out)


def s_argmax_confusion(t, y, w, out, p):
    classes = np.arange(y.shape[-1])
    _confusion(labels(t, y)[:, None] == classes, y.argmax(axis=-1)[:, None] == classes, w, out)


def s_moments(t, y, w, out, p):
    t, w = t.astype(np.float64), w[:, None].astype(np.float64)
    table = out.reshape(4, -1)  # weight, sum, sum of squares, squared error; a column an output
    table += [np.broadcast_to(w, t.shape).sum(0), (w * t).sum(0), (w * t * t).sum(0), (w * (t - y) ** 2).sum(0)]


def s_roc(t, y, w, out, p):
    n = y.shape[-1]
    bins = np.clip((y * N_THRESHOLDS).astype(np.int64), 0, N_THRESHOLDS - 1)
    table = out.reshape(2, n, N_THRESHOLDS)  # negatives, positives
    column = np.broadcast_to(np.arange(n), y.shape)
    np.add.at(table, ((t > 0).astype(np.int64), column, bins), np.broadcast_to(w[:, None], y.shape))


STATISTICS: dict[StatisticCode, Callable[..., None]] = {
    StatisticCode.HITS: s_hits,
    StatisticCode.ARGMAX_HITS: s_argmax_hits,
    StatisticCode.TOP_K_HITS: s_top_k_hits,
    StatisticCode.SQUARED_ERROR: s_squared_error,
    StatisticCode.ABSOLUTE_ERROR: s_absolute_error,
    StatisticCode.CONFUSION: s_confusion,
    StatisticCode.ARGMAX_CONFUSION: s_argmax_confusion,
    StatisticCode.MOMENTS: s_moments,
    StatisticCode.ROC: s_roc,
}
TAKES_LABELS = (StatisticCode.ARGMAX_HITS, StatisticCode.TOP_K_HITS, StatisticCode.ARGMAX_CONFUSION)


def n_sums(code: StatisticCode, n_out: int) -> int:
    """How many sums a statistic keeps for ``n_out`` outputs."""
    wide = {
        StatisticCode.CONFUSION: 3,
        StatisticCode.ARGMAX_CONFUSION: 3,
        StatisticCode.MOMENTS: 4,
        StatisticCode.ROC: 2 * N_THRESHOLDS,
    }
    return wide[code] * n_out if code in wide else 2


def _ratio(above, below):
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def r_mean(sums):
    return sums[0] / sums[1] if sums[1] else float("nan")


def r_root_mean(sums):
    return np.sqrt(r_mean(sums))


def r_precision(sums):
    hits, predicted, _ = sums.reshape(3, -1)
    return _ratio(hits, predicted).mean()


def r_recall(sums):
    hits, _, actual = sums.reshape(3, -1)
    return _ratio(hits, actual).mean()


def r_f1(sums):
    hits, predicted, actual = sums.reshape(3, -1)
    return _ratio(2 * hits, predicted + actual).mean()


def r_r2(sums):
    weight, total, squares, error = sums.reshape(4, -1)
    spread = squares - total * total / np.maximum(weight, 1e-300)
    scores = np.where(spread > 0, 1 - _ratio(error, spread), np.where(error > 0, 0.0, 1.0))
    return scores.mean()


def r_auc(sums):
    negative, positive = sums.reshape(2, -1, N_THRESHOLDS)
    above = positive.sum(-1, keepdims=True) - positive.cumsum(-1)
    area = (negative * (above + 0.5 * positive)).sum(-1)  # ties within a bin count half
    return _ratio(area, negative.sum(-1) * positive.sum(-1)).mean()


@fixed
@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : key in ``History.history``.
    statistic : what is summed; None until the loss decides (accuracy, precision, recall, f1).
    result : sums -> value. Metrics of several outputs or classes are unweighted means over them.
    parameter : threshold of predictions (hits, confusion) or k (top_k).
    """

    name: str
    statistic: StatisticCode | None
    result: Callable[[np.ndarray], Any]
    parameter: float = 0.5

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        statistic = None if self.statistic is None else self.statistic.name.lower()
        return {"name": self.name, "parameter": self.parameter, "statistic": statistic}

    def __repr__(self) -> str:
        argument = "k" if self.statistic == StatisticCode.TOP_K_HITS else "threshold"
        plain = METRICS.get(ALIASES.get(self.name, self.name))
        usual = plain is not None and plain.parameter == self.parameter
        return f"<metric {self.name}{'' if usual else f'({argument}={self.parameter:g})'}>"


METRICS: Mapping[str, Metric] = {
    m.name: m
    for m in (
        Metric("accuracy", None, r_mean),
        Metric("binary_accuracy", StatisticCode.HITS, r_mean),
        Metric("categorical_accuracy", StatisticCode.ARGMAX_HITS, r_mean),
        Metric("sparse_categorical_accuracy", StatisticCode.ARGMAX_HITS, r_mean),
        Metric("top_k", StatisticCode.TOP_K_HITS, r_mean, parameter=5),
        Metric("precision", None, r_precision),
        Metric("recall", None, r_recall),
        Metric("f1", None, r_f1),
        Metric("auc", StatisticCode.ROC, r_auc),
        Metric("mse", StatisticCode.SQUARED_ERROR, r_mean),
        Metric("mae", StatisticCode.ABSOLUTE_ERROR, r_mean),
        Metric("rmse", StatisticCode.SQUARED_ERROR, r_root_mean),
        Metric("r2", StatisticCode.MOMENTS, r_r2),
    )
}
ALIASES = {
    "acc": "accuracy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "r2_score": "r2",
    "f1_score": "f1",
    "top_k_categorical_accuracy": "top_k",
    "sparse_top_k_categorical_accuracy": "top_k",
}


def TopK(k: int = 5) -> Metric:
    """Share of rows whose class is among the ``k`` largest outputs."""
    return replace(METRICS["top_k"], parameter=integer("k", k, low=1))


def _thresholded(name: str, threshold: float) -> Metric:
    return replace(METRICS[name], statistic=StatisticCode.CONFUSION, parameter=number("threshold", threshold))


def Precision(threshold: float = 0.5) -> Metric:
    """True positives among predicted positives, at a threshold.

    >>> import numpy as np
    >>> from fastnn import Sequential, metrics
    >>> from fastnn.layers import Activation
    >>> model = Sequential([Activation("linear", input_shape=(1,))])
    >>> model.compile("sgd", "binary_crossentropy", metrics=[metrics.Precision(0.8), metrics.Recall(0.8)])
    >>> told = model.evaluate([[0.9], [0.85], [0.7], [0.1]], [1, 0, 1, 0], return_dict=True)
    >>> round(told["precision"], 3), round(told["recall"], 3)
    (0.5, 0.5)
    """
    return _thresholded("precision", threshold)


def Recall(threshold: float = 0.5) -> Metric:
    """True positives among actual positives, at a threshold."""
    return _thresholded("recall", threshold)


def get(metric: object) -> Metric:
    """Turn what a user wrote (name, record, stored config) into a metric under that name."""
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, dict):
        statistic = metric.get("statistic")
        code = None if statistic is None else StatisticCode[statistic.upper()]
        return replace(get(metric.get("name")), parameter=metric["parameter"], statistic=code)
    if isinstance(metric, str):
        return replace(lookup("metric", metric, METRICS, ALIASES), name=metric)
    raise TypeError(f"metrics must be names or records of fastnn.metrics, got {metric!r}")


def resolve_all(
    metrics: Iterable[Metric], weighted_metrics: Iterable[Metric], loss: Any, n_out: int
) -> list[tuple[Metric, bool]]:
    """All metrics resolved, each with whether row weights count, under names that differ as in Keras."""
    resolved: list[tuple[Metric, bool]] = []
    names: set[str] = set()
    for chosen, weighted in ((metrics, False), (weighted_metrics, True)):
        plain = frozenset(names)
        for metric in chosen:
            name = first = f"weighted_{metric.name}" if metric.name in plain else metric.name
            again = itertools.count(1)
            while name in names:
                name = f"{first}_{next(again)}"
            names.add(name)
            resolved.append((replace(resolve(metric, loss, n_out), name=name), weighted))
    return resolved


def resolve(metric: Metric, loss: Any, n_out: int) -> Metric:
    """Choose the statistic that fits the loss, and check that the target can serve it.

    One output or a loss of independent outputs compares with a threshold (0 for logits and hinge,
    else 0.5); several classes compare the largest output.
    """
    binary = loss.name in ("binary_crossentropy", "binary_focal_crossentropy")
    classes = n_out > 1 and (loss.sparse or not (binary or loss.name == "hinge"))
    on_zero = loss.name == "hinge" or (loss.from_logits and binary)
    if metric.statistic is None:
        hits = metric.name in ("accuracy", "acc")
        code = (
            (StatisticCode.ARGMAX_HITS if classes else StatisticCode.HITS)
            if hits
            else (StatisticCode.ARGMAX_CONFUSION if classes else StatisticCode.CONFUSION)
        )
        return replace(metric, statistic=code, parameter=0.0 if on_zero else 0.5)
    if on_zero and metric.statistic == StatisticCode.ROC:
        raise ValueError(f"metric {metric.name!r} needs probabilities; end the model with a sigmoid, without logits")
    if loss.sparse and metric.statistic not in TAKES_LABELS:
        raise ValueError(
            f"metric {metric.name!r} needs a target as wide as the output; the loss {loss.name!r} has class indices"
        )
    return metric
