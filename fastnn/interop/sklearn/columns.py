"""What becomes of raw columns in a pipeline: numbers, gaps and categories, each times a factor, and a constant.

Every step that is understood is linear in these parts of a column, so that a pipeline and our encoding differ by a
linear map, which goes into the weights of the first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fastnn._base.types import DataLike

VALUE, GAP, OTHER = "value", "gap", "other"  # parts of a column: its number, whether it is missing, unknown category
Part = tuple[str, str]  # name of a column; VALUE, GAP, OTHER or a category behind "="


@dataclass(frozen=True)
class Raw:
    """A column as it came, its gaps filled or not."""

    name: str
    fill: object = None


@dataclass(frozen=True)
class Made:
    """A sum of parts times factors, and a constant; ``fill`` is what a gap of its number counts as."""

    parts: dict[Part, float] = field(default_factory=dict)
    constant: float = 0.0
    fills: dict[str, float] = field(default_factory=dict)

    def scaled(self, factor: float, offset: float) -> Made:
        """The sum times a factor, and an offset."""
        parts = {part: factor * weight for part, weight in self.parts.items()}
        return replace(self, parts=parts, constant=factor * self.constant + offset)


Column = Raw | Made


def numeric(column: Column) -> Made:
    """A column of numbers as a sum."""
    if isinstance(column, Made):
        return column
    fills = {} if column.fill is None else {column.name: _number(column.name, column.fill)}
    return Made({(column.name, VALUE): 1.0}, 0.0, fills)


def filled(column: Column, fill: object) -> Column:
    """A column whose gaps count as ``fill``."""
    if isinstance(column, Raw):
        return column if column.fill is not None else replace(column, fill=fill)
    numbers = [part for part in column.parts if part[1] == VALUE]
    if len(numbers) != 1 or len(column.parts) > 1:
        return column  # nothing of categories is missing
    name, factor = numbers[0][0], column.parts[numbers[0]]
    if name in column.fills or not factor:
        return column
    return replace(column, fills={name: (_number(name, fill) - column.constant) / factor})


def gap(column: Column) -> Made:
    """1 where a column has a gap."""
    names = {column.name} if isinstance(column, Raw) else {name for name, _ in column.parts}
    return Made({(names.pop(), GAP): 1.0})


def one_hot(column: Raw, groups: Sequence[Sequence[object]], other: int | None) -> list[Made]:
    """A sum for each group of categories; ``other`` is the group that unknown ones are in, if any."""
    made = []
    for number, group in enumerate(groups):
        parts: dict[Part, float] = {}
        for category in group:
            parts[column.name, GAP if missing(category) else f"={as_text(category)}"] = 1.0
            if column.fill is not None and not missing(category) and category == column.fill:
                parts[column.name, GAP] = 1.0
        if other == number:
            parts[column.name, OTHER] = 1.0
        made.append(Made(parts))
    return made


def missing(value: object) -> bool:
    """Whether a category stands for gaps."""
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def as_text(category: object) -> str:
    """A category as tables have it: whole numbers without a point."""
    if isinstance(category, bool | np.bool_):
        return str(bool(category))
    if isinstance(category, int | float | np.integer | np.floating):
        value = float(category)
        return str(int(value)) if value.is_integer() else repr(value)
    return str(category)


def _number(name: str, came: DataLike) -> float:
    try:
        return float(came)
    except (TypeError, ValueError):
        raise ValueError(f"gaps of column {name!r} are filled by {came!r}, which is no number") from None
