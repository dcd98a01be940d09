"""Shards that pass through the ops together: one pass over the rows of several, with the bits of each by itself.

Small shards are slow by themselves: products of few rows stay below the processor's peak, all weights are read for
each, and each writes a whole vector of gradients. What ops make of a row does not depend on the rows beside it; so only
what is summed over rows is made by shards, inside the backend (:func:`fastnn._kernels.contract.backward_of_shards`).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from fastnn._base import interrupts
from fastnn._engine.shards import Node, children
from fastnn._engine.shares import Shares
from fastnn._kernels import steps
from fastnn._kernels.contract import OF_SHARDS, Rows
from fastnn._ops import OPS
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan

MOST_ROWS = 384  # of a pass: so many a product packs at a time (BLOCK_K), and larger shards are fast by themselves


def passes_together(plan: Plan, backend: ModuleType) -> bool:
    """Whether several shards of a batch may pass together.

    Not where an op wants to know what else is in its batch, where a loss or a penalty on outputs does, where several
    ops add to one gradient, and where an op's kernels do not sum by shards.
    """
    header = plan.header
    wants_batch = header["measures"] or header["settles"] or header["has_own"] or header["has_activity"]
    if wants_batch or header["shares_params"] or plan.losses["balanced"].any():
        return False
    return all(hasattr(backend, name) for name in OF_SHARDS) and all(map(_sums_by_shards, plan.ops))


def _sums_by_shards(op: np.void) -> bool:
    if max(op["dw"], op["db"], *op["dmore"]) < 0:
        return True
    return OPS[int(op["kind"])].by_shards and bool(op["repeat"] == 1)


def trains_at_once(plan: Plan, shares: Shares, batch_size: int, most: int) -> bool:
    """Whether a rank that is alone trains many batches in a call, each of them one pass, and updates along with it.

    ``most`` are the rows of shards that may pass together, 0 where none may.

    That is the backend's ``train`` with shards, and the same bits. Not where a batch is several passes or shards do not
    pass together; where penalties, clipping or constraints are computed of the whole vector, which
    :class:`fastnn._engine.sharded.ShardedStep` does in sums of its own; and where statistics of shards are not just
    added (moments, kept predictions).
    """
    header = plan.header
    of_whole = header["has_penalty"] or header["has_constraint"] or plan.optimizer["clip"]
    is_one_pass = batch_size <= most and bool(header["batch_size"] == batch_size)
    return is_one_pass and not of_whole and shares.is_even


def passes(own: Sequence[Node], at: Sequence[int], most: int) -> list[Node]:
    """The nodes under ``own`` that pass at a time: of as many shards as have ``most`` rows together, or of one.

    >>> passes([(0, 4)], [0, 2, 4, 6, 8], 5)
    [(0, 2), (2, 4)]
    """
    found = []
    for first, last in own:
        if at[last] - at[first] <= most or last - first == 1:
            found += [(first, last)] if at[first] < at[last] else []
        else:
            found += passes(children((first, last)), at, most)
    return found


def gradient(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    chosen: np.ndarray,
    part: steps.Part,
    step: int,
    sums: np.ndarray,
    dropping: float,
    shards: np.ndarray,
) -> None:
    """Losses of the shards that have these rows, a row of ``sums`` each, and the tree's sum of their gradients.

    See :func:`fastnn._kernels.steps.part_gradient`; ``shards`` as :func:`fastnn._engine.shards.postfix` gives them.
    """
    interrupts.check()
    inputs, targets, weights = steps.taken(plan, memory, rows, chosen)
    scale = steps.over(float(plan.header["loss_scale"]), part.total)
    backend.forward(plan, memory, inputs, True, step, part.first_row, dropping)
    backend.loss_of_shards(plan, memory, targets, weights, sums, scale, shards)
    backend.backward_of_shards(plan, memory, inputs, shards)
