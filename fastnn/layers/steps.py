"""How a layer that remembers acts on single steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from fastnn._ops import Operation
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape

if TYPE_CHECKING:
    Steps: TypeAlias = Callable[..., "StepForm"]  # of the shapes that a layer reads
    from fastnn.layers.base import Layer


class StepForm(NamedTuple):
    """Layers that stand for another one where steps come one by one.

    Attributes
    ----------
    layer : which of the layers of ``calls`` has its parameters.
    states : names and shapes of what it remembers.
    calls : layers in running order, each with the numbers of what it reads: 0 is the step, the states follow, then
        what the calls before have made.
    ends : numbers of the output and of the states after the step.
    keeps_steps : whether the output has an axis of steps, of which there is one.
    """

    layer: Layer
    states: list[tuple[str, Shape]]
    calls: list[tuple[Layer, tuple[int, ...]]]
    ends: tuple[int, ...]
    keeps_steps: bool


@described
class StateAsStep(Described):
    """The state behind a step, the second input, as the step that is the first one; with the mask of that."""

    name: str | None = field(default=None, compare=False)
    input_shape = None
    n_inputs = 2
    hands_on_masks = True

    def output_shape(self, shape: Shape, state: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape, state: Shape) -> tuple[Parameter, ...]:
        return ()

    def operations(self, shape: Shape, state: Shape) -> tuple[Operation, ...]:
        return ()
