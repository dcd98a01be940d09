"""``y = w[x]``: rows of a table by their whole numbers, which come as real ones; and the table's gradient.

A number that is no row's gives NaN and takes no gradient, so that no kernel reads beside the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.base import Op, Operation, When

if TYPE_CHECKING:
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    row, known = rows_of(op, a)
    a.y[...] = np.where(known[:, None], a.w[row], np.nan)


def backward(op: np.void, a: Views, when: When) -> None:
    if a.dw:
        row, known = rows_of(op, a)
        dw = np.zeros_like(a.w)
        np.add.at(dw, row[known], a.dy[known])
        a.dw.take(dw)
    if a.dx:
        a.dx.take(np.zeros_like(a.x))


def rows_of(op: np.void, a: Views) -> tuple[np.ndarray, np.ndarray]:
    """The row of each number, 0 for what is none, and whether it is one."""
    x = a.x[:, 0]
    known = (x >= 0) & (x < n_rows(op))
    return np.where(known, x, 0).astype(np.int64), known


def n_rows(op: np.void) -> int:
    return int(op["geometry"][0])


def shape(op: np.void) -> tuple[int, ...]:
    return n_rows(op), int(op["n_out"])


def units(operation: Operation) -> int:
    return operation.geometry[0]


OP = Op(25, "embedding", forward, backward, geometry=("rows",), shape=shape, units=units)
"""Threads share rows of the table: each goes over all numbers in their order, so bits do not depend on how many."""
