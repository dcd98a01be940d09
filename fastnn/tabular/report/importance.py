"""Permutation importance: how much worse a model gets when the values of one column are shuffled among the rows.

Breiman (2001), "Random Forests"; Fisher, Rudin and Dominici (2019). Rows are encoded once. All places of a column, its
gaps and codes among them, move together, and several shuffles are predicted in one call.

Design: by the loss (log loss, squared error), which every change of a prediction changes, and by a score that is known
(AUC, RMSE). Columns that say the same share what they are worth: each alone may seem to be worth little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.tables.scores import LEAST, roc_auc
from fastnn.tables.target import Classes
from fastnn.tabular.report.rows import Scored, arrays, as_encoded, said
from fastnn.tabular.report.scoring import mean_auc

if TYPE_CHECKING:
    from fastnn.tabular.report.found import Importance

REPEATS = 5
MOST_ROWS = 5000  # that are shuffled
BUDGET, NUMBERS = 2_000_000, 3 * 10**9  # rows predicted in all, and their numbers; of very many columns fewer of each
FEWEST_ROWS = 100
BLOCK = 4_000_000  # numbers of encoded rows that are predicted in one call
FEW_CLASSES = 10  # up to which the score is the mean AUC of the classes; of more it is the accuracy


def permutation_importance(scored: Scored, seed: int = 0, repeats: int | None = None) -> Importance:
    """What each column is worth, the most important first.

    Returns
    -------
    ``names`` of the columns; ``loss`` and ``score`` ``(columns, repeats)``, by how much each shuffle raised the loss
    and worsened the score; ``loss_name``, ``score_name``, ``base_loss``, ``base_score`` of the rows as they are, and
    ``rows``, how many there were. A column that the model does not use has exactly 0.
    """
    names = list(scored.places)
    n_rows, repeats = _size(len(scored.y), len(names), scored.width, repeats)
    part = scored.sample(n_rows, seed)
    measure = Measure(part)
    base_loss, base_score = measure(part.predicted)
    changes = _changes(part, names, repeats, measure, np.random.default_rng(seed)) - (base_loss, base_score)
    changes[..., 1] *= measure.sign
    order = np.argsort(-changes[..., 0].mean(axis=1), kind="stable")
    return {
        "names": [names[i] for i in order],
        "loss": changes[order, :, 0],
        "score": changes[order, :, 1],
        "loss_name": measure.loss_name,
        "score_name": measure.score_name,
        "base_loss": base_loss,
        "base_score": base_score,
        "rows": len(part.y),
    }


def _size(n: int, n_columns: int, width: int, repeats: int | None) -> tuple[int, int]:
    """Rows and repeats that the budget allows: fewer rows first, then fewer repeats."""
    shuffled = min(BUDGET, NUMBERS // max(1, width)) // max(1, n_columns)  # rows of each column
    chosen = min(REPEATS, max(1, shuffled // FEWEST_ROWS)) if repeats is None else repeats
    return min(n, MOST_ROWS, max(FEWEST_ROWS, shuffled // chosen)), chosen


def _changes(part: Scored, names: list[str], repeats: int, measure: Measure, random: np.random.Generator) -> np.ndarray:
    """Loss and score ``(columns, repeats, 2)`` with each column shuffled."""
    x, n = arrays(part.x), len(part.y)
    at_once = max(1, BLOCK // max(1, n * sum(array.shape[1] for array in x)))
    orders = [random.permutation(n) for _ in range(repeats)]  # the same for all columns, which are compared
    pairs = [(name, order) for name in names for order in orders]
    found: list[tuple[float, float]] = []
    for first in range(0, len(pairs), at_once):
        some = pairs[first : first + at_once]
        many = [np.tile(array, (len(some), 1)) for array in x]
        for k, (name, order) in enumerate(some):
            for array, places in part.places[name]:
                many[array][k * n : (k + 1) * n, places] = x[array][order, places]
        output = said(part.predict, as_encoded(many))
        found += [measure(output[k * n : (k + 1) * n]) for k in range(len(some))]
    return np.array(found).reshape(len(names), repeats, 2)


class Measure:
    """Loss and score of outputs ``(n, n_out)`` of the same rows; ``sign`` is that of a score that gets worse."""

    def __init__(self, part: Scored):
        self.target, self.y = part.target, part.y
        self.of_classes = isinstance(part.target, Classes)
        self.known = part.y >= 0 if self.of_classes else np.ones(len(part.y), bool)
        n_classes = len(part.target.labels) if isinstance(part.target, Classes) else 0
        self.loss_name = "log_loss" if n_classes else "squared_error"
        self.score_name = ("auc" if n_classes <= FEW_CLASSES else "accuracy") if n_classes else "rmse"
        self.sign = -1.0 if n_classes else 1.0

    def __call__(self, output: np.ndarray) -> tuple[float, float]:
        target, y, known = self.target, self.y[self.known], self.known
        if not isinstance(target, Classes):
            squared = float(((target.decode(output) - target.restore(y)) ** 2).mean())
            return squared, squared**0.5
        probabilities = target.probabilities(np.asarray(output[known], np.float64))
        loss = float(-np.log(np.maximum(probabilities[np.arange(len(y)), y], LEAST)).mean())
        if self.score_name == "accuracy":
            return loss, float((probabilities.argmax(axis=1) == y).mean())
        two = probabilities.shape[1] == 2
        return loss, roc_auc(y == 1, probabilities[:, 1]) if two else mean_auc(y, probabilities)
