"""What plain models reach on the same rows: a constant, a linear model, and gradient boosting where it is installed.

Design: the linear model has an encoding of its own, standardised numbers and one-hot categories, so that it is what the
word says, whatever the network's encoding makes of a column. Its penalty is that of scikit-learn's defaults.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn._base.threads import get_num_threads
from fastnn.layers import Dense
from fastnn.models.sequential import Sequential
from fastnn.optimizers import LBFGS
from fastnn.regularizers import L2
from fastnn.tables import Table
from fastnn.tables.columns import NumberFeature
from fastnn.tables.features import TableFeatures
from fastnn.tables.fit import fit_columns
from fastnn.tables.table import Column, Numbers, Text
from fastnn.tables.target import Classes, Quantity, Target
from fastnn.tabular.networks import ends
from fastnn.tabular.report.scoring import score_probabilities, score_values

MOST_ROWS = 50_000  # that a baseline is trained on
MOST_ITERATIONS = 200
MOST_NUMBERS = 10**8  # of encoded rows that the linear model learns from
MOST_BOOSTED, MOST_COLUMNS = 30, 2000  # classes and columns up to which gradient boosting is tried: each takes its time
CONSTANT, LINEAR, BOOSTING = "constant", "linear model", "gradient boosting"

Part = tuple[Table, np.ndarray]  # rows, and their encoded targets
Split = tuple[Part, Table, np.ndarray]  # rows to learn from, rows to predict, and which of those scored they are


def sampled(part: Part, seed: int, most: int = MOST_ROWS) -> Part:
    """At most so many of the rows, drawn by the seed."""
    table, y = part
    if len(y) <= most:
        return part
    rows = np.sort(np.random.default_rng(seed).choice(len(y), most, replace=False))
    return table.take(rows), y[rows]


def together(first: Part | None, second: Part) -> Part:
    """The rows of both, of the columns of the second."""
    if first is None:
        return second
    (table, y), (other, z) = first, second
    columns = {name: _joined(table.columns[name], column) for name, column in other.columns.items()}
    return Table(columns, other.source), np.concatenate([y, z])


def _joined(first: Any, second: Any) -> Column:
    if isinstance(first, Numbers) and isinstance(second, Numbers):
        return Numbers(np.concatenate([first.values, second.values]))
    values = tuple(sorted({*first.values, *second.values}))
    place = {value: code for code, value in enumerate(values)}
    codes = [np.array([*(place[v] for v in part.values), -1], np.int32)[part.codes] for part in (first, second)]
    return Text(np.concatenate(codes), values, second.decimal)


def boosts(target: Target, n_columns: int) -> bool:
    """Whether gradient boosting is tried."""
    few = not isinstance(target, Classes) or len(target.labels) <= MOST_BOOSTED
    return few and n_columns <= MOST_COLUMNS


def constant_scores(target: Target, y: np.ndarray) -> dict[str, float]:
    """Scores of the best constant: the mean; the most frequent class, with the classes' shares as probabilities.

    It is that of the rows scored, so that no model looks better than it by a shift between rows.
    """
    if not isinstance(target, Classes):
        values = target.restore(y)
        return score_values(values, np.full(len(y), values.mean()))
    counts = np.bincount(y[y >= 0], minlength=len(target.labels))
    shares = counts / max(1, counts.sum())
    return score_probabilities(y, np.broadcast_to(shares, (len(y), len(counts))))


def trained_scores(
    kind: str, target: Target, names: list[str], splits: list[Split], y: np.ndarray, seed: int
) -> dict[str, float] | None:
    """Scores of a plain model, trained anew for each split, on all rows that these leave out; None without it.

    ``y`` ``(n,)`` are encoded targets of the rows scored, ``names`` the columns to learn from.
    """
    train = TRAINED[kind]
    found: dict[int, np.ndarray] = {}
    for training, table, rows in splits:
        said = train(target, names, sampled(training, seed), table, seed)
        if said is None:
            return None
        found.update(zip(rows.tolist(), said, strict=True))
    rows = np.array(sorted(found))
    said = np.array([found[row] for row in rows.tolist()])
    if isinstance(target, Classes):
        return score_probabilities(y[rows], said)
    return score_values(target.restore(y[rows]), said)


def linear(target: Target, names: list[str], training: Part, table: Table, seed: int) -> np.ndarray:
    """What ridge or logistic regression says of a table: probabilities ``(n, n_classes)``, or numbers ``(n,)``."""
    learned, y = training
    plain, y = unlimited(target, y)
    features = TableFeatures(fit_columns({name: learned.columns[name] for name in names})[0])
    if not features.width:  # each column is constant, or names its rows
        features = TableFeatures([NumberFeature(names[0], 0.0, 0.0, False)])
        learned, table = (Table({names[0]: Numbers(np.zeros(len(some)))}) for some in (learned, table))
    few = sampled((learned, y), seed, max(1, MOST_NUMBERS // features.width))
    output = fitted_linear(plain, features, *few).predict(features.encode(table))
    return plain.probabilities(output) if isinstance(plain, Classes) else plain.decode(output)


def unlimited(target: Target, y: np.ndarray) -> tuple[Target, np.ndarray]:
    """Numbers standardised as they are, without what else the network's target does to them; classes stay."""
    if isinstance(target, Classes):
        return target, y
    values = target.restore(y)
    plain = Quantity(target.name, float(values.mean()), float(values.std()) or 1.0)
    return plain, (values - plain.mean) / plain.spread


def fitted_linear(target: Target, features: TableFeatures, table: Table, y: np.ndarray) -> Sequential:
    """The linear model of encoded rows: its loss is ``mean + |w|^2 / 2n`` of the log loss, ``|w|^2 / n`` of squares."""
    activation, loss = ends(target)
    share = 0.5 if isinstance(target, Classes) else 1.0
    penalty = L2(share / len(y))
    model = Sequential([Dense(target.n_out, activation, kernel_regularizer=penalty, input_shape=(features.width,))])
    model.seed = 0
    model.compile(LBFGS(), loss)
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    model.fit(features.encode(table), y, epochs=MOST_ITERATIONS, verbose=0)
    return model


def boosting(target: Target, names: list[str], training: Part, table: Table, seed: int) -> np.ndarray | None:
    """What scikit-learn's HistGradientBoosting says with its defaults, as :func:`linear`; None without scikit-learn."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError:
        return None
    from threadpoolctl import threadpool_limits  # which scikit-learn needs

    (learned, y), coded = training, Codes(names, training[0])
    x, unseen = coded(learned), coded(table)
    with threadpool_limits(get_num_threads()):
        if not isinstance(target, Classes):
            found: np.ndarray | None = (
                HistGradientBoostingRegressor(random_state=seed).fit(x, target.restore(y)).predict(unseen)
            )
            return found
        alone = (np.unique(y, return_counts=True)[1] < 2).any()  # and so none of it can be held out
        stopping: bool | str = False if alone else "auto"
        classifier = HistGradientBoostingClassifier(random_state=seed, early_stopping=stopping).fit(x, y)
        probabilities = np.zeros((len(unseen), len(target.labels)))
        probabilities[:, classifier.classes_] = classifier.predict_proba(unseen)
    return probabilities


TRAINED = {LINEAR: linear, BOOSTING: boosting}


class Codes:
    """Columns as trees take them: numbers as they are, categories by their number among those of training rows."""

    def __init__(self, names: list[str], training: Table):
        self.names = [name for name in names if not training.columns[name].gaps.all()]  # scikit-learn refuses others
        self.known = {
            name: {value: code for code, value in enumerate(column.values)}
            for name, column in training.columns.items()
            if name in names and not isinstance(column, Numbers)
        }

    def __call__(self, table: Table) -> np.ndarray:
        """``(n, columns)`` float64, NaN for a gap and for a category that training rows had not."""
        columns = [self._column(name, table.columns[name]) for name in self.names]
        return np.column_stack(columns) if columns else np.zeros((len(table), 1))

    def _column(self, name: str, column: Column) -> np.ndarray:
        if isinstance(column, Numbers):
            return np.full(len(column), np.nan) if name in self.known else column.values
        known = self.known.get(name, {})
        found: np.ndarray = np.array([*(known.get(value, np.nan) for value in column.values), np.nan], np.float64)[
            column.codes
        ]
        return found
