"""Layers that make vectors of whole numbers, and say which steps of a sequence count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

import numpy as np

from fastnn._base.arguments import flag, integer, number
from fastnn._ops import Operation, blank, embedding, mask
from fastnn.layers.arguments import ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter, settle
from fastnn.layers.windows import no_sequence


@described
class Embedding(Described):
    """A trained vector for each whole number: ``y = embeddings[x]``.

    Parameters
    ----------
    input_dim : how many numbers there are, from 0 to ``input_dim - 1``.
    output_dim : length of the vectors.
    embeddings_initializer, embeddings_regularizer, embeddings_constraint : names or objects of
        :mod:`fastnn.initializers`, :mod:`fastnn.regularizers` and :mod:`fastnn.constraints`.
    mask_zero : whether 0 stands for a step that is not there: layers behind this one leave it out (see
        docs/sequences.md). Its vector is there none the less.
    input_length : steps of a sequence, as in older Keras; ``input_shape`` says the same.
    input_shape, name : as of all layers; ``input_length=n`` means ``(n,)``.

    Shapes: ``(...)`` -> ``(..., output_dim)``; embeddings ``(input_dim, output_dim)``. Other numbers are an error where
    models take their input; those that come from another layer give NaN.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Embedding
    >>> model = Sequential([Embedding(10, 2, embeddings_initializer="ones", input_shape=(3,))])
    >>> model.predict([[1, 0, 9]]).tolist()
    [[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]]
    """

    _INNER = "instead_of_arrays"
    instead_of_arrays = (
        "vectors of places, as of np.arange(steps), are those of PositionEmbedding(steps), which adds them to what it "
        "reads"
    )
    input_dim: int
    output_dim: int
    embeddings_initializer: InitializerLike = default("uniform")
    embeddings_regularizer: RegularizerLike = default(None)
    embeddings_constraint: ConstraintLike = default(None)
    mask_zero: bool = False
    input_length: int | Sequence[int | None] | None = None
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        told: dict[str, object] = {n: integer(n, getattr(self, n), low=1) for n in ("input_dim", "output_dim")}
        if self.input_length is not None:
            length = self.input_length if isinstance(self.input_length, tuple | list) else (self.input_length,)
            told |= {"input_shape": tuple(length), "input_length": None}
        settle(self, **told, mask_zero=flag("mask_zero", self.mask_zero))

    @property
    def embeddings(self) -> np.ndarray:
        """The vectors as they are now, ``(input_dim, output_dim)``, not to be written to."""
        return self.parameter("embeddings")

    by_step = True

    @property
    def n_ids(self) -> int:
        return self.input_dim

    @property
    def mask_operation(self) -> int | None:
        return 0 if self.mask_zero else None

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape, self.output_dim)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (parameter(self, "embeddings", (self.input_dim, self.output_dim)),)

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        n = math.prod(shape)
        found = Operation(embedding.OP, 1, self.output_dim, n, w=0, geometry=(self.input_dim,), inputs=(0,))
        return (Operation(mask.OP, 1, 1, n, numbers=(0.0,), inputs=(0,)), found) if self.mask_zero else (found,)


@described
class Masking(Described):
    """Says that steps whose features all are ``mask_value`` are not there, and makes those features 0.

    Layers behind it leave such steps out, see docs/sequences.md.

    Parameters
    ----------
    mask_value : what fills them.
    input_shape, name : as of :class:`Layer`.

    Shapes: ``(steps, features)``, as it came.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import GRU, Masking
    >>> model = Sequential([Masking(-1.0, input_shape=(3, 2)), GRU(4)], seed=1)
    >>> padded, short = [[[1.0, 2.0], [-1.0, -1.0], [-1.0, -1.0]]], [[[1.0, 2.0]]]
    >>> model.predict(padded).shape
    (1, 4)
    """

    mask_value: float = 0.0
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)
    mask_operation = 0
    by_step = True

    def __post_init__(self) -> None:
        settle(self, mask_value=number("mask_value", self.mask_value))

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise no_sequence(self, shape)
        return shape

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        steps, n = shape[0], math.prod(shape[1:])
        told = Operation(mask.OP, n, 1, steps, numbers=(self.mask_value,), inputs=(0,))
        return (told, Operation(blank.OP, n, n, steps, inputs=(0, 1)))
