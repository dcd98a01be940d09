"""Layers in which each step of a sequence reads all steps of another one, weighted by how well they fit."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING

from fastnn._base.arguments import flag, integer, number, shown
from fastnn._ops import Operation, blank, dense
from fastnn.initializers import Ones
from fastnn.layers.arguments import ConstraintLike, InitializerLike, RegularizerLike, default
from fastnn.layers.attending import Attending
from fastnn.layers.composition import check_training
from fastnn.layers.described import described
from fastnn.layers.given_masks import masked
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.parts import Parts
from fastnn.layers.settling import parameter, settle

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge, Edges, Made, Masks


@described
class MultiHeadAttention(Attending):
    """``softmax(q @ k.T / sqrt(key_dim)) @ v`` for several heads, each with projections of its own (Vaswani et al.
    2017).

    Parameters
    ----------
    num_heads : how many heads.
    key_dim : width of a head's queries and keys.
    value_dim : width of its values, ``key_dim`` without.
    dropout : share of the weights that are dropped in training.
    use_bias : whether the projections have biases.
    output_size : width of the output, the query's without; Keras' ``output_shape``.
    kernel_initializer, bias_initializer : names or objects of :mod:`fastnn.initializers`.
    kernel_regularizer, bias_regularizer, activity_regularizer : names or objects of :mod:`fastnn.regularizers`.
    kernel_constraint, bias_constraint : names or objects of :mod:`fastnn.constraints`.
    seed : of what dropout draws, as of :class:`fastnn.layers.Dropout`.
    name : shown in summaries and files.

    Called as ``layer(query, value, key=None, *, attention_mask=None, return_attention_scores=False,
    use_causal_mask=False)``; the key is the value without one. Masks of keys and values are kept to; a query that no
    key is left for gets zeros as its weights.

    Shapes: query ``(queries, n)``, value ``(keys, m)`` -> ``(queries, output_size)``; ``attention_mask`` ``(queries,
    keys)`` of ones and zeros; scores ``(heads, queries, keys)``. Weights: kernel and bias of query, key, value and
    output, ``(n, heads, key_dim)`` and ``(heads, key_dim)``, ..., ``(heads, value_dim, output_size)`` and
    ``(output_size,)``.

    >>> from fastnn import Model
    >>> from fastnn.layers import Add, Input, LayerNormalization, MultiHeadAttention
    >>> x = Input((16, 32))
    >>> y = LayerNormalization()(Add()([x, MultiHeadAttention(4, 8)(x, x, use_causal_mask=True)]))
    >>> Model(x, y).output_shape
    (None, 16, 32)
    """

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    dropout: float = 0.0
    use_bias: bool = True
    output_size: int | None = None
    kernel_initializer: InitializerLike = default("glorot_uniform")
    bias_initializer: InitializerLike = default("zeros")
    kernel_regularizer: RegularizerLike = default(None)
    bias_regularizer: RegularizerLike = default(None)
    activity_regularizer: RegularizerLike = default(None)
    kernel_constraint: ConstraintLike = default(None)
    bias_constraint: ConstraintLike = default(None)
    seed: int | None = None
    name: str | None = field(default=None, compare=False)
    input_shape = None

    def __post_init__(self) -> None:
        told: dict[str, object] = {"dropout": number("dropout", self.dropout, low=0.0, high=1.0, open_high=True)}
        told |= {name: integer(name, getattr(self, name), low=1) for name in ("num_heads", "key_dim")}
        told["value_dim"] = integer("value_dim", self.key_dim if self.value_dim is None else self.value_dim, low=1)
        size: object = self.output_size
        size = size[0] if isinstance(size, tuple | list) and len(size) == 1 else size
        told["output_size"] = None if size is None else integer("output_size", size, low=1)
        settle(self, **told)

    def __call__(  # type: ignore[override]  # as Keras
        self,
        query: Edge,
        value: Edge | None = None,
        key: Edge | None = None,
        *,
        query_mask: Edge | None = None,
        value_mask: Edge | None = None,
        key_mask: Edge | None = None,
        attention_mask: Edge | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        training: object = None,
    ) -> Made:
        """An edge for the output, with ``return_attention_scores`` a list of it and the weights.

        ``query_mask``, ``value_mask`` and ``key_mask`` are edges ``(None, steps)``, not 0 for steps that are there.
        """
        check_training(self, training)
        if value is None:
            raise TypeError(f"{self!r} reads two edges: layer(query, value); of a sequence with itself, layer(x, x)")
        if key is None and key_mask is not None:
            raise ValueError(f"{self!r} was given a key_mask and no key; value_mask says which values are there")
        masks = [query_mask, value_mask, *([] if key is None else [key_mask])]
        edges = masked([query, value, *([] if key is None else [key])], masks)
        return self._called(edges, attention_mask, use_causal_mask, return_attention_scores)

    def output_shape(self, *shapes: Shape, options: tuple[str, ...] = ()) -> Shape:
        self._check(shapes, options)
        return (shapes[0][0], self.output_size or shapes[0][1])

    def output_shapes(self, *shapes: Shape, options: tuple[str, ...] = ()) -> list[Shape]:
        weights = [(self.num_heads, shapes[0][0], shapes[1][0])] if "weights" in options else []
        return [self.output_shape(*shapes, options=options), *weights]

    def parameters(self, *shapes: Shape, options: tuple[str, ...] = ()) -> tuple[Parameter, ...]:
        query, value, key = shapes[0], shapes[1], shapes[2] if "key" in options else shapes[1]
        heads, out = self.num_heads, self.output_size or query[1]
        made: list[Parameter] = []
        for name, n, width in (("query", query[1], self.key_dim), ("key", key[1], self.key_dim)):
            made += self._projection(name, (n, heads, width), (heads, width))
        width = self.value_dim or self.key_dim
        made += self._projection("value", (value[1], heads, width), (heads, width))
        return (*made, *self._projection("output", (heads, width, out), (out,)))

    def _projection(self, name: str, kernel: Shape, bias: Shape) -> list[Parameter]:
        made = [parameter(self, f"{name}_kernel", kernel, "kernel")]
        return [*made, parameter(self, f"{name}_bias", bias, "bias")] if self.use_bias else made

    def operations(
        self, *shapes: Shape, masks: tuple[bool, ...] = (), options: tuple[str, ...] = ()
    ) -> tuple[Operation, ...]:
        parts, step = Parts(len(shapes) + sum(masks)), 1 + self.use_bias
        (queries, n), (keys, m) = shapes[:2]
        heads, d, e = self.num_heads, self.key_dim, self.value_dim or self.key_dim
        key = 2 if "key" in options else 1
        read = ((0, n, queries, d), (key, shapes[key][1], keys, d), (1, m, keys, e))
        made = [
            parts.add(self._dense(i * step, width, heads * to, rows, self._there(parts, shapes, masks, number)))
            for i, (number, width, rows, to) in enumerate(read)
        ]
        mask = self._mask(parts, shapes, masks, options)
        whole, weights = self._attention(
            parts, (heads, queries, keys, d, e), made, mask, options, 1 / math.sqrt(self.key_dim)
        )
        out = self._dense(3 * step, heads * e, self.output_size or n, queries, whole)
        return parts.give([parts.add(out, activity=self.activity_regularizer), *weights])

    def _dense(self, first: int, n_in: int, n_out: int, rows: int, read: int) -> Operation:
        return Operation(dense.OP, n_in, n_out, rows, w=first, b=first + 1 if self.use_bias else -1, inputs=(read,))


@described
class Attention(Attending):
    """``softmax(query @ key.T) @ value`` (Luong et al. 2015).

    Parameters
    ----------
    use_scale : whether what goes into the softmax is multiplied by a trained number.
    score_mode : ``"dot"``.
    dropout : share of the weights that are dropped in training.
    seed : of what dropout draws, as of :class:`fastnn.layers.Dropout`.
    name : shown in summaries and files.

    Called as ``layer([query, value])`` or ``layer([query, value, key])``, with ``return_attention_scores=True`` for a
    list of the output and the weights, with ``use_causal_mask=True`` for weights of what comes before alone.

    Shapes: query ``(queries, n)``, value ``(keys, m)``, key ``(keys, n)`` -> ``(queries, m)``.

    >>> from fastnn import Model
    >>> from fastnn.layers import Attention, Input
    >>> query, value = Input((3, 8)), Input((5, 8))
    >>> Model([query, value], Attention()([query, value])).output_shape
    (None, 3, 8)
    """

    use_scale: bool = False
    score_mode: str = "dot"
    dropout: float = 0.0
    seed: int | None = None
    name: str | None = field(default=None, compare=False)
    input_shape = None

    def __post_init__(self) -> None:
        if self.score_mode != "dot":
            raise ValueError(f"score_mode must be 'dot', got {shown(self.score_mode)}; others are not there")
        told: dict[str, object] = {"dropout": number("dropout", self.dropout, low=0.0, high=1.0, open_high=True)}
        settle(self, **told, use_scale=flag("use_scale", self.use_scale))

    def __call__(
        self,
        inputs: Edges,
        mask: Masks = None,
        training: object = None,
        *,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Made:
        """An edge for the output, with ``return_attention_scores`` a list of it and the weights.

        ``mask`` is a list of the masks of query and value, edges ``(None, steps)`` or None.
        """
        check_training(self, training)
        edges = masked([*inputs] if isinstance(inputs, list | tuple) else [inputs], mask)
        return self._called(edges, None, use_causal_mask, return_attention_scores)

    def output_shape(self, *shapes: Shape, options: tuple[str, ...] = ()) -> Shape:
        self._check(shapes, options)
        if shapes[0][1] != shapes[2 if "key" in options else 1][1]:
            raise ValueError(f"{self!r} needs a query and keys of the same width, got {shapes[0]} and {shapes[-1]}")
        return (shapes[0][0], shapes[1][1])

    def output_shapes(self, *shapes: Shape, options: tuple[str, ...] = ()) -> list[Shape]:
        weights = [(shapes[0][0], shapes[1][0])] if "weights" in options else []
        return [self.output_shape(*shapes, options=options), *weights]

    def parameters(self, *shapes: Shape, options: tuple[str, ...] = ()) -> tuple[Parameter, ...]:
        return (Parameter("scale", (), Ones()),) if self.use_scale else ()

    def operations(
        self, *shapes: Shape, masks: tuple[bool, ...] = (), options: tuple[str, ...] = ()
    ) -> tuple[Operation, ...]:
        parts = Parts(len(shapes) + sum(masks))
        (queries, n), (keys, m) = shapes[:2]
        key = 2 if "key" in options else 1
        reads = [self._there(parts, shapes, masks, i) for i in (0, key, 1)]
        if self.use_scale:
            reads[0] = parts.add(Operation(dense.OP, 1, 1, queries * n, w=0, inputs=(reads[0],)))
        mask = self._mask(parts, shapes, masks, options)
        y, weights = self._attention(parts, (1, queries, keys, n, m), reads, mask, options, 1.0)
        if masks and masks[0]:
            y = parts.add(Operation(blank.OP, m, m, queries, inputs=(y, len(shapes))))
        return parts.give([y, *weights])
