"""How raw rows become the numbers a network takes: encodings of columns, stored as JSON in the model file.

- numbers are standardised; a gap becomes the mean, and an indicator column says so if training rows had gaps
- text becomes one-hot columns: one a category, one for gaps if training rows had some
- text columns that say true and false count as numbers 1 and 0
- a column with one value becomes zero; images (uint8 arrays) are divided by 255
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastnn._base.arguments import number, shown, unknown_name
from fastnn._base.reprs import call_of, counted
from fastnn.tables.notes import odd_note, shortened
from fastnn.tables.numerals import numbers
from fastnn.tables.ranges import check_finite, check_range
from fastnn.tables.table import Column, Numbers, Table, Text

TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class NumberFeature:
    """``(value - mean) * scale``, and 1 for a gap in a second column if ``gaps``.

    ``truth`` marks a column of true and false; ``words`` count as gaps.
    """

    name: str
    mean: float
    scale: float
    gaps: bool
    truth: bool = False
    words: Sequence[str] = ()

    @property
    def width(self) -> int:
        return 1 + self.gaps

    def __repr__(self) -> str:
        return call_of(self)

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        number(f"mean of {self.name!r}", self.mean)
        number(f"scale of {self.name!r}", self.scale, low=0.0)

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``."""
        values = truth_values(self.name, column) if self.truth else number_values(self.name, column)
        missing = np.isnan(values)
        with np.errstate(over="ignore"):  # refused below
            standard = np.where(missing, 0.0, values - self.mean) * self.scale
        check_range(self.name, values, standard)
        out[:, 0] = standard
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

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if not self.width or len(set(self.values)) < len(self.values):
            raise ValueError(f"the categories of {self.name!r} must be there, and differ")

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the encoded column to ``out`` ``(n, width)``, which is zero."""
        column = self._text(column)
        place = {value: index for index, value in enumerate(self.values)}
        unseen = len(self.values) + self.gaps if self.bucket else -1
        gap = len(self.values) if self.gaps else unseen
        target = np.array([place.get(value, unseen) for value in column.values] + [gap])[column.codes]
        rows = np.flatnonzero(target >= 0)
        out[rows, target[rows]] = 1.0

    def unseen(self, column: Column) -> tuple[int, list[str]]:
        """How many rows have a value that training rows had not, and which values, the most frequent first."""
        column = self._text(column)
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        known = set(self.values)
        new = [i for i in np.argsort(-counts, kind="stable") if counts[i] and column.values[i] not in known]
        return int(counts[new].sum()), [column.values[i] for i in new]

    def _text(self, column: Column) -> Text:
        if isinstance(column, Text):
            return column
        if not column.gaps.all():
            raise ValueError(f"column {self.name!r} holds numbers; the model was trained on text there")
        return Text(np.full(len(column), -1), ())


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
        return f"<TableFeatures of {counted(len(self.features), 'column')}, {counted(self.width, 'number')} a row>"

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if len({feature.name for feature in self.features}) < len(self.features):
            raise ValueError("two columns have one name")
        for feature in self.features:
            feature.check()

    def encode(self, table: Any) -> np.ndarray:
        """Rows for the network, ``(n, width)`` float32, from a table with columns in any order."""
        table = with_columns(table, [feature.name for feature in self.features])
        out = np.zeros((len(table), self.width), dtype=np.float32)
        first = 0
        for feature in self.features:
            feature.fill(table.columns[feature.name], out[:, first : first + feature.width])
            first += feature.width
        return out

    def notes(self, table: Table) -> list[str]:
        """What a user should know about rows of a table that :meth:`encode` takes: unseen categories, odd words."""
        told = []
        for feature in self.features:
            column = table.columns[feature.name]
            if isinstance(feature, NumberFeature):
                told += odd_note(feature.name, column)
                continue
            n_rows, values = feature.unseen(column)
            if n_rows and not feature.bucket:
                have = "has" if n_rows == 1 else "have"
                told.append(
                    f"column {feature.name!r}: {n_rows:,} of {counted(len(table), 'row')} {have} a category that "
                    f"training rows had not ({shortened(values)})"
                )
        return told

    def text_columns(self) -> list[str]:
        """Columns to read as text, whatever their values look like."""
        return [f.name for f in self.features if isinstance(f, CategoryFeature) or f.truth]

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Columns to read as numbers, each with the words that count as gaps there."""
        return {f.name: f.words for f in self.features if isinstance(f, NumberFeature) and not f.truth}

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "table", "columns": [{"kind": type(f).__name__, **asdict(f)} for f in self.features]}


def with_columns(table: Any, names: Sequence[str]) -> Table:
    """The table, which has to be one, and to have these columns."""
    if not isinstance(table, Table):
        raise ValueError("the model was trained on a table with named columns, and this is an array of images")
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ValueError(
            f"{table.source} has no column {', '.join(map(repr, absent))}, which the model was trained on; "
            f"it has {', '.join(map(repr, list(table.columns)[:20]))}"
        )
    return table


def _places(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of images, in which grey ones may have one channel or none."""
    return shape[:2] if len(shape) == 3 and shape[2] == 1 else shape


@dataclass(frozen=True)
class Pixels:
    """Images of ``shape``, uint8, divided by 255 and flattened."""

    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return math.prod(self.shape)

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if not self.shape or min(self.shape) < 1:
            raise ValueError(f"images have sizes of at least 1, got {shown(self.shape)}")

    def encode(self, images: Any) -> np.ndarray:
        """Rows for the network, ``(n, width)`` float32, from uint8 ``(n, *shape)``."""
        if isinstance(images, Table):
            raise ValueError(f"{images.source} is a table; the model was trained on images of shape {self.shape}")
        if _places(images.shape[1:]) != _places(self.shape):
            raise ValueError(f"the images have shape {images.shape[1:]}; the model was trained on {self.shape}")
        rows = images.reshape(len(images), -1).astype(np.float32)
        rows /= 255
        return rows

    def notes(self, images: Any) -> list[str]:
        """Nothing."""
        return []

    def text_columns(self) -> list[str]:
        """Images have no columns."""
        return []

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Images have no columns."""
        return {}

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        return {"kind": "pixels", "shape": list(self.shape)}


Features = TableFeatures | Pixels


def features_from_config(stored: dict[str, Any]) -> Features:
    """The encoding that :meth:`config` described."""
    if stored["kind"] == "pixels":
        return Pixels(tuple(stored["shape"]))
    if stored["kind"] != "table":
        raise unknown_name("kind of features", stored["kind"], ("pixels", "table"))
    kinds = {"NumberFeature": NumberFeature, "CategoryFeature": CategoryFeature}
    return TableFeatures(list(_rebuilt(stored["columns"], kinds)))


def _rebuilt(columns: list[dict[str, Any]], kinds: dict[str, Any]) -> Iterator[Feature]:
    for column in columns:
        yield kinds[column["kind"]](**{key: value for key, value in column.items() if key != "kind"})


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
    return np.array([TRUTH.get(value.lower(), np.nan) for value in column.values] + [np.nan])[column.codes]
