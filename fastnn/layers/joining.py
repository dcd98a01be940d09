"""What layers that join several edges have in common, and joins number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn._ops import Operation, merge
from fastnn._ops.merge import Join
from fastnn.layers.described import Described
from fastnn.layers.edges import Edge, edges_in
from fastnn.layers.merging_masked import MaskedJoin
from fastnn.layers.parameter import Parameter, Shape


def stretched(edges: Sequence[Edge]) -> list[Edge]:
    """Edges, those repeated that are 1 long along an axis before the last where others are longer, as in Keras."""
    from fastnn.layers.repeating import UpSampling1D, UpSampling2D

    shapes = [edge.shape[1:-1] for edge in edges]  # None where a length is open, which nothing is repeated to
    if len(set(map(len, shapes))) != 1 or len(shapes[0]) not in (1, 2):
        return list(edges)
    wanted = [1 if None in sizes else max(sizes) for sizes in zip(*shapes, strict=True)]
    found = []
    for edge, shape in zip(edges, shapes, strict=True):
        times = [want if size == 1 else 1 for size, want in zip(shape, wanted, strict=True)]
        if max(times) > 1:
            edge = (UpSampling1D(times[0]) if len(times) == 1 else UpSampling2D(tuple(times)))(edge)
        found.append(edge)
    return found


class Joining(Described):
    """A layer that reads two edges or more."""

    n_inputs: int | None = None
    input_shape = None

    def parameters(self, *shapes: Shape) -> tuple[Parameter, ...]:
        return ()

    def _check_count(self, shapes: tuple[Shape, ...]) -> None:
        if len(shapes) < 2 or self.n_inputs not in (None, len(shapes)):
            wanted = "a list of two edges" if self.n_inputs == 2 else "a list of at least two edges"
            raise ValueError(f"{self!r} joins {wanted}, got {len(shapes)}")

    def _refuse(self, shapes: tuple[Shape, ...], why: str) -> None:
        told = " and ".join(str((None, *shape)) for shape in shapes)
        raise ValueError(f"{self._told()} cannot join the shapes {told}: {why}")

    def _told(self) -> str:
        return repr(self) if self.name is None else f"{type(self).__name__} {self.name!r}"


class Elementwise(Joining):
    """Number by number; a last axis of 1 stands for as many as the others have.

    Called on edges it puts an ``UpSampling`` before those that are 1 long along the other axes, so that the shares of
    the channels of an image, ``(None, 1, 1, channels)``, meet all of its places.
    """

    joined_mask, by_step = Join.MAXIMUM, True
    join: Join

    def called(self, inputs: object, options: tuple[str, ...] = ()) -> list[Edge]:
        return super().called(stretched(edges_in(inputs, self)), options)

    def output_shape(self, *shapes: Shape) -> Shape:
        self._check_count(shapes)
        width = max(shape[-1] for shape in shapes)
        for shape in shapes:
            if shape[:-1] != shapes[0][:-1] or shape[-1] not in (1, width):
                self._refuse(shapes, self._why(shapes))
        return (*shapes[0][:-1], width)

    @staticmethod
    def _why(shapes: tuple[Shape, ...]) -> str:
        told = "they must be equal but for a last axis of 1, which is repeated"
        longest, shortest = max(shapes, key=len), min(shapes, key=len)
        if len(longest) == len(shortest):
            return told
        missing = (*(1,) * (len(longest) - 1), shortest[-1])
        return (
            f"{told}; of samples with fewer axes Reshape makes such as go with others, a vector by Reshape({missing})"
        )

    def operations(self, *shapes: Shape) -> tuple[Operation, ...]:
        shape = self.output_shape(*shapes)
        sizes = shapes[0][-1], shape[-1], math.prod(shape[:-1])
        return (Operation(merge.OP, *sizes, geometry=(self.join,)),)


class Choosing(Elementwise):
    """Of masked inputs what counts is taken alone, see :mod:`fastnn.layers.merging_masked`."""

    takes_masks = True

    def operations(self, *shapes: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        if not any(masks):
            return super().operations(*shapes)
        made = MaskedJoin(shapes, masks)
        return made.multiply() if self.join == Join.MULTIPLY else made.choose(self.join)
