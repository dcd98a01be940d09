"""Which tokens of texts a network tells apart: the most frequent ones, of one part or of several in a row.

A token of several parts (``not good``, of characters ``ing``) tells of the order, which the mean of single words does
not. Numbers are those of an ``Embedding``: 0 is no token, 1 any word or character that has no number of its own.

Design: tokens of several parts have numbers of their own, as the most frequent have. Hashing all of them into a table
(rejected) gives two meanings one vector, and such a table cannot be read by a person.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.tables.tokens import BETWEEN, Numbers, numbered

OTHER, FIRST = 1, 2  # the numbers of a word or character that has none, and of the first token


class Vocabulary:
    """Numbers for the tokens of texts.

    Parameters
    ----------
    unit : ``"words"`` or ``"characters"``.
    tokens : in the order of their numbers. Of each, the last part and all the others are tokens, too.

    >>> known = Vocabulary("words", ["good", "not", "not good"])
    >>> known.encode(["Not good", "good, bad"], np.array([0, 1, -1]), 2).tolist()
    [[3.0, 2.0, 4.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, unit: str, tokens: Sequence[str]):
        self.unit = unit
        levels: list[list[tuple[str, int]]] = []  # tokens of one part, of two ..., with their numbers
        for number, token in enumerate(tokens, FIRST):
            parts = n_parts(unit, token)
            levels += [[] for _ in range(parts - len(levels))]
            levels[parts - 1].append((token, number))
        self.base = len(levels[0]) + 1
        self.singles = Numbers((token for token, _ in levels[0]), other=self.base)
        self.ids = [np.array([0, *(number for _, number in levels[0]), OTHER], np.float32)]
        self.keys: list[np.ndarray] = []
        before: dict[str, int] = self.singles
        for level in levels[1:]:
            keys = np.array([self._key(token, before) for token, _ in level], np.int64)
            order = np.argsort(keys)
            before = {level[i][0]: code for code, i in enumerate(order, 1)}
            self.keys.append(keys[order])
            self.ids.append(np.array([0, *(level[i][1] for i in order)], np.float32))

    def _key(self, token: str, before: dict[str, int]) -> int:
        first, last = _cut(self.unit, token)
        if first not in before or last not in self.singles:
            raise ValueError(f"a token has parts that are none, {token[:60]!r}")
        return before[first] * self.base + self.singles[last]

    def encode(self, texts: Sequence[str], rows: np.ndarray, length: int) -> np.ndarray:
        """The numbers of the first ``length`` parts of texts, ``(n, width)`` float32.

        Row ``i`` is of text ``rows[i]``, or of none where that is -1. First come words or characters one by one, then
        the tokens of two parts that begin at each of them, then those of three.
        """
        out = np.empty((len(rows), width(length, len(self.ids))), np.float32)
        for block, codes in numbered(texts, self.unit, self.singles).blocks(length, rows):
            first = 0
            for ids, level in zip(self.ids, walk(codes, self.keys, self.base), strict=False):
                out[block, first : first + level.shape[1]] = ids[level]
                first += level.shape[1]
        return out


def width(length: int, longest: int) -> int:
    """Numbers of a text of ``length`` parts with tokens of up to ``longest`` parts."""
    return sum(length - i for i in range(min(length, longest)))


def n_parts(unit: str, token: str) -> int:
    """How many words or characters a token has."""
    return token.count(BETWEEN[unit]) + 1 if BETWEEN[unit] else len(token)


def _cut(unit: str, token: str) -> tuple[str, str]:
    """All parts of a token but the last, and the last one."""
    first, _, last = token.rpartition(BETWEEN[unit]) if BETWEEN[unit] else (token[:-1], "", token[-1:])
    return first, last


def walk(codes: np.ndarray, keys: Sequence[np.ndarray], base: int) -> list[np.ndarray]:
    """Codes of the tokens of one part, of two ... that begin at each place of texts, 0 for none.

    Parameters
    ----------
    codes : ``(n, length)``, those of one part, below ``base``; ``base`` is one that no longer token has.
    keys : of the tokens of two parts, of three ..., sorted: see :func:`joined`. A token's code is its place, from 1.
    """
    levels = [codes]
    for known in keys[: codes.shape[1] - 1]:
        found = joined(levels[-1], codes, base)
        places = np.searchsorted(known, found)
        places[places == len(known)] = 0
        levels.append(np.where(known[places] == found, places + 1, 0))
    return levels


def joined(before: np.ndarray, codes: np.ndarray, base: int) -> np.ndarray:
    """Keys of the tokens one part longer than those of ``before``: its code times ``base``, and that of the last part.

    0 where there is none.
    """
    first, last = before[:, :-1].astype(np.int64), codes[:, codes.shape[1] - before.shape[1] + 1 :]
    return np.where((first > 0) & (last > 0), first * base + last, 0)
