"""The plan: a compiled model as flat tables of operations and values. Immutable and printable.

Every backend executes the same one; :func:`fastnn._plan.compile.compile_plan` makes it, and the arrays it speaks of
live in the :class:`fastnn._plan.memory.Memory` that :func:`fastnn._plan.memory.allocate` makes for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fastnn._ops import OPS
from fastnn._plan.layout import Layout
from fastnn.activations import ActivationCode
from fastnn.losses import LossRecord
from fastnn.losses.custom import CustomLoss
from fastnn.optimizers import Optimizer

PLACES = ("w", "b", "z", "scratch")


@dataclass(frozen=True, eq=False)
class Plan:
    """The compiled model. ``values``, ``ops``, ``header`` ... are NumPy records as in ``records.py``."""

    layout: Layout
    training: bool
    values: np.ndarray
    edges: np.ndarray
    ops: np.ndarray
    header: np.ndarray
    losses: np.ndarray
    optimizer: np.ndarray
    metrics: np.ndarray
    segments: np.ndarray
    spans: np.ndarray
    workspace_size: int
    states_size: int
    loss_records: tuple[LossRecord | CustomLoss, ...] = field(repr=False)
    optimizer_record: Optimizer | None = field(repr=False)
    faults: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)
    """What each backend said when it was asked whether it supports the plan."""
    chosen: dict[str | None, Any] = field(default_factory=dict, repr=False, compare=False)
    """The backend that runs the plan, by the name that was asked for, if any."""

    @cached_property
    def has_own(self) -> bool:
        """Whether some op comes back to Python."""
        return bool(self.header["has_own"])

    @cached_property
    def measures(self) -> bool:
        """Whether some op in training measures the batch, which then is one block."""
        return bool(self.header["measures"])

    @cached_property
    def settles(self) -> bool:
        """Whether some op leaves something for the next batch; a batch is one block then."""
        return bool(self.header["settles"])

    @cached_property
    def has_masks(self) -> bool:
        """Whether some loss leaves out positions."""
        return bool((self.losses["mask"] >= 0).any())

    @property
    def tables(self) -> tuple[np.ndarray, ...]:
        """All tables, in the order in which this class has them."""
        first = self.values, self.edges, self.ops, self.header, self.losses
        return (*first, self.optimizer, self.metrics, self.segments, self.spans)

    @cached_property
    def inputs(self) -> np.ndarray:
        """The values that are the model's inputs."""
        return self.values[: int(self.header["n_inputs"])]

    @cached_property
    def outputs(self) -> np.ndarray:
        """The values that are the model's outputs."""
        return self.values[len(self.values) - int(self.header["n_outputs"]) :]

    @cached_property
    def output_sizes(self) -> tuple[int, ...]:
        """Numbers a sample of each output."""
        return tuple(self.outputs["size"].tolist())

    def __repr__(self) -> str:
        head = self.header
        kind = f"training, batch {head['batch_size']}" if self.training else "prediction"
        return (
            f"<plan: {kind}, blocks of {head['block_rows']} rows; {len(self.ops)} ops, "
            f"{head['n_params']} params, {self.workspace_size} workspace>"
        )

    def __str__(self) -> str:
        places = " ".join(f"{name:>8}" for name in PLACES)
        lines = [
            repr(self).strip("<>"),
            f"{'op':>3} {'kind':12} {'node':>4} {'rows x in -> out':>20} {'activation':12} {'values':>14} {places}",
            *(self._line(i) for i in range(len(self.ops))),
            f"{'value':>5} {'numbers':>8} {'offset':>8} {'grad':>8}",
            *(
                f"{i:>5} {value['size']:>8} {_place(value['offset']):>8} {_place(value['grad']):>8}"
                for i, value in enumerate(self.values)
            ),
        ]
        return "\n".join(lines)

    def _line(self, i: int) -> str:
        op = self.ops[i]
        read = self.edges[int(op["first_edge"]) :][: int(op["n_inputs"])]["value"]
        shape = f"{op['repeat']} x {op['n_in']} -> {op['n_out']}"
        values = f"{','.join(map(str, read))} -> {op['output']}"
        places = " ".join(f"{_place(op[name]):>8}" for name in PLACES)
        return (
            f"{i:>3} {OPS[int(op['kind'])].name:12} {op['stream']:>4} {shape:>20} "
            f"{ActivationCode(op['activation']).name.lower():12} {values:>14} {places}"
        )


def _place(offset: int) -> str:
    return "-" if offset < 0 else str(offset)
