"""A cell ``c`` behind gates, for every step of a sequence, and its way back.

``i, f, g, o = x @ w + b + h @ u``, the columns of ``g`` through the activation and the others through the gates' one;
``c' = f * c + i * g`` and ``h' = o * activation(c')`` (Hochreiter and Schmidhuber 1997; Gers et al. 2000 for ``f``).
Kept: ``i, f, g, o, activation(c')``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate
from fastnn._ops.recurrent import Cell, cell_back, gate, gate_back, keep_z, kept_z, kind, recurrent_kernel

if TYPE_CHECKING:
    from fastnn._ops.recurrent import Gradients
    from fastnn._ops.views import Views


def step(
    op: np.void, a: Views, z: np.ndarray, read: np.ndarray, states: Sequence[np.ndarray], kept: np.ndarray
) -> list[np.ndarray]:
    i, f, g, o = np.split(z + read @ recurrent_kernel(op, a, CELL), 4, axis=1)
    keep_z(kept, CELL, i, f, g, o)
    i, f, g, o = gate(op, i), gate(op, f), activate(op, g), gate(op, o)
    c = f * states[1] + i * g
    kept[: CELL.n_kept] = i, f, g, o, activate(op, c)
    return [o * kept[4], c]


def step_back(
    op: np.void,
    a: Views,
    read: np.ndarray,
    states: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    d: Sequence[np.ndarray],
    kept: np.ndarray,
) -> Gradients:
    i, f, g, o, squashed = kept[: CELL.n_kept]
    z_i, z_f, z_g, z_o = kept_z(kept, CELL)
    dh, dc = d[0], d[1] + cell_back(op, after[1], squashed, d[0] * o)
    of_i, of_f = gate_back(op, z_i, i, dc * g), gate_back(op, z_f, f, dc * states[1])
    of_g, of_o = cell_back(op, z_g, g, dc * i), gate_back(op, z_o, o, dh * squashed)
    dz = np.concatenate((of_i, of_f, of_g, of_o), axis=1)
    return dz, dz, read.T @ dz, dz @ recurrent_kernel(op, a, CELL).T, [0, dc * f]


CELL = Cell(n_gates=4, n_states=2, n_activated=2, n_kept=5, step=step, step_back=step_back)
OP = kind(23, "lstm", CELL)
