"""The report of a model of a table: what is in it, each part computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fastnn._base.reprs import counted, cut
from fastnn._base.writing import write_atomically
from fastnn.tables import Encoding, Table
from fastnn.tables.features import Pixels
from fastnn.tables.scores import score_classes
from fastnn.tables.series import SeriesFeatures
from fastnn.tables.summary import Summary, summarize
from fastnn.tables.target import Classes
from fastnn.tabular.report import balance, baselines, curves, mistakes, scoring
from fastnn.tabular.report import drift as drifting
from fastnn.tabular.report.dependence import partial_dependence
from fastnn.tabular.report.importance import permutation_importance
from fastnn.tabular.report.rows import Scored

MOST_CURVES = 12  # classes that have curves, the most frequent
MOST_DEPENDENCE = 8  # columns that have curves, the most important
CLASSES_ALONE = ("confusion", "roc", "precision_recall", "thresholds", "imbalance")
PARTS = (
    *("scores", "baselines", "confusion", "roc", "precision_recall", "calibration", "thresholds", "residuals"),
    *("importance", "dependence", "drift", "worst", "imbalance", "notes"),
)


class _Left:
    """What a report has been stored without."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and pickling look for
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        raise ValueError(
            "this report was stored without its model and rows, and this part had not been computed; call compute() "
            "before it is stored"
        )


class TableReport:
    """What an analyst needs to know of a model, on rows of a table that it has not seen; see :func:`make_report`.

    Attributes are NumPy arrays in dicts, None where a part says nothing of this target or its rows are not there.

    Attributes
    ----------
    scores : by name; see :mod:`fastnn.tabular.report.scoring`.
    cross_validated : of each score ``mean``, ``std`` and ``folds`` over the folds; empty without any.
    baselines : scores of plain models by name; the constant alone without training rows.
    confusion : ``(n_classes, n_classes)``, rows by their class and the predicted one.
    roc, precision_recall, calibration, thresholds : of each class (of two the second) its curve; see
        :mod:`fastnn.tabular.report.curves`. For numbers ``calibration`` is None, and ``residuals["bins"]`` says it.
    residuals : see :func:`fastnn.tabular.report.mistakes.residuals`.
    importance, dependence : see :mod:`fastnn.tabular.report.importance` and :mod:`~fastnn.tabular.report.dependence`.
    drift : these rows against the training rows; see :func:`fastnn.tabular.report.drift.drift`.
    worst : the rows of the largest loss; see :func:`fastnn.tabular.report.mistakes.worst_rows`.
    imbalance : rare classes; see :func:`fastnn.tabular.report.balance.imbalance`.
    notes : what else should be known, in words.

    A report that is pickled keeps what has been computed, and neither the model nor any rows.
    """

    def __init__(self, scored: Scored, training: baselines.Part | None, **more: Any):
        self.target = scored.target
        self.source, self.rows, self.seen = scored.table.source, len(scored.y), more["seen"]
        self.cross_validated = scoring.spread_of(more["cross_validated"] or [])
        self._scored, self._training, self._more = scored, training, more

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(self.scores.items())[:3])
        return cut(f"<TableReport of {self.target.name!r}, {counted(self.rows, 'row')}: {shown}>")

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_scored", "_training", "_more")}
        return kept | dict.fromkeys(("_scored", "_training", "_more"), _Left())

    def compute(self) -> TableReport:
        """Compute all parts now; returns the report."""
        for name in PARTS:
            getattr(self, name)
        return self

    @property
    def _of_classes(self) -> bool:
        return isinstance(self.target, Classes)

    @cached_property
    def scores(self) -> dict[str, float]:
        return scoring.score(self.target, self._scored.y, self._scored.output)

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        target, rows = self.target, self._scored
        found = {baselines.CONSTANT: baselines.constant_scores(target, rows.y)}
        if self._training is None or not self._more["baselines"]:
            return found
        names, held_out = self._column_names, (rows.table, rows.y)
        training = baselines.sampled(self._training, self._more["seed"])
        found[baselines.LINEAR] = baselines.linear_scores(target, names, training, held_out)
        if baselines.boosts(target):
            boosted = baselines.boosting_scores(target, names, training, held_out, self._more["seed"])
            found |= {} if boosted is None else {baselines.BOOSTING: boosted}
        return found

    @cached_property
    def confusion(self) -> np.ndarray | None:
        return score_classes(self._scored.y, self._scored.probabilities).confusion if self._of_classes else None

    @cached_property
    def roc(self) -> dict[str, Any] | None:
        return self._curves(curves.roc_curve)

    @cached_property
    def precision_recall(self) -> dict[str, Any] | None:
        return self._curves(curves.precision_recall_curve)

    @cached_property
    def calibration(self) -> dict[str, Any] | None:
        return self._curves(curves.calibration_curve)

    @cached_property
    def thresholds(self) -> dict[str, Any] | None:
        return self._curves(curves.threshold_table)

    def _curves(self, curve: Callable[[np.ndarray, np.ndarray], dict[str, Any]]) -> dict[str, Any] | None:
        """The curve of each class against all others: the second of two, of many the most frequent."""
        if not isinstance(self.target, Classes):
            return None
        known, shares = self._scored.y >= 0, self._scored.probabilities
        y, labels = self._scored.y[known], self.target.labels
        counts = np.bincount(y, minlength=len(labels))
        places = [1] if len(labels) == 2 else np.sort(np.argsort(-counts, kind="stable")[:MOST_CURVES]).tolist()
        return {labels[k]: curve(y == k, shares[known, k]) for k in places}

    @cached_property
    def residuals(self) -> dict[str, Any] | None:
        return None if self._of_classes else mistakes.residuals(self._scored)

    @cached_property
    def importance(self) -> dict[str, Any]:
        return permutation_importance(self._scored, self._more["seed"])

    @cached_property
    def dependence(self) -> dict[str, Any]:
        found, used = self.importance, self.importance["loss"].mean(axis=1) > 0
        names = [name for name, uses in zip(found["names"], used, strict=True) if uses]
        return partial_dependence(self._scored, names[:MOST_DEPENDENCE], self._more["seed"])

    @cached_property
    def drift(self) -> dict[str, Any] | None:
        summary = self._summary
        return None if summary is None else drifting.drift(
            summary, self._scored.table, self.target, self._scored.output
        )  # fmt: skip

    @cached_property
    def _summary(self) -> Summary | None:
        """What training saw, as the model file says or the training rows do."""
        if self._more["summary"] is not None or self._training is None:
            return self._more["summary"]
        return summarize(self._training[0], self._column_names)

    @cached_property
    def worst(self) -> dict[str, Any]:
        return mistakes.worst_rows(self._scored)

    @cached_property
    def imbalance(self) -> dict[str, Any] | None:
        if not isinstance(self.target, Classes):
            return None
        y = self._scored.y if self._training is None else self._training[1]
        return balance.imbalance(self.target, y, self._more["class_weights"])

    @property
    def _column_names(self) -> list[str]:
        return drifting.column_names(self._scored.encoding.features)

    @cached_property
    def notes(self) -> list[str]:
        from fastnn.tabular.report.remarks import remarks

        return remarks(self)

    def text(self) -> list[str]:
        """Lines for a terminal."""
        from fastnn.tabular.report.text import lines

        return lines(self)

    def html(self) -> str:
        """One page of HTML that needs nothing else."""
        from fastnn.tabular.report.page import page

        return page(self)

    def save(self, path: Any) -> None:
        """Write :meth:`html` to a file, whole or not at all."""
        write_atomically(path, self.html().encode())


def make_report(
    predict: Callable[[Any], np.ndarray],
    encoding: Encoding,
    table: Table,
    y: np.ndarray,
    *,
    numbers: Sequence[int] | np.ndarray | None = None,
    training: tuple[Table, np.ndarray] | None = None,
    cross_validated: list[dict[str, float]] | None = None,
    baselines: bool = True,
    seed: int = 0,
    summary: Summary | None = None,
    class_weights: np.ndarray | None = None,
    seen: bool = False,
) -> TableReport:
    """The report of a model on rows that it has not seen; its parts are computed when they are asked for.

    Parameters
    ----------
    predict : takes encoded rows and gives ``(n, n_out)``, as ``model.predict``.
    encoding : of the model, for rows of a table.
    table : ``n`` rows with the columns that the model reads.
    y : ``(n,)``, their targets as ``encoding.target.encode`` gives them: class indices (-1 for a class that the model
        does not know), or standardised numbers.
    numbers : ``(n,)``, the rows' numbers in their file, from 1; None counts them.
    training : table and encoded targets of the training rows, for baselines and drift.
    cross_validated : scores of each fold, as :func:`fastnn.tabular.report.scoring.score` gives them.
    baselines : whether to train plain models on the training rows.
    seed : of what is shuffled and drawn.
    summary : what training saw, as the model file has it; it goes before ``training`` for drift.
    class_weights : ``(n_classes,)``, what rows of each class counted in training; None where all counted alike.
    seen : whether these rows were trained on, for there are no others; the report then says so.

    Raises
    ------
    ValueError
        there is no row, lengths differ, or the model is one of images or series.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.tables import Encoding, Numbers, Table, fit_features, fit_quantity
    >>> from fastnn.tabular.report import make_report
    >>> table = Table({"size": Numbers(np.array([1.0, 2.0, 3.0])), "price": Numbers(np.array([2.0, 4.0, 7.0]))})
    >>> encoding = Encoding(fit_features(table.without("price"))[0], fit_quantity("price", table.columns["price"]))
    >>> report = make_report(lambda x: x, encoding, table, encoding.target.encode(table.columns["price"]))
    >>> report
    <TableReport of 'price', 3 rows: rmse 0.2361, mae 0.2222, median_error 0.1833>
    >>> report.importance["names"], report.worst["number"].tolist()
    (['size'], [2, 1, 3])
    """
    if isinstance(encoding.features, SeriesFeatures | Pixels):
        kind = "series" if isinstance(encoding.features, SeriesFeatures) else "images"
        raise ValueError(f"a report is of a model of rows of a table; this one reads {kind}")
    y = np.asarray(y)
    named = np.arange(1, len(y) + 1) if numbers is None else np.asarray(numbers)
    if not len(y) or not len(y) == len(table) == len(named):
        raise ValueError(
            f"a report needs rows with a target and a number each, got {counted(len(table), 'row')}, "
            f"{counted(len(y), 'target')} and {counted(len(named), 'number')}"
        )
    scored = Scored(predict, encoding, table, y, named)
    more = {"cross_validated": cross_validated, "baselines": baselines, "seed": seed}
    return TableReport(scored, training, **more, summary=summary, class_weights=class_weights, seen=seen)
