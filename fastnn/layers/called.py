"""A layer's uses in graphs: what calling it on edges records, and what is refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Self

from fastnn._base.listing import Listed
from fastnn.errors import NotReadyError
from fastnn.layers.composition import check_training
from fastnn.layers.edges import Call, Edge, Edges, Made, Masks, edges_in
from fastnn.layers.forgetting import note
from fastnn.layers.own import Own, by_inputs
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn._ops.merge import Join
    from fastnn.layers.steps import Steps


def how(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What a layer's methods are told of a use with options; nothing where there are none."""
    return {"options": options} if options else {}


class Called(Own, Listed):
    """The calls of a layer; :class:`fastnn.layers.Layer` has them."""

    _INNER = (
        "average bound by_step called carries carry check_class check_fits forget_calls framed hands_on_masks "
        "has_gradient join joined_mask mask_operation mask_operation_of n_ids n_inputs n_outputs n_outputs_of "
        "operations output_shape output_shapes paddings parameters passes rank recurrence rename settle_common "
        "stand states_input steps stored_as takes_masks"
    )
    n_inputs: int | None = None  # how many edges it reads; None for any number
    if TYPE_CHECKING:  # some classes state these once, others as their arguments have it

        @property
        def n_outputs(self) -> int: ...
        @property
        def by_step(self) -> bool: ...
        @property
        def n_ids(self) -> int | None: ...
        @property
        def mask_operation(self) -> int | None: ...
        @property
        def hands_on_masks(self) -> bool: ...
        @property
        def carries(self) -> tuple[int, ...]: ...
        @property
        def steps(self) -> Steps | None: ...

        joined_mask: Join | None
    else:
        n_outputs = 1  # how many edges it makes
        by_step = False  # whether it makes of each step of a sequence a step, of that one alone
        n_ids = None  # what it reads are whole numbers from 0 on, below this
        hands_on_masks = False  # whether the first output has the mask of the first input
        carries = ()  # of states that a batch leaves to the next, the numbers that a row has of each
        steps = None  # of a layer that remembers, what gives its StepForm for the shapes that it reads
        joined_mask = None  # a Join, where masks of all inputs become that of the output
        mask_operation = None  # which of its operations makes the mask of its output
    takes_masks = False  # whether its operations are told which inputs have masks
    _calls: tuple[Call, ...] = ()

    def mask_operation_of(self, shapes: Sequence[Shape], masks: list[bool]) -> int | None:
        """:attr:`mask_operation` of a use on inputs of these shapes, of which some have masks."""
        return self.mask_operation

    def __call__(self, inputs: Edges, mask: Masks = None, training: object = None) -> Made:
        """An edge for the layer's output on edges, a list of them for several outputs.

        ``mask`` is an edge ``(None, steps)``, of a list of inputs one for each or None: steps are there where it is
        not 0. It takes the place of the mask that came with the input, see :class:`fastnn.layers.WithMask`.
        ``training`` is what the ``call`` of a layer or model around this one was told, or None.

        >>> from fastnn import Model
        >>> from fastnn.layers import Dense, Input
        >>> x = Input((4,))
        >>> Model(x, Dense(1)(Dense(8, "relu")(x))).output_shape
        (None, 1)
        """
        check_training(self, training)
        read: object = inputs
        if mask is not None:
            from fastnn.layers.given_masks import with_masks

            read = with_masks(inputs, mask)
        made = self.called(read)
        return made[0] if self.n_outputs == 1 else made

    def called(self, inputs: object, options: tuple[str, ...] = ()) -> list[Edge]:
        """The edges of all outputs, in a list; ``options`` are words that the layer has for kinds of its uses."""
        edges = edges_in(inputs, self)
        if self.n_inputs is not None and len(edges) != self.n_inputs:
            raise ValueError(f"{self!r} reads {self.n_inputs} edge, got {len(edges)}; join them by a Concatenate layer")
        shapes = [edge.sizes for edge in edges]
        made = self.output_shapes(*shapes, **how(options))
        if self.input_shape is not None and shapes[0] != self.input_shape:
            raise ValueError(f"{self!r} was given the input_shape {self.input_shape}, and reads {shapes[0]} here")
        self.check_fits(*shapes, **how(options))
        others = self._others(edges, options) if any(edge.is_open for edge in edges) else None
        return self._record(Call(self, edges, made, options, others))

    def _others(self, edges: Sequence[Edge], options: tuple[str, ...]) -> list[Shape]:
        """Shapes of the outputs where lengths that differ have their other value."""
        shapes, others = [edge.sizes for edge in edges], [edge.others for edge in edges]
        both = (self.parameters(*came, **how(options)) for came in (shapes, others))
        for this, other in zip(*both, strict=True):
            if this.shape != other.shape:
                told = " and ".join(str(edge.shape) for edge in edges)
                raise ValueError(
                    f"{self!r} reads {told}, and its weights would depend on the length that is None; a recurrent "
                    f"layer or global pooling before it makes vectors of one length"
                )
        return self.output_shapes(*others, **how(options))

    def n_outputs_of(self, options: tuple[str, ...]) -> int:
        """How many edges a use makes."""
        return self.n_outputs

    def afresh(self) -> Self:
        """The layer that begins every batch with zeros."""
        return self

    @by_inputs
    def output_shapes(self, *shapes: Shape, **how_called: object) -> list[Shape]:
        """Shapes of all outputs."""
        return [self.output_shape(*shapes, **how_called)]

    def _record(self, call: Call) -> list[Edge]:
        object.__setattr__(self, "_calls", (*self._calls, call))
        note(lambda: self.forget_calls((call,)))
        return list(call.outputs)

    @by_inputs
    def check_fits(self, *shapes: Shape, **how_called: object) -> None:
        """``ValueError`` where the layer's weights, or those that it will have, are for inputs of other shapes."""
        if self._place is not None:
            have = self._place.shapes
        elif self._calls:
            first = self._calls[0]
            told = self.parameters(*(edge.sizes for edge in first.inputs), **how(first.options))
            have = [parameter.shape for parameter in told]
        else:
            return
        wanted = [parameter.shape for parameter in self.parameters(*shapes, **how_called)]
        if have != wanted:
            raise ValueError(
                f"{self!r} has weights of shape {have[0]}, and would need {wanted[0]} here; "
                f"copy.copy(layer) is a layer without weights"
            )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The uses of the layer in graphs."""
        return self._calls

    @property
    def output(self) -> Edge:
        """The edge that the layer made when it was first called, as in Keras 3; in a Sequential, when that is built."""
        return self._first_call("output").outputs[0]

    @property
    def input(self) -> Made:
        """The edge that the layer reads, or a list of them, of its first call."""
        read = list(self._first_call("input").inputs)
        return read[0] if len(read) == 1 else read

    def _first_call(self, what: str) -> Call:
        if self._calls:
            return self._calls[0]
        raise NotReadyError(f"{self!r} has no {what} yet; it is called on an edge when its model is built")

    def forget_calls(self, calls: Collection[Call]) -> None:
        """Forget uses in a graph that is no more."""
        object.__setattr__(self, "_calls", tuple(call for call in self._calls if call not in calls))
