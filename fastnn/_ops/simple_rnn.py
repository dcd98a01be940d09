"""``h' = activation(x @ w + b + h @ u)`` for every step of a sequence, and its way back (Elman 1990).

Kept: ``h'``, which the native kernels replace by its gradient while the state before the step stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate
from fastnn._ops.recurrent import Cell, cell_back, keep_z, kept_z, kind, recurrent_kernel

if TYPE_CHECKING:
    from fastnn._ops.recurrent import Gradients
    from fastnn._ops.views import Views


def step(
    op: np.void, a: Views, z: np.ndarray, read: np.ndarray, states: Sequence[np.ndarray], kept: np.ndarray
) -> list[np.ndarray]:
    z = z + read @ recurrent_kernel(op, a, CELL)
    keep_z(kept, CELL, z)
    kept[0] = activate(op, z)
    return [kept[0]]


def step_back(
    op: np.void,
    a: Views,
    read: np.ndarray,
    states: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    d: Sequence[np.ndarray],
    kept: np.ndarray,
) -> Gradients:
    (z,) = kept_z(kept, CELL)
    dz = cell_back(op, z, kept[0], d[0])
    return dz, dz, read.T @ dz, dz @ recurrent_kernel(op, a, CELL).T, [0]


CELL = Cell(n_gates=1, n_states=1, n_activated=1, n_kept=1, step=step, step_back=step_back)
OP = kind(22, "simple_rnn", CELL)
