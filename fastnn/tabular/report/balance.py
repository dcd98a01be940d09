"""Classes that few rows have: named, with what was done about it, and with what can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import cut
from fastnn.tables.target import Classes

if TYPE_CHECKING:
    from fastnn.tabular.report.found import Imbalance

RARE = 0.1  # of the rows, below which a class is rare
OF_MANY = 0.5  # times what it would have if all had alike, where that is less
MOST_NAMED = 5


def imbalance(target: Classes, y: np.ndarray, weights: np.ndarray | None) -> Imbalance:
    """``counts`` and ``shares`` ``(n_classes,)`` of the rows ``y``, the names of the ``rare`` classes, and a ``note``.

    The note is empty where no class is rare; ``weights`` ``(n_classes,)`` is how much rows of each class counted.

    >>> target = Classes("fraud", ["no", "yes"])
    >>> found = imbalance(target, np.array([0] * 19 + [1]), None)
    >>> found["rare"], found["note"][:36]
    (['yes'], "'yes' has 1 of 20 rows (5.0 %). Rows")
    """
    counts = np.bincount(y[y >= 0], minlength=len(target.labels))
    shares = counts / max(1, counts.sum())
    rare = np.flatnonzero(shares < min(RARE, OF_MANY / len(counts)))
    return {
        "counts": counts,
        "shares": shares,
        "rare": [target.labels[i] for i in rare.tolist()],
        "note": _note(target, counts, rare, weights) if len(rare) else "",
    }


def _note(target: Classes, counts: np.ndarray, rare: np.ndarray, weights: np.ndarray | None) -> str:
    total, least = max(1, int(counts.sum())), rare[np.argsort(counts[rare], kind="stable")]
    named = ", ".join(
        f"{cut(repr(target.labels[i]), 40)} has {counts[i]:,} of {total:,} rows ({100 * counts[i] / total:.1f} %)"
        for i in least[:MOST_NAMED]
    ) + (f", and {len(least) - MOST_NAMED} more classes are rare" if len(least) > MOST_NAMED else "")
    most = int(counts.argmax())
    hides = (
        f"Accuracy hides such classes: always {cut(repr(target.labels[most]), 40)} reaches "
        f"{counts[most] / total:.3f}; look at recall, at precision and recall, and at thresholds."
    )
    if weights is None:
        done = (
            "Rows of all classes counted alike in training. --class-weight balanced (class_weight='balanced') would "
            "count each class alike: more of the rare rows are found, with more false alarms, and probabilities of "
            "rare classes become too high. A lower threshold does the same and leaves the probabilities as they are."
        )
    else:
        shown = ", ".join(f"{cut(repr(target.labels[i]), 40)} {weights[i]:.3g}" for i in least[:MOST_NAMED])
        done = (
            f"Rows counted by class weights in training ({shown}), which finds more of the rare rows, with more false "
            "alarms; probabilities of classes of large weight are too high."
        )
    return f"{named}. {done} {hides}"
