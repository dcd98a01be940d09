"""Rows of a table with their targets, and what a network says of them; where each column stands in encoded rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fastnn.tables import Encoding, Table
from fastnn.tables.features import Encoded
from fastnn.tables.target import Classes, Target
from fastnn.tables.texts import TextFeatures

Places = list[tuple[int, slice]]  # which array, and which of its columns


@dataclass(frozen=True)
class Scored:
    """Rows that a network predicts: ``y`` ``(n,)`` are encoded targets, ``numbers`` ``(n,)`` name rows in a file."""

    predict: Callable[[Encoded], np.ndarray]
    encoding: Encoding
    table: Table
    y: np.ndarray
    numbers: np.ndarray
    given: np.ndarray | None = None  # what others said of the rows, (n, n_out), in place of the network

    @property
    def target(self) -> Target:
        """What is predicted."""
        return self.encoding.row_target

    @cached_property
    def x(self) -> Encoded:
        """The rows as the network takes them."""
        return self.encoding.features.encode(self.table)

    @property
    def width(self) -> int:
        """Numbers of an encoded row."""
        return sum(array.shape[1] for array in arrays(self.encoding.features.encode(self.table.take(np.arange(1)))))

    @cached_property
    def output(self) -> np.ndarray:
        """What was said of the rows, ``(n, n_out)``, by the network unless by others."""
        return self.predicted if self.given is None else self.given

    @cached_property
    def predicted(self) -> np.ndarray:
        """What the network says of the rows, ``(n, n_out)``."""
        return said(self.predict, self.x)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Of each class, ``(n, n_classes)``."""
        assert isinstance(self.target, Classes)
        return self.target.probabilities(self.output)

    @cached_property
    def values(self) -> np.ndarray:
        """The targets that are numbers, ``(n,)`` float64 in their unit."""
        assert not isinstance(self.target, Classes)
        return self.target.restore(self.y)

    @cached_property
    def places(self) -> dict[str, Places]:
        """Where each column stands in encoded rows, by name."""
        return places_of(self.encoding.features)

    def sample(self, most: int, seed: int) -> Scored:
        """At most so many of the rows, drawn by the seed and in their order."""
        n = len(self.y)
        if n <= most:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
        table, given = self.table.take(chosen), None if self.given is None else self.given[chosen]
        return replace(self, table=table, y=self.y[chosen], numbers=self.numbers[chosen], given=given)


def said(predict: Callable[[Encoded], np.ndarray], x: Encoded) -> np.ndarray:
    """What a network says of encoded rows, ``(n, n_out)``."""
    output = np.asarray(predict(x))
    return output.reshape(len(output), -1)


def places_of(features: Any) -> dict[str, Places]:
    """Where each column stands in encoded rows: in which of the arrays, and there from where to where.

    Numbers and one-hot categories stand side by side in one array; codes for an ``Embedding`` have an array of their
    own behind it, a column each; each text has one of its own in front of both.

    >>> from fastnn.tables.features import NumberFeature, TableFeatures
    >>> places_of(TableFeatures([NumberFeature("a", 0.0, 1.0, True), NumberFeature("b", 0.0, 1.0, False)]))
    {'a': [(0, slice(0, 2, None))], 'b': [(0, slice(2, 3, None))]}
    """
    if isinstance(features, TextFeatures):
        found = {text.name: [(i, slice(0, text.width))] for i, text in enumerate(features.texts)}
        behind = places_of(features.columns) if features.columns else {}
        n_texts = len(features.texts)
        return found | {name: [(n_texts + array, part) for array, part in spots] for name, spots in behind.items()}
    codes = [code.name for code in getattr(features, "codes", ())]
    found, first = {}, 0
    for feature in features.features:
        if feature.name not in codes:
            found[feature.name] = [(0, slice(first, first + feature.width))]
            first += feature.width
    return found | {name: [(int(first > 0), slice(place, place + 1))] for place, name in enumerate(codes)}


def arrays(x: Encoded) -> list[np.ndarray]:
    """Encoded rows as a list of arrays."""
    return list(x) if isinstance(x, list | tuple) else [x]


def as_encoded(parts: list[np.ndarray]) -> Encoded:
    """A list of arrays as the network takes it."""
    return parts if len(parts) > 1 else parts[0]
