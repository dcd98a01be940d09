"""What a user should know about columns, in words."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn._base.reprs import counted, cut
from fastnn.tables.table import Column, Numbers, Text


def odd_note(name: str, column: Column) -> list[str]:
    """The note on words among a column's numbers, none where there are none."""
    if not isinstance(column, Numbers) or not column.odd:
        return []
    n_rows = sum(count for _, count in column.odd)
    if n_rows == 1:
        return [f"column {name!r} holds numbers; a word in one of its rows counts as a gap ({column.odd[0][0]!r})"]
    words = shortened([f"{word!r} in {counted(count, 'row')}" for word, count in column.odd])
    return [f"column {name!r} holds numbers; words in {n_rows:,} of its rows count as gaps ({words})"]


def gap_words(column: Column) -> str:
    """Words for a gap in a column, in brackets."""
    words = column.gap_words if isinstance(column, Text) else ()
    return f" ({shortened([f'{word!r} in {count:,}' for word, count in words])})" if words else ""


def shortened(texts: Sequence[str], most: int = 5) -> str:
    """The first of some texts."""
    return ", ".join(cut(text, 60) for text in texts[:most]) + (
        f" and {len(texts) - most} more" if len(texts) > most else ""
    )
