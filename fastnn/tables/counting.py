"""The tokens that most rows have: words or characters, and those of several parts in a row.

A token in many rows has its first parts, and its last one, in at least as many. So those of two parts are sought among
pairs of what was kept of one, and so on: memory follows the vocabulary and a block of rows, not the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastnn.tables.tokens import BETWEEN, Ragged
from fastnn.tables.vocabulary import joined, walk


@dataclass(frozen=True)
class Wanted:
    """Which tokens: of up to ``parts`` parts, in at least ``least`` rows, and the ``size`` most frequent of them."""

    parts: int = 1
    least: int = 2
    size: int = 20_000


@dataclass(frozen=True)
class Texts:
    """Numbers of tokens, of which the first ``length`` of each text count; ``rows`` ``(n,)`` have the same text.

    >>> from fastnn.tables.tokens import Numbers, numbered
    >>> texts = Texts(numbered(["a b a", "b"], "words", Numbers()), np.array([1, 2]), 3)
    >>> [found.tolist() for found in texts.count()]
    [[1, 2], [1, 3]]
    """

    found: Ragged
    rows: np.ndarray
    length: int

    def count(self, keys_of: Callable[[np.ndarray], np.ndarray] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The numbers above 0 that texts have, sorted, and how many rows have each; or the keys made of them.

        ``keys_of`` makes ``(n, m)`` keys of ``(n, length)`` numbers.
        """
        every, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        for block, codes in self.found.blocks(self.length):
            keys = np.sort(codes if keys_of is None else keys_of(codes), axis=1)
            first = keys > 0
            first[:, 1:] &= keys[:, 1:] != keys[:, :-1]
            rows, _ = np.nonzero(first)
            every, place = np.unique(np.concatenate([every, keys[first]]), return_inverse=True)
            added = np.concatenate([counts, self.rows[block][rows]])
            counts = np.bincount(place, added, len(every)).astype(np.int64)
        return every, counts


Level = list[tuple[int, str, int]]  # rows negated, token, key


def frequent_tokens(texts: Texts, names: Sequence[str], unit: str, wanted: Wanted) -> list[str]:
    """Tokens of most rows, first those of more rows, then the shorter ones, then by the alphabet.

    ``names`` are the tokens of the numbers from 1.
    """
    level = _most(*texts.count(), lambda key: names[key - 1], wanted)
    singles = [text for _, text, _ in level]
    codes = np.zeros(len(names) + 1, np.int32)
    codes[[key for _, _, key in level]] = range(1, len(level) + 1)
    texts = replace(texts, found=Ragged(codes[texts.found.numbers], texts.found.counts))
    chosen, keys, before = [(rows, 1, text) for rows, text, _ in level], list[np.ndarray](), singles
    for parts in range(2, min(wanted.parts, texts.length) + 1):
        level = _longer(texts, keys, before, singles, BETWEEN[unit], wanted)
        if not level:
            break
        chosen += [(rows, parts, text) for rows, text, _ in level]
        keys.append(np.array([key for _, _, key in level], np.int64))
        before = [text for _, text, _ in level]
    return [text for _, _, text in sorted(chosen)[: wanted.size]]


def _longer(
    texts: Texts, keys: list[np.ndarray], before: list[str], singles: list[str], between: str, wanted: Wanted
) -> Level:
    """The most frequent tokens one part longer than those of ``before``, in the order of their keys."""
    base = len(singles) + 1

    def keys_of(codes: np.ndarray) -> np.ndarray:
        *_, last = walk(codes, keys, base)
        return joined(last, codes, base)

    def text_of(key: int) -> str:
        return before[key // base - 1] + between + singles[key % base - 1]

    return sorted(_most(*texts.count(keys_of), text_of, wanted), key=lambda token: token[2])


def _most(keys: np.ndarray, counts: np.ndarray, text_of: Callable[[int], str], wanted: Wanted) -> Level:
    """The tokens of most rows, by the alphabet where these are equal."""
    least = wanted.least
    if len(keys) > wanted.size:
        least = max(least, int(np.partition(counts, -wanted.size)[-wanted.size]))
    often = counts >= least
    named = [
        (-count, text_of(key), key) for key, count in zip(keys[often].tolist(), counts[often].tolist(), strict=True)
    ]
    return sorted(named)[: wanted.size]
