"""What recurrent layers have in common: arguments, shapes, parameters and operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from fastnn._base.arguments import flag, integer, number
from fastnn._ops import Operation, blank, copy, dropout, recall, remember
from fastnn._ops.recurrent import Cell, needs_z
from fastnn.activations import sigmoid
from fastnn.layers.carrying import Carrying
from fastnn.layers.described import Described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.parts import Parts
from fastnn.layers.settling import changed, parameter, settle
from fastnn.layers.steps import StateAsStep, StepForm
from fastnn.layers.windows import no_sequence

if TYPE_CHECKING:
    from fastnn._ops.base import Op
    from fastnn.layers.arguments import ActivationLike, RegularizerLike
    from fastnn.layers.base import Layer
    from fastnn.layers.edges import Edge, Edges, Made, Masks

FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")


def with_states(inputs: Edges, initial_state: Edge | Sequence[Edge] | None) -> Edges:
    """What a layer is called on: its input, and behind it the states that it begins with."""
    if initial_state is None:
        return inputs
    before, states = ([*came] if isinstance(came, list | tuple) else [came] for came in (inputs, initial_state))
    return [*before, *states]


class Recurrent(Carrying, Described):
    """What recurrent layers have in common; they have their arguments, ``op`` and ``cell``."""

    cell: ClassVar[Cell]
    n_inputs: int | None = None
    takes_masks = True
    if TYPE_CHECKING:  # arguments of each
        op: ClassVar[Op]
        units: int
        activation: ActivationLike
        use_bias: bool
        activity_regularizer: RegularizerLike
        dropout: float
        recurrent_dropout: float
        return_sequences: bool
        return_state: bool
        go_backwards: bool
        stateful: bool
        zero_output_for_mask: bool
        seed: int | None

    def __call__(  # type: ignore[override]  # more arguments
        self,
        inputs: Edges,
        initial_state: Edge | Sequence[Edge] | None = None,
        mask: Masks = None,
        training: object = None,
    ) -> Made:
        """An edge for the layer's output on an edge, with ``return_state`` a list of it and the last states.

        ``initial_state`` is an edge ``(None, units)``, or a list of as many as the layer has states. ``mask`` is an
        edge ``(None, steps)``, not 0 for steps that count.

        >>> from fastnn import Model
        >>> from fastnn.layers import GRU, Input
        >>> x = Input((5, 3))
        >>> y, h = GRU(4, return_state=True)(x)
        >>> Model(x, GRU(4)(x, initial_state=h)).output_shape
        (None, 4)
        """
        return super().__call__(with_states(inputs, initial_state), mask, training)

    def _settle(self, **more: object) -> None:
        told: dict[str, object] = {"units": integer("units", self.units, low=1)}
        told |= {name: flag(name, getattr(self, name)) for name in FLAGS}
        for name in ("dropout", "recurrent_dropout"):
            told[name] = number(name, getattr(self, name), low=0.0, high=1.0, open_high=True)
        settle(self, **told, **more)

    @property
    def kernel(self) -> np.ndarray:
        """The input's kernel as it is now, ``(features, gates * units)``, not to be written to."""
        return self.parameter("kernel")

    @property
    def recurrent_kernel(self) -> np.ndarray:
        """The state's kernel as it is now, ``(units, gates * units)``, not to be written to."""
        return self.parameter("recurrent_kernel")

    @property
    def bias(self) -> np.ndarray | None:
        """The bias as it is now, not to be written to; None without one."""
        return self.parameter("bias") if self.use_bias else None

    @property
    def hands_on_masks(self) -> bool:
        return bool(self.return_sequences)

    @property
    def carries(self) -> tuple[int, ...]:
        return (self.units,) * self.cell.n_states if self.stateful else ()

    def afresh(self) -> Self:
        return changed(self, stateful=False)

    @property
    def n_outputs(self) -> int:
        return 1 + self.cell.n_states if self.return_state else 1

    def output_shape(self, shape: Shape, *starts: Shape) -> Shape:
        self._check_shapes(shape, starts)
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        return [self.output_shape(*shapes), *[(self.units,)] * (self.n_outputs - 1)]

    def _check_shapes(self, shape: Shape, starts: tuple[Shape, ...]) -> None:
        if len(shape) != 2:
            raise no_sequence(self, shape)
        wanted = [(self.units,)] * self.cell.n_states
        if starts and list(starts) != wanted:
            raise ValueError(
                f"{self!r} begins with {len(wanted)} states of the shape {wanted[0]}, got {', '.join(map(str, starts))}"
            )

    def parameters(self, shape: Shape, *starts: Shape) -> tuple[Parameter, ...]:
        columns = self.cell.n_gates * self.units
        kernels = (
            parameter(self, "kernel", (shape[-1], columns)),
            parameter(self, "recurrent_kernel", (self.units, columns), "recurrent"),
        )
        return (*kernels, self._bias(columns)) if self.use_bias else kernels

    def _bias(self, columns: int) -> Parameter:
        return parameter(self, "bias", (columns,))

    def operations(self, *shapes: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        parts, masked = Parts(len(shapes) + sum(masks)), any(masks[:1])
        starts = tuple(range(1, len(shapes)))
        return parts.give(self.passes(parts, shapes[0], 0, len(shapes) if masked else None, starts))

    def passes(
        self,
        parts: Parts,
        shape: Shape,
        read: int,
        mask: int | None,
        starts: tuple[int, ...],
        state: int = 0,
        **more: int,
    ) -> list[int]:
        """Operations on the numbers of what is read; returns those of the output and of the last states.

        What is read goes through the mask and dropout, then through the cell. ``state`` is the number of the first
        state that batches hand on.
        """
        steps, n = shape
        masks = () if mask is None else (mask,)
        if self.stateful and not starts:
            starts = tuple(
                parts.add(Operation(recall.OP, steps * n, self.units, inputs=(read,), state=state + k))
                for k in range(self.cell.n_states)
            )
        if masks:
            read = parts.add(Operation(blank.OP, n, n, steps, inputs=(read, *masks)))
        if self.dropout:
            drops = Operation(dropout.OP, n, n, steps, rate=self.dropout, inputs=(read,), geometry=(steps,))
            read = parts.add(drops, part=1 + more.get("part", 0), seed=self.seed)
        whole = parts.add(self.recurrence(shape, (read, *masks, *starts), len(masks), len(starts), **more))
        if not self._gives_states:
            return [whole]
        size, sequence = self._n_written(steps), steps if self.return_sequences else 1
        counts = [sequence, *[1] * self.cell.n_states]
        places = [self.units * sum(counts[:i]) for i in range(len(counts))]
        made = [
            parts.add(copy.part_of(size, at, rows, self.units, whole)) for at, rows in zip(places, counts, strict=True)
        ]
        for k, last in enumerate(made[1:] if self.stateful else ()):
            parts.add(Operation(remember.OP, self.units, self.units, inputs=(last,), state=state + k))
        return made[: self.n_outputs]

    def steps(self, shape: Shape, *starts: Shape) -> StepForm:
        """The layer on single steps, with its states handed in and out."""
        if self.go_backwards:
            raise ValueError(f"{self!r} begins with the last step, so that the model has no step(); only predict")
        n = self.cell.n_states
        states: list[tuple[str, Shape]] = [(name, (self.units,)) for name in ("h", "c")[:n]]
        one = changed(self, return_state=True, stateful=False, input_shape=None, name=None)
        calls: list[tuple[Layer, tuple[int, ...]]] = [(one, tuple(range(1 + n)))]
        after = tuple(range(2 + n, 2 + 2 * n))
        if self.zero_output_for_mask:
            return StepForm(one, states, calls, (1 + n, *after), self.return_sequences)
        if not self.return_sequences:
            return StepForm(one, states, calls, (2 + n, *after), False)
        # The state and not the output, which for a masked step would repeat that of no step before.
        calls.append((StateAsStep(), (1 + n, 2 + n)))
        return StepForm(one, states, calls, (2 + 2 * n, *after), True)

    def _n_written(self, steps: int) -> int:
        return ((steps if self.return_sequences else 1) + self._gives_states * self.cell.n_states) * self.units

    @property
    def _gives_states(self) -> bool:
        """Whether the operation gives the last states, too."""
        return bool(self.return_state or self.stateful)

    def recurrence(
        self,
        shape: Shape,
        inputs: tuple[int, ...],
        masked: int,
        n_starts: int,
        first: int = 0,
        flips: int = 0,
        part: int = 0,
    ) -> Operation:
        """The operation of the cell; its parameters are the layer's from ``first`` on."""
        (steps, n), gate = shape, getattr(self, "recurrent_activation", sigmoid)
        gated = gate.code, getattr(self, "reset_after", False), needs_z(self.activation) or needs_z(gate)
        flags = self.go_backwards, flips, self.return_sequences, self._gives_states, masked, self.zero_output_for_mask
        return Operation(
            self.op,
            n,
            self.units,
            steps,
            self.activation,
            w=first,
            b=first + 2 if self.use_bias else -1,
            rest=(first + 1,),
            rate=self.recurrent_dropout,
            seed=self.seed,
            activity=self.activity_regularizer,
            inputs=inputs,
            geometry=tuple(map(int, (*flags, n_starts > 0, *gated))),
            numbers=(gate.parameter,),
            size=self._n_written(steps),
            part=part,
        )
