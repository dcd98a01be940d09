"""The encoding of columns of text that training rows ask for: words or characters, how many of them, and which count.

Design: characters are read where texts have fewer than four words on average, or fewer than half of the words stand in
a second row, as with names and codes (of names of packages 0.946 are told right by characters, 0.838 by words), and
where most words are signs of a script that has no spaces (of messages in Chinese 0.935 by characters, 0.897 by words).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import nearest
from fastnn.tables.counting import Texts, Wanted, frequent_tokens
from fastnn.tables.features import TableFeatures
from fastnn.tables.fit import AS_EVER, fit_columns
from fastnn.tables.options import FeatureOptions
from fastnn.tables.table import Column, Table, Text
from fastnn.tables.texts import MOST_PARTS, TextFeature, TextFeatures, length_notes, with_rows
from fastnn.tables.tokens import UNSPACED, Numbers, Ragged, numbered

FEWEST_WORDS, REPEATED = 4, 0.5  # on average, and share of words in a second row; below them characters are read
SHARE, MOST_LENGTH = 0.98, 256  # of the texts that are read to their end, and the bound of how far
LEAST_ROWS, MOST_TOKENS = 2, 20_000  # that a token must be in, and of a vocabulary
PARTS = {"words": 2, "characters": MOST_PARTS}  # of the longest token, where the order of tokens is not read


@dataclass(frozen=True)
class TextOptions:
    """How texts are to be read.

    Attributes
    ----------
    unit : ``"words"`` or ``"characters"``; None finds out which.
    length : how many of them are read at most; None finds out.
    ordered : what reads them heeds the order, so that pairs of words need no numbers of their own.
    """

    unit: str | None = None
    length: int | None = None
    ordered: bool = False


def fit_texts(
    data: Table, names: Sequence[str], options: TextOptions = TextOptions(), others: FeatureOptions = AS_EVER
) -> tuple[TextFeatures, list[str]]:
    """The encoding for training rows with columns of text, and what a user should know about it.

    Parameters
    ----------
    data : training rows.
    names : the columns of text; all others are encoded as :func:`fit_features` does it.
    options : how texts are to be read.
    others : how all other columns are to be encoded.

    Raises
    ------
    ValueError
        there is no such column, or it holds numbers, or no text that two rows have something of in common.

    >>> from fastnn.tables import TextOptions, fit_texts, read_table
    >>> with open("reviews.csv", "w") as file:
    ...     written = file.write("review,stars\\nnot good,1\\nvery good,5\\nnot good at all,2\\n")
    >>> features, notes = fit_texts(read_table("reviews.csv"), ["review"], TextOptions("words"))
    >>> features, features.texts[0].tokens
    (<TextFeatures of 1 text and 1 other column, 8 numbers a row>, ['good', 'not', 'not good'])
    >>> texts, columns = features.encode(read_table("reviews.csv"))
    >>> texts[0].tolist(), columns.shape
    ([3.0, 2.0, 0.0, 0.0, 4.0, 0.0, 0.0], (3, 1))
    """
    texts, told = [], []
    for name in names:
        text, notes = _fit_text(name, _column(data, name), options)
        texts.append(text)
        told += notes
    rest = {name: column for name, column in data.columns.items() if name not in names}
    columns, notes = fit_columns(rest, others)
    return TextFeatures(texts, TableFeatures(columns) if columns else None), told + notes


def _column(data: Table, name: str) -> Text:
    """A column that can be read as text."""
    column: Column | None = data.columns.get(name)
    if column is None:
        raise ValueError(
            f"{data.source} has no column {name!r}{nearest(name, data.columns)}; "
            f"it has {', '.join(map(repr, list(data.columns)[:20]))}"
        )
    if not isinstance(column, Text):
        raise ValueError(f"column {name!r} holds numbers, which are no text")
    if column.gaps.all():
        raise ValueError(f"column {name!r} is empty in every training row: there is no text, leave it out")
    return column


def _fit_text(name: str, column: Text, options: TextOptions) -> tuple[TextFeature, list[str]]:
    """The encoding of one column of text, and notes on it."""
    column = with_rows(column)
    rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    names = Numbers()
    unit = options.unit or "words"
    found = numbered(column.values, unit, names)
    if options.unit is None and not _are_words(found, list(names), rows):
        names, unit = Numbers(), "characters"
        found = numbered(column.values, unit, names)
    length = options.length or _length(found, rows)
    wanted = Wanted(1 if options.ordered else PARTS[unit], LEAST_ROWS, MOST_TOKENS)
    tokens = frequent_tokens(Texts(found, rows, length), list(names), unit, wanted)
    if not tokens:
        raise ValueError(
            f"column {name!r} has no {unit} that stand in two training rows: there is nothing to learn from"
        )
    counts = np.repeat(found.counts, rows)
    gaps = np.zeros(int(column.gaps.sum()), counts.dtype)
    return TextFeature(name, unit, length, tokens), length_notes(name, unit, length, np.concatenate([counts, gaps]))


def _are_words(found: Ragged, names: Sequence[str], rows: np.ndarray) -> bool:
    """Whether rows have several words, most of them with spaces between them, of which half stand in a second row."""
    if found.counts @ rows < FEWEST_WORDS * rows.sum():
        return False
    numbers, counts = Texts(found, rows, MOST_LENGTH).count()
    spaced = np.array([not UNSPACED.match(name) for name in names], bool)[numbers - 1]
    total = counts.sum()
    return bool(counts[counts > 1].sum() >= REPEATED * total and counts[spaced].sum() >= total / 2)


def _length(found: Ragged, rows: np.ndarray) -> int:
    """Words or characters to read: all of most texts, within a bound."""
    order = np.argsort(found.counts, kind="stable")
    place = np.searchsorted(np.cumsum(rows[order]), SHARE * rows.sum())
    return int(min(max(found.counts[order[place]], 1), MOST_LENGTH))
