"""Recurrent layers: cells that go over the steps of a sequence and remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from fastnn._base.arguments import flag, integer, number
from fastnn._ops import Operation, blank, copy, dropout, gru, lstm, simple_rnn
from fastnn._ops.recurrent import Cell
from fastnn.activations import Activation, sigmoid
from fastnn.initializers import Initializer
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.parts import Parts
from fastnn.layers.settling import parameter, settle

FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")


class Recurrent(Described):
    """What recurrent layers have in common; they have their arguments, ``op`` and ``cell``."""

    op: ClassVar[Any]
    cell: ClassVar[Cell]
    n_inputs: int | None = None
    takes_masks = True

    def __call__(self, inputs: Any, initial_state: Any = None) -> Any:
        """An edge for the layer's output on an edge, with ``return_state`` a list of it and the last states.

        ``initial_state`` is an edge ``(None, units)``, or a list of as many as the layer has states.

        >>> from fastnn import Model
        >>> from fastnn.layers import GRU, Input
        >>> x = Input((5, 3))
        >>> y, h = GRU(4, return_state=True)(x)
        >>> Model(x, GRU(4)(x, initial_state=h)).output_shape
        (None, 4)
        """
        if initial_state is not None:
            states = initial_state if isinstance(initial_state, list | tuple) else [initial_state]
            inputs = [*(inputs if isinstance(inputs, list | tuple) else [inputs]), *states]
        return super().__call__(inputs)

    def _settle(self: Any, **more: Any) -> None:
        told = {"units": integer("units", self.units, low=1)}
        told |= {name: flag(name, getattr(self, name)) for name in FLAGS}
        for name in ("dropout", "recurrent_dropout"):
            told[name] = number(name, getattr(self, name), low=0.0, high=1.0, open_high=True)
        settle(self, **told, **more)
        for name in ("activation", "recurrent_activation"):
            self._check_activation(name, getattr(self, name, sigmoid))

    def _check_activation(self, name: str, came: Activation) -> None:
        if came.keeps_z or came.rowwise:
            raise ValueError(
                f"{type(self).__name__} takes a {name} whose slope follows from what it gives, such as tanh, sigmoid, "
                f"relu, hard_sigmoid, elu or linear, got {came.name!r}"
            )

    @property
    def kernel(self) -> Any:
        """The input's kernel as it is now, ``(features, gates * units)``, not to be written to."""
        return self.parameter("kernel")

    @property
    def recurrent_kernel(self) -> Any:
        """The state's kernel as it is now, ``(units, gates * units)``, not to be written to."""
        return self.parameter("recurrent_kernel")

    @property
    def bias(self: Any) -> Any:
        """The bias as it is now, not to be written to; None without one."""
        return self.parameter("bias") if self.use_bias else None

    @property
    def hands_on_masks(self: Any) -> bool:  # type: ignore[override]
        return self.return_sequences

    @property
    def n_outputs(self: Any) -> int:  # type: ignore[override]
        return 1 + self.cell.n_states if self.return_state else 1

    def output_shape(self: Any, shape: Shape, *starts: Shape) -> Shape:
        self._check_shapes(shape, starts)
        return (shape[0], self.units) if self.return_sequences else (self.units,)

    def output_shapes(self: Any, *shapes: Shape) -> list[Shape]:
        return [self.output_shape(*shapes), *[(self.units,)] * (self.n_outputs - 1)]

    def _check_shapes(self: Any, shape: Shape, starts: tuple[Shape, ...]) -> None:
        if len(shape) != 2:
            raise ValueError(
                f"{self!r} takes sequences (steps, features), got the shape {tuple(shape)}; Reshape makes such, and "
                f"Input((steps, features)) says so"
            )
        wanted = [(self.units,)] * self.cell.n_states
        if starts and list(starts) != wanted:
            raise ValueError(
                f"{self!r} begins with {len(wanted)} states of the shape {wanted[0]}, got {', '.join(map(str, starts))}"
            )

    def parameters(self: Any, shape: Shape, *starts: Shape) -> tuple[Parameter, ...]:
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
        self: Any, parts: Parts, shape: Shape, read: int, mask: int | None, starts: tuple[int, ...], **more: int
    ) -> list[int]:
        """Operations on the numbers of what is read; returns those of the output and of the last states.

        What is read goes through the mask and dropout, then through the cell.
        """
        steps, n = shape
        masks = () if mask is None else (mask,)
        if masks:
            read = parts.add(Operation(blank.OP, n, n, steps, inputs=(read, *masks)))
        if self.dropout:
            told = {"rate": self.dropout, "geometry": (steps,), "inputs": (read,), "part": 1 + more.get("part", 0)}
            read = parts.add(Operation(dropout.OP, n, n, steps, **told))
        whole = parts.add(self._recurrence(shape, (read, *masks, *starts), len(masks), len(starts), **more))
        if not self.return_state:
            return [whole]
        size, sequence = self._n_written(steps), steps if self.return_sequences else 1
        counts = [sequence, *[1] * self.cell.n_states]
        places = [self.units * sum(counts[:i]) for i in range(len(counts))]
        return [
            parts.add(copy.part_of(size, at, rows, self.units, whole)) for at, rows in zip(places, counts, strict=True)
        ]

    def _n_written(self: Any, steps: int) -> int:
        return ((steps if self.return_sequences else 1) + (self.n_outputs - 1)) * self.units

    def _recurrence(
        self: Any,
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
        gated = int(gate.code), int(getattr(self, "reset_after", False))
        flags = self.go_backwards, flips, self.return_sequences, self.return_state, masked, self.zero_output_for_mask
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
            activity=self.activity_regularizer,
            inputs=inputs,
            geometry=(*map(int, flags), int(n_starts > 0), *gated),
            numbers=(gate.parameter,),
            size=self._n_written(steps),
            part=part,
        )


@described
class SimpleRNN(Recurrent):
    """``h' = activation(x @ kernel + h @ recurrent_kernel + bias)`` for every step (Elman 1990).

    Parameters
    ----------
    units : numbers of the state ``h``, which is the output.
    activation : of the state; one whose slope follows from what it gives (tanh, sigmoid, relu, linear ...).
    use_bias : whether there is a bias.
    kernel_initializer, recurrent_initializer, bias_initializer : names or objects of :mod:`fastnn.initializers`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : names or objects of :mod:`fastnn.regularizers`.
    activity_regularizer : likewise, of the output.
    kernel_constraint, recurrent_constraint, bias_constraint : names or objects of :mod:`fastnn.constraints`.
    dropout : share of the features that are dropped in training, the same ones at all steps of a sequence.
    recurrent_dropout : likewise of what each step reads of the state (Gal and Ghahramani 2016).
    return_sequences : whether the output is that of all steps, else of the last one.
    return_state : whether the last states are given, too: ``y, h = layer(x)``.
    go_backwards : whether the last step comes first; the output is in that order.
    stateful : whether a batch begins with the states that the one before ended with.
    zero_output_for_mask : whether the output of a masked step is 0, else that of the step before.
    input_shape : shape of one sample, for the first layer.
    name : shown in summaries and files.

    Called with ``initial_state=``, an edge or a list of them, it begins with those states, else with zeros. Masked
    steps leave the states as they are.

    Shapes: ``(steps, features)`` -> ``(units,)``, or ``(steps, units)`` of all steps; kernel ``(features, units)``,
    recurrent_kernel ``(units, units)``, bias ``(units,)``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import SimpleRNN
    >>> ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    >>> model = Sequential([SimpleRNN(1, "linear", return_sequences=True, input_shape=(3, 1), **ones)])
    >>> model.predict([[[1.0], [2.0], [3.0]]]).tolist()
    [[[1.0], [3.0], [6.0]]]
    """

    units: int
    activation: Any = "tanh"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    zero_output_for_mask: bool = False
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    op, cell = simple_rnn.OP, simple_rnn.CELL

    def __post_init__(self):
        self._settle()


@described
class LSTM(Recurrent):
    """A cell behind gates (Hochreiter and Schmidhuber 1997): for every step ``i, f, g, o = x @ kernel + h @
    recurrent_kernel + bias``, then ``c' = f * c + i * g`` and ``h' = o * activation(c')``.

    The columns of ``g`` go through ``activation``, those of the gates ``i``, ``f`` and ``o`` through
    ``recurrent_activation``.

    Parameters
    ----------
    units : numbers of the states ``h``, which is the output, and ``c``.
    activation, recurrent_activation : whose slopes follow from what they give (tanh, sigmoid, hard_sigmoid ...).
    unit_forget_bias : whether the bias of ``f`` begins with ones (Jozefowicz et al. 2015).
    use_bias ... name : as of :class:`SimpleRNN`; with ``return_state``, ``y, h, c = layer(x)``.

    Shapes: ``(steps, features)`` -> ``(units,)``, or ``(steps, units)`` of all steps; kernel ``(features, 4 * units)``,
    recurrent_kernel ``(units, 4 * units)``, bias ``(4 * units,)``, columns in the order ``i, f, g, o``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import LSTM
    >>> model = Sequential([LSTM(8, return_sequences=True, input_shape=(5, 3)), LSTM(4)])
    >>> model.output_shape, [weights.shape for weights in model.layers[1].weights]
    ((None, 4), [(8, 16), (4, 16), (16,)])
    """

    units: int
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    zero_output_for_mask: bool = False
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    op, cell = lstm.OP, lstm.CELL

    def __post_init__(self):
        self._settle(unit_forget_bias=flag("unit_forget_bias", self.unit_forget_bias))

    def _bias(self, columns):
        made = parameter(self, "bias", (columns,))
        return replace(made, initializer=UnitForget(made.initializer)) if self.unit_forget_bias else made


@described
class GRU(Recurrent):
    """A state behind gates (Cho et al. 2014): ``h' = z * h + (1 - z) * g`` for every step.

    ``z`` and ``r`` are the ``recurrent_activation`` of ``x @ kernel + h @ recurrent_kernel + bias`` by columns, and
    ``g = activation(x @ kernel_g + bias_g + r * (h @ recurrent_kernel_g + recurrent_bias_g))``; without
    ``reset_after``, ``(r * h) @ recurrent_kernel_g`` stands for the last term.

    Parameters
    ----------
    units : numbers of the state ``h``, which is the output.
    activation, recurrent_activation : whose slopes follow from what they give (tanh, sigmoid, hard_sigmoid ...).
    reset_after : which of the two forms; the first one is that of cuDNN and PyTorch.
    use_bias ... name : as of :class:`SimpleRNN`.

    Shapes: ``(steps, features)`` -> ``(units,)``, or ``(steps, units)`` of all steps; kernel ``(features, 3 * units)``,
    recurrent_kernel ``(units, 3 * units)``, bias ``(2, 3 * units)``, those of the input and of the state, without
    ``reset_after`` ``(3 * units,)``; columns in the order ``z, r, g``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GRU
    >>> model = Sequential([GRU(4, input_shape=(5, 3))])
    >>> [weights.shape for weights in model.weights]
    [(3, 12), (4, 12), (2, 12)]
    """

    units: int
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    reset_after: bool = True
    zero_output_for_mask: bool = False
    input_shape: Any = None
    name: str | None = field(default=None, compare=False)
    op, cell = gru.OP, gru.CELL

    def __post_init__(self):
        self._settle(reset_after=flag("reset_after", self.reset_after))

    def _bias(self, columns):
        return parameter(self, "bias", (2, columns) if self.reset_after else (columns,))


@dataclass(frozen=True)
class UnitForget(Initializer):
    """Another initialiser's numbers, but ones for the second of four parts, the bias of an LSTM's ``f``."""

    of: Initializer

    def __call__(self, shape, seed, stream):
        made = np.array(self.of(shape, seed, stream))
        made[shape[0] // 4 : shape[0] // 2] = 1
        return made
