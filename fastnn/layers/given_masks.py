"""Masks that users bring: what ``layer(x, mask=)`` stands for."""

from __future__ import annotations

import math
from dataclasses import field

from fastnn._ops import Operation, activation, mask
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape


@described
class WithMask(Described):
    """The first of two inputs as it is, with the second one as its mask: steps are there where that is not 0.

    ``layer(x, mask=mask)`` is ``layer(WithMask()([x, mask]))``. A mask that came with the first input is replaced.

    Parameters
    ----------
    name : as of :class:`Layer`.

    Shapes: ``(steps, ...)`` and ``(steps,)`` -> ``(steps, ...)``.

    >>> from fastnn import Model
    >>> from fastnn.layers import GlobalAveragePooling1D, Input, WithMask
    >>> x, there = Input((3, 1)), Input((3,))
    >>> model = Model([x, there], GlobalAveragePooling1D()(WithMask()([x, there])))
    >>> model.predict([[[[1.0], [3.0], [100.0]]], [[1, 1, 0]]]).tolist()
    [[2.0]]
    """

    name: str | None = field(default=None, compare=False)
    input_shape = None
    n_inputs = 2
    mask_operation = 0

    def output_shape(self, shape: Shape, steps: Shape) -> Shape:
        if not shape or tuple(steps) != tuple(shape[:1]):
            raise ValueError(f"a mask says of each step whether it counts, {(None, *shape[:1])}, got {(None, *steps)}")
        return shape

    def parameters(self, shape: Shape, steps: Shape) -> tuple[Parameter, ...]:
        return ()

    def operations(self, shape: Shape, steps: Shape) -> tuple[Operation, ...]:
        n = math.prod(shape[1:])
        counts = Operation(mask.OP, 1, 1, shape[0], numbers=(0.0,), inputs=(1,))
        return (counts, Operation(activation.OP, n, n, shape[0], inputs=(0,)))


def with_masks(inputs: object, masks: object) -> object:
    """What a layer is called on when masks are given: one for the first input, or a list with None among them."""
    if isinstance(inputs, list | tuple):
        return masked(list(inputs), masks)
    return masked([inputs], masks)[0]


def masked(edges: list[object], masks: object) -> list[object]:
    """Edges of a list, those with masks behind a :class:`WithMask`."""
    if masks is None:
        return edges
    given = list(masks) if isinstance(masks, list | tuple) else [masks]
    if len(given) > len(edges):
        raise ValueError(f"there are {len(given)} masks for {len(edges)} inputs; give one for each, or None")
    told = [x if m is None else WithMask().called([x, m])[0] for x, m in zip(edges, given, strict=False)]
    return told + edges[len(given) :]
