"""The column to predict: which task it makes, and how its values become targets and come back.

Classes keep their labels as they were written; numbers are standardised for training and mapped back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base import arguments
from fastnn._base.reprs import call_of, counted
from fastnn._base.types import Config
from fastnn.tables.notes import odd_note, shortened
from fastnn.tables.numerals import EXACT, are_codes, number, numbers
from fastnn.tables.ranges import check_finite
from fastnn.tables.table import Column, Numbers, Text, column_from_array, with_gaps

FEW = 20  # distinct whole numbers up to which a column is taken for classes
ROWS_A_CLASS = 5  # rows with each whole number, on average, from which they are taken for classes
MOST_CLASSES = 1000
RULE = (
    f"text, and whole numbers with at most {FEW} different values that repeat ({ROWS_A_CLASS} rows each on average, or "
    "two values), are classes; other numbers are regressed"
)
_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?", re.ASCII)
_PADDED = re.compile(r"[+-]?0\d", re.ASCII)


@dataclass(frozen=True)
class Classes:
    """A target of labels, in the order of the network's outputs.

    Two classes are one output (the probability of the second), more are one each.
    """

    name: str
    labels: Sequence[str]

    def __repr__(self) -> str:
        return call_of(self)

    @property
    def n_out(self) -> int:
        return len(self.labels) if len(self.labels) > 2 else 1

    def encode(self, column: Column) -> np.ndarray:
        """Class index of each row, ``(n,)`` int64, -1 for a label that is none of these; the column has no gaps.

        Labels that differ only in case, a closing dot or zeros after a decimal point are the same when no other label
        is.
        """
        text = as_text(column)
        exact = {label: index for index, label in enumerate(self.labels)}
        loose: dict[str, int] = {}
        for index, label in enumerate(self.labels):
            loose[_loose(label)] = -1 if _loose(label) in loose else index
        found = [exact.get(value, loose.get(_loose(value), -1)) for value in text.values]
        made: np.ndarray = np.array([*found, -1])[text.codes]
        return made

    def notes(self, column: Column) -> list[str]:
        """A note on labels that are none of these."""
        text = as_text(column)
        known = self.encode(Text(np.arange(len(text.values)), text.values)) >= 0
        counts = np.bincount(text.codes[text.codes >= 0], minlength=len(text.values))
        unknown = [i for i in np.argsort(-counts, kind="stable") if counts[i] and not known[i]]
        if not unknown:
            return []
        rows = int(counts[unknown].sum())
        labels = shortened([repr(text.values[i]) for i in unknown])
        have, count = ("has", "it counts") if rows == 1 else ("have", "they count")
        return [
            f"{rows:,} of {counted(int(counts.sum()), 'row')} {have} a {self.name!r} that the model does not know "
            f"({labels}); {count} as wrong"
        ]

    def decode(self, output: np.ndarray) -> list[str]:
        """The most probable label of each row of ``output`` ``(n, n_out)``."""
        return [self.labels[i] for i in self.probabilities(output).argmax(axis=1)]

    def probabilities(self, output: np.ndarray) -> np.ndarray:
        """Probability of each class, ``(n, n_classes)``."""
        return np.hstack([1 - output, output]) if self.n_out == 1 else output

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if len(set(self.labels)) < max(2, len(self.labels)):
            raise ValueError("classes must be two or more, and differ")

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        return {"kind": "classes", "name": self.name, "labels": list(self.labels)}


@dataclass(frozen=True)
class Quantity:
    """A target of numbers: trained as ``(value - mean) / spread``.

    ``limits`` are the least and the largest value that is predicted; none are set where they are left out.
    """

    name: str
    mean: float
    spread: float
    limits: Sequence[float] = ()

    n_out = 1

    def __repr__(self) -> str:
        return call_of(self)

    def encode(self, column: Column) -> np.ndarray:
        """Standardised values, ``(n,)`` float64; the column has no gaps."""
        return (self.values(column) - self.mean) / self.spread

    def values(self, column: Column) -> np.ndarray:
        """The values as they are, ``(n,)`` float64."""
        found = as_numbers(column)
        if found is None:
            raise ValueError(f"{self.name!r} holds text ({_word(column)!r}); the model predicts numbers")
        check_finite(self.name, found)
        return found.values

    def notes(self, column: Column) -> list[str]:
        """A note on words among the numbers, whose rows are left out."""
        found = as_numbers(column)
        return [] if found is None else odd_note(self.name, found)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Predicted values ``(n,)`` float64 from ``output`` ``(n, 1)``."""
        values = self.restore(output[:, 0].astype(np.float64))
        return np.clip(values, self.limits[0], self.limits[1]) if self.limits else values

    def restore(self, encoded: np.ndarray) -> np.ndarray:
        """The values of :meth:`encode`'s numbers."""
        return encoded * self.spread + self.mean

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        arguments.number("mean", self.mean)
        arguments.number("spread", self.spread, low=0.0, open_low=True)
        if self.limits:
            low, high = self.limits
            arguments.number("limits", high, low=arguments.number("limits", low))

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        stored: dict[str, object] = {"kind": "numbers", "name": self.name, "mean": self.mean, "spread": self.spread}
        return stored | ({"limits": list(self.limits)} if self.limits else {})


Target = Classes | Quantity


def choose_task(column: Column) -> tuple[str, str]:
    """``"classify"`` or ``"regress"`` by :data:`fastnn.tables.target.RULE`, and the reason in words.

    Parameters
    ----------
    column : a column of a table, or its name.
    """
    numbers = as_numbers(column)
    if numbers is None:
        return "classify", "it is text"
    if isinstance(column, Text) and are_codes(column.values) and 2 * len(column.values) <= len(column):
        return "classify", f"whole numbers that are names, by leading zeros or length; {OTHERWISE['classify']}"
    values, counts = np.unique(numbers.values[~numbers.gaps], return_counts=True)
    n = len(values)
    if n > FEW:
        return "regress", f"numbers with {counted(n, 'different value')}; {OTHERWISE['regress']}"
    if not np.array_equal(values, np.round(values)):
        return "regress", f"numbers with fractions; {OTHERWISE['regress']}"
    rows, once = int(counts.sum()), int((counts == 1).sum())
    repeated = 2 * once <= n and (n <= 2 or rows >= ROWS_A_CLASS * n)
    what = f"whole numbers with {counted(n, 'different value')} in {counted(rows, 'row')}"
    if repeated or (n == 2 and rows > 2):
        return "classify", f"{what}; {OTHERWISE['classify']}"
    return "regress", f"{what}, too few rows each for classes; {OTHERWISE['regress']}"


def told_labels(column: Column) -> tuple[Column, list[str]]:
    """A target that was read verbatim with its gaps, and a note where words for a gap are labels.

    They are where else one text alone would be left: ``+`` beside ``-``, ``None`` beside ``Some``.
    """
    if not isinstance(column, Text):
        return column, []
    plain = with_gaps(column)
    words = [word for word, _ in plain.gap_words]
    if len(plain.values) != 1 or not words or not np.isnan(number(plain.values[0], plain.decimal)):
        return plain, _alike(plain)
    labels = shortened([repr(word) for word in words])
    return with_gaps(column, words), [
        f"{labels} in the target counts as a label beside {plain.values[0]!r}, not as a gap"
    ]


def _alike(column: Text) -> list[str]:
    """A note on labels that differ in nothing but capitals or a full stop."""
    groups: dict[str, list[str]] = {}
    for value in column.values:
        if np.isnan(number(value, column.decimal)):
            groups.setdefault(value.rstrip(".").casefold(), []).append(value)
    several = [" and ".join(map(repr, sorted(group))) for _, group in sorted(groups.items()) if len(group) > 1]
    if not several:
        return []
    return [f"the target holds {shortened(several)}, which count as different labels; write them alike if they are one"]


OTHERWISE = {
    "regress": "--task classify takes them as classes",
    "classify": "--task regress predicts them as numbers",
}


def as_text(column: Column) -> Text:
    """The column as labels; numbers as Python writes them, without a point where all are whole."""
    if isinstance(column, Text):
        return column
    values = column.values
    whole = np.array_equal(values, np.round(values)) and np.abs(values).max(initial=0) < EXACT
    # With as_text it is a Text.
    return column_from_array(values.astype(np.int64) if whole else values, as_text=True)  # type: ignore[return-value]


def as_numbers(column: Column) -> Numbers | None:
    """The column as numbers; None where it is text."""
    return column if isinstance(column, Numbers) else column.as_numbers()


def fit_classes(name: str, column: Column) -> Classes:
    """The classes that the rows have, numbers in their order; the column has no gaps.

    Parameters
    ----------
    name : a word for it in summaries, histories and files; None makes one.
    column : a column of a table, or its name.
    """
    text = as_text(column)
    counts = np.bincount(text.codes, minlength=len(text.values))
    labels = [value for value, count in zip(text.values, counts, strict=True) if count]
    mend = "" if as_numbers(text) is None else "; --task regress predicts it as a number"
    if len(labels) < 2:
        raise ValueError(f"the target {name!r} has the value {labels[0]!r} in every row: there is nothing to learn")
    if len(labels) > MOST_CLASSES:
        raise ValueError(f"the target {name!r} has {len(labels):,} classes, at most {MOST_CLASSES} can be told{mend}")
    if len(labels) == len(column) > FEW:
        raise ValueError(f"the target {name!r} has another text in each of {len(column):,} rows: no classes{mend}")
    order = numbers(labels, text.decimal)
    return Classes(name, labels if np.isnan(order).any() else [labels[i] for i in np.argsort(order, kind="stable")])


def fit_quantity(name: str, column: Column, limited: bool = False) -> Quantity:
    """Mean and spread of these training rows; the column has no gaps.

    ``limited`` keeps predictions within what the rows have.

    Parameters
    ----------
    name : a word for it in summaries, histories and files; None makes one.
    column : a column of a table, or its name.
    limited : whether predictions are kept within what training saw.
    """
    if isinstance(column, Text) and column.as_numbers() is None:
        raise ValueError(f"the target {name!r} holds text ({_word(column)!r}), which cannot be regressed")
    values = Quantity(name, 0.0, 1.0).values(column)
    limits = (float(values.min()), float(values.max())) if limited else ()
    mean, spread = float(values.mean()), float(values.std())
    if spread <= 1e-12 * abs(mean):
        raise ValueError(f"the target {name!r} has the value {mean:g} in every row: there is nothing to learn")
    return Quantity(name, mean, spread, limits)


def target_from_config(stored: Config) -> Target:
    """The target that :meth:`config` described."""
    if stored["kind"] == "classes":
        labels = stored["labels"] if isinstance(stored["labels"], list) else []
        # old files have numbers
        return Classes(stored["name"], [str(label) if type(label) in (int, float) else label for label in labels])
    if stored["kind"] != "numbers":
        raise arguments.unknown_name("kind of target", stored["kind"], ("classes", "numbers"))
    return Quantity(stored["name"], stored["mean"], stored["spread"], stored.get("limits", ()))


def _word(column: Column) -> str:
    """The first text that is no number."""
    return "" if isinstance(column, Numbers) else next(v for v in column.values if np.isnan(number(v, column.decimal)))


def _loose(label: str) -> str:
    """What is the same for labels that mean the same: ``Yes.`` and ``yes``, ``1`` and ``1.0``, but not ``01``."""
    found = None if _PADDED.match(label) else _WHOLE.fullmatch(label)
    return found[1].replace("+", "") + found[2] if found else label.rstrip(".").casefold()
