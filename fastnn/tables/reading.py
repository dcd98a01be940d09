"""How a table is to be read: what is known of its columns, and of the file where that is not to be found out."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fastnn.tables.numerals import GAPS

EMPTY = ("",)
MAX_BYTES = 2**30  # of what a compressed file may become, unless the user says otherwise
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True)
class Reading:
    """What a caller knows of a table before it is read.

    Parameters
    ----------
    as_text : columns that stay text even if all their values are numbers.
    verbatim : those of them in which the words for a gap stay text, too; only what is empty is a gap.
    as_numbers : columns that hold numbers, each with the words that count as gaps there.
    keep : columns that are wanted even where they look like the index of the rows.
    separator, decimal, encoding : of CSV; found out where they are None.
    max_bytes : what a compressed file may become.
    """

    as_text: Collection[str] = ()
    verbatim: Collection[str] = field(default=(), kw_only=True)
    as_numbers: Mapping[str, Collection[str]] = field(default_factory=dict)
    keep: Collection[str] = ()
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    max_bytes: int = MAX_BYTES

    def gaps(self, column: str) -> Collection[str]:
        """What is a gap in a column.

        Parameters
        ----------
        column : name of a column.
        """
        return EMPTY if column in self.verbatim else GAPS

    def __post_init__(self) -> None:
        if self.separator is not None and (
            len(self.separator) != 1 or not self.separator.isascii() or self.separator in '"\r\n\0'
        ):
            raise ValueError(f"the separator must be one ASCII character, such as ; or tab, got {self.separator!r}")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f'the decimal sign must be "." or ",", got {self.decimal!r}')
        if self.separator is not None and self.separator == self.decimal:
            raise ValueError(f"the separator and the decimal sign cannot both be {self.decimal!r}")
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, got {self.max_bytes}")


def check_encoding(name: str) -> str:
    """The name of a text encoding that Python knows."""
    try:
        if codecs.lookup(name)._is_text_encoding:  # hex, rot13 and the like are none
            return name
    except LookupError:
        pass
    raise ValueError(f"unknown encoding {name!r}; such as utf-8, latin-1, cp1252, utf-16, shift_jis are known")
