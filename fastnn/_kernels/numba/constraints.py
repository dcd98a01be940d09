"""What is done to parameters after an update and for what ops give: constraints, penalties on outputs.

Formulas are those of :mod:`fastnn.constraints` and :mod:`fastnn._kernels.activity`.
"""

from __future__ import annotations

import math

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._kernels.numba.formulas import compiled
from fastnn.constraints import ConstraintCode, factor

NON_NEG, NORM = int(ConstraintCode.NON_NEG), int(ConstraintCode.NORM)
CONSTRAINTS = tuple(int(code) for code in ConstraintCode)
_factor = compiled(factor)


@kernel
def scale_group(w, first, step, count, least, most, rate):
    """Scale ``count`` numbers, ``step`` apart, by the factor of their norm."""
    total = 0.0
    for i in range(first, first + count * step, step):
        total += float(w[i]) * float(w[i])
    by = w.dtype.type(_factor(math.sqrt(total), least, most, rate))
    for i in range(first, first + count * step, step):
        w[i] *= by


@inlined
def constrain(segments, params):
    """Project each variable that has a constraint."""
    for s in segments:
        w = params[s.offset : s.offset + s.size]
        if s.constraint == NON_NEG:
            for i in range(s.size):
                if w[i] < 0:
                    w[i] = 0
        elif s.constraint == NORM:
            rows = s.size // s.columns
            for k in range(rows if s.by_row else s.columns):
                if s.by_row:
                    scale_group(w, k * s.columns, 1, s.columns, s.least, s.most, s.rate)
                else:
                    scale_group(w, k, s.columns, rows, s.least, s.most, s.rate)


@kernel
def activity_penalty(tables, workspace, n_rows):
    """Sum of the penalties of all outputs of a block, not divided."""
    penalty = 0.0
    for op in tables.ops:
        l1, l2 = op.activity_l1, op.activity_l2
        if l1 or l2:
            made = tables.values[op.output]
            for i in range(made.offset, made.offset + n_rows * made.size):
                y = float(workspace[i])
                penalty += l1 * abs(y) + l2 * y * y
    return penalty


@inlined
def add_activity_gradient(op, y, dy, scale):
    """Add ``scale`` times the gradient of an op's penalty to ``dy``."""
    l1, l2 = op.activity_l1, op.activity_l2
    if l1 or l2:
        for i in range(dy.shape[0]):
            dy[i] += scale * (l1 * np.sign(y[i]) + 2 * l2 * y[i])
