"""Statistics: what a backend adds up over rows while a model trains, and hands out once an epoch.

``statistic(t, y, w, out, p)`` adds the rows of a block to ``out``, float64: ``t`` as wide as ``y`` ``(rows, n)`` or
class indices ``(rows,)`` where a statistic takes them, ``w`` ``(rows,)``, ``p`` a threshold or k; of PREDICTIONS 1
where each row is followed by its weight. Several metrics read one statistic (precision, recall and f1 are three
readings of one table), so a backend knows ten and no metric.

The threshold is for predictions alone. Targets between 0 and 1 are read as Keras 3 reads them: hits are only those of
a target that is just the answer, 1 for yes and 0 or -1 for no; tables of yes and no take every target above 0 for yes.

Design: sums keep an epoch at one native call, and its memory does not grow with the data. What no sums can give
exactly (the area under a curve for any scores, functions of the user) reads PREDICTIONS, which keeps the numbers
themselves, 8 bytes each. A histogram of scores (rejected) is off by as much as its bins are wide: 200 thresholds tell
nothing of rare events, and even 2**16 bins over the bits of a float32 nothing of scores in a band of 1e-4.
Spreads are kept as mean and squared deviations, updated together (Welford 1962; Chan, Golub and LeVeque 1979), because
sums of squares lose all digits of targets such as 1.6e9 +- 100.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np


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
    PREDICTIONS = 8
    NUMBER_HITS = 9


def labels(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Class index of each row: of the target itself when it is one, else of its largest entry."""
    return t if t.ndim < y.ndim else t.argmax(axis=-1)


def one_hot(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The target as wide as the prediction, of class indices as well."""
    return t if t.ndim == y.ndim else (t[:, None] == np.arange(y.shape[-1])).astype(y.dtype)


def _mean(values: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
    out += (values * w).sum(dtype=np.float64), w.sum(dtype=np.float64)


def s_hits(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    _mean(np.where(y > p, t == 1, t <= 0).mean(axis=-1), w, out)


def s_argmax_hits(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    _mean(labels(t, y) == y.argmax(axis=-1), w, out)


def s_top_k_hits(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    hit = np.take_along_axis(y, labels(t, y)[:, None], axis=-1)
    _mean((y > hit).sum(axis=-1) < p, w, out)


def s_squared_error(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    _mean(((y - t).astype(np.float64) ** 2).mean(axis=-1), w, out)


def s_absolute_error(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    _mean(np.abs(y - t).mean(axis=-1, dtype=np.float64), w, out)


def _confusion(actual: np.ndarray, predicted: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
    table = out.reshape(3, -1)  # true positives, predicted, actual; a column an output
    w = w[:, None].astype(np.float64)
    table += [((actual & predicted) * w).sum(0), (predicted * w).sum(0), (actual * w).sum(0)]


def s_confusion(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    _confusion(one_hot(t, y) > 0, y > p, w, out)


def s_argmax_confusion(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    classes = np.arange(y.shape[-1])
    _confusion(labels(t, y)[:, None] == classes, y.argmax(axis=-1)[:, None] == classes, w, out)


def s_moments(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    table = out.reshape(4, -1)  # weight, mean of targets, their squared deviations, squared error; a column an output
    t, w = t.astype(np.float64), w[:, None].astype(np.float64)
    table[3] += (w * (t - y) ** 2).sum(0)
    weight, before = w.sum(), table[0].copy()
    table[0] += weight
    share = np.divide(weight, table[0], out=np.zeros_like(before), where=table[0] != 0)
    from_first = t - t[0]
    mean = (w * from_first).sum(0) / weight if weight else 0.0
    between = t[0] + mean - table[1]
    table[1] += between * share
    table[2] += (w * (from_first - mean) ** 2).sum(0) + before * between * (between * share)


def s_predictions(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    first = 1 + int(out[0])  # out[0] counts the numbers kept so far
    kept = np.column_stack([y, w]) if p else y
    out[first : first + kept.size] = kept.ravel()
    out[0] += kept.size


def s_number_hits(t: np.ndarray, y: np.ndarray, w: np.ndarray, out: np.ndarray, p: float) -> None:
    """Hits by four rules, the weight, and how many targets speak against the first three (see ``accuracy.py``)."""
    yes, no, none = t == 1, t == 0, t == -1
    one = (yes.sum(axis=-1) == 1) & (yes | no).all(axis=-1) & (y.shape[-1] > 1)
    by_rule = (y > 0.5) == yes, (y > 0) == yes, y == t
    hits = [(rule.mean(axis=-1) * w).sum(dtype=np.float64) for rule in by_rule]
    hits.append(((t.argmax(axis=-1) == y.argmax(axis=-1)) * w).sum(dtype=np.float64))
    out += *hits, w.sum(dtype=np.float64), (~(yes | no)).sum(), (~(yes | none)).sum(), (~one).sum()


def join_moments(total: np.ndarray, part: np.ndarray) -> None:
    """Join two tables of moments (Chan, Golub and LeVeque 1979)."""
    into, came = total.reshape(4, -1), part.reshape(4, -1)
    before, weight = into[0].copy(), into[0] + came[0]
    share = np.divide(came[0], weight, out=np.zeros_like(weight), where=weight != 0)
    between = came[1] - into[1]
    into[0] = weight
    into[1] += between * share
    into[2] += came[2] + before * between * (between * share)
    into[3] += came[3]


def join_predictions(total: np.ndarray, part: np.ndarray) -> None:
    """Put kept predictions behind those that are there."""
    first, n = 1 + int(total[0]), int(part[0])
    total[first : first + n] = part[1 : 1 + n]
    total[0] += n


JOINS: dict[int, Callable[[np.ndarray, np.ndarray], None]] = {  # of statistics of two sets of rows; others are added
    StatisticCode.MOMENTS: join_moments,
    StatisticCode.PREDICTIONS: join_predictions,
}
STATISTICS: dict[int, Callable[..., None]] = {
    StatisticCode.HITS: s_hits,
    StatisticCode.ARGMAX_HITS: s_argmax_hits,
    StatisticCode.TOP_K_HITS: s_top_k_hits,
    StatisticCode.SQUARED_ERROR: s_squared_error,
    StatisticCode.ABSOLUTE_ERROR: s_absolute_error,
    StatisticCode.CONFUSION: s_confusion,
    StatisticCode.ARGMAX_CONFUSION: s_argmax_confusion,
    StatisticCode.MOMENTS: s_moments,
    StatisticCode.PREDICTIONS: s_predictions,
    StatisticCode.NUMBER_HITS: s_number_hits,
}
TAKES_LABELS = (
    StatisticCode.ARGMAX_HITS,
    StatisticCode.TOP_K_HITS,
    StatisticCode.CONFUSION,
    StatisticCode.ARGMAX_CONFUSION,
    StatisticCode.PREDICTIONS,
)
A_COLUMN = {StatisticCode.CONFUSION: 3, StatisticCode.ARGMAX_CONFUSION: 3, StatisticCode.MOMENTS: 4}


def n_sums(code: StatisticCode, n_out: int, n_rows: int = 0, parameter: float = 0.0) -> int:
    """How many sums a statistic keeps for ``n_out`` outputs, of at most ``n_rows`` rows where it keeps them.

    Parameters
    ----------
    code : the statistic.
    n_out : numbers of the output.
    n_rows : rows, of a statistic that keeps them.
    parameter : the statistic's own, see :class:`StatisticCode`.
    """
    if code == StatisticCode.PREDICTIONS:
        return 1 + n_rows * (n_out + int(parameter))
    if code == StatisticCode.NUMBER_HITS:
        return 8
    return A_COLUMN.get(code, 0) * n_out or 2
