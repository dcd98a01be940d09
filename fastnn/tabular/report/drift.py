"""How far a table is from what training saw: shifts of its columns, and of what the model says.

Population stability index: ``sum((q - p) * log(q / p))`` over bins, shares p of the training rows and q of new ones;
tenths of the training rows' numbers, the most frequent categories, and gaps, are bins. From 0.1 on it is usually called
moderate, from 0.25 on large. Kolmogorov-Smirnov: the largest distance between both distribution functions, at the
quantiles that are stored.

Design: both are above 0 by chance, the more so the fewer rows there are: n times the index of equal distributions is
about chi-squared. So a shift is told only where it is also beyond what one table in a hundred shows by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.tables.summary import (
    CategorySummary,
    ColumnSummary,
    NumberSummary,
    Summary,
    summarize,
    summarize_numbers,
)
from fastnn.tables.table import Column, Numbers, Table, Text
from fastnn.tables.target import Classes, Target
from fastnn.tables.texts import TextFeatures

if TYPE_CHECKING:
    from fastnn.tabular.report.found import ColumnDrift, Drift

MODERATE, LARGE = 0.1, 0.25
BINS = 10  # of numbers
MOST_CATEGORIES = 20  # with a bin of their own
HALF = 0.5  # of a row is added to each bin, so that an empty one has a share
HUNDREDTH = 2.33  # standard deviations that one value in a hundred lies above
KOLMOGOROV = 1.63  # the asymptotic distribution's value for one in a hundred
FEW_NEW = 10  # new categories that are named


def drift(summary: Summary, table: Table, target: Target, output: np.ndarray) -> Drift:
    """A table against the summary of the training table, the largest shifts first.

    Returns
    -------
    ``columns``: by name ``psi``, ``chance`` (what it may be by chance), ``ks`` and ``ks_chance`` (NaN for text),
    ``gaps`` and, of numbers, ``mean`` as pairs of training and new (days since 1970 where ``dated``), ``outside`` the
    share of the rows beyond the training rows' range or with a category that they had not, ``new`` these categories,
    and ``shift``: ``"none"``, ``"moderate"`` or ``"large"``. ``predictions``: the same of what the model says, None
    where no summary of that is stored. ``rows`` and ``training_rows``.
    """
    found = {column.name: column_drift(column, table.columns[column.name]) for column in summary.columns}
    predictions = None if summary.predictions is None else column_drift(summary.predictions, spoken(target, output))
    return {
        "columns": dict(sorted(found.items(), key=lambda item: -item[1]["psi"])),
        "predictions": predictions,
        "rows": len(table),
        "training_rows": summary.columns[0].rows if summary.columns else 0,
    }


def summary_of(features: object, table: Table, target: Target, output: np.ndarray) -> Summary:
    """What a model file keeps of the training ``table``, and of what the model says, ``output`` ``(n, n_out)``.

    That should be of rows it has not seen, where there are some: on those it has seen it is surer than it will be.

    Parameters
    ----------
    features : how the columns are encoded.
    table : a :class:`fastnn.tables.Table` of raw rows.
    target : how the target is encoded.
    output : ``(n, n_out)``, what the network says of these rows.
    """
    return Summary(summarize(table, column_names(features)).columns, summary_of_predictions(target, output))


def column_names(features: Any) -> list[str]:
    """Columns of numbers and categories that a model reads; free text is none of them."""
    columns = features.columns if isinstance(features, TextFeatures) else features
    return [feature.name for feature in columns.features] if columns else []


def summary_of_predictions(target: Target, output: np.ndarray) -> ColumnSummary:
    """What a network says of rows, in few numbers."""
    column = spoken(target, output)
    if isinstance(column, Numbers):
        return summarize_numbers(target.name, column.values)
    assert isinstance(target, Classes)
    counts = np.bincount(column.codes, minlength=len(target.labels))
    return CategorySummary(target.name, len(column), 0, list(column.values), counts.tolist())


def spoken(target: Target, output: np.ndarray) -> Column:
    """What a network says as a column: numbers, the probability of the second of two classes, else classes."""
    if not isinstance(target, Classes):
        return Numbers(target.decode(output))
    probabilities = target.probabilities(output)
    if len(target.labels) == 2:
        return Numbers(probabilities[:, 1].astype(np.float64))
    return Text(probabilities.argmax(axis=1).astype(np.int32), tuple(target.labels))


def column_drift(summary: ColumnSummary, column: Column) -> ColumnDrift:
    """One column against its summary."""
    found: Any = _numbers(summary, column) if isinstance(summary, NumberSummary) else _categories(summary, column)
    old, new = found.pop("bins")
    found["psi"], found["chance"] = stability_index(old, new)
    gaps = np.isnan(summary.values(column)) if isinstance(summary, NumberSummary) else column.gaps
    found["gaps"] = (summary.gaps / max(1, summary.rows), float(gaps.mean()) if len(gaps) else 0.0)
    sizes = [(MODERATE, "moderate"), (LARGE, "large")]
    beyond = [word for least, word in sizes if found["psi"] >= max(least, found["chance"])]
    found["shift"] = beyond[-1] if beyond else "none"
    made: ColumnDrift = found
    return made


def stability_index(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """The population stability index of two counts ``(bins,)``, and what it exceeds by chance once in a hundred."""
    n_old, n_new = old.sum(), new.sum()
    used = (old + new) > 0
    if not n_old or not n_new or used.sum() < 2:
        return 0.0, 0.0
    p, q = ((counts[used] + HALF) / (counts.sum() + HALF * used.sum()) for counts in (old, new))
    free = used.sum() - 1
    return (
        float(((q - p) * np.log(q / p)).sum()),
        float((free + HUNDREDTH * np.sqrt(2 * free)) * (1 / n_old + 1 / n_new)),
    )


def _numbers(summary: NumberSummary, column: Column) -> Mapping[str, object]:
    values = summary.values(column)
    old, new = np.append(summary.counts, 0).astype(np.int64), summary.count(values)
    n_old, n_new = int(old.sum()), int(new.sum())
    known = values[~np.isnan(values)]
    ks = ks_chance = outside = float("nan")
    if n_old and n_new:
        ks = float(np.abs(np.cumsum(old) / n_old - np.cumsum(new) / n_new).max())
        ks_chance = KOLMOGOROV * float(np.sqrt((n_old + n_new) / (n_old * n_new)))
        outside = float(((known < summary.borders[0]) | (known > summary.borders[-1])).mean())
    ends = _tenths(old)
    bins = [np.append(np.add.reduceat(counts, ends), 0) for counts in (old, new)] if n_old else [np.zeros(1)] * 2
    bins[0][-1], bins[1][-1] = summary.gaps, len(values) - n_new
    means = (summary.mean if n_old else float("nan"), float(known.mean()) if n_new else float("nan"))
    found = {"bins": bins, "ks": ks, "ks_chance": ks_chance, "mean": means, "outside": outside, "new": []}
    return found | {"dated": summary.dated}


def _tenths(counts: np.ndarray) -> np.ndarray:
    """The first places of bins that hold about a tenth of the rows each; rows above all borders join the last."""
    before = np.append(0, np.cumsum(counts)[:-1])
    return np.unique(np.searchsorted(before, np.linspace(0, 1, BINS + 1)[:-1] * counts.sum()))


def _categories(summary: CategorySummary, column: Column) -> Mapping[str, object]:
    place = {value: i for i, value in enumerate(summary.values)}
    counts, fresh = np.zeros(len(place), np.int64), {}
    text = column if isinstance(column, Text) else Text(np.full(len(column), -1), ())
    rows = np.bincount(text.codes[text.codes >= 0], minlength=len(text.values))
    for value, n in zip(text.values, rows.tolist(), strict=True):
        if value in place:
            counts[place[value]] += n
        elif n:
            fresh[value] = n
    n_fresh, most = sum(fresh.values()), MOST_CATEGORIES
    old = np.array([*summary.counts[:most], sum(summary.counts[most:]) + summary.others, summary.gaps])
    new = np.array([*counts[:most], counts[most:].sum() + n_fresh, int(text.gaps.sum())])
    told = sorted(fresh, key=lambda value: -fresh[value])[:FEW_NEW] if not summary.others else []
    outside = n_fresh / max(1, len(column)) if not summary.others else float("nan")  # not all of training are known
    nan = float("nan")
    return {"bins": [old, new], "ks": nan, "ks_chance": nan, "mean": (nan, nan), "outside": outside, "new": told} | {
        "dated": False
    }
