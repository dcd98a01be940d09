"""Evaluation and prediction: in one pass, or batch by batch for callbacks that listen to batches, or from a stream."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from fastnn._base import interrupts
from fastnn._base.sparse import AnyRows
from fastnn._engine.compiled import Trainee
from fastnn._engine.evaluate import Evaluation
from fastnn._engine.listeners import SILENT, Errors, Listeners
from fastnn._engine.plans import Entry, take_memory
from fastnn._engine.state import State
from fastnn._engine.streams import Stream
from fastnn._kernels import steps
from fastnn._kernels.contract import Rows
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn._plan.records import BY_ROWS
from fastnn.callbacks import Logs


def evaluate(trainee: Trainee, data: Rows | Stream, batch_size: int, module: ModuleType, listeners: Listeners) -> Logs:
    """Losses and metrics by name on data that is checked, of all batches before a hook set ``stop_evaluating``."""
    inputs = data.first().inputs if isinstance(data, Stream) else data.inputs
    first = trainee.sized(inputs)
    plan, pool = first.plans.evaluation(first, len(inputs[0]) if isinstance(data, Stream) else batch_size)
    memory = take_memory(trainee.state, plan, pool)
    trainee.state.stop_evaluating = False
    evaluation = Evaluation(trainee.compiled, plan, memory, module)
    # Else it depends on how rows make batches.
    is_mean = plan.header["divisor"] == BY_ROWS and not plan.has_masks and not plan.settles
    together = None if is_mean or isinstance(data, Stream) else batch_size

    def add(rows: Rows) -> None:
        size = min(together or len(rows), len(rows))
        with _sized(trainee, evaluation, rows, size):
            for batch in _batches(len(rows), size):
                evaluation.add(rows.part(batch))

    def part(rows: Rows) -> Logs:
        add(rows)
        return evaluation.logs()

    try:
        if not listeners.callbacks and isinstance(data, Rows):
            add(data)
            return evaluation.logs(whole=True)
        hooks = part, lambda: evaluation.logs(whole=True), lambda: trainee.state.stop_evaluating
        found: Logs = _told(listeners, "test", _parts(listeners, "test", data, batch_size), *hooks)
        return found
    finally:
        pool.append(memory)


@contextlib.contextmanager
def _sized(trainee: Trainee, evaluation: Evaluation, rows: Rows, size: int) -> Iterator[None]:
    """A block in which the evaluation works with a plan for the lengths of these rows, in batches of this size."""
    kept = evaluation.plan, evaluation.memory
    if trainee.of_sizes is None and not trainee.compiled.layout.carried:
        yield
        return
    own = trainee.sized(rows.inputs)
    plan, pool = own.plans.evaluation(own, size)
    evaluation.plan, evaluation.memory = plan, take_memory(trainee.state, plan, pool)
    try:
        yield
    finally:
        pool.append(evaluation.memory)
        evaluation.plan, evaluation.memory = kept


def predict(
    state: State, inputs: Sequence[AnyRows], batch_size: int, entry: Entry, module: ModuleType, listeners: Listeners
) -> list[np.ndarray]:
    """Predictions ``(n, *output_shape)`` for rows that are checked, those before a hook set ``stop_predicting``."""
    (plan, pool), n, dtype = entry, len(inputs[0]), state.params.dtype
    out = [np.empty((n, *shape), dtype) for shape in plan.layout.output_shapes]
    flat = [made.reshape(n, size) for made, size in zip(out, plan.output_sizes, strict=True)]
    memory = take_memory(state, plan, pool)
    if not listeners.callbacks:  # the rest takes longer than a small network
        try:
            _into(flat, module, plan, memory, inputs)
            return out
        finally:
            pool.append(memory)
    rows = Rows(tuple(inputs))
    done = 0
    state.stop_predicting = False

    def part(rows: Rows) -> dict[str, object]:
        nonlocal done
        here = slice(done, done + len(rows))
        _into([made[here] for made in flat], module, plan, memory, rows.inputs)
        done += len(rows)
        return _outputs([made[here] for made in out])

    try:
        parts = _parts(listeners, "predict", rows, batch_size)
        _told(listeners, "predict", parts, part, dict, lambda: state.stop_predicting)
    finally:
        pool.append(memory)
    return [made[:done] for made in out]


def _into(out: Sequence[np.ndarray], module: ModuleType, plan: Plan, memory: Memory, inputs: Sequence[AnyRows]) -> None:
    """Predict into arrays ``(n, numbers a sample)``; batch by batch where layers remember the one before."""
    if not plan.settles:
        module.predict(plan, memory, inputs, out)
        return
    for batch in _batches(len(inputs[0]), int(plan.header["batch_size"])):
        interrupts.check()
        rows = [x[batch] if isinstance(x, np.ndarray) else x[batch].copy() for x in inputs]
        for to, y in zip(out, module.forward(plan, memory, rows), strict=True):
            to[batch] = y
        steps.settle(plan, memory)


def predict_stream(
    state: State,
    stream: Stream,
    entries: Callable[[Sequence[AnyRows]], Entry],
    module: ModuleType,
    listeners: Listeners,
) -> list[np.ndarray]:
    """:func:`predict` for the inputs that a stream gives, batch by batch, by what ``entries`` gives for them."""
    made: list[list[np.ndarray]] = []
    state.stop_predicting = False

    def part(inputs: Sequence[AnyRows]) -> dict[str, object]:
        made.append(predict(state, inputs, len(inputs[0]), entries(inputs), module, SILENT))
        return _outputs(made[-1])

    _told(listeners, "predict", stream, part, dict, lambda: state.stop_predicting)
    if len({tuple(part.shape[1:] for part in parts) for parts in made}) > 1:
        raise ValueError("the batches have predictions of different lengths; predict them one by one")
    return [np.concatenate(parts) for parts in zip(*made, strict=True)]


def _outputs(made: list[np.ndarray]) -> dict[str, object]:
    return {"outputs": made[0] if len(made) == 1 else made}


def _batches(n_rows: int, batch_size: int) -> list[slice]:
    return [slice(first, first + batch_size) for first in range(0, n_rows, batch_size)]


def _parts(listeners: Listeners, kind: str, data: Rows | Stream, batch_size: int) -> Iterable[Rows]:
    """What callbacks hear of one by one: the batches of a stream, those of rows where one listens to batches."""
    if isinstance(data, Stream):
        return data
    if not listeners.hear(f"on_{kind}_batch_begin", f"on_{kind}_batch_end"):
        return [data]
    return [data.part(batch) for batch in _batches(len(data), batch_size)]


def _told(
    listeners: Listeners,
    kind: str,
    parts: Iterable[object],
    part: Callable[[Any], Any],
    whole: Callable[[], Any],
    stopped: Callable[[], bool],
) -> Any:
    """The logs of the ``whole``, with the hooks of a kind around it and around each of the ``parts``, a batch."""
    errors, logs = Errors(), {}
    with errors:
        listeners.tell(f"on_{kind}_begin", {})
        for number, rows in enumerate(parts):
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
