"""Rounding to bf16, by bits; see ``_ops/bf16.py``, which has the rule."""

from __future__ import annotations

import numpy as np

from fastnn._kernels.numba.compile import inlined, kernel
from fastnn._ops.bf16 import WIDE

LEAST, SIGN, INFINITE = np.uint32(0x00800000), np.uint32(0x80000000), np.uint32(0x7F800000)
MAGNITUDE, UPPER, HALF, QUIET = np.uint32(0x7FFFFFFF), np.uint32(0xFFFF0000), np.uint32(0x7FFF), np.uint32(0x00400000)


@kernel
def round_rows(out, x):
    """``out = x`` rounded, also in place; both of float32."""
    given, made = x.view(np.uint32), out.view(np.uint32)
    for i in range(made.shape[0]):
        bits = given[i]
        magnitude = bits & MAGNITUDE
        near = np.uint32(bits + HALF + ((bits >> np.uint32(16)) & np.uint32(1))) & UPPER
        if magnitude > INFINITE:
            near = (bits | QUIET) & UPPER
        if magnitude < LEAST:
            near = bits & SIGN
        made[i] = near


@kernel
def widen(w, held, n_in, n_out):
    """The kernel ``w`` ``(n_in, n_out)`` of one that is held in panels, see :func:`fastnn._ops.bf16.pack`."""
    pairs, made = held.view(np.uint32), w.view(np.uint32)
    for p in range(n_in):
        for j in range(n_out):
            word = pairs[(j // WIDE * ((n_in + 1) // 2) + p // 2) * WIDE + j % WIDE]
            made[p * n_out + j] = np.uint32(word << np.uint32(16)) if p % 2 else word & UPPER


@inlined
def kernel_of(op, arrays, room):
    """The kernel as it is multiplied by; rounded in ``room``, which is as large."""
    w = arrays.params[op.w : op.w + op.weights]
    if op.bfloat16:
        round_rows(room[: op.weights], w)
        w = room[: op.weights]
    return w
