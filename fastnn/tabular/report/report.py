"""The report of a model of a table: what is in it, each part computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from fastnn._base.reprs import counted, cut
from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn.tables.scores import score_classes
from fastnn.tables.summary import Summary, summarize
from fastnn.tables.target import Classes
from fastnn.tabular.report import balance, baselines, curves, mistakes, scoring
from fastnn.tabular.report import drift as drifting
from fastnn.tabular.report.baselines import Part, Split, together
from fastnn.tabular.report.dependence import partial_dependence
from fastnn.tabular.report.importance import permutation_importance
from fastnn.tabular.report.rows import Scored

if TYPE_CHECKING:
    from fastnn.tabular.report.found import (
        CalibrationCurve,
        Dependence,
        Drift,
        Imbalance,
        Importance,
        PrecisionRecallCurve,
        Residuals,
        RocCurve,
        ThresholdTable,
        WorstRows,
    )

Curve = TypeVar("Curve")

MOST_CURVES = 12  # classes that have curves, the most frequent
MOST_DEPENDENCE = 8  # columns that have curves, the most important
PARTS = (
    *("scores", "baselines", "confusion", "roc", "precision_recall", "calibration", "thresholds", "residuals"),
    *("importance", "dependence", "drift", "worst", "imbalance", "notes"),
)


class _Left:
    """What a report has been stored without."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # what copying and pickling look for
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> NoReturn:
        raise ValueError(
            "this report was stored without its model and rows, and this part had not been computed; call compute() "
            "before it is stored"
        )


class TableReport:
    """What an analyst needs to know of a model, on rows of a table that it has not seen.

    :func:`~fastnn.tabular.report.make.make_report` makes it.

    Attributes are NumPy arrays in dicts, None where a part says nothing of this target or its rows are not there.

    Parameters
    ----------
    scored : the rows it is about, and what the model says of them.
    training : the rows that the model learned from, or None.
    **more : scores of folds and other figures that the training knows.

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

    def __init__(self, scored: Scored, training: Part | None, **more: Any):
        self.target = scored.target
        self.source, self.rows, self.seen = scored.table.source, len(scored.y), more["seen"]
        self.out_of_fold = scored.given is not None
        folds = more["folds"]
        parts = [] if folds is None else [folds == fold for fold in np.unique(folds)]
        if more["cross_validated"] is None and len(parts) > 1:
            more["cross_validated"] = [scoring.score(self.target, scored.y[p], scored.output[p]) for p in parts]
        self.cross_validated = scoring.spread_of(more["cross_validated"] or [])
        self._scored, self._training, self._more = scored, training, more

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(self.scores.items())[:3])
        return cut(f"<TableReport of {self.target.name!r}, {counted(self.rows, 'row')}: {shown}>")

    def __getstate__(self) -> dict[str, object]:
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
        target, y, names = self.target, self._scored.y, self._column_names
        found = {baselines.CONSTANT: baselines.constant_scores(target, y)}
        splits = self._splits
        for kind in baselines.TRAINED if splits and names and self._more["baselines"] else ():
            if kind != baselines.BOOSTING or baselines.boosts(target, len(names)):
                scores = baselines.trained_scores(kind, target, names, splits, y, self._more["seed"])
                found |= {} if scores is None else {kind: scores}
        return found

    @property
    def _splits(self) -> list[Split]:
        """What plain models learn from and predict: the training rows and these; these fold by fold, with them."""
        table, y, folds = self._scored.table, self._scored.y, self._more["folds"]
        if folds is None:
            return [] if self._training is None else [(self._training, table, np.arange(len(y)))]
        splits = []
        for fold in np.unique(folds):
            learned, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            if len(learned) or self._training is not None:
                training = together(self._training, (table.take(learned), y[learned]))
                splits.append((training, table.take(held), held))
        return splits

    @cached_property
    def confusion(self) -> np.ndarray | None:
        return score_classes(self._scored.y, self._scored.probabilities).confusion if self._of_classes else None

    @cached_property
    def roc(self) -> dict[str, RocCurve] | None:
        return self._curves(curves.roc_curve)

    @cached_property
    def precision_recall(self) -> dict[str, PrecisionRecallCurve] | None:
        return self._curves(curves.precision_recall_curve)

    @cached_property
    def calibration(self) -> dict[str, CalibrationCurve] | None:
        return self._curves(curves.calibration_curve)

    @cached_property
    def thresholds(self) -> dict[str, ThresholdTable] | None:
        return self._curves(curves.threshold_table)

    def _curves(self, curve: Callable[[np.ndarray, np.ndarray], Curve]) -> dict[str, Curve] | None:
        """The curve of each class against all others: the second of two, of many the most frequent."""
        if not isinstance(self.target, Classes):
            return None
        known, shares = self._scored.y >= 0, self._scored.probabilities
        y, labels = self._scored.y[known], self.target.labels
        counts = np.bincount(y, minlength=len(labels))
        places = [1] if len(labels) == 2 else np.sort(np.argsort(-counts, kind="stable")[:MOST_CURVES]).tolist()
        return {labels[k]: curve(y == k, shares[known, k]) for k in places}

    @cached_property
    def residuals(self) -> Residuals | None:
        return None if self._of_classes else mistakes.residuals(self._scored)

    @cached_property
    def importance(self) -> Importance:
        return permutation_importance(self._scored, self._more["seed"])

    @cached_property
    def dependence(self) -> dict[str, Dependence]:
        found, used = self.importance, self.importance["loss"].mean(axis=1) > 0
        names = [name for name, uses in zip(found["names"], used, strict=True) if uses]
        return partial_dependence(self._scored, names[:MOST_DEPENDENCE], self._more["seed"])

    @cached_property
    def drift(self) -> Drift | None:
        summary = self._summary
        return None if summary is None else drifting.drift(
            summary, self._scored.table, self.target, self._scored.output
        )  # fmt: skip

    @cached_property
    def _summary(self) -> Summary | None:
        """What training saw, as the model file says or the training rows do."""
        if self._more["summary"] is not None or self._training is None or self._more["folds"] is not None:
            found: Summary | None = self._more["summary"]
            return found
        return summarize(self._training[0], self._column_names)

    @cached_property
    def worst(self) -> WorstRows:
        return mistakes.worst_rows(self._scored)

    @cached_property
    def imbalance(self) -> Imbalance | None:
        if not isinstance(self.target, Classes):
            return None
        seen = [] if self._training is None else [self._training[1]]
        held = [self._scored.y] if not seen or self._more["folds"] is not None else []
        y = np.concatenate([*seen, *held])
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

    def save(self, path: StrPath) -> None:
        """Write :meth:`html` to a file, whole or not at all.

        Parameters
        ----------
        path : name of the page, ``report.html`` for example.
        """
        write_atomically(path, self.html().encode())
