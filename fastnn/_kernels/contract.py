"""The contract: what a backend module offers. Every backend has exactly these functions.

Arrays: ``arenas`` holds 64-byte aligned C-contiguous vectors of the model's dtype (float32 or
float64). ``x`` is C-contiguous ``(rows, n_input)`` of that dtype; ``train_epochs`` and ``predict`` also
take :class:`fastnn._base.sparse.SparseRows`, of which they write out a block at a time as dense rows. ``target``
is C-contiguous ``(rows, n_output)`` of that dtype, or ``(rows, repeat)`` int32 when the loss is sparse. ``weight`` is
``(rows,)`` of that dtype, or None for ones. ``sums`` are float64. Callers guarantee all this; backends
check nothing. A block is at most ``header.block_rows`` rows.

``train_epochs`` equals the loop of :func:`train_step`, which is also what runs under a custom loss or
a callback for every batch. Native backends run ``train_epochs`` and ``predict`` without the GIL.

Design: a call ends after ``run.max_steps`` updates, in the middle of an epoch if need be, and the next
call goes on from ``run``. So Python keeps a time limit or moves a progress bar every 50 ms, whatever the
length of an epoch. Within one long batch, and within a prediction of many rows, backends hear Ctrl-C
themselves (see :mod:`fastnn._base.interrupts`): what they raise leaves parameters as before the batch.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from fastnn._base import interrupts, random
from fastnn._base.sparse import SparseRows, dense, take_rows
from fastnn._kernels.activity import penalty
from fastnn._plan.plan import Arenas, Plan
from fastnn._plan.records import BY_NOTHING, BY_ROWS

FUNCTIONS = ("supports", "forward", "loss", "backward", "update", "gradient", "train_epochs", "predict")


def supports(plan: Plan) -> str | None:
    """None when the backend can run the plan, else the reason why not."""
    raise NotImplementedError


def forward(
    plan: Plan, arenas: Arenas, x: np.ndarray, training: bool = False, step: int = 0, first_row: int = 0
) -> np.ndarray:
    """Push a block through all ops; returns a view ``(rows, n_output)`` of the workspace.

    ``training`` applies dropout with the mask of ``step`` (updates done so far) for rows
    ``first_row ...`` of the batch. A plan whose loss has ``fused`` leaves logits in the output.
    """
    raise NotImplementedError


def loss(
    plan: Plan, arenas: Arenas, target: np.ndarray, weight: np.ndarray | None, sums: np.ndarray, scale: float
) -> None:
    """Loss of the block that ``forward`` has just pushed.

    Adds ``sum(weight * loss)`` to ``sums[0]`` and the metrics' statistics behind it, writes ``scale *
    weight`` times the gradient of each row's loss to the output's ``dy`` and, when the loss is fused,
    turns the logits in the output into the prediction. Rows with ``repeat`` positions count each
    position with weight ``1 / repeat`` in the loss and with the row's weight in the statistics.
    """
    raise NotImplementedError


def backward(plan: Plan, arenas: Arenas, x: np.ndarray, accumulate: bool = False, activity_scale: float = 0.0) -> None:
    """Gradients of the block from the output's ``dy``: set in ``grads``, or added when ``accumulate``.

    ``activity_scale`` is what penalties on the ops' outputs are multiplied by: 1 over the rows of the batch.
    """
    raise NotImplementedError


def update(plan: Plan, arenas: Arenas, step: int, learning_rate: float, penalty_scale: float = 1.0) -> float:
    """Add ``penalty_scale`` times the penalties' gradients, clip, update ``params`` and ``slots``, project ``params``.

    Steps count from 1; the projections are those of the constraints.

    Returns ``penalty_scale`` times the penalty (l1 and l2) of the parameters before the update. With penalties, what
    is left in ``grads`` is not specified.
    """
    raise NotImplementedError


def gradient(
    plan: Plan, arenas: Arenas, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, sums: np.ndarray
) -> None:
    """Loss and its gradient over all rows at once, as :func:`train_step` has them for a batch.

    Penalties on outputs are part of both, those on parameters are not.

    Adds to ``sums`` ``(n_sums,)`` and sets ``grads``, which are not specified when the loss is not finite.
    """
    raise NotImplementedError


def train_epochs(
    plan: Plan,
    arenas: Arenas,
    x: np.ndarray | SparseRows,
    target: np.ndarray,
    weight: np.ndarray | None,
    order: np.ndarray,
    run: np.ndarray,
    learning_rates: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Train from where ``run`` stands until ``run.last_epoch`` or for ``run.max_steps`` updates.

    Parameters
    ----------
    order : int32 ``(n_samples,)``; filled at the start of each epoch (kept between calls), or left as
        it came when ``run.shuffle`` is 0.
    run : RUN record, advanced. ``status`` becomes 1 when a batch's loss is not finite; that update is
        not made and the call returns. After each epoch ``wait`` and ``best`` follow its mean loss; when ``wait``
        exceeds a ``patience`` that is not negative, ``status`` becomes 2 and the call returns.
    learning_rates : float64, one for each update of this call, or a single one for all.
    sums : float64 ``(epochs touched at most, n_sums)``; row ``epoch - run.first_epoch`` is added to. The
        loss's sum includes ``penalty * rows`` of every batch. Where a metric needs all
        predictions, callers keep to one epoch a call and hand in a row of zeros at its start.
    """
    raise NotImplementedError


def predict(plan: Plan, arenas: Arenas, x: np.ndarray | SparseRows, out: np.ndarray) -> None:
    """Predict all rows of ``x`` ``(n, n_input)`` into ``out`` ``(n, n_output)``, block by block."""
    raise NotImplementedError


def total_weight(plan: Plan, weight: np.ndarray | None, n_rows: int) -> float:
    """What divides the loss of a batch: its rows, their weights' sum (0 makes loss and gradient 0), or nothing."""
    if plan.header["divisor"] == BY_NOTHING:
        return 1.0
    if weight is None or plan.header["divisor"] == BY_ROWS:
        return float(n_rows)
    return float(np.cumsum(weight, dtype=np.float64)[-1])  # added in the order of the rows


def over(number: float, total: float) -> float:
    """``number / total``, 0 where the total is 0."""
    return number / total if total else 0.0


def report(plan: Plan, sums: np.ndarray, before: float, n_rows: int, total: float) -> None:
    """Scale a batch's part of ``sums[0]``, which was ``before`` without it, as the plan reports losses."""
    reported = float(plan.header["loss_reported"])
    if plan.header["divisor"] or reported != 1:
        sums[0] = before + (sums[0] - before) * over(reported * n_rows, total)


def gradient_loop(
    backend: ModuleType,
    plan: Plan,
    arenas: Arenas,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    sums: np.ndarray,
    loss=None,
) -> None:
    """``gradient`` in Python, for any backend; ``loss`` as in :func:`train_step`."""
    before, block, activity = float(sums[0]), int(plan.header["block_rows"]), 0.0
    total = total_weight(plan, weight, len(x))
    share = over(float(plan.header["loss_scale"]), total)
    for first in range(0, len(x), block):
        interrupts.check()
        rows = slice(first, first + block)
        inputs = dense(x[rows], arenas.workspace[int(plan.header["x"]) :])
        backend.forward(plan, arenas, inputs, True, 0, first)
        (loss or backend.loss)(plan, arenas, target[rows], None if weight is None else weight[rows], sums, share)
        activity += penalty(plan, arenas, len(inputs))
        backend.backward(plan, arenas, inputs, first > 0, 1 / len(x))
    report(plan, sums, before, len(x), total)
    sums[0] += activity


def train_step(
    backend: ModuleType,
    plan: Plan,
    arenas: Arenas,
    x: np.ndarray | SparseRows,
    target: np.ndarray,
    weight: np.ndarray | None,
    rows: np.ndarray,
    step: int,
    learning_rate: float,
    sums: np.ndarray,
    loss=None,
) -> bool:
    """One update on ``rows`` (indices) of the data, block by block; False when the loss is not finite.

    ``step`` counts the updates done before. ``loss`` replaces the backend's own (a custom loss is
    computed by the reference, whatever backend does the rest).
    """
    before = float(sums[0])
    total, activity = batch_gradient(backend, plan, arenas, x, target, weight, rows, step, sums, loss)
    if not np.isfinite(sums[0] - before + activity):
        return False
    end_step(backend, plan, arenas, before, len(rows), total, activity, step, learning_rate, sums)
    return True


def batch_gradient(backend, plan, arenas, x, target, weight, rows, step, sums, loss=None) -> tuple[float, float]:
    """The part of :func:`train_step` before the update; returns what divides the loss, and the outputs' penalty."""
    head, activity = plan.header, 0.0
    block, total = int(head["block_rows"]), total_weight(plan, None if weight is None else weight[rows], len(rows))
    gathered = arenas.workspace[int(head["x"]) :]
    for first in range(0, len(rows), block):
        interrupts.check()
        chosen = rows[first : first + block]
        inputs = gathered[: len(chosen) * int(head["n_input"])].reshape(len(chosen), -1)
        take_rows(x, chosen, inputs)
        backend.forward(plan, arenas, inputs, True, step, first)
        share = over(float(head["loss_scale"]), total)
        (loss or backend.loss)(plan, arenas, target[chosen], None if weight is None else weight[chosen], sums, share)
        activity += penalty(plan, arenas, len(inputs))
        backend.backward(plan, arenas, inputs, first > 0, 1 / len(rows))
    return total, activity


def end_step(backend, plan, arenas, before, n_rows, total, activity, step, learning_rate, sums) -> None:
    """The part of :func:`train_step` that changes parameters, for a batch whose loss is finite."""
    report(plan, sums, before, n_rows, total)
    penalty_scale = over(1.0, total) if plan.header["divides_penalties"] else 1.0
    sums[0] += activity + n_rows * backend.update(plan, arenas, step + 1, learning_rate, penalty_scale)


def train_loop(
    backend: ModuleType,
    plan: Plan,
    arenas: Arenas,
    x: np.ndarray | SparseRows,
    target: np.ndarray,
    weight: np.ndarray | None,
    order: np.ndarray,
    run: np.ndarray,
    learning_rates: np.ndarray,
    sums: np.ndarray,
    loss=None,
) -> None:
    """``train_epochs`` in Python, for any backend; arguments as there and in :func:`train_step`.

    Ctrl-C in the middle of a batch leaves parameters, ``run`` and ``sums`` as they were before it.
    """
    batch_size, done = int(plan.header["batch_size"]), 0
    while done < run["max_steps"] and run["epoch"] < run["last_epoch"]:
        if run["batch"] == 0 and run["shuffle"]:
            random.fill_order(order, int(plan.header["seed"]), int(run["epoch"]))
        rows = order[run["batch"] * batch_size : (run["batch"] + 1) * batch_size]
        rate = float(learning_rates[done if len(learning_rates) > 1 else 0])
        row, step = sums[int(run["epoch"] - run["first_epoch"])], int(run["step"])
        kept, ended = row.copy(), False
        try:
            total, activity = batch_gradient(backend, plan, arenas, x, target, weight, rows, step, row, loss)
            if not np.isfinite(row[0] - kept[0] + activity):
                run["status"], ended = 1, True
                return
            with interrupts.whole():
                ended = True
                end_step(backend, plan, arenas, float(kept[0]), len(rows), total, activity, step, rate, row)
                _advance(run, batch_size)
        finally:
            if not ended:
                row[...] = kept
        done += 1
        if run["batch"] == 0 and _stalls(run, float(row[0]) / int(run["n_samples"])):
            run["status"] = 2
            return


def _stalls(run: np.ndarray, loss: float) -> bool:
    """The stop rule, told the mean loss of an epoch."""
    run["wait"] = run["wait"] + 1 if loss > run["best"] - run["tol"] else 0
    run["best"] = min(float(run["best"]), loss)
    return bool(0 <= run["patience"] < run["wait"])


def _advance(run: np.ndarray, batch_size: int) -> None:
    """Move ``run`` past the batch just trained, into the next epoch after the last one."""
    run["step"] += 1
    run["batch"] += 1
    if run["batch"] * batch_size >= run["n_samples"]:
        run["batch"] = 0
        run["epoch"] += 1
