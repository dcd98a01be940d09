"""The column to predict: which task it makes, and how its values become targets and come back.

Classes keep their labels as they were written; numbers are standardised for training and mapped back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.reprs import call_of
from fastnn.tables.features import check_finite
from fastnn.tables.table import Column, Numbers, Text

FEW = 20  # distinct whole numbers up to which a column is taken for classes
MOST_CLASSES = 1000
RULE = f"text, and whole numbers with at most {FEW} different values, are classes; other numbers are regressed"

Label = str | int | float


@dataclass(frozen=True)
class Classes:
    """A target of labels, in the order of the network's outputs.

    Two classes are one output (the probability of the second), more are one each.
    """

    name: str
    labels: Sequence[Label]

    def __repr__(self) -> str:
        return call_of(self)

    @property
    def n_out(self) -> int:
        return len(self.labels) if len(self.labels) > 2 else 1

    def encode(self, column: Column) -> np.ndarray:
        """Class index of each row, ``(n,)`` int64; the column has no gaps.

        Labels that differ only in case or a closing dot are the same when no other label is.
        """
        if isinstance(column, Numbers):
            values, codes = np.unique(column.values, return_inverse=True)
            written: list[Label] = [_number_label(value, whole=column.whole) for value in values]
        else:
            written, codes = list(column.values), column.codes
        exact = {_key(label): index for index, label in enumerate(self.labels)}
        loose: dict[str, int] = {}
        for index, label in enumerate(self.labels):
            loose[_loose(label)] = -1 if _loose(label) in loose else index
        table = np.array([exact.get(_key(label), loose.get(_loose(label), -1)) for label in written] + [-1])
        classes = table[codes]
        if (classes < 0).any():
            label = written[int(codes[int((classes < 0).argmax())])]
            raise ValueError(f"{self.name!r} has the value {label!r}; the model knows {_listed(self.labels)}")
        return classes

    def decode(self, output: np.ndarray) -> list[Label]:
        """The most probable label of each row of ``output`` ``(n, n_out)``."""
        return [self.labels[i] for i in self.probabilities(output).argmax(axis=1)]

    def probabilities(self, output: np.ndarray) -> np.ndarray:
        """Probability of each class, ``(n, n_classes)``."""
        return np.hstack([1 - output, output]) if self.n_out == 1 else output

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "classes", "name": self.name, "labels": list(self.labels)}


@dataclass(frozen=True)
class Quantity:
    """A target of numbers: trained as ``(value - mean) / spread``."""

    name: str
    mean: float
    spread: float

    n_out = 1

    def __repr__(self) -> str:
        return call_of(self)

    def encode(self, column: Column) -> np.ndarray:
        """Standardised values, ``(n,)`` float64; the column has no gaps."""
        return (self.values(column) - self.mean) / self.spread

    def values(self, column: Column) -> np.ndarray:
        """The values as they are, ``(n,)`` float64."""
        if isinstance(column, Text):
            raise ValueError(f"{self.name!r} holds text ({column.values[0]!r}); the model predicts numbers")
        check_finite(self.name, column)
        return column.values

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Predicted values ``(n,)`` float64 from ``output`` ``(n, 1)``."""
        return output[:, 0].astype(np.float64) * self.spread + self.mean

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "numbers", "name": self.name, "mean": self.mean, "spread": self.spread}


Target = Classes | Quantity


def choose_task(column: Column) -> tuple[str, str]:
    """``"classify"`` or ``"regress"`` by :data:`RULE`, and the reason in words."""
    if isinstance(column, Text):
        return "classify", "it is text"
    values = np.unique(column.values[~column.gaps])
    if len(values) > FEW:
        return "regress", f"numbers with {len(values):,} different values"
    if np.array_equal(values, np.round(values)):
        return "classify", f"whole numbers with {len(values)} different values"
    return "regress", "numbers with fractions"


def fit_classes(name: str, column: Column) -> Classes:
    """The classes that the rows have; the column has no gaps."""
    labels: list[Label]
    if isinstance(column, Numbers):
        labels = [_number_label(value, whole=column.whole) for value in np.unique(column.values)]
    else:
        labels = [column.values[i] for i in np.unique(column.codes)]
    if len(labels) < 2:
        raise ValueError(f"the target {name!r} has the value {labels[0]!r} in every row: there is nothing to learn")
    if len(labels) > MOST_CLASSES:
        mend = "; --task regress predicts it as a number" if isinstance(column, Numbers) else ""
        raise ValueError(f"the target {name!r} has {len(labels):,} classes, at most {MOST_CLASSES} can be told{mend}")
    return Classes(name, labels)


def fit_quantity(name: str, column: Column) -> Quantity:
    """Mean and spread of these training rows; the column has no gaps."""
    if isinstance(column, Text):
        raise ValueError(f"the target {name!r} holds text ({column.values[0]!r}), which cannot be regressed")
    values = Quantity(name, 0.0, 1.0).values(column)
    mean, spread = float(values.mean()), float(values.std())
    if spread <= 1e-12 * abs(mean):
        raise ValueError(f"the target {name!r} has the value {mean:g} in every row: there is nothing to learn")
    return Quantity(name, mean, spread)


def target_from_config(stored: dict[str, Any]) -> Target:
    """The target that :meth:`config` described."""
    if stored["kind"] == "classes":
        return Classes(stored["name"], stored["labels"])
    return Quantity(stored["name"], stored["mean"], stored["spread"])


def _number_label(value: float, whole: bool) -> Label:
    return int(value) if whole else float(value)


def _key(label: Label) -> Label:
    return label if isinstance(label, str) else float(label)


def _loose(label: Label) -> str:
    return str(label).strip().rstrip(".").casefold() if isinstance(label, str) else str(float(label))


def _listed(labels: Sequence[Label]) -> str:
    shown = ", ".join(repr(label) for label in labels[:10])
    return shown + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
