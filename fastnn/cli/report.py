"""What ``evaluate`` and ``train`` say of predictions: scores beside a constant's, classes one by one, the confusion.

Every line of scores begins with a name and a number, so that ``awk '$1 == "accuracy" { print $2 }'`` reads it.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from fastnn._base.reprs import printable
from fastnn.models.summary import table
from fastnn.tables.scores import ClassScores, NumberScores, score_classes, score_numbers
from fastnn.tables.target import Classes, Quantity

MOST_LISTED = 30  # classes that are all listed; of more, the worst ones
LISTED_OF_MANY = 20
MOST_CONFUSED = 12  # classes up to which there is a confusion matrix
LABEL = 28  # characters of a class's name

Line = tuple[str, float, str]


class Report:
    """Predictions of known rows, scored; ``y`` are encoded targets, ``output`` ``(n, n_out)`` what the model said."""

    def __init__(self, target: Classes | Quantity, y: np.ndarray, output: np.ndarray):
        self.target = target
        if isinstance(target, Classes):
            self.scores: Any = score_classes(y, target.probabilities(output))
        else:
            self.scores = score_numbers(target.restore(y), target.decode(output))

    def lines(self) -> list[Line]:
        """Name, value, and a remark: what a constant reaches."""
        scores, target = self.scores, self.target
        return _class_lines(scores, target) if isinstance(target, Classes) else _number_lines(scores, target.spread)

    def in_line(self) -> str:
        """The scores in one line, as ``loss 0.1, accuracy 0.97``, the accuracy at its end with no comma behind it."""
        lines = sorted(self.lines(), key=lambda line: line[0] == "accuracy")
        return ", ".join(f"{name} {value:.5g}" for name, value, _ in lines)

    def baseline(self) -> str:
        """What the constant answer is and what it reaches, in a few words."""
        s = self.scores
        if isinstance(s, ClassScores):
            return f"always {_label(self.target, s.baseline_class)}: {s.baseline_accuracy:.4g}"
        return f"always the mean: rmse {s.baseline_rmse:.5g}"

    def text(self) -> list[str]:
        """All scores, a line each, then :meth:`details`."""
        values = [(name, f"{value:.6g}", f"({remark})" if remark else "") for name, value, remark in self.lines()]
        widths = [max(8, *(len(row[i]) for row in values)) for i in (0, 1)]
        shown = [f"{name:{widths[0]}} {value:{widths[1]}}  {remark}".rstrip() for name, value, remark in values]
        return shown + self.details()

    def details(self) -> list[str]:
        """Scores of each class and the confusion matrix; nothing for numbers."""
        if not isinstance(self.target, Classes):
            return []
        lines = ["", *_by_class(self.scores, self.target)]
        if self.scores.n_unknown:
            lines.append(
                f"rows of a class that the model does not know: {self.scores.n_unknown:,}; they count as wrong"
            )
        if len(self.target.labels) <= MOST_CONFUSED:
            lines += ["", *_confusion(self.scores, self.target)]
        return lines


def _class_lines(s: ClassScores, target: Classes) -> list[Line]:
    always = f"always {_label(target, s.baseline_class)}: {s.baseline_accuracy:.4g}"
    lines = [
        ("loss", s.log_loss, f"log loss; always the classes' shares: {s.baseline_log_loss:.4g}"),
        ("accuracy", s.accuracy, always),
    ]
    if len(target.labels) == 2:
        lines.append(("auc", s.auc, "by chance: 0.5" if s.auc == s.auc else "needs rows of both classes"))
    return lines


def _number_lines(s: NumberScores, spread: float) -> list[Line]:
    return [
        ("loss", (s.rmse / spread) ** 2, "squared error in units of the training rows' variance"),
        ("rmse", s.rmse, f"always the mean, {s.mean:.5g}: {s.baseline_rmse:.5g}"),
        ("mae", s.mae, f"always the mean: {s.baseline_mae:.5g}"),
        ("r2", s.r2, "always the mean: 0" if s.r2 == s.r2 else "the target has one value in these rows"),
    ]


def _by_class(s: ClassScores, target: Classes) -> list[str]:
    """A line a class, and the means; of very many classes the worst."""
    precision, recall, f1 = s.by_class()
    places, remark = np.arange(len(f1)), []
    if len(f1) > MOST_LISTED:
        there = np.flatnonzero(s.support)
        places = there[np.lexsort((-s.support[there], f1[there]))][:LISTED_OF_MANY]
        remark = [f"the {len(places)} classes of lowest f1 among {len(there)} that occur, of {len(f1)}"]
    rows: list[tuple[str, ...]] = [("class", "precision", "recall", "f1", "support")]
    rows += [(_label(target, i), *map(_share, (precision[i], recall[i], f1[i])), f"{s.support[i]:,}") for i in places]
    occurs = (s.support > 0) | (s.said > 0)
    known = int(s.support.sum())
    if known:
        rows.append(("mean of classes", *(_share(_mean(v[occurs])) for v in (precision, recall, f1)), f"{known:,}"))
    return remark + table(rows, right=(1, 2, 3, 4))


def _mean(values: np.ndarray) -> float:
    """The mean with 0 where nothing was said of a class or no row has it, as scikit-learn takes it."""
    return float(np.nan_to_num(values, nan=0.0).mean())


def _confusion(s: ClassScores, target: Classes) -> list[str]:
    """Rows by their class, columns by the predicted one; numbers name the columns where the terminal is too narrow."""
    labels = [_label(target, i) for i in range(len(target.labels))]
    heads = list(labels)
    cells = max(5, len(f"{s.confusion.max():,}"))
    if max(map(len, labels)) + sum(2 + max(cells, len(label)) for label in labels) > shutil.get_terminal_size().columns:
        heads = [str(i + 1) for i in range(len(labels))]
        labels = [f"{head:>{len(heads[-1])}} {label}" for head, label in zip(heads, labels, strict=True)]
    rows = [[label, *(f"{count:,}" for count in row)] for label, row in zip(labels, s.confusion, strict=True)]
    return table([["is \\ predicted", *heads], *rows], right=range(1, len(heads) + 1))


def _label(target: Any, index: np.integer | int) -> str:
    """A class's name, short and with nothing in it that a terminal would obey."""
    return printable(str(target.labels[index]), LABEL)


def _share(value: float) -> str:
    return f"{value:.4f}" if value == value else "-"
