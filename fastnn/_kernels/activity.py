"""Penalties on what layers give (activity regularisers), as the reference and the loops in Python add them.

As in Keras, the l1 and l2 penalties of an op's outputs are summed over a batch, divided by its rows, whatever their
weights, and added to the loss.
"""

from __future__ import annotations

import numpy as np

from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan


def penalty(plan: Plan, memory: Memory, n_rows: int) -> float:
    """Sum of the penalties of all outputs of the block that ``forward`` has just pushed, not divided."""
    total = 0.0
    if not plan.header["has_activity"]:
        return total
    for op in plan.ops:
        l1, l2 = float(op["activity_l1"]), float(op["activity_l2"])
        if l1 or l2:
            first = int(plan.values[op["output"]]["offset"])
            y = memory.workspace[first : first + n_rows * int(plan.values[op["output"]]["size"])]
            total += l1 * np.abs(y).sum(dtype=np.float64) + l2 * np.square(y, dtype=np.float64).sum()
    return float(total)


def add_gradient(op: np.void, y: np.ndarray, dy: np.ndarray, scale: float) -> None:
    """Add ``scale`` times the gradient of an op's penalty to ``dy``."""
    l1, l2 = float(op["activity_l1"]), float(op["activity_l2"])
    if l1 or l2:
        dy += (scale * (l1 * np.sign(y) + 2 * l2 * y)).astype(dy.dtype)
