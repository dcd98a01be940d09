"""Vectors over a model's parameters as they are written down: without what other models have in the same store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn._plan.layout import Layout, padded
from fastnn._plan.memory import aligned


def is_alone(layout: Layout) -> bool:
    """Whether the parameters stand one behind the other from 0 on, with nothing else in their vector."""
    at = 0
    for variable in layout.variables:
        if variable.offset != at:
            return False
        at += padded(variable.size)
    return at == layout.n_params


def parts(layout: Layout, vector: np.ndarray) -> list[np.ndarray]:
    """The parameters' parts of a vector, each as a view."""
    return [vector[variable.offset : variable.offset + variable.size] for variable in layout.variables]


def gathered(layout: Layout, rows: np.ndarray) -> np.ndarray:
    """The part of rows ``(n, n_params)`` that belongs to the parameters, as if the model stood alone, where it does
    the rows themselves."""
    if is_alone(layout):
        return rows
    size = sum(padded(variable.size) for variable in layout.variables)
    made, at = np.zeros((len(rows), size), rows.dtype), 0
    for variable in layout.variables:
        made[:, at : at + variable.size] = rows[:, variable.offset : variable.offset + variable.size]
        at += padded(variable.size)
    return made


def spread(layout: Layout, rows: np.ndarray | Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Rows as from :func:`gathered` at the places that the parameters have; zeros elsewhere."""
    made, at = aligned(len(rows) * layout.n_params, dtype).reshape(len(rows), layout.n_params), 0
    if is_alone(layout):
        made[...] = rows
        return made
    for variable in layout.variables:
        for to, row in zip(made, rows, strict=True):
            to[variable.offset : variable.offset + variable.size] = row[at : at + variable.size]
        at += padded(variable.size)
    return made
