"""The sections of the page, each as markup; an empty text where a report has nothing to say there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastnn.tables.table import Numbers
from fastnn.tables.target import Classes
from fastnn.tabular.report import charts, words
from fastnn.tabular.report.markup import Cell, bar, section, table
from fastnn.tabular.report.markup import charts as side_by_side
from fastnn.tabular.report.scoring import HIGHER
from fastnn.tabular.report.svg import in_ticks, text
from fastnn.tabular.report.text import cell, folds
from fastnn.tabular.report.words import in_figures, in_percent

if TYPE_CHECKING:
    from fastnn.tables.table import Column
    from fastnn.tabular.report.found import ColumnDrift
    from fastnn.tabular.report.report import TableReport

NOT_COMPARED = ("bias", "ece")  # of which a constant has the best
MOST_CONFUSED = 20  # classes that have a matrix; of more the most frequent confusions are listed
MOST_LISTED = 25
MOST_COLUMNS = 40
MOST_VALUES = 6  # columns whose values are shown beside rows


def scores(report: TableReport) -> str:
    """Scores of the model, of the folds and of the baselines; the best of a line stands out."""
    heads = ["", "model", *(["cross-validated"] if report.cross_validated else []), *report.baselines, "what it means"]
    rows: list[list[str | Cell]] = []
    for name, value in report.scores.items():
        others = [found[name] for found in report.baselines.values()]
        best = _best(name, [value, *others])
        line: list[str | Cell] = [words.TITLES[name], _figure(value, value == best)]
        if report.cross_validated:
            line.append(folds(report.cross_validated.get(name)))
        line += [_figure(other, other == best) for other in others]
        rows.append([*line, Cell(text(words.MEANINGS[name], 400), "meaning")])
    return section("scores", "Scores", words.BASELINES, table(heads, rows, numbers=range(1, len(heads) - 1)))


def _best(name: str, values: list[float]) -> float:
    known = [value for value in values if value == value]
    if not known or name in NOT_COMPARED:
        return float("nan")
    return max(known) if name in HIGHER else min(known)


def _figure(value: float, best: bool) -> Cell:
    return Cell(text(in_figures(value)), "best" if best else "")


def confusion(report: Any) -> str:
    """The matrix of few classes, the most frequent confusions of many; precision and recall of each."""
    if report.confusion is None:
        return ""
    counts, labels = report.confusion, list(report.target.labels)
    if len(labels) <= MOST_CONFUSED:
        first = _matrix(counts, labels)
    else:
        wrong = counts - np.diag(np.diag(counts))
        order = np.argsort(-wrong.ravel(), kind="stable")[:MOST_LISTED]
        pairs = [divmod(int(i), len(labels)) for i in order if wrong.ravel()[i]]
        rows: list[list[str | Cell]] = [[labels[i], labels[j], f"{wrong[i, j]:,}"] for i, j in pairs]
        first = table(["is", "predicted", "rows"], rows, numbers=(2,))
    return section("confusion", "Confusion", words.CONFUSION, first, _by_class(counts, labels))


def _matrix(counts: np.ndarray, labels: list[str]) -> str:
    heads = "".join(f'<th class="n">{text(label, 20)}</th>' for label in labels)
    lines = []
    for label, row in zip(labels, counts.tolist(), strict=True):
        total = max(1, sum(row))
        cells = "".join(
            f'<td class="n" style="--share:{count / total:.3f}" title="{in_percent(count / total)}">{count:,}</td>'
            for count in row
        )
        lines.append(f"<tr><th>{text(label, 28)}</th>{cells}</tr>")
    inside = f"<thead><tr><th>is \\ predicted</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll confusion"><table>{inside}</table></div>'


def _by_class(counts: np.ndarray, labels: list[str]) -> str:
    right, rows, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        figures = np.column_stack([right / said, right / rows, 2 * right / (rows + said)])
    order = np.argsort(-rows, kind="stable")[:MOST_LISTED] if len(labels) > MOST_LISTED else range(len(labels))
    lines = [[labels[i], *(in_figures(float(value)) for value in figures[i]), f"{rows[i]:,}"] for i in order]
    made = table(["class", "precision", "recall", "F1", "rows"], lines, numbers=(1, 2, 3, 4))
    more = f"<p>The {len(lines)} most frequent of {len(labels):,} classes.</p>" if len(lines) < len(labels) else ""
    return f"<h3>Class by class</h3>{more}{made}"


def curves(report: Any) -> str:
    """ROC, precision and recall, calibration."""
    if report.roc is None:
        return ""
    drawn = [
        charts.roc_chart(report.roc),
        charts.precision_recall_chart(report.precision_recall),
        charts.calibration_chart(report.calibration),
    ]
    said = zip(("ROC", "Precision and recall", "Calibration"), _meanings(), strict=True)
    told = "".join(f'<p class="soft"><b>{title}.</b> {text(meaning, 600)}</p>' for title, meaning in said)
    several = words.CURVES_OF_MANY if len(report.target.labels) > 2 else ""
    return section("curves", "Curves", several, side_by_side(drawn), told)


def _meanings() -> tuple[str, str, str]:
    return words.ROC, words.PRECISION_RECALL, words.CALIBRATION


def thresholds(report: TableReport) -> str:
    """The tables of thresholds; of several classes folded up."""
    if report.thresholds is None:
        return ""
    made = []
    for label, found in report.thresholds.items():
        names: tuple[Literal["precision", "recall", "f1"], ...] = ("precision", "recall", "f1")
        rows = [
            [f"{t:.3g}", *(in_figures(float(found[name][i])) for name in names), in_percent(found["flagged"][i])]
            for i, t in enumerate(found["threshold"])
        ]
        marked = int(np.argmax(found["threshold"] == found["best"])) if found["best"] == found["best"] else -1
        heads = [f"P({label}) from", "precision", "recall", "F1", "flagged"]
        one = table(heads, rows, numbers=range(5), marked=marked)
        made.append(one if len(report.thresholds) == 1 else f"<details><summary>{text(label)}</summary>{one}</details>")
    return section("thresholds", "Thresholds", words.THRESHOLDS, *made)


def residuals(report: TableReport) -> str:
    """Actual values over predictions, and how far these are off."""
    found = report.residuals
    if found is None:
        return ""
    rows = [[in_percent(share), in_figures(value)] for share, value in found["within"].items()]
    drawn = [charts.actual_chart(found, report.target.name), charts.residual_chart(found)]
    off = table(["share of the rows", "off by at most"], rows, numbers=(0, 1))
    return section("residuals", "Residuals", words.RESIDUALS, side_by_side(drawn), off)


def importance(report: TableReport) -> str:
    """The most important columns with bars."""
    found = report.importance
    means, most = found["loss"].mean(axis=1), max(float(found["loss"].mean(axis=1).max(initial=0.0)), 1e-300)
    rows: list[list[str | Cell]] = []
    for i, name in enumerate(found["names"][:MOST_COLUMNS]):
        spread = found["loss"][i].std(ddof=1) if found["loss"].shape[1] > 1 else float("nan")
        figures = [in_figures(float(means[i])), in_figures(float(spread)), in_figures(float(found["score"][i].mean()))]
        rows.append([name, bar(float(means[i]) / most), *figures])
    loss, score = words.TITLES[found["loss_name"]], words.TITLES[found["score_name"]]
    heads = ["column", "", f"{loss} rises by", "spread", f"{score} {'falls' if score != 'RMSE' else 'rises'} by"]
    left = len(found["names"]) - len(rows)
    more = f"<p>And {left:,} columns that matter less.</p>" if left > 0 else ""
    meaning = words.IMPORTANCE.format(loss)
    return section("importance", "Importance of columns", meaning, table(heads, rows, numbers=(2, 3, 4)), more)


def dependence(report: TableReport) -> str:
    """A small chart for each of the most important columns."""
    if not report.dependence:
        return ""
    target = report.target
    labels: list[str] = []
    if isinstance(target, Classes):
        labels = [target.labels[1]] if len(target.labels) == 2 else list(target.labels)
    drawn = [charts.dependence_chart(name, one, target.name, labels) for name, one in report.dependence.items()]
    return section("dependence", "What the model says over a column", words.DEPENDENCE, side_by_side(drawn, small=True))


def drift(report: TableReport) -> str:
    """Columns by how far they have shifted."""
    found = report.drift
    if found is None:
        return ""
    heads = ["column", "PSI", "by chance", "KS", "shift", "gaps: training", "now", "outside", "mean: training", "now"]
    lines = [] if found["predictions"] is None else [_drift("predictions", found["predictions"])]
    lines += [_drift(name, one) for name, one in list(found["columns"].items())[:MOST_COLUMNS]]
    fresh = {name: one["new"] for name, one in found["columns"].items() if one["new"]}
    told = "".join(
        f"<p>{text(name)} has categories that training rows had not: {', '.join(map(text, values))}.</p>"
        for name, values in fresh.items()
    )
    made = table(heads, lines, numbers=(1, 2, 3, 5, 6, 7, 8, 9))
    return section("drift", "Drift", words.DRIFT, made, told)


def _drift(name: str, one: ColumnDrift) -> list[str | Cell]:
    said = Cell(one["shift"], one["shift"])
    gaps, means = map(in_percent, one["gaps"]), (_mean(value, one["dated"]) for value in one["mean"])
    figures = [in_figures(one[key]) for key in ("psi", "chance", "ks")]
    return [name, *figures, said, *gaps, in_percent(one["outside"]), *means]


def _mean(value: float, dated: bool) -> str:
    return str(np.datetime64(round(value), "D")) if dated and value == value else in_figures(value)


def worst(report: TableReport) -> str:
    """The rows of the largest loss, with what they hold in the most important columns."""
    found = report.worst
    if not len(found["number"]):
        return ""
    shares = "probability" in found
    names = report.importance["names"][:MOST_VALUES] if "importance" in vars(report) else []
    columns = {name: report._scored.table.columns[name] for name in names}
    heads = ["row", "is", "predicted", *(["with", "its own"] if shares else ["off by"]), *columns]
    rows: list[list[str | Cell]] = []
    for i, row in enumerate(found["row"].tolist()):
        figures = [found[key][i] for key in (("confidence", "probability") if shares else ("loss",))]
        values = [_value(column, row) for column in columns.values()]
        said = [cell(found["actual"][i]), cell(found["predicted"][i])]
        rows.append([f"{found['number'][i]}", *said, *(in_figures(float(f)) for f in figures), *values])
    first = 5 if shares else 4
    numeric = [i + first for i, column in enumerate(columns.values()) if isinstance(column, Numbers)]
    said_in = [] if shares else [1, 2]
    made = table(heads, rows, numbers=[0, *said_in, *range(3, first), *numeric])
    return section("worst", "Most wrong", words.WORST, made)


def _value(column: Column, row: int) -> str:
    if isinstance(column, Numbers):
        value = float(column.values[row])
        return "" if value != value else in_ticks(value)
    return "" if column.codes[row] < 0 else column.values[column.codes[row]]
