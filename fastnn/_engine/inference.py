"""Evaluation and prediction of a model: in one pass, or batch by batch for callbacks that listen to batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn._engine.data import Data
from fastnn._engine.evaluate import Evaluation
from fastnn._engine.listeners import Errors, Listeners
from fastnn._engine.plans import Entry, take_memory
from fastnn._plan.records import BY_ROWS
from fastnn.callbacks import Logs

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential


def evaluate(model: Sequential, data: Data, batch_size: int, backend: str | None, listeners: Listeners) -> Logs:
    """Loss and metrics by name on data that is checked, of all batches before a hook set ``stop_evaluating``."""
    plan, pool = model._plans.evaluation(model)
    model.backend_, module = _kernels.select(plan, backend or model.backend)
    memory = take_memory(model, plan, pool)
    model.stop_evaluating = False
    evaluation = Evaluation(plan, memory, module, model.resolved_metrics())
    together = len(data) if plan.header["divisor"] == BY_ROWS else batch_size  # what a loss that is no mean depends on

    def add(rows: slice) -> None:
        given = data.part(rows)
        for batch in _batches(len(given), together):
            evaluation.add(given.part(batch))

    def part(rows: slice) -> Logs:
        add(rows)
        return evaluation.logs()

    try:
        if not listeners.callbacks:
            add(slice(None))
            return evaluation.logs(whole=True)
        hooks = part, lambda: evaluation.logs(whole=True), lambda: model.stop_evaluating
        return _told(listeners, "test", _batches(len(data), batch_size), *hooks)
    finally:
        pool.append(memory)


def predict(model: Sequential, x: Any, batch_size: int, entry: Entry, module: Any, listeners: Listeners) -> np.ndarray:
    """Predictions ``(n, *output_shape)`` for rows that are checked, those before a hook set ``stop_predicting``."""
    plan, pool = entry
    out = np.empty((len(x), *model.layout.output_shape), model.dtype)
    flat = out.reshape(len(x), math.prod(model.layout.output_shape))
    memory = take_memory(model, plan, pool)
    if not listeners.callbacks:  # the rest takes longer than a small network
        try:
            module.predict(plan, memory, (x,), (flat,))
            return out
        finally:
            pool.append(memory)
    done = 0
    model.stop_predicting = False

    def part(rows: slice) -> dict[str, Any]:
        nonlocal done
        module.predict(plan, memory, (x[rows],), (flat[rows],))
        done += len(flat[rows])
        return {"outputs": out[rows]}

    try:
        _told(listeners, "predict", _batches(len(x), batch_size), part, dict, lambda: model.stop_predicting)
    finally:
        pool.append(memory)
    return out[:done]


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
