"""What else should be known of a report, in words: what was left out or drawn, and what looks wrong."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn.tables.table import Table, listed
from fastnn.tables.target import Classes
from fastnn.tabular.report import baselines
from fastnn.tabular.report.rows import arrays
from fastnn.tabular.report.words import TITLES, in_figures

if TYPE_CHECKING:
    from fastnn.tables.features import Features
    from fastnn.tables.series import SeriesFeatures
    from fastnn.tables.texts import TextFeatures
    from fastnn.tabular.report.report import TableReport

TOO_GOOD = 0.9  # share of what the model gains that one column's shuffle takes away
FEW_ROWS = 100
SHARE_EQUAL = 0.01  # of the rows, from which it is told that they equal training rows
BLOCK = 10_000  # rows


def remarks(report: TableReport) -> list[str]:
    """Notes on a report."""
    told = (_rows, _unknown, _twice, _baselines, _shuffles, _better)
    return [note for make in told for note in make(report)]


def _rows(report: TableReport) -> list[str]:
    told = []
    if report.seen:
        told.append("the model was trained on these very rows: on new ones it is worse")
    if report.rows < FEW_ROWS:
        told.append(f"scores are of {counted(report.rows, 'row')} alone: with other rows they may be quite different")
    return told


def _unknown(report: TableReport) -> list[str]:
    if not isinstance(report.target, Classes):
        return []
    n_unknown = int((report._scored.y < 0).sum())
    if not n_unknown:
        return []
    return [f"{counted(n_unknown, 'row')} of a class that the model does not know: wrong, and in no curve"]


def _twice(report: TableReport) -> list[str]:
    """Rows that training rows are equal to in all that the model reads."""
    if report._training is None or report.seen or report._more["folds"] is not None:
        return []
    scored, (table, _) = report._scored, report._training
    seen, new = (row_keys(scored.encoding.features, rows) for rows in (table, scored.table))
    equal = int(np.isin(new, seen).sum())
    if equal < SHARE_EQUAL * report.rows:
        return []
    are = "row equals a training row" if equal == 1 else "rows equal training rows"
    return [
        f"{equal:,} of {report.rows:,} {are} in all columns that the model reads: if they are the same cases, scores "
        "are too good"
    ]


def row_keys(features: Features | SeriesFeatures | TextFeatures, table: Table) -> np.ndarray:
    """A number ``(n,)`` for each row, equal for rows that are encoded alike and, but for odd chance, only for them."""
    keys = np.zeros(len(table))
    for first in range(0, len(table), BLOCK):
        rows, random = np.arange(first, min(len(table), first + BLOCK)), np.random.default_rng(0)
        for part in arrays(features.encode(table.take(rows))):
            keys[rows] += (part * random.standard_normal(part.shape[1])).sum(axis=1)
    return keys


def _baselines(report: TableReport) -> list[str]:
    told = []
    if not report._more["baselines"]:
        return []
    texts = getattr(report._scored.encoding.features, "texts", [])
    if texts and report._splits:
        told.append(f"baselines do not read {listed([text.name for text in texts])} of text")
    if not report._splits:
        return ["without the training rows the only baseline is a constant"]
    most = max(len(y) for (_, y), _, _ in report._splits)
    if most > baselines.MOST_ROWS:
        told.append(f"baselines are trained on {baselines.MOST_ROWS:,} of {most:,} training rows, drawn")
    if not baselines.boosts(report.target, len(report._column_names)):
        told.append(
            f"gradient boosting is left out, which is trained on up to {baselines.MOST_BOOSTED} classes and "
            f"{baselines.MOST_COLUMNS:,} columns"
        )
    elif baselines.BOOSTING not in report.baselines and importlib.util.find_spec("sklearn") is None:
        told.append("gradient boosting, the strongest baseline, needs scikit-learn (the extra sklearn)")
    return told


def _shuffles(report: TableReport) -> list[str]:
    found = report.importance
    told, columns = [], found["loss"].shape[0]
    if report.out_of_fold:
        told.append("importance and dependence are of the whole model, parts of which have seen the rows")
    if found["rows"] < report.rows:
        told.append(f"importance is of {found['rows']:,} of {report.rows:,} rows, drawn")
    constant = report.baselines[baselines.CONSTANT]
    least = constant["log_loss"] if "log_loss" in constant else constant["rmse"] ** 2
    gain = least - found["base_loss"]
    if columns > 2 and gain > 0 and report.rows >= FEW_ROWS:
        worth = found["loss"].mean(axis=1)
        if worth[0] > TOO_GOOD * gain and worth[1:].sum() < (1 - TOO_GOOD) * gain:
            told.append(
                f"column {found['names'][0]!r} alone brings nearly all that the model knows: make sure that it is "
                "known when predictions are wanted, and is not the target in disguise"
            )
    return told


def _better(report: TableReport) -> list[str]:
    name = "log_loss" if isinstance(report.target, Classes) else "rmse"
    mine = report.scores[name]
    return [
        f"a plain baseline, {kind}, does better: {TITLES[name]} {in_figures(scores[name])} against {in_figures(mine)}"
        for kind, scores in report.baselines.items()
        if scores[name] < mine
    ]
