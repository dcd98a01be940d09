"""What a model computes in prediction, as a list of steps with their numbers: what every export reads.

Design: exports go by operations and not by layers, because each of the eighty layers is made of forty kinds of
operations, and a layer to come exports as soon as its kinds do. Idle operations (dropout) are gone, activations are
part of the operation before them, and normalisations are folded into their neighbours where that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn._ops.base import Op
from fastnn._ops.views import Views
from fastnn._plan.compile import PART_STREAMS, compile_plan
from fastnn._plan.layout import Layout
from fastnn._plan.memory import allocate
from fastnn._plan.plan import Plan
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn.models.model import Model


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes
    ----------
    op, record : its kind, and what the plan says of it (see ``_plan/records.py``).
    layer : name of the layer that it belongs to.
    inputs, output : values; those below the number of the program's inputs are its inputs.
    arrays : its parameters by name: ``arrays.w``, ``arrays.b`` (0 for none), ``arrays.vector(i, n)``, ``arrays.sizes``.
    """

    op: Op
    record: np.void
    layer: str
    inputs: tuple[int, ...]
    output: int
    arrays: Views

    def __repr__(self) -> str:
        return f"<{self.op.name} of {self.layer}: {', '.join(map(str, self.inputs))} -> {self.output}>"


@dataclass(frozen=True)
class Program:
    """The steps of a model in order.

    Attributes
    ----------
    plan : for one sample at a time; ``plan.values[v]["size"]`` is a value's numbers, and ``["offset"]`` a place for it
        in ``plan.workspace_size`` numbers, that values share which are not there at the same time.
    inputs, outputs : values, with names and shapes of one sample.
    states : of a program of single steps, names and shapes of the states, which are the last inputs and outputs.
    """

    plan: Plan
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    states: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def size(self, value: int) -> int:
        """Numbers a sample of a value."""
        return int(self.plan.values[value]["size"])


def program_of(model: object, fold: bool = True, length: int | None = None) -> Program:
    """The program of a built model.

    Parameters
    ----------
    model : a :class:`fastnn.Model` or :class:`fastnn.Sequential`.
    fold : whether normalisations go into the weights beside them, see :func:`fastnn.utils.fold`.
    length : of sequences, for a model whose lengths differ from batch to batch.

    Raises
    ------
    TypeError, ValueError, NotReadyError
        it is no model, is not built, or its lengths are not known.
    """
    made = _prepared(model, fold)
    return _program(made, _of_length(made.layout, length))


def program_of_steps(model: object, fold: bool = True) -> Program:
    """The program of one step of a recurrent or causal network, whose states are further inputs and outputs.

    Raises as :func:`program_of` does, and ``ValueError`` where a layer needs more than the steps before.
    """
    from fastnn._plan.stepwise import stepwise

    whole = _prepared(model, fold)
    made = stepwise(whole.layout)
    return _program(whole, made.layout, made.states)


def _prepared(model: object, fold: bool) -> Model:
    from fastnn.models import Model
    from fastnn.utils import fold as folded

    if not isinstance(model, Model):
        raise TypeError(f"an export takes a Sequential or a Model, got {shown(model)}")
    return folded(model) if fold else model


def _of_length(layout: Layout, length: int | None) -> Layout:
    if not layout.is_open:
        return layout
    if length is None:
        shapes = ", ".join(str(shape) for shape in layout.stated(layout.inputs))
        raise ValueError(f"the model takes sequences of any length, inputs {shapes}; give length=, the one to export")
    sizes = []
    for shape in layout.stated(layout.inputs):
        size = 1
        for n in shape:
            size *= length if n is None else n
        sizes.append(size)
    return layout.of_sizes(sizes)


def _program(model: Model, layout: Layout, states: Sequence[tuple[str, Shape]] = ()) -> Program:
    layout = replace(layout, mixed=False)  # who reads it multiplies in float32, whatever the model does here
    plan = compile_plan(layout, batch_size=1, seed=model.seed)
    memory = allocate(plan, model.state.params)
    names = {node.stream: layout.layers[node.layer].name or "" for node in layout.nodes}
    steps = []
    for record in plan.ops:
        arrays = Views(plan, memory, record, ())
        reads = tuple(int(edge["value"]) for edge in arrays.edges)
        layer = names.get(int(record["stream"]) % PART_STREAMS, "")
        steps.append(Step(arrays.kind, record, layer, reads, int(record["output"]), arrays))
    n_out, count = len(layout.outputs), len(plan.values)
    ends = [end.names for end in model.ends]
    state_names = tuple(name for name, _ in states)
    return Program(
        plan,
        tuple(steps),
        tuple(range(len(layout.inputs))),
        tuple(range(count - n_out, count)),
        (*ends[0], *state_names),
        (*ends[1], *state_names),
        layout.input_shapes,
        layout.output_shapes,
        tuple(states),
    )
