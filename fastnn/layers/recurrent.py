"""Recurrent layers: cells that go over the steps of a sequence and remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from fastnn._base.arguments import flag
from fastnn._ops import gru, lstm, simple_rnn
from fastnn.initializers import Initializer
from fastnn.layers.arguments import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.recurring import Recurrent
from fastnn.layers.settling import parameter


@described
class SimpleRNN(Recurrent):
    """``h' = activation(x @ kernel + h @ recurrent_kernel + bias)`` for every step (Elman 1990).

    Parameters
    ----------
    units : numbers of the state ``h``, which is the output.
    activation : of the state, any one; softmax is over its units.
    use_bias : whether there is a bias.
    kernel_initializer, recurrent_initializer, bias_initializer : names or objects of :mod:`fastnn.initializers`.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : names or objects of :mod:`fastnn.regularizers`.
    activity_regularizer : likewise, of the output.
    kernel_constraint, recurrent_constraint, bias_constraint : names or objects of :mod:`fastnn.constraints`.
    dropout : share of the features that are dropped in training, the same ones at all steps of a sequence.
    recurrent_dropout : likewise of what each step reads of the state (Gal and Ghahramani 2016).
    seed : of what both draw, as of :class:`fastnn.layers.Dropout`.
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
    activation: ActivationLike = default("tanh")
    use_bias: bool = True
    kernel_initializer: InitializerLike = default("glorot_uniform")
    recurrent_initializer: InitializerLike = default("orthogonal")
    bias_initializer: InitializerLike = default("zeros")
    kernel_regularizer: RegularizerLike = default(None)
    recurrent_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    kernel_constraint: ConstraintLike = default(None)
    recurrent_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    zero_output_for_mask: bool = False
    seed: int | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    op, cell = simple_rnn.OP, simple_rnn.CELL

    def __post_init__(self) -> None:
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
    activation, recurrent_activation : any; softmax is over the units of each gate.
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
    activation: ActivationLike = default("tanh")
    recurrent_activation: ActivationLike = default("sigmoid")
    use_bias: bool = True
    kernel_initializer: InitializerLike = default("glorot_uniform")
    recurrent_initializer: InitializerLike = default("orthogonal")
    bias_initializer: InitializerLike = default("zeros")
    unit_forget_bias: bool = True
    kernel_regularizer: RegularizerLike = default(None)
    recurrent_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    kernel_constraint: ConstraintLike = default(None)
    recurrent_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    zero_output_for_mask: bool = False
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    op, cell = lstm.OP, lstm.CELL

    def __post_init__(self) -> None:
        self._settle(unit_forget_bias=flag("unit_forget_bias", self.unit_forget_bias))

    def _bias(self, columns: int) -> Parameter:
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
    activation, recurrent_activation : any; softmax is over the units of each gate.
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
    activation: ActivationLike = default("tanh")
    recurrent_activation: ActivationLike = default("sigmoid")
    use_bias: bool = True
    kernel_initializer: InitializerLike = default("glorot_uniform")
    recurrent_initializer: InitializerLike = default("orthogonal")
    bias_initializer: InitializerLike = default("zeros")
    kernel_regularizer: RegularizerLike = default(None)
    recurrent_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    kernel_constraint: ConstraintLike = default(None)
    recurrent_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    reset_after: bool = True
    zero_output_for_mask: bool = False
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    op, cell = gru.OP, gru.CELL

    def __post_init__(self) -> None:
        self._settle(reset_after=flag("reset_after", self.reset_after))

    def _bias(self, columns: int) -> Parameter:
        return parameter(self, "bias", (2, columns) if self.reset_after else (columns,))


@dataclass(frozen=True)
class UnitForget(Initializer):
    """Another initialiser's numbers, but ones for the second of four parts, the bias of an LSTM's ``f``."""

    of: Initializer

    def __call__(self, shape: Shape, seed: int = 0, stream: int = 0) -> np.ndarray:
        made = np.array(self.of(shape, seed, stream))
        made[shape[0] // 4 : shape[0] // 2] = 1
        return made
