"""Texts as tokens: their words, or their characters.

Case does not count, and what Unicode holds for other spellings of one text (NFKC) is one text. A word is a run of
letters, digits and their marks, with apostrophes inside (``don't``) and points or commas between digits (``3.5``).
A sign of a script that has no spaces between words (Chinese, Japanese, Thai ...) is a word by itself, and so is a
symbol such as an emoji. All else, control characters among it, stands between words.

Of characters the first and the last one is a space, so that a pair tells where a text begins and ends; any run of
spaces and control characters is one space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

UNITS = ("words", "characters")
BETWEEN = {"words": " ", "characters": ""}  # the parts of a token that is several of them
BLOCK = 2**20  # numbers worked on at a time
_SIGNS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_SIGNS}]")  # signs of scripts without spaces between words
_UNSEEN = re.compile("[\u00ad\u200c\u200d\u2060\ufeff]")  # hyphens and joiners that are not printed
_IN_NUMBER = re.compile(r"[.,]\d")
_SPACED = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def tokenizer(texts: Iterable[str], unit: str) -> Callable[[str], Sequence[str]]:
    """What makes tokens of each of these texts, in their order.

    >>> split = tokenizer(["Don't pay 3.50!"], "words")
    >>> split("Don't pay 3.50!")
    ["don't", 'pay', '3.50']
    >>> "".join(tokenizer(["Ann  Lee"], "characters")("Ann  Lee"))
    ' ann lee '
    """
    if unit == "characters":
        return _characters
    pattern = _pattern("".join(sorted(set("".join(text for text in texts if not text.isascii())))))

    def words(text: str) -> list[str]:
        if text.isascii() and "'" not in text and not _IN_NUMBER.search(text):  # twice as fast
            return text.lower().translate(_SPACED).split()
        return pattern.findall(_plain(text))

    return words


def _plain(text: str) -> str:
    """The text in lower case, one spelling for all that mean the same."""
    if text.isascii():
        return text.lower()
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold()).replace("\u2019", "'")


def _characters(text: str) -> str:
    """The characters between two spaces; nothing for a text of spaces."""
    inner = _GAPS.sub(" ", _plain(text)).strip()
    return f" {inner} " if inner else ""


@lru_cache(maxsize=16)
def _pattern(characters: str) -> re.Pattern[str]:
    """The words of texts with these characters beyond ASCII.

    Design: ``re`` knows no marks (of Hindi's vowels, say) and no symbols, and a class of all there are takes a third of
    a second to make; of those that occur it is short.
    """
    met = sorted({c for character in characters for c in (character, *_plain(character)) if not c.isascii()})
    kinds = [(re.escape(character), unicodedata.category(character)) for character in met]
    marks = "".join(character for character, kind in kinds if kind[0] == "M" or kind == "Sk")
    symbols = "".join(character for character, kind in kinds if kind in ("So", "Sm", "Sc"))
    letter = f"[^\\W{_SIGNS}]"
    word = f"(?:{letter}[{marks}]*)+" if marks else f"{letter}+"
    joined = f"{word}(?:'{word}|(?<=\\d)[.,](?=\\d){word})*"
    single = f"[{_SIGNS}{symbols}]" + (f"[{marks}]*" if marks else "")
    return re.compile(f"{joined}|{single}")


class Numbers(dict[str, int]):
    """Numbers from 1 on of tokens that are given, or of all in the order in which they come.

    Tokens that are not given have the number ``other`` then.
    """

    def __init__(self, tokens: Iterable[str] = (), other: int | None = None):
        super().__init__((token, number) for number, token in enumerate(tokens, 1))
        self.other = other

    def __missing__(self, token: str) -> int:
        if self.other is not None:
            return self.other
        self[token] = number = len(self) + 1
        return number


@dataclass(frozen=True)
class Ragged:
    """Numbers of tokens, text behind text: ``numbers`` ``(all,)`` int32, of which each text has ``counts`` ``(n,)``."""

    numbers: np.ndarray
    counts: np.ndarray

    def blocks(self, length: int, rows: np.ndarray | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """The first ``length`` numbers of each text, 0 behind them, some texts at a time: ``(m, length)`` int32.

        ``rows`` ``(k,)`` chooses texts, -1 one without tokens; else they are all texts in their order.
        """
        counts = np.append(self.counts, 0)
        starts = np.cumsum(counts) - counts
        places = np.arange(length)
        n_rows, size = len(counts) - 1 if rows is None else len(rows), max(1, BLOCK // length)
        for first in range(0, n_rows, size):
            block = slice(first, min(first + size, n_rows))
            texts = np.arange(block.start, block.stop) if rows is None else rows[block]
            there = places < counts[texts, None]
            found = np.zeros(there.shape, np.int32)
            found[there] = self.numbers[(starts[texts, None] + places)[there]]
            yield block, found


def numbered(texts: Sequence[str], unit: str, numbers: Numbers) -> Ragged:
    """The numbers of all tokens of each text.

    >>> found = numbered(["to be or", "", "not to be"], "words", Numbers())
    >>> found.numbers.tolist(), found.counts.tolist()
    ([1, 2, 3, 4, 1, 2], [3, 0, 3])
    >>> [block.tolist() for _, block in found.blocks(2)]
    [[[1, 2], [0, 0], [4, 1]]]
    """
    split = tokenizer(texts, unit)
    counts = np.zeros(len(texts), np.int64)

    def tokens() -> Iterator[Sequence[str]]:
        for place, text in enumerate(texts):
            found = split(text)
            counts[place] = len(found)
            yield found

    flat = np.fromiter(map(numbers.__getitem__, chain.from_iterable(tokens())), np.int32)
    return Ragged(flat, counts)
