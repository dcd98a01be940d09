"""What a column of a table is for an encoding: numbers, truth, or text; errors name the column and the row."""

from __future__ import annotations

import numpy as np

from fastnn.tables.numerals import numbers
from fastnn.tables.ranges import check_finite
from fastnn.tables.table import Column, Numbers, Text

TRUTH = {"true": 1.0, "false": 0.0}  # what makes a column one of truth
SAID = {**TRUTH, "1": 1.0, "0": 0.0}  # what says so in rows that come later


def number_values(name: str, column: Column) -> np.ndarray:
    """The numbers of a column, ``(n,)`` float64, NaN for a gap; raises for words and for what float32 cannot hold."""
    if isinstance(column, Text):
        if column.gaps.all():
            return np.full(len(column), np.nan)
        words = np.isnan(numbers(column.values, column.decimal))
        worded = np.append(words, False)[column.codes]
        row = int((worded if worded.any() else ~column.gaps).argmax())
        raise ValueError(
            f"column {name!r} holds text ({column.values[column.codes[row]]!r} in row {row + 1}); "
            f"the model was trained on numbers there"
        )
    check_finite(name, column)
    return column.values


def truth_values(name: str, column: Column) -> np.ndarray:
    """1 for true, 0 for false, NaN for all else, ``(n,)`` float64; numbers pass as they are."""
    if isinstance(column, Numbers):
        return number_values(name, column)
    found: np.ndarray = np.array([SAID.get(value.lower(), np.nan) for value in column.values] + [np.nan])[column.codes]
    return found


def text_values(name: str, column: Column) -> Text:
    """The texts of a column; one of gaps alone passes, numbers are refused."""
    if isinstance(column, Text):
        return column
    if not column.gaps.all():
        raise ValueError(f"column {name!r} holds numbers; the model was trained on text there")
    return Text(np.full(len(column), -1), ())
