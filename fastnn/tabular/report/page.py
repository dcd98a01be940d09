"""A report as one page of HTML: no script, nothing from outside, light and dark.

Whatever comes from a file (names of columns, labels, values) passes :func:`fastnn.tabular.report.svg.text`.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from fastnn._base.reprs import counted
from fastnn._version import __version__
from fastnn.tabular.report import sections, words
from fastnn.tabular.report.markup import notes
from fastnn.tabular.report.svg import text

if TYPE_CHECKING:
    from fastnn.tabular.report.report import TableReport

CARDS = ("auc", "log_loss", "accuracy", "balanced_accuracy", "rmse", "mae", "r2")
PARTS = {
    "scores": sections.scores,
    "curves": sections.curves,
    "thresholds": sections.thresholds,
    "confusion": sections.confusion,
    "residuals": sections.residuals,
    "importance": sections.importance,
    "dependence": sections.dependence,
    "drift": sections.drift,
    "worst": sections.worst,
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # so that no browser asks for anything, or runs anything


def page(report: TableReport) -> str:
    """The whole page."""
    title = f"Predicting {report.target.name}"
    made = {name: part for name, make in PARTS.items() if (part := make(report))}
    links = "".join(f'<a href="#{name}">{name}</a>' for name in made)
    seen = "which the model was trained on" if report.seen else "which the model has not seen"
    if report.out_of_fold:
        seen = "each predicted by networks that had not seen it"
    where = f"{counted(report.rows, 'row')} of {report.source}, {seen}"
    unbalanced = report.imbalance["note"] if report.imbalance else ""
    told = notes([unbalanced] * bool(unbalanced) + report.notes)
    style = resources.files("fastnn.tabular.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="fastnn {__version__}">'
        f"<title>{text(title)}</title><style>\n{style}</style></head><body><main>"
        f'<h1>{text(title)}</h1><div class="soft">{text(where, 200)}</div>'
        f"{_cards(report)}{told}<nav>{links}</nav>{''.join(made.values())}"
        f'<p class="soft">fastnn {__version__}</p></main></body></html>\n'
    )


def _cards(report: TableReport) -> str:
    """The first scores at a glance, with what a constant reaches."""
    constant = next(iter(report.baselines.values()))
    cards = "".join(
        f'<div class="card"><span>{text(words.TITLES[name])}</span><b>{text(words.in_figures(value))}</b>'
        f"<span>{text(words.in_figures(constant[name]))} for a constant</span></div>"
        for name, value in report.scores.items()
        if name in CARDS
    )
    return f'<div class="cards">{cards}</div>'
