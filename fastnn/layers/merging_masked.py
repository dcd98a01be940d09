"""Joins that heed masks: made of operations on rows and masks, as Keras defines them.

Number by number, ``where(mask, x, other)`` is the sum of both, each blanked where the other counts, so that nothing of
what stands in a masked step is looked at, and gradients go where the numbers came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn._ops import Operation, blank, concatenate, merge
from fastnn._ops import mask as mask_kind
from fastnn._ops.merge import Join
from fastnn.layers.parameter import Shape
from fastnn.layers.parts import Parts


class MaskedJoin:
    """Operations that join inputs of these shapes, of which some have masks; numbers as in :class:`Parts`."""

    def __init__(self, shapes: Sequence[Shape], masks: Sequence[bool]):
        self.parts, self.steps = Parts(len(shapes) + sum(masks)), shapes[0][0]
        self.widths = {i: math.prod(shape[1:]) for i, shape in enumerate(shapes)}  # numbers of a step
        self.ends = {i: shape[-1] for i, shape in enumerate(shapes)}  # of the last axis
        numbers = [len(shapes) + sum(masks[:i]) for i in range(len(masks))]
        self.mask = [number if there else None for number, there in zip(numbers, masks, strict=True)]
        self.widths |= {number: 1 for number, there in zip(numbers, masks, strict=True) if there}

    def multiply(self) -> tuple[Operation, ...]:
        """1 stands for masked steps; 0 is what comes of steps that all inputs mask."""
        read = []
        for i, mask in enumerate(self.mask):
            if mask is not None:
                ones = self._not(mask)
                i = self._merge(Join.ADD, [self._blank(i, mask), ones], self.widths[i], self.ends[i], self.steps)
            read.append(i)
        made = self._join(Join.MULTIPLY, read)
        known = [mask for mask in self.mask if mask is not None]
        if len(known) == len(self.mask):
            made = self._blank(made, self._merge(Join.MAXIMUM, known, 1, 1, self.steps))
        return self.parts.give([made])

    def choose(self, join: Join) -> tuple[Operation, ...]:
        """The largest or smallest number of the inputs that count, two at a time."""
        made, seen = 0, self.mask[0]
        for i, mask in enumerate(self.mask[1:], 1):
            x = i if mask is None else self._where(mask, i, made)
            if seen is not None:
                made = self._where(seen, made, x)
            both = None if mask is None or seen is None else [seen, mask]
            seen = None if both is None else self._merge(Join.MAXIMUM, both, 1, 1, self.steps)
            made = self._join(join, [made, x])
        return self.parts.give([made])

    def _where(self, mask: int, x: int, other: int) -> int:
        return self._join(Join.ADD, [self._blank(x, mask), self._blank(other, self._not(mask))])

    def _blank(self, x: int, mask: int) -> int:
        n = self.widths[x]
        return self._told(Operation(blank.OP, n, n, self.steps, inputs=(x, mask)), n, self.ends[x])

    def _not(self, mask: int) -> int:
        """1 for the steps that a mask leaves out."""
        return self._told(Operation(mask_kind.OP, 1, 1, self.steps, numbers=(1.0,), inputs=(mask,)), 1, 1)

    def _join(self, join: Join, read: list[int]) -> int:
        """Number by number; a last axis of 1 stands for as many as the others have."""
        widest = max(read, key=lambda number: self.widths[number])
        rows = self.steps * self.widths[widest] // self.ends[widest]
        return self._merge(join, read, self.widths[widest], self.ends[widest], rows)

    def _merge(self, join: Join, read: list[int], width: int, end: int, rows: int) -> int:
        """A merge whose output has ``width`` numbers a step, ``end`` of them in its last axis."""
        n_out = self.steps * width // rows
        n_in = self.steps * self.widths[read[0]] // rows
        told = Operation(merge.OP, n_in, n_out, rows, inputs=tuple(read), geometry=(join,))
        return self._told(told, width, end)

    def _told(self, operation: Operation, width: int, end: int) -> int:
        number = self.parts.add(operation)
        self.widths[number], self.ends[number] = width, end
        return number


def masks_in_a_row(shapes: Sequence[Shape], masks: Sequence[bool]) -> tuple[Operation, ...]:
    """Ones for the steps of each input without a mask, then the mask of all inputs one behind the other."""
    n_read, known, made, read = len(shapes) + sum(masks), len(shapes), list[Operation](), list[int]()
    for i, (shape, there) in enumerate(zip(shapes, masks, strict=True)):
        read.append(known if there else n_read + len(made))
        known += there
        if not there:
            of_no_number = (math.nan,)  # to which none is equal
            n = math.prod(shape[1:])
            made.append(Operation(mask_kind.OP, n, 1, shape[0], numbers=of_no_number, inputs=(i,)))
    sizes = shapes[0][0], sum(shape[0] for shape in shapes)
    return (*made, Operation(concatenate.OP, *sizes, inputs=tuple(read)))
