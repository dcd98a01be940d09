"""One update, and the loop over updates, in Python for any backend; and the rules of a run.

The rules are pure functions of numbers and of a RUN record, which Numba compiles as they stand here; ``train.c`` has
their twins. :func:`train_step` is the meaning of ``train``: backends do the same in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from fastnn._base import interrupts, random
from fastnn._base.sparse import AnyRows, take_rows
from fastnn._kernels.activity import penalty
from fastnn._kernels.contract import Course, Rows
from fastnn._ops import OPS
from fastnn._ops.views import Views
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn._plan.records import BY_NOTHING, BY_ROWS

Loss = Callable[..., None]
After = Callable[[int, int], None]  # the block's first row, and how many it has


def total_weight(plan: Plan, weight: np.ndarray | None, n_rows: int) -> float:
    """What divides the loss of a batch: its rows, their weights' sum (0 makes loss and gradient 0), or nothing."""
    if plan.header["divisor"] == BY_NOTHING:
        return 1.0
    if weight is None or plan.header["divisor"] == BY_ROWS:
        return float(n_rows)
    return float(np.cumsum(weight, dtype=np.float64)[-1])  # added in the order of the rows


def over(number: float, total: float) -> float:
    """``number / total``, 0 where the total is 0."""
    return number / total if total != 0 else 0.0


def reported(header: np.record, before: float, after: float, n_rows: int, total: float) -> float:
    """The loss's sum after a batch that took it from ``before`` to ``after``, as the plan reports losses."""
    if header.divisor != BY_ROWS or header.loss_reported != 1:
        return before + (after - before) * (header.loss_reported * n_rows / total if total != 0 else 0.0)
    return after


def report(plan: Plan, sums: np.ndarray, before: float, n_rows: int, total: float) -> None:
    """Scale a batch's part of ``sums[0]``, which was ``before`` without it, as the plan reports losses."""
    sums[0] = reported(_record(plan.header), before, float(sums[0]), n_rows, total)


def stalls(run: np.record, loss: float) -> bool:
    """The stop rule, told the mean loss of an epoch."""
    run.wait = run.wait + 1 if loss > run.best - run.tol else 0
    run.best = min(run.best, loss)
    stops: bool = run.patience >= 0 and run.wait > run.patience
    return stops


def advance(run: Any, batch_size: int) -> None:
    """Move ``run`` past the batch just trained, into the next epoch after the last one."""
    run.step += 1
    run.batch += 1
    if run.batch * batch_size >= run.n_samples:
        run.batch = 0
        run.epoch += 1


@np.errstate(all="ignore")  # infinities are an answer
def gradient_loop(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    sums: np.ndarray,
    step: int = 0,
    loss: Loss | None = None,
    after: After | None = None,
    dropping: float = 1.0,
) -> None:
    """``gradient`` in Python; ``loss`` as in :func:`train_step`, ``after`` is told of every block that went back."""
    before, order = float(sums[0]), np.arange(len(rows), dtype=np.int32)
    total, activity = batch_gradient(backend, plan, memory, rows, order, step, sums, loss, after, dropping)
    report(plan, sums, before, len(rows), total)
    sums[0] += activity


def train_step(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    step: int,
    rates: Sequence[float],
    sums: np.ndarray,
    loss: Loss | None = None,
    order: np.ndarray | None = None,
) -> bool:
    """One update on the rows of these indices (all of them without), block by block; False when the loss is not finite.

    ``step`` counts the updates done before; ``rates`` are a row of :attr:`Course.rates`, or a learning rate alone.
    ``loss`` replaces the backend's own (a custom loss is computed by the reference, whatever backend does the rest).
    """
    before, order = float(sums[0]), np.arange(len(rows), dtype=np.int32) if order is None else order
    rates = rates if np.ndim(rates) else (float(rates), 1.0, 1.0)  # type: ignore[arg-type]  # a number here
    total, activity = batch_gradient(backend, plan, memory, rows, order, step, sums, loss, dropping=float(rates[2]))
    if not np.isfinite(sums[0] - before + activity):
        return False
    end_step(backend, plan, memory, (before, len(order), total, activity), step, rates, sums)
    return True


def batch_gradient(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    order: np.ndarray,
    step: int,
    sums: np.ndarray,
    loss: Loss | None = None,
    after: After | None = None,
    dropping: float = 1.0,
) -> tuple[float, float]:
    """The part of :func:`train_step` before the update: what divides the batch's loss, and what its outputs cost."""
    total = total_of(plan, rows, order)
    part = Part(0, len(order), total)
    return total, part_gradient(backend, plan, memory, rows, order, part, step, sums, loss, after, dropping)


class Part(NamedTuple):
    """Of which batch some rows are a part: their place in it, and the batch's rows and what divides its loss."""

    first_row: int
    n_rows: int
    total: float


def part_gradient(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    order: np.ndarray,
    part: Part,
    step: int,
    sums: np.ndarray,
    loss: Loss | None = None,
    after: After | None = None,
    dropping: float = 1.0,
) -> float:
    """Losses and gradients of a part of a batch, block by block; returns what its outputs cost."""
    block, activity = int(plan.header["block_rows"]), 0.0
    scale = over(float(plan.header["loss_scale"]), part.total)
    for first in range(0, len(order), block):
        interrupts.check()
        chosen = order[first : first + block]
        inputs, targets, weights = taken(plan, memory, rows, chosen)
        backend.forward(plan, memory, inputs, True, step, part.first_row + first, dropping)
        (loss or backend.loss)(plan, memory, targets, weights, sums, scale)
        activity += penalty(plan, memory, len(chosen))
        backend.backward(plan, memory, inputs, first > 0, 1 / part.n_rows)
        if after:
            after(first, len(chosen))
    return activity


def taken(
    plan: Plan, memory: Memory, rows: Rows, chosen: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray | None]]:
    """A block of the rows of these indices: its inputs, written out in the workspace, its targets and its weights."""
    inputs = [_gathered(memory, value, x, chosen) for value, x in zip(plan.inputs, rows.inputs, strict=True)]
    targets = [target[chosen] for target in rows.targets]
    return inputs, targets, [None if weight is None else weight[chosen] for weight in rows.weights]


def end_step(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    batch: tuple[float, int, float, float],
    step: int,
    rates: Sequence[float],
    sums: np.ndarray,
) -> None:
    """The part of :func:`train_step` that changes parameters, for a batch whose loss is finite.

    ``batch`` is the sum of losses before it, its rows, what divides its loss, and what its outputs cost.
    """
    before, n_rows, total, activity = batch
    report(plan, sums, before, n_rows, total)
    penalty_scale = over(1.0, total) if plan.header["divides_penalties"] else 1.0
    penalty = backend.update(plan, memory, step + 1, float(rates[0]), penalty_scale, float(rates[1]))
    sums[0] += activity + n_rows * penalty
    settle(plan, memory)


def settle(plan: Plan, memory: Memory) -> None:
    """Have what ops keep of all batches follow the one that is done, and remember what the next one begins with."""
    for op in plan.ops if plan.settles else ():
        kind = OPS[int(op["kind"])]
        if kind.remembers or (kind.measures and plan.measures and not op["inference"]):
            kind.settle(op, Views(plan, memory, op, ()))


class Step:
    """The two parts of :func:`train_step` as :func:`train_loop` makes them.

    Attributes
    ----------
    batch_size : rows of an update.
    """

    def __init__(self, backend: ModuleType, plan: Plan, memory: Memory, loss: Loss | None = None):
        self.backend, self.plan, self.memory, self.loss = backend, plan, memory, loss
        self.batch_size = int(plan.header["batch_size"])

    def gradient(
        self, rows: Rows, order: np.ndarray, step: int, sums: np.ndarray, dropping: float
    ) -> tuple[float, float]:
        """See :func:`batch_gradient`."""
        told = self.backend, self.plan, self.memory, rows, order, step, sums, self.loss
        return batch_gradient(*told, dropping=dropping)

    def end(self, batch: tuple[float, int, float, float], step: int, rates: Sequence[float], sums: np.ndarray) -> None:
        """See :func:`end_step`."""
        end_step(self.backend, self.plan, self.memory, batch, step, rates, sums)


def train_loop(
    backend: ModuleType,
    plan: Plan,
    memory: Memory,
    rows: Rows,
    course: Course,
    loss: Loss | None = None,
    by: Step | None = None,
) -> None:
    """``train`` in Python; ``loss`` as in :func:`train_step`. ``by`` makes the updates in another way.

    Ctrl-C in the middle of a batch leaves parameters, ``run`` and ``sums`` as they were before it.
    """
    by = by or Step(backend, plan, memory, loss)
    run, batch_size, done = _record(course.run), by.batch_size, 0
    while done < run.max_steps and run.epoch < run.last_epoch:
        if run.batch == 0 and run.shuffle:
            random.fill_order(course.order, int(plan.header["seed"]), int(run.epoch))
        chosen = course.order[run.batch * batch_size : (run.batch + 1) * batch_size]
        rates = course.rates[done if len(course.rates) > 1 else 0]
        row, step = course.sums[int(run.epoch - run.first_epoch)], int(run.step)
        kept, ended = row.copy(), False
        try:
            total, activity = by.gradient(rows, chosen, step, row, float(rates[2]))
            if not np.isfinite(row[0] - kept[0] + activity):
                run.status, ended = 1, True
                return
            with interrupts.whole():
                ended = True
                by.end((float(kept[0]), len(chosen), total, activity), step, rates, row)
                advance(run, batch_size)
        finally:
            if not ended:
                row[...] = kept
        done += 1
        if run.batch == 0 and stalls(run, float(row[0]) / max(1, int(run.n_samples))):
            run.status = 2
            return


def _gathered(memory: Memory, value: np.void, x: AnyRows, chosen: np.ndarray) -> np.ndarray:
    """Rows of an input, written out at its place in the workspace."""
    at, size = int(value["offset"]), int(value["size"])
    out = memory.workspace[at : at + len(chosen) * size].reshape(len(chosen), size)
    take_rows(x, chosen, out)
    return out


def total_of(plan: Plan, rows: Rows, order: np.ndarray) -> float:
    """What divides the loss of a batch of the rows of these indices."""
    weight = rows.weights[0]
    return total_weight(plan, None if weight is None else weight[order], len(order))


def _record(table: np.ndarray) -> Any:
    """A record whose fields are attributes, as Numba has them; writing to them changes the table."""
    return table.view(np.recarray).reshape(1)[0]
