"""How raw rows become the numbers a network takes: encodings of columns, stored as JSON in the model file.

The kinds of columns stand in :mod:`fastnn.tables.columns`, :mod:`fastnn.tables.pieces` and :mod:`fastnn.tables.dates`;
images (uint8 arrays) are divided by 255.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Any

import numpy as np

from fastnn._base.arguments import nearest, shown, unknown_name
from fastnn._base.reprs import counted
from fastnn._base.stored import kind_and_fields
from fastnn._base.types import Config, DataLike
from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.dates import DateFeature
from fastnn.tables.numerals import number
from fastnn.tables.pieces import PieceFeature
from fastnn.tables.reading import Reading
from fastnn.tables.table import Table

Feature = NumberFeature | PieceFeature | DateFeature | CategoryFeature | CodeFeature
KINDS = {kind.__name__: kind for kind in (NumberFeature, PieceFeature, DateFeature, CategoryFeature, CodeFeature)}
Encoded = np.ndarray | list[np.ndarray]  # float32 (n, width), or a list of such arrays
FIRST_KINDS = NumberFeature | CategoryFeature  # those that files of the first version know
EXACT_IDS = 2**24  # whole numbers up to which float32 has all


@dataclass(frozen=True)
class TableFeatures:
    """The encoding of a table's columns, side by side in the order of training."""

    features: list[Feature] = field(default_factory=list)

    @property
    def codes(self) -> list[CodeFeature]:
        """The columns whose numbers an ``Embedding`` takes."""
        return [feature for feature in self.features if isinstance(feature, CodeFeature)]

    @property
    def numbers(self) -> list[Feature]:
        """All other columns."""
        return [feature for feature in self.features if not isinstance(feature, CodeFeature)]

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers that an encoded row has in each array."""
        numbers, codes = sum(feature.width for feature in self.numbers), len(self.codes)
        return (*([numbers] if numbers or not codes else []), *([codes] if codes else []))

    @property
    def width(self) -> int:
        """How many numbers an encoded row has in all."""
        return sum(feature.width for feature in self.features)

    @property
    def n_ids(self) -> tuple[int | None, ...]:
        """How many different numbers the codes have, None for the array of all other columns."""
        ids = sum(feature.n_ids for feature in self.codes)
        return (*([None] * (len(self.widths) - bool(ids))), *([ids] if ids else []))

    @property
    def offsets(self) -> list[int]:
        """The first number of each column of codes: that of gaps, unseen and rare values."""
        sizes = [feature.n_ids for feature in self.codes]
        return [sum(sizes[:place]) for place in range(len(sizes))]

    @property
    def is_first_kind(self) -> bool:
        """Whether files of the first version can hold it."""
        return all(isinstance(feature, FIRST_KINDS) for feature in self.features)

    def of_kinds(self, kinds: type | UnionType, where: str) -> list[Any]:
        """The columns, all of these kinds; raises for another one, which ``where`` has no counterpart for."""
        for feature in self.features:
            if not isinstance(feature, kinds):
                what = f"column {feature.name!r} is encoded by {type(feature).__name__}"
                raise ValueError(f"{what}, which has no counterpart in {where}")
        return self.features

    def __repr__(self) -> str:
        return f"<TableFeatures of {counted(len(self.features), 'column')}, {counted(self.width, 'number')} a row>"

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if len({feature.name for feature in self.features}) < len(self.features):
            raise ValueError("two columns have one name")
        for feature in self.features:
            feature.check()
        if sum(feature.n_ids for feature in self.codes) > EXACT_IDS:
            raise ValueError(f"categories have more than {EXACT_IDS:,} numbers, and float32 cannot tell them")

    def encode(self, table: object) -> Encoded:
        """Rows for the network from a table with columns in any order.

        Returns
        -------
        float32 ``(n, width)``; where columns have codes for an ``Embedding``, the list of the numbers of all other
        columns and of the codes ``(n, columns with codes)``, or the codes alone. Each column's codes begin at its
        offset, so one ``Embedding`` serves all.
        """
        table = with_columns(table, [feature.name for feature in self.features])
        made = [np.zeros((len(table), width), dtype=np.float32) for width in self.widths]
        first = 0
        for feature in self.numbers:
            feature.fill(table.columns[feature.name], made[0][:, first : first + feature.width])
            first += feature.width
        for place, (code, offset) in enumerate(zip(self.codes, self.offsets, strict=True)):
            code.fill(table.columns[code.name], made[-1][:, place : place + 1])
            made[-1][:, place] += offset
        return made if len(made) > 1 else made[0]

    def notes(self, table: Table) -> list[str]:
        """What a user should know about rows of a table that :meth:`encode` takes: unseen categories, odd words."""
        return [note for feature in self.features for note in feature.notes(table.columns[feature.name])]

    def reading(self) -> Reading:
        """How to read the tables and frames whose rows these features encode."""
        numbers = self.number_columns()
        return Reading(self.text_columns(), numbers, [feature.name for feature in self.features])

    def text_columns(self) -> list[str]:
        """Columns to read as text, whatever their values look like."""
        return [feature.name for feature in self.features if feature.as_text]

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Columns to read as numbers, each with the words that count as gaps there."""
        kinds = (NumberFeature, PieceFeature)
        return {f.name: f.words for f in self.features if isinstance(f, kinds) and not f.as_text}

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        return {"kind": "table", "columns": [kind_and_fields(feature) for feature in self.features]}


def with_columns(table: object, names: Sequence[str]) -> Table:
    """The table, which has to be one, and to have these columns."""
    if not isinstance(table, Table):
        raise ValueError("the model was trained on a table with named columns, and this is an array of images")
    absent = [name for name in names if name not in table.columns]
    if absent:
        hint = no_header(table) if absent == list(names) else ""
        raise ValueError(
            f"{table.source} has no column {', '.join(map(repr, absent))}, which the model was trained on"
            f"{nearest(absent[0], table.columns)}; "
            f"it has {', '.join(map(repr, list(table.columns)[:20]))}{hint}"
        )
    return table


def no_header(table: Table) -> str:
    """What an error on a column adds where the names of columns look like values."""
    numbers = any(not np.isnan(number(name)) for name in table.columns)
    return "; is the first line one of names? Numbers are among them" if numbers else ""


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

    def encode(self, images: DataLike) -> np.ndarray:
        """Rows for the network, ``(n, width)`` float32, from uint8 ``(n, *shape)``."""
        if isinstance(images, Table):
            raise ValueError(f"{images.source} is a table; the model was trained on images of shape {self.shape}")
        if _places(images.shape[1:]) != _places(self.shape):
            raise ValueError(f"the images have shape {images.shape[1:]}; the model was trained on {self.shape}")
        rows = images.reshape(len(images), -1).astype(np.float32)
        rows /= 255
        found: np.ndarray = rows
        return found

    def notes(self, images: object) -> list[str]:
        """Nothing."""
        return []

    def text_columns(self) -> list[str]:
        """Images have no columns."""
        return []

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Images have no columns."""
        return {}

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        return {"kind": "pixels", "shape": list(self.shape)}


Features = TableFeatures | Pixels


def features_from_config(stored: Config) -> Features:
    """The encoding that :meth:`config` described."""
    if stored["kind"] == "pixels":
        return Pixels(tuple(stored["shape"]))
    if stored["kind"] != "table":
        raise unknown_name("kind of features", stored["kind"], ("pixels", "table"))
    return TableFeatures(list(_rebuilt(stored["columns"])))


def _rebuilt(columns: list[Config]) -> Iterator[Feature]:
    for column in columns:
        kind: type[Feature] = KINDS[column["kind"]]
        yield kind(**{key: value for key, value in column.items() if key != "kind"})
