"""The flat vectors a plan works in, and the record of where a fit stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastnn._base.reprs import call_of
from fastnn._plan.plan import Plan
from fastnn._plan.records import RUN


class Moved(RuntimeError):
    """A plan knows other places of the parameters than they have, since layers have joined meanwhile."""


@dataclass(frozen=True, eq=False)
class Memory:
    """All of one dtype (float32 or float64), 64-byte aligned. The first three last; the others are room to work in."""

    params: np.ndarray  # (n_params,)
    slots: np.ndarray  # (n_slots, n_params)
    states: np.ndarray  # what a batch begins with of what the one before remembered
    grads: np.ndarray  # (n_params,), empty for prediction
    workspace: np.ndarray  # (workspace_size,)

    def __repr__(self) -> str:
        return call_of(self)


def aligned(size: int, dtype: np.dtype) -> np.ndarray:
    """Zeros, ``(size,)``, whose first byte is a multiple of 64."""
    raw = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


def allocate(
    plan: Plan, params: np.ndarray, slots: np.ndarray | None = None, states: np.ndarray | None = None
) -> Memory:
    """Memory for a plan around a model's own ``params`` (and ``slots``, ``states``); :class:`Moved` for others."""
    dtype = params.dtype
    if len(params) != int(plan.header["n_params"]):
        raise Moved("another thread makes a model around layers of this one; call again when that is made")
    if slots is None:
        slots = new_slots(plan, dtype)
    if states is None:
        states = aligned(plan.states_size, dtype)
    grads = aligned(int(plan.header["n_params"]) if plan.training else 0, dtype)
    return Memory(params, slots, states, grads, _workspace(plan, dtype))


def _workspace(plan: Plan, dtype: np.dtype) -> np.ndarray:
    try:
        return aligned(plan.workspace_size, dtype)
    except MemoryError:
        layout, rows = plan.layout, int(plan.header["block_rows"])
        node = max(layout.nodes, key=lambda node: math.prod(layout.shapes[node.outputs[0]]))
        raise MemoryError(
            f"{rows} rows together want {plan.workspace_size * dtype.itemsize / 2**30:.3g} GiB of working memory; the "
            f"most is behind {layout.layers[node.layer]!r}, which makes {(rows, *layout.shapes[node.outputs[0]])} of "
            f"{(rows, *layout.shapes[node.inputs[0]])}; smaller samples or a smaller batch_size would fit"
        ) from None


def outputs(plan: Plan, memory: Memory, n_rows: int) -> tuple[np.ndarray, ...]:
    """Views ``(n_rows, numbers a sample)`` of the outputs that the last block left."""
    at = [(int(value["offset"]), int(value["size"])) for value in plan.outputs]
    return tuple(memory.workspace[offset : offset + n_rows * size].reshape(n_rows, size) for offset, size in at)


def new_slots(plan: Plan, dtype: np.dtype) -> np.ndarray:
    """Fresh optimiser state, ``(n_slots, n_params)``; of parameters that are not trained it stays as it is."""
    record = plan.optimizer_record
    n_params = int(plan.header["n_params"])
    if record is None:
        return aligned(0, dtype).reshape(0, n_params)
    slots = aligned(record.n_slots * n_params, dtype).reshape(record.n_slots, n_params)
    slots[...] = np.reshape(record.slot_starts, (-1, 1))
    return slots


def new_run(n_samples: int, epochs: tuple[int, int], *, step: int = 0, shuffle: bool = True) -> np.ndarray:
    """A RUN record that stands before the first batch of ``epochs[0]`` and ends before ``epochs[1]``."""
    run = np.zeros((), RUN)
    run["n_samples"], run["step"], run["shuffle"] = n_samples, step, shuffle
    run["epoch"] = run["first_epoch"] = epochs[0]
    run["patience"], run["best"] = -1, np.inf
    run["last_epoch"], run["max_steps"] = epochs[1], np.iinfo(np.int64).max
    return run
