"""Layers around a layer: one in both directions of time, one at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Self, TypeVar

from fastnn._base.arguments import shown
from fastnn._ops import Operation, concatenate, copy, group_norm, merge
from fastnn._ops.merge import Join
from fastnn.layers.arguments import Argument, Config, InnerLayer, MergeMode, ShapeLike, default
from fastnn.layers.base import Layer
from fastnn.layers.carrying import Carrying
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.parts import Parts
from fastnn.layers.recurring import Recurrent, with_states
from fastnn.layers.settling import changed, settle
from fastnn.layers.windows import no_sequence

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge, Edges, Made, Masks


Start = TypeVar("Start")
JOINS: dict[str | None, Join] = {"sum": Join.ADD, "mul": Join.MULTIPLY, "ave": Join.AVERAGE}
PARTS = 2  # numbers of parts that draw, of one layer
MERGE_MODES = ("concat", *JOINS, None)


def inner(name: str, came: object) -> Described:
    """A layer, also from what :meth:`Layer.config` or :func:`fastnn.layers.serialize` gave."""
    from fastnn import layers

    if isinstance(came, Mapping):
        came = layers.from_config(dict(came)) if "class" in came else layers.deserialize(came)
    if not isinstance(came, Layer):
        raise TypeError(f"{name} must be a layer, got {shown(came)}")
    if not isinstance(came, Described):
        raise TypeError(
            f"{name} must be a layer that comes with fastnn, got {shown(came)}, which is of your own; "
            f"wrap the layers inside it"
        )
    return came


def take_over(outer: Layer, layer: Layer) -> None:
    """Have the dtype of the layer inside, and be as little trained."""
    if layer.dtype is not None:
        object.__setattr__(outer, "_dtype", layer.dtype)
    if not layer.trainable:
        outer.trainable = False


def _again(layer: Recurrent, **told: object) -> Recurrent:
    """The same with other arguments."""
    made = changed(layer, **told)
    made.trainable = layer.trainable
    return made


@described
class Bidirectional(Carrying, Described):
    """A recurrent layer in both directions of time (Schuster and Paliwal 1997).

    Parameters
    ----------
    layer : the recurrent layer; it stands for two of its kind, with weights of their own.
    merge_mode : what becomes of both outputs: ``"concat"`` (side by side), ``"sum"``, ``"mul"``, ``"ave"``, or None for
        a list of both.
    backward_layer : the layer that goes backwards, where it is another one; it has ``go_backwards=True``.
    input_shape, name : as of :class:`Layer`.

    Called with ``initial_state=``, a list of edges, the first states are of the layer that goes forwards. With
    ``return_state`` of the layer the last states of both follow the output. As in Keras, the outputs of masked steps
    are zeros with ``return_sequences``, whatever ``zero_output_for_mask`` of the layer is.

    Shapes: ``(steps, features)`` -> ``(2 * units,)``, or ``(steps, 2 * units)`` of all steps, which then stand where
    they belong; without ``"concat"``, ``units``. Weights are those of the layer that goes forwards, then the others.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import LSTM, Bidirectional
    >>> model = Sequential([Bidirectional(LSTM(8, return_sequences=True), input_shape=(5, 3)), Bidirectional(LSTM(4))])
    >>> model.output_shape, len(model.weights)
    ((None, 8), 12)
    """

    layer: Argument[Layer | Config, Recurrent]
    merge_mode: MergeMode | None = "concat"
    backward_layer: Argument[Layer | Config | None, Recurrent | None] = default(None)
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    n_inputs = None
    takes_masks = True

    def __post_init__(self) -> None:
        if self.merge_mode not in MERGE_MODES:
            raise ValueError(f"merge_mode must be 'concat', 'sum', 'mul', 'ave' or None, got {shown(self.merge_mode)}")
        names = [name for name in ("layer", "backward_layer") if name == "layer" or self.backward_layer is not None]
        told = {name: inner(name, getattr(self, name)) for name in names}
        for name, layer in told.items():
            if not isinstance(layer, Recurrent):
                raise TypeError(f"{name} of Bidirectional must be a SimpleRNN, LSTM or GRU, got {shown(layer)}")
        shape = {"input_shape": told["layer"].input_shape} if self.input_shape is None else {}
        settle(self, **told, **shape)
        take_over(self, self.layer)
        first, second = self.both
        for name in ("return_sequences", "return_state", "go_backwards", "trainable"):
            wanted = getattr(first, name) if name != "go_backwards" else not first.go_backwards
            if getattr(second, name) != wanted:
                raise ValueError(f"backward_layer of Bidirectional must have {name}={wanted}, got {second!r}")

    @property
    def both(self) -> tuple[Recurrent, Recurrent]:
        """The layer that goes forwards, and the other."""
        first, second = self.layer, self.backward_layer
        zeros = first.return_sequences
        if second is None:
            second = _again(first, go_backwards=not first.go_backwards)
        return _again(first, zero_output_for_mask=zeros), _again(second, zero_output_for_mask=zeros)

    @property
    def hands_on_masks(self) -> bool:
        return bool(self.layer.return_sequences)

    @property
    def carries(self) -> tuple[int, ...]:
        first, second = self.both
        return (*first.carries, *second.carries)

    def afresh(self) -> Self:
        second = None if self.backward_layer is None else self.backward_layer.afresh()
        return replace(self, layer=self.layer.afresh(), backward_layer=second)

    @property
    def n_outputs(self) -> int:
        return (1 if self.merge_mode else 2) + sum(layer.n_outputs - 1 for layer in self.both)

    def __call__(  # type: ignore[override]  # more arguments
        self,
        inputs: Edges,
        initial_state: Edge | Sequence[Edge] | None = None,
        mask: Masks = None,
        training: object = None,
    ) -> Made:
        """As of a recurrent layer."""
        return super().__call__(with_states(inputs, initial_state), mask, training)

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.output_shapes(*shapes)[0]

    def output_shapes(self, *shapes: Shape) -> list[Shape]:
        wanted = sum(layer.cell.n_states for layer in self.both)
        if len(shapes) not in (1, 1 + wanted):
            raise ValueError(f"{self!r} begins with {wanted} states, those of both layers, got {len(shapes) - 1}")
        halves = zip(self.both, self._halves(shapes[1:]), strict=True)
        made = [layer.output_shapes(shapes[0], *starts) for layer, starts in halves]
        (first, *states), (second, *others) = made
        if not self.merge_mode:
            return [first, second, *states, *others]
        if self.merge_mode != "concat" and first != second:
            raise ValueError(f"{self!r} cannot join outputs of the shapes {first} and {second}; 'concat' could")
        width = first[-1] + second[-1] if self.merge_mode == "concat" else first[-1]
        return [(*first[:-1], width), *states, *others]

    def _halves(self, starts: tuple[Start, ...]) -> tuple[tuple[Start, ...], tuple[Start, ...]]:
        first = self.layer.cell.n_states
        return starts[:first], starts[first:]

    def parameters(self, shape: Shape, *starts: Shape) -> tuple[Parameter, ...]:
        names = ("forward_", "backward_")
        return tuple(
            replace(parameter, name=name + parameter.name)
            for name, layer in zip(names, self.both, strict=True)
            for parameter in layer.parameters(shape)
        )

    def operations(self, *shapes: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        parts, mask = Parts(len(shapes) + sum(masks)), len(shapes) if any(masks[:1]) else None
        made, first, state = [], 0, 0
        for i, (layer, starts) in enumerate(zip(self.both, self._halves(tuple(range(1, len(shapes)))), strict=True)):
            flips = int(i == 1 and self.layer.return_sequences)
            told = {"first": first, "flips": flips, "part": PARTS * i, "state": state}
            made.append(layer.passes(parts, shapes[0], 0, mask, starts, **told))
            first, state = first + len(layer.parameters(shapes[0])), len(layer.carries)
        (one, *states), (other, *others) = made
        if not self.merge_mode:
            return parts.give([one, other, *states, *others])
        return parts.give([self._joined(parts, shapes, one, other), *states, *others])

    def _joined(self, parts: Parts, shapes: tuple[Shape, ...], one: int, other: int) -> int:
        shape = self.output_shape(*shapes)
        n, rows = self.layer.units, math.prod(shape[:-1])
        if self.merge_mode not in JOINS:
            return parts.add(Operation(concatenate.OP, n, shape[-1], rows, inputs=(one, other)))
        return parts.add(Operation(merge.OP, n, n, rows, inputs=(one, other), geometry=(JOINS[self.merge_mode],)))


def _reads_samples(operation: Operation) -> bool:
    """Whether the rows of a sample are no rows by themselves."""
    return operation.op.by_sample or operation.op is group_norm.OP or operation.size > 0


@described
class TimeDistributed(Described):
    """A layer at every step of a sequence, with the same weights.

    Parameters
    ----------
    layer : what takes the numbers of one step; no recurrent layer, and none that measures batches.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, ...)`` -> ``(steps, ...)``, what the layer makes of ``(...)``. Of a Dense layer it is the same as
    the layer by itself.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Conv2D, TimeDistributed
    >>> Sequential([TimeDistributed(Conv2D(4, 3), input_shape=(5, 8, 8, 1))]).output_shape
    (None, 5, 6, 6, 4)
    """

    layer: InnerLayer
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    hands_on_masks = by_step = True

    def __post_init__(self) -> None:
        layer = inner("layer", self.layer)
        if layer.n_inputs != 1:
            raise TypeError(f"layer of TimeDistributed must take one input and no steps, got {shown(layer)}")
        if layer.input_shape is not None:
            raise TypeError(
                f"input_shape={layer.input_shape} inside TimeDistributed would not act; the latter takes that of all "
                f"steps, as in TimeDistributed(layer, input_shape=(steps, ...))"
            )
        settle(self, layer=layer)
        take_over(self, layer)

    def _inside(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise no_sequence(self, shape, wanted="(steps, ...)")
        return shape[1:]

    def output_shape(self, shape: Shape) -> Shape:
        self._inner_operations(shape)
        return (shape[0], *self.layer.output_shape(self._inside(shape)))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return self.layer.parameters(self._inside(shape))

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        steps, operations = shape[0], self._inner_operations(shape)
        if not any(map(_reads_samples, operations)):
            return tuple(replace(operation, repeat=operation.repeat * steps) for operation in operations)
        return self._unrolled(steps, self._inside(shape), operations)

    def _inner_operations(self, shape: Shape) -> tuple[Operation, ...]:
        """Those of the layer inside for one step."""
        operations = self.layer.operations(self._inside(shape))
        if any(operation.op.measures for operation in operations):
            raise ValueError(f"{self!r} would measure each step of a batch by itself; LayerNormalization does not")
        return operations

    def _unrolled(self, steps: int, inside: Shape, operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """Of operations on whole samples: taken apart, each step by itself, and put together."""
        parts, n, ends = Parts(1), math.prod(inside), []
        for step in range(steps):
            known = [parts.add(copy.part_of(steps * n, step * n, 1, n, 0))]
            for operation in operations:
                read = operation.inputs or (len(known) - 1,)
                part = operation.part + PARTS * step  # each step draws numbers of its own
                known.append(parts.add(operation, inputs=tuple(known[i] for i in read), part=part))
            ends.append(known[-1])
        width = operations[-1].n_written
        parts.add(Operation(concatenate.OP, width, steps * width, inputs=tuple(ends)))
        return tuple(parts.made)
