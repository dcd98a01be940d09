"""Functions of C that lie as text in ``templates/``, and which of them a program needs.

A file there compiles by itself. It is a row of paragraphs, each of which defines one name: a function with its comment,
or a type. A program takes the paragraphs of the names it uses, and those that they use in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

FILES = (  # in an order in which each finds above it what it uses
    "basics",
    "activations",
    "dense",
    "conv",
    "pool",
    "moves",
    "merge",
    "columns",
    "waves",
    "norms",
    "masks",
    "embedding",
    "attention",
    "recurrent",
    "integers",
    "table",
)
PRODUCTS = {"float32": "products_float32", "int8": "products_int8"}
_DEFINED = re.compile(r"^static [\w ]*?[ *](\w+)\(|^typedef [^;{]*?[ ](\w+)(?:\(|;)|^\} (\w+);", re.MULTILINE)
_WORD = re.compile(r"\b[a-z_]\w*\b")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Piece(NamedTuple):
    """A paragraph: what it defines, its text, and all words in that."""

    name: str
    text: str
    words: frozenset[str]


def template(name: str) -> str:
    """The text of a file in ``templates/``."""
    return files("fastnn.interop.c").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def pieces(weights: str) -> dict[str, Piece]:
    """All pieces by name, for weights that are kept as ``"float32"`` or ``"int8"``."""
    found = {}
    for file in (PRODUCTS[weights], *FILES):
        for paragraph in template(f"{file}.h").split("\n\n"):
            defined = _DEFINED.search(_COMMENT.sub("", paragraph).lstrip())
            if defined:
                name = next(filter(None, defined.groups()))
                found[name] = Piece(name, paragraph.strip("\n"), frozenset(_WORD.findall(_COMMENT.sub("", paragraph))))
    return found


def needed(names: Iterable[str], weights: str) -> str:
    """The text of the pieces of these names, and of those that they need."""
    known, waiting, taken = pieces(weights), list(names), set()
    while waiting:
        name = waiting.pop()
        if name not in taken:
            taken.add(name)
            waiting += known[name].words & known.keys()
    return "\n\n".join(piece.text for piece in known.values() if piece.name in taken)
