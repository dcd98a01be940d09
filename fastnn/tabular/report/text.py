"""A report as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, SupportsFloat

from fastnn._base.reprs import printable
from fastnn.models.summary import table
from fastnn.tabular.report.words import TITLES, in_figures, in_percent

if TYPE_CHECKING:
    from fastnn.tabular.report.found import ColumnDrift, Spread
    from fastnn.tabular.report.report import TableReport

Shown = Literal["confidence", "probability", "loss"]
NAME = 28  # characters of a column's or a class's name
MOST_IMPORTANT, MOST_DRIFTED, MOST_WORST = 12, 12, 8
MOST_THRESHOLD_TABLES = 1  # of two classes; of more they stand in the page


def lines(report: TableReport) -> list[str]:
    """All parts that can be told in lines, each behind an empty one."""
    told = [
        ("scores", scores(report)),
        ("thresholds", thresholds(report)),
        ("errors", errors(report)),
        ("importance (what shuffling a column costs)", importance(report)),
        ("drift against the training rows", drift(report)),
        ("rows that were most wrong", worst(report)),
    ]
    found = [line for title, part in told if part for line in ("", f"{title}:", *part)]
    unbalanced = report.imbalance["note"] if report.imbalance else ""
    notes = [unbalanced] * bool(unbalanced) + report.notes
    return [*found[1:], *([""] if notes else []), *(f"note: {note}" for note in notes)]


def scores(report: TableReport) -> list[str]:
    """A line a score: of the model, over the folds, of each baseline."""
    heads = ["", "model", *(["cross-validated"] if report.cross_validated else []), *report.baselines]
    rows = [heads]
    for name, value in report.scores.items():
        cells = [TITLES.get(name, name), in_figures(value)]
        if report.cross_validated:
            cells.append(folds(report.cross_validated.get(name)))
        rows.append([*cells, *(in_figures(scores[name]) for scores in report.baselines.values())])
    return table(rows, right=range(1, len(heads)))


def folds(found: Spread | None) -> str:
    """Mean and spread over the folds."""
    return f"{in_figures(found['mean'])} ± {in_figures(found['std'])}" if found else "-"


def thresholds(report: TableReport) -> list[str]:
    """The table of thresholds of two classes."""
    if report.thresholds is None or len(report.thresholds) > MOST_THRESHOLD_TABLES:
        return []
    [(label, found)] = report.thresholds.items()
    rows = [[f"P({printable(str(label), NAME)}) from", "precision", "recall", "f1", "flagged", ""]]
    for i, threshold in enumerate(found["threshold"]):
        cells = [in_figures(found[name][i]) for name in ("precision", "recall", "f1")]
        remark = "highest f1" if threshold == found["best"] else ""
        rows.append([f"{threshold:.3g}", *cells, in_percent(found["flagged"][i]), remark])
    return table(rows, right=range(5))


def errors(report: TableReport) -> list[str]:
    """How far numbers are off."""
    if report.residuals is None:
        return []
    rows = [["share of the rows", "off by at most"]]
    rows += [[in_percent(share), in_figures(value)] for share, value in report.residuals["within"].items()]
    return table(rows, right=(0, 1))


def importance(report: TableReport) -> list[str]:
    """The most important columns."""
    found = report.importance
    rows = [["column", TITLES[found["loss_name"]], "spread", TITLES[found["score_name"]]]]
    for name, loss, score in list(zip(found["names"], found["loss"], found["score"], strict=True))[:MOST_IMPORTANT]:
        spread = in_figures(float(loss.std(ddof=1))) if len(loss) > 1 else "-"
        rows.append([printable(name, NAME), in_figures(float(loss.mean())), spread, in_figures(float(score.mean()))])
    more = len(found["names"]) - MOST_IMPORTANT
    return table(rows, right=(1, 2, 3)) + ([f"and {more:,} more columns"] if more > 0 else [])


def drift(report: TableReport) -> list[str]:
    """Columns that have shifted, and the predictions; one line where none has."""
    found = report.drift
    if found is None:
        return []
    shifted = {name: one for name, one in found["columns"].items() if one["shift"] != "none" or one["new"]}
    spoken = found["predictions"]
    told = [] if spoken is None else [f"predictions: PSI {in_figures(spoken['psi'])}, {shift_in_words(spoken)}"]
    if not shifted:
        return [*told, f"none of {len(found['columns'])} columns has shifted beyond chance"]
    rows = [["column", "PSI", "KS", "shift", "gaps", "outside", ""]]
    for name, one in list(shifted.items())[:MOST_DRIFTED]:
        gaps = f"{in_percent(one['gaps'][0])} -> {in_percent(one['gaps'][1])}"
        new = f"new: {', '.join(printable(value, NAME) for value in one['new'][:3])}" if one["new"] else ""
        figures = [in_figures(one["psi"]), in_figures(one["ks"]), one["shift"], gaps, in_percent(one["outside"]), new]
        rows.append([printable(name, NAME), *figures])
    more = len(shifted) - MOST_DRIFTED
    return told + table(rows, right=(1, 2, 5)) + ([f"and {more:,} more columns"] if more > 0 else [])


def shift_in_words(one: ColumnDrift) -> str:
    """Whether a column has shifted."""
    return f"a {one['shift']} shift" if one["shift"] != "none" else "no shift beyond chance"


def worst(report: TableReport) -> list[str]:
    """The rows of the largest loss."""
    found = report.worst
    shares = "probability" in found
    rows = [["row", "is", "predicted", *(["with", "its own"] if shares else ["off by"])]]
    for i in range(min(MOST_WORST, len(found["number"]))):
        said = [cell(found["actual"][i]), cell(found["predicted"][i])]
        names: tuple[Shown, ...] = ("confidence", "probability") if shares else ("loss",)
        rows.append([f"{found['number'][i]}", *said, *(in_figures(float(found[name][i])) for name in names)])
    return table(rows, right=range(len(rows[0]))) if len(rows) > 1 else []


def cell(value: SupportsFloat | str) -> str:
    """A class or a number."""
    return printable(value, NAME) if isinstance(value, str) else in_figures(float(value))
