"""Evaluation and prediction of a model: in one pass, or batch by batch for callbacks that listen to batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn._engine.compiled import Trainee
from fastnn._engine.evaluate import Evaluation
from fastnn._engine.listeners import Errors, Listeners
from fastnn._engine.plans import Entry, take_memory
from fastnn._engine.state import State
from fastnn._kernels.contract import Rows
from fastnn._plan.records import BY_ROWS
from fastnn.callbacks import Logs


def evaluate(trainee: Trainee, rows: Rows, batch_size: int, module: Any, listeners: Listeners) -> Logs:
    """Losses and metrics by name on data that is checked, of all batches before a hook set ``stop_evaluating``."""
    plan, pool = trainee.plans.evaluation(trainee)
    memory = take_memory(trainee.state, plan, pool)
    trainee.state.stop_evaluating = False
    evaluation = Evaluation(trainee.compiled, plan, memory, module)
    together = len(rows) if plan.header["divisor"] == BY_ROWS else batch_size  # what a loss that is no mean depends on

    def add(part: slice) -> None:
        given = rows.part(part)
        for batch in _batches(len(given), together):
            evaluation.add(given.part(batch))

    def part(batch: slice) -> Logs:
        add(batch)
        return evaluation.logs()

    try:
        if not listeners.callbacks:
            add(slice(None))
            return evaluation.logs(whole=True)
        hooks = part, lambda: evaluation.logs(whole=True), lambda: trainee.state.stop_evaluating
        return _told(listeners, "test", _batches(len(rows), batch_size), *hooks)
    finally:
        pool.append(memory)


def predict(
    state: State, inputs: Sequence[Any], batch_size: int, entry: Entry, module: Any, listeners: Listeners
) -> list[np.ndarray]:
    """Predictions ``(n, *output_shape)`` for rows that are checked, those before a hook set ``stop_predicting``."""
    (plan, pool), n, dtype = entry, len(inputs[0]), state.params.dtype
    out = [np.empty((n, *shape), dtype) for shape in plan.layout.output_shapes]
    flat = [made.reshape(n, int(value["size"])) for made, value in zip(out, plan.outputs, strict=True)]
    memory = take_memory(state, plan, pool)
    if not listeners.callbacks:  # the rest takes longer than a small network
        try:
            module.predict(plan, memory, inputs, flat)
            return out
        finally:
            pool.append(memory)
    done = 0
    state.stop_predicting = False

    def part(rows: slice) -> dict[str, Any]:
        nonlocal done
        module.predict(plan, memory, [x[rows] for x in inputs], [made[rows] for made in flat])
        done += len(flat[0][rows])
        return {"outputs": out[0][rows] if len(out) == 1 else [made[rows] for made in out]}

    try:
        _told(listeners, "predict", _batches(n, batch_size), part, dict, lambda: state.stop_predicting)
    finally:
        pool.append(memory)
    return [made[:done] for made in out]


def _batches(n_rows: int, batch_size: int) -> list[slice]:
    return [slice(first, first + batch_size) for first in range(0, n_rows, batch_size)]


def _told(
    listeners: Listeners,
    kind: str,
    batches: list[slice],
    part: Callable[[slice], Any],
    whole: Callable[[], Any],
    stopped: Callable[[], bool],
) -> Any:
    """The logs of the ``whole``, with the hooks of a kind around it and around each ``part``, a batch."""
    errors, logs = Errors(), {}
    with errors:
        listeners.tell(f"on_{kind}_begin", {})
        if not listeners.hear(f"on_{kind}_batch_begin", f"on_{kind}_batch_end"):
            batches = [slice(None)]
        for number, rows in enumerate(batches):
            listeners.tell(f"on_{kind}_batch_begin", number, {})
            logs = part(rows)
            listeners.tell(f"on_{kind}_batch_end", number, logs)
            if stopped():
                break
        logs = whole()
    with errors:
        listeners.tell(f"on_{kind}_end", logs)
    errors.raise_first()
    return logs
