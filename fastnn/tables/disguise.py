"""Columns that are the target in disguise: one alone predicts it, on rows that it was not learnt from.

A column's rule is as simple as can be: of each value what most training rows with it have; of a number that is new what
its neighbours have. Half of the rows give the rule, and the other half says how good it is.

Design: a bare share of right rows (rejected) raises the alarm wherever one class is rare. What counts is how many of
the errors that the most frequent class makes are left; of numbers, how much of the variance is, of the values and of
their ranks both, or a single row far out would decide.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastnn.tables.table import Column, Numbers, Text

FEWEST_ROWS, FEWEST_ERRORS = 40, 10  # with less there is no telling
MOST_ROWS = 4000
LEFT = 0.01  # of the most frequent class' errors
EXPLAINED = 0.999  # of the variance


def disguised_notes(columns: Mapping[str, Column], name: str, target: Column) -> list[str]:
    """Notes on columns that predict the target alone.

    Parameters
    ----------
    columns : training rows without the target.
    name, target : of the target; text holds classes, numbers are told by their values.

    >>> from fastnn.tables import table_of_frame
    >>> table = table_of_frame({"grams": range(100), "kilos": [i / 1000 for i in range(100)]})
    >>> disguised_notes({"grams": table.columns["grams"]}, "kilos", table.columns["kilos"])[0][:62]
    "column 'grams' alone predicts the target 'kilos' (it explains "
    """
    rows = np.flatnonzero(~target.gaps)
    rows = np.random.default_rng(0).permutation(rows)[:MOST_ROWS]
    if len(rows) < FEWEST_ROWS:
        return []
    judge: _Classes | _Quantities = _Classes(target, rows) if isinstance(target, Text) else _Quantities(target, rows)
    told = []
    for column_name, column in columns.items():
        why = judge.verdict(column.take(rows)) if judge.can_tell else ""
        if why:
            told.append(
                f"column {column_name!r} alone predicts the target {name!r} ({why}); is it known before the target is? "
                f"If not, leave it out"
            )
    return told


class _Classes:
    """Judges columns by the errors that are left."""

    def __init__(self, target: Text, rows: np.ndarray):
        labels = np.unique(target.codes[rows], return_inverse=True)[1].reshape(-1)
        half = len(labels) // 2
        self.half, self.learnt, self.held = half, labels[:half], labels[half:]
        self.frequent = int(np.bincount(self.learnt).argmax())
        self.errors = int((self.held != self.frequent).sum())
        self.can_tell = self.errors >= FEWEST_ERRORS

    def verdict(self, column: Column) -> str:
        places, asked = _groups(column, self.half)
        n = int(places.max()) + 1
        pairs, counts = np.unique(places * (1 + self.learnt.max()) + self.learnt, return_counts=True)
        owners, labels = np.divmod(pairs, 1 + self.learnt.max())
        order = np.argsort(counts, kind="stable")  # the most frequent one is written last
        there = self.learnt[~column.gaps[: self.half]]  # what a value is taken for that is new
        rule = np.full(n + 1, np.bincount(there).argmax() if len(there) else self.frequent)
        rule[owners[order]] = labels[order]
        errors = int((rule[asked] != self.held).sum())
        if errors > LEFT * self.errors:
            return ""
        size = len(self.held)
        right, base = 100 * (1 - errors / size), 100 * (1 - self.errors / size)
        return f"right in {right:.4g} % of held-out rows, where the most frequent class is in {base:.3g} %"


class _Quantities:
    """Judges columns by the variance that is left, of values and of ranks."""

    def __init__(self, target: Numbers, rows: np.ndarray):
        values = target.values[rows]
        ranks = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.float64)
        self.half = half = len(values) // 2
        self.targets = [(each[:half], each[half:]) for each in (values, ranks)]
        finite = bool(np.isfinite(values).all())
        self.can_tell = finite and all(learnt.std() > 0 and held.std() > 0 for learnt, held in self.targets)

    def verdict(self, column: Column) -> str:
        places, asked = _groups(column, self.half)
        n = int(places.max()) + 1
        counts = np.bincount(places, minlength=n)
        shares = []
        there = ~column.gaps[: self.half]
        for ranked, (learnt, held) in enumerate(self.targets):
            new = learnt.mean(where=there) if there.any() else learnt.mean()
            means = np.append(np.bincount(places, learnt, n) / np.maximum(counts, 1), new)
            if isinstance(column, Numbers):
                guess = _between(column.values, self.half, learnt, means[asked])
                guess = np.clip(guess, learnt.min(), learnt.max()) if ranked else guess  # no line goes through ranks
            else:
                guess = means[asked]
            shares.append(1 - float(((guess - held) ** 2).mean() / held.var()))
            if shares[-1] < EXPLAINED:
                return ""
        return f"it explains {100 * shares[0]:.4g} % of the variance of held-out rows"


def _groups(column: Column, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups of the first rows, and that of each other row: its own value's, of numbers the nearest; else -1."""
    if isinstance(column, Text):
        known, places = np.unique(column.codes[:half], return_inverse=True)
        at = np.minimum(np.searchsorted(known, column.codes[half:]), len(known) - 1)
        return places.reshape(-1), np.where(known[at] == column.codes[half:], at, -1)
    known, places = np.unique(column.values[:half], return_inverse=True)  # one NaN for all, at the end
    finite = known[~np.isnan(known)]
    asked, gaps = column.values[half:], column.gaps[half:]
    if len(finite):
        above = np.clip(np.searchsorted(finite, asked), 1, max(1, len(finite) - 1))
        above = np.minimum(above, len(finite) - 1)
        below = np.maximum(above - 1, 0)
        at = np.where(asked - finite[below] <= finite[above] - asked, below, above)
    else:
        at = np.full(len(asked), -1)
    gap = len(known) - 1 if len(known) > len(finite) else -1
    return places.reshape(-1), np.where(gaps, gap, at)


def _between(values: np.ndarray, half: int, learnt: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The targets of later rows on lines between those of the first ones; beyond them on the line of all."""
    known, asked = values[:half], values[half:]
    there = ~np.isnan(known)
    points, places = np.unique(known[there], return_inverse=True)
    if len(points) < 2:
        return otherwise
    heights = np.bincount(places.reshape(-1), learnt[there]) / np.bincount(places.reshape(-1))
    guess = np.interp(asked, points, heights)
    middle = points.mean()
    slope = ((points - middle) @ (heights - heights.mean())) / ((points - middle) @ (points - middle))
    for beyond, end in ((asked < points[0], 0), (asked > points[-1], -1)):
        guess = np.where(beyond, heights[end] + slope * (asked - points[end]), guess)
    return np.where(np.isnan(asked), otherwise, guess)
