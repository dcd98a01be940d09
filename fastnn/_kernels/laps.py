"""Where the time of updates goes: the laps of a backend's ``profile``, by stages of the walk and parts of each op.

A lap is the time from one reading of a thread's clock to the next; so laps add up to the whole, whatever is forgotten.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from fastnn._plan.memory import aligned
from fastnn._plan.plan import Plan

INT64 = np.dtype(np.int64)
CACHE_LINE = 4  # laps; threads must not write into each other's


class Stage(IntEnum):
    """What of a call is no op's own; the C enum ``fnn_stage`` is the same."""

    GATHER = 0  # rows of a batch, written out one behind the other
    LOSS = 1  # losses, their gradients and metrics; penalties of parameters
    UPDATE = 2  # of all parameters, where it is not made op by op; clipping, constraints
    WAITING = 3  # for other threads
    BETWEEN = 4  # all else: the order of rows, the optimiser's scalars, sums


class Part(IntEnum):
    """What is told apart of an op; the C enum ``fnn_part`` is the same."""

    FORWARD = 0
    ACTIVATE = 1  # the activation of a product; of recurrent cells all that is done to gates and states
    BACK = 2  # from the gradient of the output to those of the inputs
    ACTIVATE_BACK = 3
    STATISTICS = 4  # of a batch, and what is kept of all batches
    DW = 5  # gradients of parameters
    LEARN = 6  # their update, where it is made op by op


def new_laps(plan: Plan, threads: int) -> np.ndarray:
    """Zeros for ``profile``: int64 ``(threads, 1 + stages + ops * parts at least, 2)``."""
    n = 1 + len(Stage) + len(plan.ops) * len(Part)
    n += -n % CACHE_LINE
    return aligned(threads * n * 2, INT64).reshape(threads, n, 2)


def by_stage(laps: np.ndarray) -> np.ndarray:
    """``(threads, stages, 2)``."""
    return laps[:, 1 : 1 + len(Stage)]


def by_op(plan: Plan, laps: np.ndarray) -> np.ndarray:
    """``(threads, ops, parts, 2)``."""
    first, n = 1 + len(Stage), len(plan.ops)
    return laps[:, first : first + n * len(Part)].reshape(len(laps), n, len(Part), 2)
