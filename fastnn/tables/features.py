"""How raw rows become the numbers a network takes: fitted on training rows, stored as JSON in the model file.

- numbers are standardised; a gap becomes the mean, and an indicator column says so if training rows had gaps
- text becomes one-hot columns: one a category, one for gaps if training rows had some
- text columns that say true and false count as numbers 1 and 0
- a column with one value becomes zero; images (uint8 arrays) are divided by 255

Design: the bucket of the unseen has a column of its own only if training rows fall into it (rare values of a
column with very many). Otherwise an unseen value is zero in all of the column's places: the same as a bucket
whose weights no training row moved from zero, where randomly drawn ones (rejected) would add noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastnn.reprs import call_of
from fastnn.tables.table import NUMBER, Column, Numbers, Table, Text

MOST_CATEGORIES = 1000
MANY_CATEGORIES = 100  # from here on a value that one row has goes to the bucket
CONSTANT = "not more than one value in the training rows, counts as zero"
UNIQUE = "another text in every row (what names a row?), left out"
TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class NumberFeature:
    """``(value - mean) * scale``, and 1 for a gap in a second column if ``gaps``.

    ``truth`` marks a column of true and false.
    """

    name: str
    mean: float
    scale: float
    gaps: bool
    truth: bool = False

    @property
    def width(self) -> int:
        return 1 + self.gaps

    def __repr__(self) -> str:
        return call_of(self)

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``."""
        values = truth_values(column) if self.truth else _numbers(self.name, column)
        missing = np.isnan(values)
        standard = (values - self.mean) * self.scale
        out[:, 0] = np.where(missing, 0.0, standard) if self.scale else 0.0
        if self.gaps:
            out[:, 1] = missing


@dataclass(frozen=True)
class CategoryFeature:
    """One-hot over ``values``, then a column for gaps if ``gaps``, then the bucket if ``bucket``."""

    name: str
    values: Sequence[str]
    gaps: bool
    bucket: bool

    @property
    def width(self) -> int:
        return len(self.values) + self.gaps + self.bucket

    def __repr__(self) -> str:
        return call_of(self)

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``, which is zero."""
        if isinstance(column, Numbers):
            if not column.gaps.all():
                raise ValueError(f"column {self.name!r} holds numbers; the model was trained on text there")
            column = Text(np.full(len(column), -1), ())
        place = {value: index for index, value in enumerate(self.values)}
        unseen = len(self.values) + self.gaps if self.bucket else -1
        gap = len(self.values) if self.gaps else unseen
        target = np.array([place.get(value, unseen) for value in column.values] + [gap])[column.codes]
        rows = np.flatnonzero(target >= 0)
        out[rows, target[rows]] = 1.0


Feature = NumberFeature | CategoryFeature


@dataclass(frozen=True)
class TableFeatures:
    """The encoding of a table's columns, side by side in the order of training."""

    features: list[Feature] = field(default_factory=list)

    @property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return sum(feature.width for feature in self.features)

    def __repr__(self) -> str:
        return f"<TableFeatures of {len(self.features)} columns, {self.width} numbers a row>"

    def encode(self, table: Any) -> np.ndarray:
        """Rows for the network, ``(n, width)`` float32, from a table with columns in any order."""
        if not isinstance(table, Table):
            raise ValueError("the model was trained on a table with named columns, and this is an array of images")
        absent = [feature.name for feature in self.features if feature.name not in table.columns]
        if absent:
            raise ValueError(
                f"{table.source} has no column {', '.join(map(repr, absent))}, which the model was trained on; "
                f"it has {', '.join(map(repr, list(table.columns)[:20]))}"
            )
        out = np.zeros((len(table), self.width), dtype=np.float32)
        first = 0
        for feature in self.features:
            feature.fill(table.columns[feature.name], out[:, first : first + feature.width])
            first += feature.width
        return out

    def text_columns(self) -> list[str]:
        """Columns to read as text, whatever their values look like."""
        return [f.name for f in self.features if isinstance(f, CategoryFeature) or f.truth]

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "table", "columns": [{"kind": type(f).__name__, **asdict(f)} for f in self.features]}


@dataclass(frozen=True)
class Pixels:
    """Images of ``shape``, uint8, divided by 255 and flattened."""

    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return int(np.prod(self.shape))

    def encode(self, images: Any) -> np.ndarray:
        """Rows for the network, ``(n, width)`` float32, from uint8 ``(n, *shape)``."""
        if isinstance(images, Table):
            raise ValueError(f"{images.source} is a table; the model was trained on images of shape {self.shape}")
        if images.shape[1:] != self.shape:
            raise ValueError(f"the images have shape {images.shape[1:]}; the model was trained on {self.shape}")
        rows = images.reshape(len(images), -1).astype(np.float32)
        rows /= 255
        return rows

    def text_columns(self) -> list[str]:
        """Images have no columns."""
        return []

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "pixels", "shape": list(self.shape)}


Features = TableFeatures | Pixels


def fit_features(data: Table | np.ndarray) -> tuple[Features, list[str]]:
    """The encoding for these training rows, and what a user should know about it."""
    if not isinstance(data, Table):
        return Pixels(data.shape[1:]), []
    features: list[Feature] = []
    notes: dict[str, list[str]] = {}
    for name, column in data.columns.items():
        feature, note = _fit_column(name, column)
        notes.setdefault(note, []).append(name)
        if feature.width:
            features.append(feature)
    if not features:
        raise ValueError(f"{data.source} has no column to learn from besides the target")
    notes.pop("", None)
    return TableFeatures(features), [f"{_listed(names)}: {note}" for note, names in notes.items()]


def _listed(names: list[str]) -> str:
    word = "column" if len(names) == 1 else f"{len(names)} columns"
    return f"{word} {', '.join(map(repr, names[:10]))}{', ...' if len(names) > 10 else ''}"


def features_from_config(stored: dict[str, Any]) -> Features:
    """The encoding that :meth:`config` described."""
    if stored["kind"] == "pixels":
        return Pixels(tuple(stored["shape"]))
    kinds = {"NumberFeature": NumberFeature, "CategoryFeature": CategoryFeature}
    return TableFeatures(list(_rebuilt(stored["columns"], kinds)))


def _rebuilt(columns: list[dict[str, Any]], kinds: dict[str, Any]) -> Iterator[Feature]:
    for column in columns:
        yield kinds[column["kind"]](**{key: value for key, value in column.items() if key != "kind"})


def _fit_column(name: str, column: Column) -> tuple[Feature, str]:
    if isinstance(column, Numbers):
        return _fit_numbers(name, _numbers(name, column), truth=False)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    present = [value for value, count in zip(column.values, counts, strict=True) if count]
    if present and all(value.lower() in TRUTH for value in present):
        return _fit_numbers(name, truth_values(column), truth=True)
    return _fit_categories(name, column, counts)


def _fit_numbers(name: str, values: np.ndarray, truth: bool) -> tuple[Feature, str]:
    known = values[~np.isnan(values)]
    gaps = 0 < len(known) < len(values)
    mean = float(known.mean()) if len(known) else 0.0
    spread = float(known.std()) if len(known) else 0.0
    constant = spread <= 1e-12 * abs(mean)
    note = CONSTANT if constant else ""
    return NumberFeature(name, mean, 0.0 if constant else 1 / spread, gaps, truth), note


def _fit_categories(name: str, column: Text, counts: np.ndarray) -> tuple[Feature, str]:
    n_values = int((counts > 0).sum())
    least = 2 if n_values > MANY_CATEGORIES else 1
    common = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    kept = sorted(column.values[i] for i in common if counts[i] >= least)
    gaps = bool(column.gaps.any())
    if n_values + gaps < 2 or not kept:
        return CategoryFeature(name, (), False, False), UNIQUE if n_values > 1 else CONSTANT
    note = ""
    if len(kept) < n_values:
        note = f"{n_values:,} different texts: the {len(kept):,} most frequent count, all others as one"
    return CategoryFeature(name, tuple(kept), gaps, len(kept) < n_values), note


def _numbers(name: str, column: Column) -> np.ndarray:
    if isinstance(column, Text):
        if column.gaps.all():
            return np.full(len(column), np.nan)
        worded = np.array([not NUMBER.fullmatch(value) for value in column.values] + [False])[column.codes]
        row = int((worded if worded.any() else ~column.gaps).argmax())
        raise ValueError(
            f"column {name!r} holds text ({column.values[column.codes[row]]!r} in row {row + 1}); "
            f"the model was trained on numbers there"
        )
    check_finite(name, column)
    return column.values


def check_finite(name: str, column: Column) -> None:
    """Raise when a number is infinite, and say in which row."""
    infinite = np.isinf(column.values) if isinstance(column, Numbers) else np.zeros(1, bool)
    if infinite.any():
        raise ValueError(
            f"column {name!r} is infinite in row {int(infinite.argmax()) + 1}; write a number, or nothing for a gap"
        )


def truth_values(column: Column) -> np.ndarray:
    """1 for true, 0 for false, NaN for all else, ``(n,)`` float64; numbers pass as they are."""
    if isinstance(column, Numbers):
        return column.values
    return np.array([TRUTH.get(value.lower(), np.nan) for value in column.values] + [np.nan])[column.codes]
