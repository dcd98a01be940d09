"""The plans a model has in use, each with memory that is free for the next call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastnn._plan.compile import MAX_BLOCK, compile_plan
from fastnn._plan.memory import Memory, allocate, new_slots
from fastnn._plan.plan import Plan
from fastnn.metrics import Reading
from fastnn.optimizers import LBFGS

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential

Entry = tuple[Plan, list[Memory]]
Metrics = list[tuple[Reading, bool]]
MOST = 8  # plans kept; a fit per batch size must not pile up workspaces


class PlanCache:
    """Plans by purpose and batch size, compiled when first wanted.

    Attributes
    ----------
    metrics : those of the model as they are computed, None until they have been resolved.
    """

    def __init__(self) -> None:
        self.entries: dict[Any, Entry] = {}
        self.last_batch_size = 32
        self.metrics: Metrics | None = None

    def training(self, model: Sequential, batch_size: int, n_samples: int) -> Entry:
        """The plan of ``fit``; the optimiser's numbers are part of the key, for users change them.

        So is the number of rows where a metric needs all predictions.
        """
        self.last_batch_size = batch_size
        optimizer = model.compiled_optimizer
        numbers = [type(optimizer), *(value for name, value in vars(optimizer).items() if name != "learning_rate")]
        fused = None if isinstance(optimizer, LBFGS) else optimizer
        if fused is None and any(v.parameter.constraint for v in model.layout.variables):
            raise ValueError("L-BFGS keeps no constraints; choose another optimizer, or layers without them")
        metrics = model.resolved_metrics()
        kept = n_samples if any(reading.keeps for reading, _ in metrics) else 0
        return self._entry(
            ("train", batch_size, repr(numbers), model.reduction, kept),
            lambda: compile_plan(
                model.layout,
                batch_size=batch_size,
                losses=[model.loss] if model.loss else [],
                optimizer=fused,
                metrics=[(*metric, 0) for metric in metrics],
                n_samples=kept,
                seed=model.seed,
                reduction=model.reduction,
            ),
        )

    def evaluation(self, model: Sequential) -> Entry:
        """The plan of ``evaluate``: a loss without an optimiser."""
        return self._entry(
            ("evaluate", model.reduction),
            lambda: compile_plan(
                model.layout,
                batch_size=MAX_BLOCK,
                losses=[model.loss] if model.loss else [],
                metrics=[(*metric, 0) for metric in model.resolved_metrics()],
                n_samples=MAX_BLOCK,
                seed=model.seed,
                reduction=model.reduction,
            ),
        )

    def prediction(self, model: Sequential) -> Entry:
        """The plan of ``predict``."""
        return self._entry("predict", lambda: compile_plan(model.layout, batch_size=MAX_BLOCK, seed=model.seed))

    def _entry(self, key: Any, make: Callable[[], Plan]) -> Entry:
        entry = self.entries.get(key)  # other threads may empty the table meanwhile
        if entry is None:
            if len(self.entries) >= MOST:
                self.entries.clear()
            entry = self.entries.setdefault(key, (make(), []))
        return entry


def take_memory(model: Sequential, plan: Plan, pool: list[Memory], training: bool = False) -> Memory:
    """Memory around the model's parameters that no other thread works in; append them to ``pool`` after use."""
    if training:
        _settle_slots(model, plan)
    with contextlib.suppress(IndexError):  # another thread may take the last one
        while (memory := pool.pop()) is not None:
            if memory.params is model.params and (not training or memory.slots is model.slots):
                return memory
    return allocate(plan, model.params, model.slots if training else None)


def _settle_slots(model: Sequential, plan: Plan) -> None:
    """Optimiser state that fits the plan and is aligned, with the values the model has where it fits."""
    slots = model.slots
    if slots is not None and not slots.ctypes.data % 64 and len(slots) == int(plan.optimizer["n_slots"]):
        return
    model.slots = new_slots(plan, model.dtype)
    if slots is not None and slots.shape == model.slots.shape:
        model.slots[...] = slots
