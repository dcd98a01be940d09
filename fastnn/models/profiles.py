"""What a profile says, and how it is printed: a step's time by phases and by operations, for each thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import counted
from fastnn._kernels.laps import Part, Stage
from fastnn.models.summary import table

if TYPE_CHECKING:
    from fastnn.models.bounds import Bound

PHASES = (
    *("gather", "products", "activations", "other layers", "statistics"),
    *("loss", "dw", "update", "waiting", "between"),
)
COLUMNS = ("forward", "activation", "backward", "statistics", "dw", "update")
WITH_PRODUCTS = frozenset(
    ("dense", "conv", "conv_transpose", "dot", "attention", "lstm", "gru", "simple_rnn", "periodic")
)
OF_STAGE = {
    Stage.GATHER: "gather",
    Stage.LOSS: "loss",
    Stage.UPDATE: "update",
    Stage.WAITING: "waiting",
    Stage.BETWEEN: "between",
}
OF_PART = {
    Part.ACTIVATE: "activations",
    Part.ACTIVATE_BACK: "activations",
    Part.STATISTICS: "statistics",
    Part.DW: "dw",
    Part.LEARN: "update",
}


@dataclass(frozen=True)
class ProfiledOp:
    """An operation of the plan, with the floating-point operations of its products in a step; 0 where none is known.

    Attributes
    ----------
    layer, kind : name of the layer that it belongs to, and of the kind of operation.
    dtype : of the numbers that its products multiply: the model's, or "bfloat16" in mixed precision.
    flop_forward, flop_backward, flop_dw : of the output, of the gradient of the input, of those of the parameters.
    activated : how many numbers of a step go through which activation, by its code.
    """

    layer: str
    kind: str
    dtype: str
    flop_forward: float
    flop_backward: float
    flop_dw: float
    activated: tuple[tuple[int, float], ...] = ()

    def flop(self, training: bool = True) -> float:
        """Of a step, or of a prediction."""
        return self.flop_forward + (self.flop_backward + self.flop_dw) * training

    @property
    def phase(self) -> str:
        """The phase of its ways forward and back."""
        return (
            "products" if self.kind in WITH_PRODUCTS else "activations" if self.kind == "activation" else "other layers"
        )


@dataclass(frozen=True, eq=False)
class Profile:
    """Where the time of a training step goes, as :func:`fastnn.utils.profile` measures it; prints as a table.

    Attributes
    ----------
    backend, isa, dtype : what ran; ``isa`` is None where the backend has none.
    batch_size, steps : rows of a step, and how many steps were measured.
    clock : as it was asked for.
    step_seconds : of a step while no laps are taken, by that clock of the first thread: the least mean of some runs.
    flops : operations a second of a core at most by the dtype of the numbers multiplied, as measured; empty where
        nobody knows.
    bound : the least time that the step can take on this machine; None where nobody knows.
    ops : the plan's operations.
    stage_seconds : ``(threads, 5)``: what is no operation's own, in the order gather, loss, update, waiting, between.
    op_seconds : ``(threads, ops, 7)``, of a step: forward, its activation, backward, that of the activation, statistics
        of the batch, gradients of parameters, update at once with them.
    """

    backend: str
    isa: str | None
    dtype: str
    batch_size: int
    steps: int
    clock: str
    step_seconds: float
    flops: Mapping[str, float]
    bound: Bound | None
    ops: tuple[ProfiledOp, ...]
    stage_seconds: np.ndarray
    op_seconds: np.ndarray

    @property
    def threads(self) -> int:
        """How many worked."""
        return len(self.stage_seconds)

    @cached_property
    def phases(self) -> dict[str, np.ndarray]:
        """Seconds of a step for each phase, ``(threads,)``; they add up to the step's time of each thread."""
        found = {name: np.zeros(self.threads) for name in PHASES}
        for stage, phase in OF_STAGE.items():
            found[phase] += self.stage_seconds[:, stage]
        for i, op in enumerate(self.ops):
            for part in Part:
                found[OF_PART.get(part, op.phase)] += self.op_seconds[:, i, part]
        return found

    @property
    def total(self) -> float:
        """Seconds of a step, as the laps of the first thread add up."""
        return float(self.stage_seconds[0].sum() + self.op_seconds[0].sum())

    @property
    def flop(self) -> float:
        """Of all products of a step."""
        return sum(op.flop() for op in self.ops)

    @property
    def product_seconds(self) -> float:
        """Of all threads, in products of both ways and in gradients of the parameters of such operations."""
        chosen = [i for i, op in enumerate(self.ops) if op.flop_forward]
        parts = [Part.FORWARD, Part.BACK, Part.DW]
        return float(self.op_seconds[:, chosen][:, :, parts].sum())

    def to_dict(self) -> dict[str, object]:
        """All of it as JSON takes it: lists, numbers, texts; times are seconds of a step, a list for threads."""
        return {
            "backend": self.backend,
            "isa": self.isa,
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "clock": self.clock,
            "threads": self.threads,
            "step_seconds": self.step_seconds,
            "total_seconds": self.total,
            "flops": dict(self.flops),
            "bound": self.bound and self.bound.to_dict(),
            "flop": self.flop,
            "phases": {name: seconds.tolist() for name, seconds in self.phases.items()},
            "ops": [
                {
                    "layer": op.layer,
                    "kind": op.kind,
                    "flop": [op.flop_forward, op.flop_backward, op.flop_dw],
                    **{name: seconds.tolist() for name, seconds in self.columns(i).items()},
                }
                for i, op in enumerate(self.ops)
            ],
        }

    def columns(self, i: int) -> dict[str, np.ndarray]:
        """Seconds ``(threads,)`` of the i-th operation by the columns of the table."""
        own = self.op_seconds[:, i]
        sums = (
            own[:, Part.FORWARD],
            own[:, Part.ACTIVATE] + own[:, Part.ACTIVATE_BACK],
            own[:, Part.BACK],
            own[:, Part.STATISTICS],
            own[:, Part.DW],
            own[:, Part.LEARN],
        )
        return dict(zip(COLUMNS, sums, strict=True))

    def __repr__(self) -> str:
        step = f"{self.step_seconds * 1e6:.4g} us a step of {counted(self.batch_size, 'row')}"
        return f"<profile: {step}, {counted(len(self.ops), 'operation')}>"

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *self._phase_lines(), "", *self._op_lines()])

    def _head(self) -> list[str]:
        on = f"{self.backend}{f' ({self.isa})' if self.isa else ''}, {self.dtype}, {counted(self.threads, 'thread')}"
        lines = [
            f"a training step of {counted(self.batch_size, 'row')}: {self.step_seconds * 1e3:.4g} ms; {on}",
            f"its phases add up to {self.total * 1e3:.4g} ms; mean of {counted(self.steps, 'step')}",
        ]
        if self.bound:
            lines.append(f"{self.bound}: {self.bound.seconds / self.step_seconds:.0%} reached")
        if self.flop and self.product_seconds:
            rate = self.flop / self.product_seconds
            at_peak = f"{self._at_peak(self.ops) / self.product_seconds:.0%}" if self.flops else ""
            share = at_peak and f", {at_peak} of the peak of a core"
            lines.append(f"products: {self.flop / 1e6:.4g} MFLOP at {rate / 1e9:.4g} GFLOP/s{share}")
        return lines

    def _at_peak(self, ops: Sequence[ProfiledOp]) -> float:
        """Seconds of their products on one core at its peak."""
        return sum(op.flop() / self.flops[op.dtype] for op in ops if op.flop())

    def _phase_lines(self) -> list[str]:
        heads = ["phase", *(["ms"] if self.threads == 1 else [f"ms, thread {t}" for t in range(self.threads)]), "share"]
        whole = sum(seconds.sum() for seconds in self.phases.values()) or 1.0
        rows = [
            [name, *map(_milliseconds, seconds), f"{seconds.sum() / whole:.1%}"]
            for name, seconds in self.phases.items()
            if seconds.any()
        ]
        return table([heads, *rows], right=range(1, len(heads)))

    def _op_lines(self) -> list[str]:
        heads = ["layer", "operation", *(f"{name} ms" for name in COLUMNS), "share", "GFLOP/s", "of peak"]
        whole = self.stage_seconds.sum() + self.op_seconds.sum() or 1.0
        rows = [self._op_line(i, whole) for i in range(len(self.ops))]
        shown = [heads, *rows]
        kept = [j for j in range(len(heads)) if j < 2 or any(row[j] for row in rows)]
        lines = table([[row[j] for j in kept] for row in shown], right=range(2, len(kept)))
        return lines if self.threads == 1 else [f"operations, all {self.threads} threads together", *lines]

    def _op_line(self, i: int, whole: float) -> Sequence[str]:
        op, own = self.ops[i], self.op_seconds[:, i]
        cells = [_milliseconds(seconds.sum()) if seconds.any() else "" for seconds in self.columns(i).values()]
        flop, spent = op.flop(), own[:, [Part.FORWARD, Part.BACK, Part.DW]].sum()
        rate = flop / spent if flop and spent else 0.0
        return [
            op.layer,
            op.kind,
            *cells,
            f"{own.sum() / whole:.1%}",
            f"{rate / 1e9:.1f}" if rate else "",
            f"{self._at_peak([op]) / spent:.0%}" if rate and self.flops else "",
        ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.4f}"
