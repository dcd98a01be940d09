"""A cell ``c`` behind gates, for every step of a sequence, and its way back.

``i, f, g, o = x @ w + b + h @ u``, the columns of ``g`` through the activation and the others through the gates' one;
``c' = f * c + i * g`` and ``h' = o * activation(c')`` (Hochreiter and Schmidhuber 1997; Gers et al. 2000 for ``f``).
Kept: ``i, f, g, o, activation(c')``.
"""

from __future__ import annotations

import numpy as np

from fastnn._ops.activation import activate
from fastnn._ops.recurrent import Cell, cell_slope, gate, gate_slope, kind, recurrent_kernel


def step(op, a, z, read, states, kept):
    i, f, g, o = np.split(z + read @ recurrent_kernel(op, a, CELL), 4, axis=1)
    i, f, g, o = gate(op, i), gate(op, f), activate(op, g), gate(op, o)
    c = f * states[1] + i * g
    kept[...] = i, f, g, o, activate(op, c)
    return [o * kept[4], c]


def step_back(op, a, read, states, after, d, kept):
    i, f, g, o, squashed = kept
    dh, dc = d[0], d[1] + d[0] * o * cell_slope(op, squashed)
    by_gate = dc * g * gate_slope(op, i), dc * states[1] * gate_slope(op, f), dc * i * cell_slope(op, g)
    dz = np.concatenate((*by_gate, dh * squashed * gate_slope(op, o)), axis=1)
    return dz, dz, read.T @ dz, dz @ recurrent_kernel(op, a, CELL).T, [0, dc * f]


CELL = Cell(n_gates=4, n_states=2, n_kept=5, step=step, step_back=step_back)
OP = kind(23, "lstm", CELL)
