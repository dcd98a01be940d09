"""Columns of text as numbers of their words or characters, beside the other columns of a table.

A network reads each column of text by an ``Embedding``, so each is an input of its own; the other columns, encoded as
ever, are one more behind them. Gaps and texts without a word are rows of zeros, which masks leave out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from fastnn._base.arguments import integer, unknown_name
from fastnn._base.reprs import counted, cut
from fastnn._base.types import Config
from fastnn.tables.features import Encoded, Feature, TableFeatures, features_from_config, with_columns
from fastnn.tables.table import Column, Table, Text
from fastnn.tables.tokens import UNITS, numbered
from fastnn.tables.values import text_values
from fastnn.tables.vocabulary import FIRST, Vocabulary, n_parts, width

MOST_PARTS = 3  # of a token


@dataclass(frozen=True)
class TextFeature:
    """The numbers of a text's first ``length`` words or characters, and of the pairs and threes of them that are known.

    Parameters
    ----------
    name : the column.
    unit : ``"words"`` or ``"characters"``.
    length : how many of them are read.
    tokens : what has a number of its own, from 2 on: words, and pairs of words with a space between; or characters,
        pairs and threes of them. 1 is any other word or character, 0 none.

    >>> feature = TextFeature("review", "words", 3, ["good", "not", "not good"])
    >>> feature
    <TextFeature 'review': 3 tokens of words, 5 numbers a row>
    >>> from fastnn.tables.table import column_from_values
    >>> feature.encode(column_from_values(["Not good!", "", "A good, good film"])).tolist()
    [[3.0, 2.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 2.0, 0.0, 0.0]]
    """

    name: str
    unit: str
    length: int
    tokens: Sequence[str]

    def __repr__(self) -> str:
        return cut(
            f"<TextFeature {self.name!r}: {counted(len(self.tokens), 'token')} of {self.unit}, "
            f"{counted(self.width, 'number')} a row>"
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The numbers of the tokens."""
        return Vocabulary(self.unit, self.tokens)

    @property
    def parts(self) -> int:
        """How many words or characters the longest token has."""
        return len(self.vocabulary.ids)

    @property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return width(self.length, self.parts)

    @property
    def n_ids(self) -> int:
        """How many different numbers there are: as many vectors an ``Embedding`` needs."""
        return FIRST + len(self.tokens)

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if self.unit not in UNITS:
            raise unknown_name("unit of text", self.unit, UNITS)
        if not self.tokens or "" in self.tokens or len(set(self.tokens)) < len(self.tokens):
            raise ValueError(f"the tokens of {self.name!r} must be there, and differ")
        most = min(MOST_PARTS, integer(f"length of {self.name!r}", self.length, low=1))
        if any(n_parts(self.unit, token) > most for token in self.tokens) or self.parts > most:
            raise ValueError(f"the tokens of {self.name!r} have more than {most} {self.unit}")

    def encode(self, column: Column) -> np.ndarray:
        """Numbers of tokens, ``(n, width)`` float32."""
        text = self._text(column)
        return self.vocabulary.encode(text.values, text.codes, self.length)

    def notes(self, column: Column) -> list[str]:
        """What a user should know about texts that :meth:`encode` takes: too long, empty, or of unknown words alone."""
        text = self._text(column)
        found = numbered(text.values, self.unit, self.vocabulary.singles)
        known = np.zeros(len(text.values) + 1, bool)
        texts = np.repeat(np.arange(len(text.values)), found.counts)
        known[texts[found.numbers < self.vocabulary.base]] = True
        counts = np.append(found.counts, 0)[text.codes]
        strange = (counts > 0) & ~known[text.codes]
        told = length_notes(self.name, self.unit, self.length, counts)
        if strange.any():
            count, rows = int(strange.sum()), counted(len(text), "row")
            has = "has" if count == 1 else "have"
            told.append(f"column {self.name!r}: {count:,} of {rows} {has} no {self.unit[:-1]} that training rows had")
        return told

    def _text(self, column: Column) -> Text:
        return with_rows(text_values(self.name, column))


def with_rows(column: Text) -> Text:
    """The column without values that no row has: those of rows that were taken elsewhere."""
    present = np.flatnonzero(np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)))
    if len(present) == len(column.values):
        return column
    codes = np.full(len(column.values) + 1, -1, np.int32)
    codes[present] = range(len(present))
    return Text(codes[column.codes], tuple(column.values[i] for i in present))


def length_notes(name: str, unit: str, length: int, counts: np.ndarray) -> list[str]:
    """Notes on texts of ``counts`` words or characters that are cut, and on those that have none."""
    n_long, n_empty, rows = int((counts > length).sum()), int((counts == 0).sum()), counted(len(counts), "row")
    told = []
    if n_long:
        most = counted(length, unit[:-1])
        told.append(f"column {name!r}: {n_long:,} of {rows} {_are(n_long)} longer than {most}, the rest is not read")
    if n_empty:
        told.append(f"column {name!r}: {n_empty:,} of {rows} {_are(n_empty)} without {unit}, and read as zeros")
    return told


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


@dataclass(frozen=True)
class TextFeatures:
    """The encoding of a table with columns of text: an array for each of them, and one for all others if there are any.

    >>> features = TextFeatures([TextFeature("review", "words", 2, ["good"])], None)
    >>> features
    <TextFeatures of 1 text, 2 numbers a row>
    """

    texts: list[TextFeature] = field(default_factory=list)
    columns: TableFeatures | None = None

    def __repr__(self) -> str:
        beside = "" if self.columns is None else f" and {counted(len(self.columns.features), 'other column')}"
        return cut(
            f"<TextFeatures of {counted(len(self.texts), 'text')}{beside}, {counted(self.width, 'number')} a row>"
        )

    @property
    def features(self) -> list[TextFeature | Feature]:
        """The encodings of all columns."""
        return [*self.texts, *(self.columns.features if self.columns else [])]

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers that an encoded row has in each array."""
        return (*(text.width for text in self.texts), *(self.columns.widths if self.columns else ()))

    @property
    def width(self) -> int:
        """How many numbers an encoded row has in all."""
        return sum(self.widths)

    @property
    def n_ids(self) -> tuple[int | None, ...]:
        """How many different numbers each text has; of the other columns what :class:`TableFeatures` says."""
        return (*(text.n_ids for text in self.texts), *(self.columns.n_ids if self.columns else ()))

    def check(self) -> None:
        """Raise ``ValueError`` where a file has put what no training gives."""
        if not self.texts or len({feature.name for feature in self.features}) < len(self.features):
            raise ValueError("texts must be there, and columns have names of their own")
        for text in self.texts:
            text.check()
        if self.columns:
            self.columns.check()

    def encode(self, table: object) -> Encoded:
        """What the network takes, from a table with columns in any order: one array, or a list of them."""
        table = with_columns(table, [feature.name for feature in self.features])
        made = [text.encode(table.columns[text.name]) for text in self.texts]
        if self.columns:
            others = self.columns.encode(table)
            made += others if isinstance(others, list) else [others]
        return made if len(made) > 1 else made[0]

    def notes(self, table: Table) -> list[str]:
        """What a user should know about rows of a table that :meth:`encode` takes."""
        told = [note for text in self.texts for note in text.notes(table.columns[text.name])]
        return told + (self.columns.notes(table) if self.columns else [])

    def text_columns(self) -> list[str]:
        """Columns to read as text, whatever their values look like."""
        return self.verbatim_columns() + (self.columns.text_columns() if self.columns else [])

    def verbatim_columns(self) -> list[str]:
        """Columns in which words for a gap are words."""
        return [text.name for text in self.texts]

    def number_columns(self) -> dict[str, Sequence[str]]:
        """Columns to read as numbers, each with the words that count as gaps there."""
        return self.columns.number_columns() if self.columns else {}

    def config(self) -> dict[str, object]:
        """What the model file stores."""
        columns = self.columns.config() if self.columns else None
        return {"kind": "text", "texts": [asdict(text) for text in self.texts], "columns": columns}


def texts_from_config(stored: Config) -> TextFeatures:
    """The encoding that :meth:`TextFeatures.config` described."""
    columns = None if stored["columns"] is None else features_from_config(stored["columns"])
    # Beside texts stand columns of a table, and no pixels.
    return TextFeatures([TextFeature(**text) for text in stored["texts"]], columns)  # type: ignore[arg-type]
