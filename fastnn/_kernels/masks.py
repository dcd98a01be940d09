"""What the mask of an output does to its loss and statistics: positions that are not there are not looked at.

The others count for them, so that the loss is the mean over positions that are there (Keras 3, ``apply_mask``). Where
nothing divides the loss of a batch, they count as they are; where the weights of the rows do, it is their weights that
are set against those of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._kernels import steps
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn._plan.records import BY_NOTHING, BY_WEIGHT
from fastnn.metrics import StatisticCode

if TYPE_CHECKING:
    from fastnn.losses import CustomLoss, Loss, LossRecord


def positions(plan: Plan, memory: Memory, table: np.ndarray, n_rows: int) -> Any:
    """An index of the rows of an output that count: booleans ``(rows,)``, or without a mask all of them."""
    if table["mask"] < 0:
        return slice(None)
    value, rows = plan.values[table["mask"]], n_rows * int(table["repeat"])
    numbers = n_rows * int(value["size"])
    mask = memory.workspace[int(value["offset"]) :][:numbers] != 0
    return np.repeat(mask, rows // numbers)


def shares(plan: Plan, table: np.ndarray, counts: np.ndarray, weight: np.ndarray | None) -> tuple[float, float]:
    """What all rows of a block would count in its loss, and what those do that count."""
    divisor, repeat = plan.header["divisor"], int(table["repeat"])
    if divisor == BY_NOTHING:
        return 1.0, 1.0
    if divisor != BY_WEIGHT or weight is None:
        return float(len(counts)), float(np.count_nonzero(counts))
    there = np.cumsum(np.repeat(weight, repeat)[counts], dtype=np.float64)  # added in the order of the rows
    return steps.total_weight(plan, weight, len(weight)) * repeat, float(there[-1]) if len(there) else 0.0


def balance(plan: Plan, table: np.ndarray, counts: Any, weight: np.ndarray | None) -> float:
    """What rows that count are multiplied by so as to be all of the loss; 0 where none does."""
    return steps.over(*shares(plan, table, counts, weight)) if table["balanced"] else 1.0


def of_rows(record: LossRecord | CustomLoss, target: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient of the rows that count, of which there may be none."""
    return record.value_and_gradient(target, y) if len(y) else (np.zeros(0, y.dtype), y)


def told(
    metric: np.ndarray, target: np.ndarray, y: np.ndarray, w: np.ndarray, counts: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that a statistic is told of: those that count; kept predictions are all, with 1 for them as weight."""
    if metric["statistic"] == StatisticCode.PREDICTIONS:
        return target, y, np.where(counts, 1.0, 0.0) if metric["parameter"] else w
    return target[counts], y[counts], w[counts]


def refuse(table: np.ndarray, loss: Loss) -> None:
    """``ValueError`` for a loss of a user's own that sees samples, not positions, and could leave out none."""
    if table["mask"] >= 0:
        raise ValueError(
            f"the output of loss {loss.name!r} has a mask, and its target is not as wide as the output, so that it "
            f"gives a value for a sample and none for a position that could be left out; give a target as wide as the "
            f"output, or take layers without a mask"
        )
