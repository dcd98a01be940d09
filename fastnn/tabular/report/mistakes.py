"""The rows that a model was most wrong about, and how far numbers are off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.scores import LEAST
from fastnn.tables.target import Classes
from fastnn.tabular.report.curves import binned
from fastnn.tabular.report.rows import Scored

if TYPE_CHECKING:
    from fastnn.tabular.report.found import Residuals, WorstRows

MOST = 20
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)


def worst_rows(scored: Scored, most: int = MOST) -> WorstRows:
    """The rows of the largest loss, the worst first; of classes those alone that the model knows.

    ``number``, the row in its file, ``row``, its place in the table from 0, ``actual`` and ``predicted``, ``(k,)``, and
    ``loss``: ``-log(p)`` of the right class, or the distance. Of classes also ``probability`` of the actual one, and
    ``confidence``, that of the predicted one.
    """
    target = scored.target
    if not isinstance(target, Classes):
        actual, predicted = scored.values, target.decode(scored.output)
        loss = np.abs(predicted - actual)
        rows = np.argsort(-loss, kind="stable")[:most]
        return {
            "number": scored.numbers[rows],
            "row": rows,
            "actual": actual[rows],
            "predicted": predicted[rows],
            "loss": loss[rows],
        }
    known = np.flatnonzero(scored.y >= 0)
    given = scored.probabilities[known, scored.y[known]].astype(np.float64)
    rows = known[np.argsort(given, kind="stable")[:most]]
    labels, given = np.array(target.labels, object), np.sort(given, kind="stable")[:most]
    said = scored.probabilities[rows].argmax(axis=1)
    return {
        "number": scored.numbers[rows],
        "row": rows,
        "actual": labels[scored.y[rows]],
        "predicted": labels[said],
        "loss": -np.log(np.maximum(given, LEAST)),
        "probability": given,
        "confidence": scored.probabilities[rows, said],
    }


def residuals(scored: Scored) -> Residuals:
    """How far predicted numbers are off: ``actual``, ``predicted``, ``residual`` (actual minus predicted), ``(n,)``.

    ``within`` says of shares of the rows how far they are off at most; ``bins`` are tenths of the rows by prediction:
    ``predicted`` and ``actual``, their means, and ``rows``, each ``(k,)``.
    """
    assert not isinstance(scored.target, Classes)
    actual, predicted = scored.values, scored.target.decode(scored.output)
    distance = np.abs(actual - predicted)
    means, targets, rows = binned(actual, predicted)
    return {
        "actual": actual,
        "predicted": predicted,
        "residual": actual - predicted,
        "within": {share: float(np.quantile(distance, share)) for share in SHARES},
        "bins": {"predicted": means, "actual": targets, "rows": rows},
    }
