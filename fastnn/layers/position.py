"""Where a step stands in its sequence, as numbers."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._base.arguments import integer
from fastnn._ops import Operation, position
from fastnn.layers.arguments import InitializerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import OPEN, OTHER, Parameter, Shape
from fastnn.layers.settling import settle
from fastnn.layers.windows import no_sequence


@described
class PositionEmbedding(Described):
    """A trained vector for each place in a sequence, ``y[t] = w[t]``, to be added to it; KerasHub's layer of that name.

    Parameters
    ----------
    sequence_length : of the longest sequence.
    initializer : name or object of :mod:`fastnn.initializers`.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, features)``, as it came; position_embeddings ``(sequence_length, features)``, of which the first
    ``steps`` are given.

    >>> from fastnn import Model
    >>> from fastnn.layers import Add, Embedding, Input, PositionEmbedding
    >>> tokens = Input((16,))
    >>> x = Embedding(100, 32)(tokens)
    >>> Model(tokens, Add()([x, PositionEmbedding(16)(x)])).output_shape
    (None, 16, 32)
    """

    sequence_length: int
    initializer: InitializerLike = default("glorot_uniform")
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    hands_on_masks = True

    def __post_init__(self) -> None:
        settle(self, sequence_length=integer("sequence_length", self.sequence_length, low=1))

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise no_sequence(self, shape)
        if shape[0] > self.sequence_length and shape[0] not in (OPEN, OTHER):
            raise ValueError(f"{self!r} takes sequences (steps, features) of at most that length, got {tuple(shape)}")
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("position_embeddings", (self.sequence_length, shape[1]), self.initializer),)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n = math.prod(shape)
        return (Operation(position.OP, n, n, w=0, geometry=(self.sequence_length * shape[1],)),)
