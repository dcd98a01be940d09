"""Where the walk of a compiled backend comes back to Python, for an op of a user's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn._base import interrupts
from fastnn._ops import own
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan


def visit(
    plan: Plan,
    memory: Memory,
    output: int,
    inputs: Sequence[np.ndarray],
    backward: bool,
    training: bool,
    accumulate: bool,
) -> None:
    """The op that writes the value ``output``, for a block of rows of the model's ``inputs``: forward or back."""
    interrupts.check()
    found = own.visit_at(plan, memory, output)
    with np.errstate(all="ignore"):  # as in the reference: infinities are an answer
        if backward:
            found.backward(len(inputs[0]), accumulate)
        else:
            found.forward(inputs, training)
