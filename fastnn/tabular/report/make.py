"""A report from a model's prediction and rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.reprs import counted
from fastnn.tables import Encoding, Table
from fastnn.tables.features import Pixels
from fastnn.tables.series import SeriesFeatures
from fastnn.tables.summary import Summary
from fastnn.tabular.report.report import TableReport
from fastnn.tabular.report.rows import Scored

if TYPE_CHECKING:
    from fastnn.tables.features import Encoded
    from fastnn.tabular.fitting import Fitted


def make_report(
    predict: Callable[[Encoded], np.ndarray],
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
    output: np.ndarray | None = None,
    folds: np.ndarray | None = None,
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
    output : ``(n, n_out)``, what was said of these rows by networks that had not seen them (out of fold), where
        ``predict`` is of a model that has seen them: scores, curves and worst rows are of this, importance and
        dependence of the model.
    folds : ``(n,)``, the fold of each row, with ``output``: scores of each fold are ``cross_validated``, and baselines
        are trained fold by fold, too, on ``training`` rows besides, which are then those that no fold has.

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
    for what, given in (("output", output), ("folds", folds)):
        if given is not None and len(given) != len(y):
            raise ValueError(f"{what} must say something of each of the {len(y):,} rows, got {len(given):,}")
    scored = Scored(predict, encoding, table, y, named, output)
    more = {"cross_validated": cross_validated, "baselines": baselines, "seed": seed, "folds": folds}
    return TableReport(scored, training, **more, summary=summary, class_weights=class_weights, seen=seen)


def report_of(
    fitted: Fitted, table: Table, numbers: np.ndarray | None = None, seed: int = 0, **known: Any
) -> TableReport:
    """The report of several networks, by what those said of each row that had not seen it.

    Parameters
    ----------
    fitted : what :func:`fastnn.tabular.fit_table` gave for ``table``.
    numbers : ``(n,)``, the rows' numbers in their file, from 1; None counts them.
    seed : as of :func:`make_report`.
    **known : other arguments of :func:`make_report`.
    """
    (rows, output), everything = fitted.out_of_fold, np.arange(len(fitted.y))
    named = everything + 1 if numbers is None else numbers
    seen = np.setdiff1d(everything, rows)  # by all
    if not len(rows):
        rows, known = everything, known | {"seen": True}
    elif len(seen):
        known |= {"training": (table.take(seen), fitted.y[seen])}
    if len(fitted.members) > 1 and len(output):
        folds = np.zeros(len(everything), np.int64)
        for fold, member in enumerate(fitted.members):
            folds[member.held] = fold
        known |= {"output": output, "folds": folds[rows]}
    part = table.take(rows), fitted.y[rows]
    return make_report(fitted.model.predict, fitted.encoding, *part, numbers=named[rows], seed=seed, **known)
