"""The plans a model has in use, each with memory that is free for the next call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn._engine.carrying import take_states, usual_rows
from fastnn._engine.compiled import Compiled, Trainee
from fastnn._engine.state import State
from fastnn._ops import own
from fastnn._plan.compile import MAX_BLOCK, compile_plan
from fastnn._plan.layout import Layout
from fastnn._plan.memory import Memory, allocate, new_slots
from fastnn._plan.plan import Plan
from fastnn.optimizers import Optimizer

Entry = tuple[Plan, list[Memory]]
MOST = 8  # plans kept; a fit per batch size must not pile up workspaces


class PlanCache:
    """Plans by purpose and batch size, compiled when first wanted."""

    def __init__(self) -> None:
        self.entries: dict[object, Entry] = {}
        self.last_batch_size = 32

    def prediction(self, layout: Layout, seed: int, rows: int = MAX_BLOCK) -> Entry:
        """The plan of ``predict``; of a stateful model for batches of so many ``rows``, of none for any."""
        rows = rows or usual_rows(layout, 1) if layout.carried else MAX_BLOCK
        return self.entry(
            ("predict", rows, bool(layout.carried)), lambda: compile_plan(layout, batch_size=rows, seed=seed)
        )

    def values(self, layout: Layout, edges: Sequence[int], seed: int) -> Entry:
        """A plan that predicts the values of these edges."""
        told = replace(layout, outputs=tuple(edges))
        return self.entry(("values", tuple(edges)), lambda: compile_plan(told, batch_size=MAX_BLOCK, seed=seed))

    def training(self, trainee: Trainee, optimizer: Optimizer, batch_size: int, n_samples: int) -> Entry:
        """The plan of ``fit``; the optimiser's numbers are part of the key, for users change them.

        So is the number of rows where a metric needs all predictions, and what is not trained.
        """
        self.last_batch_size = batch_size
        compiled, frozen = trainee.compiled, trainee.frozen()
        numbers = [type(optimizer), *(value for name, value in vars(optimizer).items() if name != "learning_rate")]
        fused = None if optimizer.full_batch else optimizer
        if fused is None and any(v.parameter.constraint for v in compiled.layout.variables):
            raise ValueError("L-BFGS keeps no constraints; choose another optimizer, or layers without them")
        kept = n_samples if compiled.keeps else 0
        return self.entry(
            ("train", batch_size, repr(numbers), compiled.reduction, kept, frozen),
            lambda: _to_train(compiled, frozen, batch_size=batch_size, n_samples=kept, optimizer=fused),
        )

    def evaluation(self, trainee: Trainee, rows: int = MAX_BLOCK) -> Entry:
        """The plan of ``evaluate``: losses without an optimiser, of the model as it predicts.

        That of a stateful model is for batches of so many ``rows``.
        """
        compiled, frozen = trainee.compiled, trainee.frozen()
        rows = rows if compiled.layout.carried else MAX_BLOCK
        return self.entry(
            ("evaluate", compiled.reduction, frozen, rows),
            lambda: with_losses(compiled, frozen, batch_size=rows, n_samples=rows, drops=False, balanced=False),
        )

    def entry(self, key: object, make: Callable[[], Plan]) -> Entry:
        """The plan under a key, made when it is not there."""
        entry = self.entries.get(key)  # other threads may empty the table meanwhile
        if entry is None:
            if len(self.entries) >= MOST:
                self.entries.clear()
            entry = self.entries.setdefault(key, (make(), []))
        return entry


def _to_train(compiled: Compiled, frozen: frozenset[int], **more: Any) -> Plan:
    plan = with_losses(compiled, frozen, **more)
    own.check_ways_back(plan)
    return plan


def with_losses(compiled: Compiled, frozen: frozenset[int], trains: bool = True, **more: object) -> Plan:
    """A plan of what a model is compiled to; ``trains`` False for one in which no parameter has a gradient."""
    several = len(compiled.losses) > 1
    told: dict[str, Any] = {
        "losses": compiled.losses,
        "loss_weights": compiled.total_weights if several else None,
        "metrics": compiled.metrics,
        "seed": compiled.seed,
        "reduction": compiled.reduction if several else compiled.total_reduction,
    }
    # Also where none is frozen: the layout knows what was frozen when it was made.
    layout = compiled.layout.frozen(frozen)
    return compile_plan(layout if trains else layout.untrained(), **told | more)


def take_memory(state: State, plan: Plan, pool: list[Memory], training: bool = False) -> Memory:
    """Memory around a model's parameters that no other thread works in; append it to ``pool`` after use."""
    if training:
        _settle_slots(state, plan)
    states = take_states(state, plan) if plan.layout.carried else None
    with contextlib.suppress(IndexError):  # another thread may take the last one
        while (memory := pool.pop()) is not None:
            fits = memory.params is state.params and (not training or memory.slots is state.slots)
            if fits and (states is None or memory.states is states):
                return memory
    return allocate(plan, state.params, state.slots if training else None, states)


def take_memory_of_shards(state: State, plan: Plan, pool: list[Memory]) -> Memory:
    """Likewise for ranks that train together: without slots, of which each has its own slice."""
    none = np.empty((0, len(state.params)), state.params.dtype)
    with contextlib.suppress(IndexError):
        while (memory := pool.pop()) is not None:
            if memory.params is state.params:
                return replace(memory, slots=none)
    return allocate(plan, state.params, none)


def _settle_slots(state: State, plan: Plan) -> None:
    """Optimiser state that fits the plan and is aligned, with the values the model has where it fits."""
    slots = state.slots
    if slots is not None and not slots.ctypes.data % 64 and len(slots) == int(plan.optimizer["n_slots"]):
        return
    state.slots = new_slots(plan, state.params.dtype)
    if slots is not None and slots.shape == state.slots.shape:
        state.slots[...] = slots
