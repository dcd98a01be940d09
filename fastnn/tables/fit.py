"""The encoding of features that training rows ask for, and notes on what was made of their columns.

Design: the bucket of the unseen has a column of its own only if training rows fall into it (rare values of a
column with very many). Otherwise an unseen value is zero in all of the column's places: the same as a bucket
whose weights no training row moved from zero, where randomly drawn ones (rejected) would add noise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.dates import fit_dates
from fastnn.tables.features import Feature, Features, Pixels, TableFeatures
from fastnn.tables.notes import odd_note, shortened
from fastnn.tables.numerals import numbers
from fastnn.tables.options import FeatureOptions
from fastnn.tables.pieces import TINY, PieceFeature, apart, piece_borders, robust
from fastnn.tables.table import Column, Numbers, Table, Text, listed
from fastnn.tables.times import writes_times
from fastnn.tables.values import TRUTH, number_values, truth_values

MOST_CATEGORIES = 1000
MOST_CODES = 50_000
AS_EVER = FeatureOptions()
MANY_CATEGORIES = 100  # from here on a value that one row has goes to the bucket
EMPTY = "no value in any training row, counts as zero"
CONSTANT = "one value in all training rows that have one, counts as zero"
ALIKE = "values that differ by less than rounding, counts as zero"
UNIQUE = "another text in every row (what names a row?), left out"


def fit_features(data: Table | np.ndarray, options: FeatureOptions = AS_EVER) -> tuple[Features, list[str]]:
    """The encoding for these training rows, and what a user should know about it.

    Parameters
    ----------
    data : a table, or what :func:`fastnn.tables.table_of_frame` takes.
    options : what columns become, see :class:`fastnn.tables.FeatureOptions`.

    >>> from fastnn.tables import FeatureOptions, Numbers, Table
    >>> table = Table({"age": Numbers(np.arange(100.0))})
    >>> fit_features(table)[0], fit_features(table, FeatureOptions(pieces=16))[0].features
    (<TableFeatures of 1 column, 1 number a row>, [<PieceFeature 'age': center 49.5, 16 pieces>])
    """
    if not isinstance(data, Table):
        return Pixels(data.shape[1:]), []
    features, told = fit_columns(data.columns, options)
    if not features:
        why = "".join(f"; {note}" for note in told)
        raise ValueError(f"{data.source} has no column to learn from besides the target{why}")
    return TableFeatures(features), told


def fit_columns(columns: Mapping[str, Column], options: FeatureOptions = AS_EVER) -> tuple[list[Feature], list[str]]:
    """The encodings of those columns that say something, and notes."""
    features: list[Feature] = []
    notes: dict[str, list[str]] = {}
    odd: list[str] = []
    for name, column in columns.items():
        feature, note = fit_column(name, column, options)
        notes.setdefault(note, []).append(name)
        odd += odd_note(name, column)
        if feature.width:
            features.append(feature)
    notes.pop("", None)
    return features, odd + [f"{listed(names)}: {note}" for note, names in notes.items()]


def fit_column(name: str, column: Column, options: FeatureOptions) -> tuple[Feature, str]:
    """The encoding of a column, and a note on it or an empty one."""
    if isinstance(column, Numbers):
        return _fit_numbers(name, number_values(name, column), tuple(word for word, _ in column.odd), options.pieces)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    return fit_text(name, column, counts, column, options)


def fit_text(
    name: str, column: Text, counts: np.ndarray, rows: Text, options: FeatureOptions = AS_EVER
) -> tuple[Feature, str]:
    """The encoding of text, and a note on it or an empty one.

    Parameters
    ----------
    column, counts : its values, with how many rows have each; whether it has gaps.
    rows : by which true and false, and dates, are standardised; a sample of the rows where they are many.
    """
    present = [value for value, count in zip(column.values, counts, strict=True) if count]
    if present and all(value.lower() in TRUTH for value in present):
        return _fit_numbers(name, truth_values(name, rows), truth=True)
    if options.dates and present and writes_times(column):
        dates = fit_dates(name, rows, options.pieces)
        return (CategoryFeature(name, (), False, False), CONSTANT) if dates is None else (dates, "")
    return _fit_categories(name, column, counts, options.most_one_hot)


def _fit_numbers(
    name: str, values: np.ndarray, words: tuple[str, ...] = (), pieces: int = 0, truth: bool = False
) -> tuple[Feature, str]:
    known = values[~np.isnan(values)]
    gaps = 0 < len(known) < len(values)
    mean = float(known.mean()) if len(known) else 0.0
    spread = float(known.std()) if len(known) else 0.0
    constant = spread <= max(1e-12 * abs(mean), TINY)
    if pieces and not constant:
        ordered = np.sort(known)
        borders = piece_borders(ordered, pieces)
        if len(apart(ordered)) > 2:
            return PieceFeature(name, *robust(ordered), borders, gaps, words), ""
    note = constant_note(known.min(), known.max()) if constant and len(known) else EMPTY * constant
    return NumberFeature(name, mean, 0.0 if constant else 1 / spread, gaps, truth, words), note


def constant_note(low: float, high: float) -> str:
    """What is told of a column without spread, by the least and the greatest of its numbers."""
    return CONSTANT if low == high else ALIKE


def _fit_categories(name: str, column: Text, counts: np.ndarray, most_one_hot: int | None) -> tuple[Feature, str]:
    n_values = int((counts > 0).sum())
    as_codes = most_one_hot is not None and n_values > most_one_hot
    least = 2 if n_values > MANY_CATEGORIES else 1
    common = np.argsort(-counts, kind="stable")[: MOST_CODES if as_codes else MOST_CATEGORIES]
    kept = sorted(column.values[i] for i in common if counts[i] >= least)
    gaps = bool(column.gaps.any())
    if n_values + gaps < 2 or not kept:
        why = _mixed(column, counts) + UNIQUE if n_values > 1 else CONSTANT if n_values else EMPTY
        return CategoryFeature(name, (), False, False), why
    rare, note = len(kept) < n_values, ""
    if rare:
        what = f"{n_values:,} different texts: the {len(kept):,} most frequent count, all others as one"
        note = _mixed(column, counts) + what
    if as_codes:
        return CodeFeature(name, tuple(kept), gaps or rare), note
    return CategoryFeature(name, tuple(kept), gaps, rare), note


def _mixed(column: Text, counts: np.ndarray) -> str:
    """Where most values of a column of text are numbers: that they are, and what the others are."""
    words = np.isnan(numbers(column.values, column.decimal)) & (counts > 0)
    if not words.any() or 2 * counts[words].sum() > counts.sum():
        return ""
    others = shortened([repr(column.values[i]) for i in np.flatnonzero(words)])
    return f"numbers, but also words in {counts[words].sum():,} of {counts.sum():,} rows ({others}), so read as text; "
