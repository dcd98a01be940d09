"""Layers that join several edges: number by number, side by side, or by products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

from fastnn._base.arguments import flag, integer
from fastnn._ops import Operation, normalize
from fastnn._ops import concatenate as concatenate_kind
from fastnn._ops import dot as dot_kind
from fastnn._ops.merge import Join
from fastnn.layers.described import described
from fastnn.layers.joining import Choosing, Elementwise, Joining
from fastnn.layers.merging_masked import masks_in_a_row
from fastnn.layers.parameter import Shape


@described
class Add(Elementwise):
    """``x0 + x1 + ...``, of two inputs or more.

    ``name`` is as of :class:`Layer`.

    >>> from fastnn.layers import Add
    >>> Add().output_shape((8,), (8,))
    (8,)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.ADD


@described
class Subtract(Elementwise):
    """``x0 - x1``.

    ``name`` is as of :class:`Layer`.

    >>> from fastnn.layers import Subtract
    >>> Subtract().output_shape((8,), (8,))
    (8,)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.SUBTRACT
    n_inputs = 2


@described
class Multiply(Choosing):
    """``x0 * x1 * ...``, of two inputs or more.

    ``name`` is as of :class:`Layer`.

    >>> from fastnn.layers import Multiply
    >>> Multiply().output_shape((8,), (1,))
    (8,)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.MULTIPLY


@described
class Average(Elementwise):
    """``(x0 + x1 + ...) / n``, of two inputs or more.

    ``name`` is as of :class:`Layer`.

    >>> from fastnn.layers import Average
    >>> Average().output_shape((5, 8), (5, 8))
    (5, 8)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.AVERAGE


@described
class Maximum(Choosing):
    """The largest of two inputs or more, ``y = max(x[0], x[1])`` number by number.

    ``name`` is as of :class:`Layer`.

    Where two are equal each takes half of the gradient, as in PyTorch; of more the first ones share it two at a time.

    >>> from fastnn.layers import Maximum
    >>> Maximum().output_shape((8,), (8,))
    (8,)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.MAXIMUM


@described
class Minimum(Choosing):
    """The smallest of two inputs or more, ``y = min(x[0], x[1])``; of equal ones the gradient is shared as by Maximum.

    ``name`` is as of :class:`Layer`.

    >>> from fastnn.layers import Minimum
    >>> Minimum().output_shape((8,), (8,))
    (8,)
    """

    name: str | None = field(default=None, compare=False)
    join = Join.MINIMUM


def check_axis(layer: str, axis: object, n_axes: int) -> int:
    """An axis of a sample as Keras counts it, 1 for the first one behind the batch, from 1 on or from -1 down."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"axis of {layer} must be a whole number, got {axis!r}")
    if axis == 0:
        raise ValueError(f"axis of {layer} must be one of a sample's, 1 for the first; 0 is the batch")
    counted = axis.__index__() + (n_axes + 1 if axis.__index__() < 0 else 0)
    if not 1 <= counted <= n_axes:
        raise ValueError(f"axis of {layer} must be 1 to {n_axes}, or -1 to -{n_axes} from the last, got {axis}")
    return int(counted)


@described
class Concatenate(Joining):
    """Two inputs or more, one behind the other along an axis.

    Parameters
    ----------
    axis : of the arrays, 0 being the batch, which cannot be joined; -1 is the last one. Along the steps of sequences
        masks stand one behind the other, too; all steps of an input without a mask count.
    name : shown in summaries and files.

    >>> from fastnn.layers import Concatenate
    >>> Concatenate().output_shape((8,), (3,))
    (11,)
    >>> Concatenate(axis=1).output_shape((4, 8), (2, 8))
    (6, 8)
    """

    axis: int = -1
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", integer("axis", self.axis))
        check_axis("Concatenate", self.axis, abs(self.axis))

    def _at(self, shapes: Sequence[Shape]) -> int:
        return check_axis(self._told(), self.axis, len(shapes[0])) - 1

    def output_shape(self, *shapes: Shape) -> Shape:
        self._check_count(shapes)
        at = self._at(shapes)
        before, behind = shapes[0][:at], shapes[0][at + 1 :]
        for shape in shapes:
            if len(shape) != len(shapes[0]) or (shape[:at], shape[at + 1 :]) != (before, behind):
                self._refuse(shapes, f"they must be equal but for axis {at + 1}")
        return (*before, sum(shape[at] for shape in shapes), *behind)

    joined_mask, takes_masks = Join.MAXIMUM, True

    @property
    def by_step(self) -> bool:
        return self.axis != 1

    def mask_operation_of(self, shapes: Sequence[Shape], masks: list[bool]) -> int | None:
        return len(masks) - sum(masks) if any(masks) and self._at(shapes) == 0 else None

    def operations(self, *shapes: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        shape, at = self.output_shape(*shapes), self._at(shapes)
        stacks = any(masks) and at == 0
        if stacks and len(shape) < 2:
            self._refuse(shapes, "numbers of which some are masked have no steps to put behind each other")
        of_masks = masks_in_a_row(shapes, masks) if stacks else ()
        sizes = math.prod(shapes[0][at:]), math.prod(shape[at:]), math.prod(shape[:at])
        return (*of_masks, Operation(concatenate_kind.OP, *sizes, inputs=tuple(range(len(shapes)))))


@described
class Dot(Joining):
    """Products of two inputs along an axis of each, sample by sample: ``y[i, j] = sum(a[i, k] * b[k, j])`` over ``k``.

    Parameters
    ----------
    axes : the axis of both inputs that is summed over, or a pair with one for each; 0 is the batch.
    normalize : whether both are divided by their norms along that axis first: the result is the cosine of their angle.
    name : shown in summaries and files.

    Samples have one axis or two: ``(n,)`` and ``(n,)`` give ``(1,)``, ``(a, n)`` and ``(b, n)`` with ``axes=2`` give
    ``(a, b)``, ``(n,)`` and ``(n, b)`` with ``axes=1`` give ``(b,)``.

    >>> from fastnn.layers import Dot
    >>> Dot(axes=1).output_shape((8,), (8,))
    (1,)
    >>> Dot(axes=(2, 1)).output_shape((3, 8), (8, 5))
    (3, 5)
    """

    axes: int | Sequence[int]
    normalize: bool = False
    name: str | None = field(default=None, compare=False)
    n_inputs = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "normalize", flag("normalize", self.normalize))
        both = self.axes if isinstance(self.axes, tuple | list) else (self.axes, self.axes)
        if len(both) != 2:
            raise ValueError(f"axes of Dot must be an axis, or a pair of them, got {self.axes!r}")
        for axis in both:
            check_axis("Dot", axis, 2)
        if isinstance(self.axes, list):
            object.__setattr__(self, "axes", tuple(self.axes))

    def _both(self, shapes: tuple[Shape, ...]) -> tuple[int, int]:
        """Places of the axes in the samples."""
        self._check_count(shapes)
        if max(map(len, shapes)) > 2:
            self._refuse(shapes, "Dot takes samples of one or two axes; put Reshape before it")
        axes = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        first, second = (
            check_axis(self._told(), axis, len(shape)) - 1 for axis, shape in zip(axes, shapes, strict=True)
        )
        if shapes[0][first] != shapes[1][second]:
            self._refuse(shapes, f"axis {first + 1} of the first and axis {second + 1} of the second must be equal")
        return first, second

    def output_shape(self, *shapes: Shape) -> Shape:
        left = [shape[:at] + shape[at + 1 :] for shape, at in zip(shapes, self._both(shapes), strict=True)]
        return left[0] + left[1] or (1,)

    def operations(self, *shapes: Shape) -> tuple[Operation, ...]:
        axes = self._both(shapes)
        k = shapes[0][axes[0]]
        m, n = (math.prod(shape) // k for shape in shapes)
        transposed = len(shapes[0]) == 2 and axes[0] == 0, len(shapes[1]) == 2 and axes[1] == 1
        before = tuple(map(self._normalized, (0, 1), shapes, axes)) if self.normalize else ()
        inputs = (2, 3) if self.normalize else (0, 1)
        product = Operation(dot_kind.OP, m * k, m * n, inputs=inputs, geometry=(m, k, n, *map(int, transposed)))
        return (*before, product)

    @staticmethod
    def _normalized(number: int, shape: Shape, at: int) -> Operation:
        length, stride = shape[at], math.prod(shape[at + 1 :])
        sizes = length * stride, length * stride, math.prod(shape[:at])
        return Operation(normalize.OP, *sizes, inputs=(number,), geometry=(length, stride))
