"""A state behind gates, for every step of a sequence, and its way back (Cho et al. 2014).

``z`` and ``r`` are the gates' activation of ``x @ w + b + h @ u`` by columns, ``g = activation(x @ w_g + b_g + p)``,
and ``h' = z * h + (1 - z) * g``. The variant says what ``p`` is: ``r * (h @ u_g + b'_g)``, where the state's part of
all gates has a bias ``b'`` of its own, behind ``b`` (Keras' ``reset_after``); or ``(r * h) @ u_g``.

Kept: ``z, r, g``, and what ``r`` is multiplied with in the first variant, ``r * h`` in the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate
from fastnn._ops.recurrent import (
    Cell,
    cell_back,
    gate,
    gate_back,
    has_two_biases,
    keep_z,
    kept_z,
    kind,
    recurrent_bias,
    recurrent_kernel,
)

if TYPE_CHECKING:
    from fastnn._ops.recurrent import Gradients
    from fastnn._ops.views import Views


def step(
    op: np.void, a: Views, z: np.ndarray, read: np.ndarray, states: Sequence[np.ndarray], kept: np.ndarray
) -> list[np.ndarray]:
    u, two = recurrent_kernel(op, a, CELL), 2 * int(op["n_out"])
    of_x, of_state, bias = z, read @ u[:, :two], recurrent_bias(op, a, CELL)
    before = np.split(of_x[:, :two] + of_state + bias[:two], 2, axis=1)
    z, r = (gate(op, part) for part in before)
    if has_two_biases(op):
        kept[3] = read @ u[:, two:] + bias[two:]
        part = r * kept[3]
    else:
        kept[3] = r * read
        part = kept[3] @ u[:, two:]
    before.append(of_x[:, two:] + part)
    g = activate(op, before[2])
    keep_z(kept, CELL, *before)
    kept[:3] = z, r, g
    return [z * states[0] + (1 - z) * g]


def step_back(
    op: np.void,
    a: Views,
    read: np.ndarray,
    states: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    d: Sequence[np.ndarray],
    kept: np.ndarray,
) -> Gradients:
    u, two = recurrent_kernel(op, a, CELL), 2 * int(op["n_out"])
    z, r, g, multiplied = kept[: CELL.n_kept]
    of_z, of_r, of_g = kept_z(kept, CELL)
    dz, dg = gate_back(op, of_z, z, d[0] * (states[0] - g)), cell_back(op, of_g, g, d[0] * (1 - z))
    if has_two_biases(op):
        dr = gate_back(op, of_r, r, dg * multiplied)
        ds = np.concatenate((dz, dr, dg * r), axis=1)
        du, dread = read.T @ ds, ds @ u.T
    else:
        dpart = dg @ u[:, two:].T
        dr = gate_back(op, of_r, r, dpart * read)
        ds = np.concatenate((dz, dr, dg), axis=1)
        du = np.concatenate((read.T @ ds[:, :two], multiplied.T @ dg), axis=1)
        dread = ds[:, :two] @ u[:, :two].T + dpart * r
    return np.concatenate((dz, dr, dg), axis=1), ds, du, dread, [d[0] * z]


CELL = Cell(n_gates=3, n_states=1, n_activated=1, n_kept=4, step=step, step_back=step_back)
OP = kind(24, "gru", CELL)
