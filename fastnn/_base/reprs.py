"""How objects show themselves: the call that makes them, short enough for one line.

A repr names what differs from the defaults, never an address or the numbers of an array.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

WIDTH = 120  # characters that a repr is cut to
_ADDRESS = re.compile(r" (object )?at 0x[0-9a-fA-F]+")


class _Brief(reprlib.Repr):
    """``reprlib``'s limits, wide enough for a definition inside a definition."""

    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = 60
        self.maxdict = self.maxlist = self.maxtuple = 4

    def repr_instance(self, x: Any, level: int) -> str:
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            return repr(x.item()) if x.shape == () else f"<array {x.shape} {x.dtype}>"
        if is_dataclass(x) and not isinstance(x, type):
            return repr(x)  # short by itself
        name = getattr(x, "__name__", None)
        if callable(x) and isinstance(name, str):
            return name
        return _ADDRESS.sub("", super().repr_instance(x, level))


_BRIEF = _Brief()


def brief(value: object) -> str:
    """One line for any value: functions by name, arrays by shape, long things cut in the middle."""
    return " ".join(_BRIEF.repr(value).split())


def cut(text: str, width: int = WIDTH) -> str:
    """The text, its middle left out where it is too long."""
    kept = width - 5
    return text if len(text) <= width else f"{text[: kept - kept // 3]} ... {text[-(kept // 3) :]}"


def in_a_line(error: BaseException, width: int = 400) -> str:
    """What an error says, on one line and cut short; of one that says nothing its kind.

    >>> in_a_line(ValueError("one\\ntwo")), in_a_line(KeyError("shape")), in_a_line(OverflowError())
    ('one two', "'shape' is missing", 'OverflowError')
    """
    words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return cut(" ".join(words.split()) or type(error).__name__, width)


def names_in_words(names: Sequence[str], most: int = 10, width: int = 60) -> str:
    """Names that a stranger gave, for a message: on one line, each and their number cut short.

    >>> names_in_words(["a.csv", "b\\n.csv"]), names_in_words([])
    ("a.csv, 'b\\\\n.csv'", 'none')
    """
    told = [cut(name if name.isprintable() else repr(name), width) for name in names[:most]]
    return ", ".join([*told, *(["..."] if len(names) > most else [])]) or "none"


def printable(text: str, width: int = WIDTH) -> str:
    """A text out of a stranger's file for a terminal: on one line, with nothing in it that a terminal would obey, cut.

    >>> printable("a\\x1b[31m  b"), printable(" ")
    ('a?[31m b', "' '")
    """
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return cut(" ".join(shown.split()) or repr(text), width)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 row``, ``1,234 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def call_of(made: object) -> str:
    """The call that makes an object, without arguments at their defaults; it keeps them under their names."""
    from inspect import signature

    kept = {f.name: getattr(made, f.name) for f in fields(made)} if is_dataclass(made) else vars(made)
    given = []
    for name, parameter in signature(type(made)).parameters.items():
        if name not in kept:
            continue
        value = kept[name]
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            given.append(brief(value))
        elif not _same(value, parameter.default):
            given.append(f"{name}={brief(value)}")
    return cut(f"{type(made).__name__}({', '.join(given)})")


def _same(value: object, default: object) -> bool:
    try:
        return value is default or bool(value == default)
    except (TypeError, ValueError):  # arrays
        return False
