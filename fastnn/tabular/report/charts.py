"""The charts of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import printable
from fastnn.tabular.report.svg import N_COLOURS, Chart, colour, in_ticks
from fastnn.tabular.report.words import in_figures, in_percent

if TYPE_CHECKING:
    from fastnn.tabular.report.found import CalibrationCurve, Dependence, PrecisionRecallCurve, Residuals, RocCurve

MOST_DOTS = 1500
HISTOGRAM = 30  # bars
FEW_VALUES = 5  # of a column of numbers, which then are what its axis names
NAME = 18  # characters of a name beside an axis
UNIT = (0.0, 1.0)


def shown(label: object) -> str:
    """A class or a value beside a line."""
    return "(gap)" if label is None else printable(str(label), NAME)


def roc_chart(curves: dict[str, RocCurve]) -> str:
    """ROC curves."""
    chart = Chart(UNIT, UNIT, "false positive rate", "true positive rate")
    chart.line((0, 1), (0, 1), "chance")
    for k, (label, found) in enumerate(curves.items()):
        chart.line(found["fpr"], found["tpr"], colour(k), f"{shown(label)}: AUC {in_figures(found['auc'])}")
    return chart.svg("ROC curve")


def precision_recall_chart(curves: dict[str, PrecisionRecallCurve]) -> str:
    """Curves of precision and recall."""
    chart = Chart(UNIT, UNIT, "recall", "precision")
    if len(curves) == 1:
        [found] = curves.values()
        chart.line((0, 1), (found["precision"][-1],) * 2, "chance")  # of flagging every row
    for k, (label, found) in enumerate(curves.items()):
        name = f"{shown(label)}: average precision {in_figures(found['average_precision'])}"
        chart.line(found["recall"], found["precision"], colour(k), name)
    return chart.svg("Precision and recall")


def calibration_chart(curves: dict[str, CalibrationCurve]) -> str:
    """How often what was said with some probability came true."""
    chart = Chart(UNIT, UNIT, "predicted probability", "share that came true")
    chart.line((0, 1), (0, 1), "chance")
    for k, (label, found) in enumerate(curves.items()):
        chart.line(
            found["predicted"], found["observed"], colour(k), f"{shown(label)}: error {in_figures(found['ece'])}"
        )
        titles = [
            f"{rows} rows: said {in_percent(said)}, came {in_percent(came)}"
            for rows, said, came in zip(found["rows"], found["predicted"], found["observed"], strict=True)
        ]
        chart.points(found["predicted"], found["observed"], colour(k), 3, titles)
    return chart.svg("Calibration")


def actual_chart(found: Residuals, unit: str) -> str:
    """Actual values over predictions."""
    actual, predicted = found["actual"], found["predicted"]
    ends = (min(actual.min(), predicted.min()), max(actual.max(), predicted.max()))
    chart = Chart(ends, ends, f"predicted {unit}", "actual")
    some = np.linspace(0, len(actual) - 1, min(len(actual), MOST_DOTS)).astype(int)
    chart.points(predicted[some], actual[some], "dot", 2)
    chart.line(ends, ends, "chance")
    chart.line(found["bins"]["predicted"], found["bins"]["actual"], "c1", "mean of tenths of the rows")
    return chart.svg("Predicted and actual values")


def residual_chart(found: Residuals) -> str:
    """How often predictions are off by how much; the outermost bars hold what is farther away."""
    residual = found["residual"]
    low, high = np.quantile(residual, (0.005, 0.995))
    if not low < high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(residual.clip(low, high), HISTOGRAM, (low, high))
    chart = Chart((low, high), (0.0, float(counts.max())), "actual minus predicted", "rows")
    chart.bars(edges, counts, "c0")
    chart.line((0, 0), (0, float(counts.max())), "chance") if low < 0 < high else None
    return chart.svg("Residuals")


def dependence_chart(name: str, found: Dependence, target: str, labels: list[str]) -> str:
    """What the model says over the values of one column."""
    numeric, n_lines = not isinstance(found["grid"], list), found["mean"].shape[1]
    said = f"P({shown(labels[0])})" if len(labels) == 1 else "probability" if labels else printable(target, 2 * NAME)
    places = np.asarray(found["grid"]) if numeric else np.arange(len(found["grid"]))[::-1]
    alone = found["individual"][..., 0] if n_lines == 1 else np.empty((0, len(places)))
    ends = _ends([alone, found["mean"]])
    across = (float(places.min()), float(places.max()))
    if numeric:
        chart = Chart(across, ends, "", said, size=(320, 220))
        if len(places) <= FEW_VALUES:
            chart.x_ticks = [(float(place), in_ticks(float(place))) for place in places]
    else:
        names = [(float(place), shown(value)) for place, value in zip(places, found["grid"], strict=True)]
        height = 58 + 19 * len(names)
        chart = Chart(ends, (-0.5, len(names) - 0.5), said, y_ticks=names, size=(320, height))
    for row in alone:
        chart.line(places, row, "thin") if numeric else chart.points(row, places, "dot", 1.5)
    for k in range(min(n_lines, N_COLOURS)):
        mean = found["mean"][:, k]
        label = shown(labels[k]) if len(labels) > 1 else ""
        titles = [in_figures(float(value)) for value in mean]
        if numeric:
            chart.line(places, mean, f"{colour(k)} thick", label)
            chart.points(places, mean, colour(k), 2, titles)
        else:
            chart.points(mean, places, colour(k), 4.5, titles)
            chart._name(colour(k), label)
    return chart.svg(shown(name))


def _ends(arrays: list[np.ndarray]) -> tuple[float, float]:
    """The least and the largest of some numbers, with a little room."""
    known = np.concatenate([array.ravel() for array in arrays])
    low, high = float(known.min()), float(known.max())
    room = 0.04 * (high - low)
    return low - room, high + room
