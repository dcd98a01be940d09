"""Operations that move numbers: other shapes, other orders of axes, parts, repeats, zeros around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fastnn.interop.building.values import BATCH, LENGTH, ROWS, Atom, Atoms, Value, replaced, size_of, split
from fastnn.interop.building.workshop import Workshop
from fastnn.layers import (
    Activation,
    Concatenate,
    Cropping2D,
    MaxPooling2D,
    Rescaling,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding2D,
)

if TYPE_CHECKING:
    from fastnn.layers import Edge


class Moving(Workshop):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` moves numbers."""

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """The source's axes in another order, the batch among them; no layer is made.

        Parameters
        ----------
        order : which axis each new one is, as NumPy's and ONNX' transpose and PyTorch's permute have it.
        """
        order = [x.axis(axis) for axis in order]
        if sorted(order) != list(range(x.rank)):
            raise ValueError(f"the order of axes {order} does not fit the shape {x.told()}")
        return replace(x, source=tuple(x.source[axis] for axis in order))

    def reshape(self, x: Value, sizes: Sequence[int]) -> Value:
        """The source's numbers in another shape.

        Parameters
        ----------
        sizes : of all axes; :data:`ROWS` (or a multiple of it) where the batch is, :data:`LENGTH` for a length that
            differs; one may be -1 and follows from the others.
        """
        total, known = math.prod(x.sizes), math.prod(size for size in sizes if size != -1)
        found = [total // known if size == -1 and known and total % known == 0 else size for size in sizes]
        if math.prod(found) != total or list(sizes).count(-1) > 1:
            raise ValueError(f"the shape {x.told()} cannot become {stated(sizes)}")
        atoms = [atom for axis in x.source for atom in axis]
        try:
            groups, parts = split(atoms, found)
        except ValueError:
            x = self._in_one_row(x)
            try:
                groups, parts = split([atom for axis in x.source for atom in axis], found)
            except ValueError:
                raise ValueError(
                    f"the shape {x.told()} becomes {stated(found)}, which would mix rows of the batch"
                ) from None
        return replaced(x, parts, groups)

    def flatten(self, x: Value, axis: int = 1, last: int = -1) -> Value:
        """Axes ``axis ... last`` as one."""
        first, last = x.axis(axis) if axis != x.rank else axis, x.axis(last)
        merged = tuple(atom for group in x.source[first : last + 1] for atom in group)
        return replace(x, source=(*x.source[:first], merged, *x.source[last + 1 :]))

    def squeeze(self, x: Value, axes: Sequence[int] | None = None) -> Value:
        """The shape without axes of size 1, or without these, which must be such."""
        gone = {i for i, group in enumerate(x.source) if not group}
        if axes is not None:
            told = {x.axis(axis) for axis in axes}
            if not told <= gone:
                raise ValueError(f"axes {sorted(told)} of the shape {x.told()} are not all of size 1")
            gone = told
        return replace(x, source=tuple(group for i, group in enumerate(x.source) if i not in gone))

    def unsqueeze(self, x: Value, axes: Sequence[int]) -> Value:
        """New axes of size 1 at these places of the new shape."""
        rank = x.rank + len(axes)
        new, groups = {axis % rank for axis in axes}, iter(x.source)
        if len(new) < len(axes) or any(not -rank <= axis < rank for axis in axes):
            raise ValueError(f"new axes {list(axes)} do not fit the shape {x.told()}")
        return replace(x, source=tuple(() if i in new else next(groups) for i in range(rank)))

    def slice(self, x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
        """Numbers ``start, start + step ...`` below ``stop`` along an axis, as Python counts; ``step`` is above 0."""
        axis = x.axis(axis)
        n = size_of(x.source[axis])
        first, last, step = slice(start, stop, step).indices(n)
        if (first, last, step) == (0, n, 1):
            return x
        is_open = LENGTH in (atom.size for atom in x.source[axis])
        if BATCH in x.source[axis] or (is_open and (start < 0 or 0 <= stop < LENGTH or step != 1)):
            raise ValueError(f"a part along axis {axis} of {x.told()} would be of rows or of a length that differs")
        if step < 1 or last <= first:
            raise ValueError(f"the part [{start}:{stop}:{step}] along an axis of {n} is empty or runs back")
        edge, before, behind = self._beside(x, axis)
        edge = Cropping2D(((0, 0), (first, n - last)))(edge) if (first, last) != (0, n) else edge
        edge = MaxPooling2D((1, 1), (1, step))(edge) if step > 1 else edge
        return self._between(x, edge, axis, before, behind, -(-(last - first) // step))

    def split(self, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
        """Parts of these sizes one behind the other along an axis."""
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        return [self.slice(x, axis, end - size, end) for size, end in zip(sizes, ends, strict=True)]

    def pad(self, x: Value, sides: Sequence[tuple[int, int]], value: float = 0.0) -> Value:
        """Numbers ``value`` around an array, ``(before, behind)`` for each axis; below 0, that many are cut off."""
        for axis, (before, behind) in enumerate(sides):
            if not (before or behind):
                continue
            if BATCH in x.source[axis]:
                raise ValueError(f"axis {axis} of {x.told()} has the rows of the batch and cannot be padded")
            n = size_of(x.source[axis])
            x = self.slice(x, axis, max(-before, 0), n - max(-behind, 0))
            if before > 0 or behind > 0:
                x = self._padded(x, axis, max(before, 0), max(behind, 0), value)
        return x

    def _padded(self, x: Value, axis: int, before: int, behind: int, value: float) -> Value:
        n = size_of(x.source[axis])
        edge, front, back = self._beside(x, axis)
        if value:
            line = Cropping2D(((0, 0), (0, n - 1)))(edge) if n > 1 else edge
            line = Rescaling(0.0, value)(Activation("hard_tanh")(line))  # an infinite number times 0 would be none
            sides = [UpSampling2D((1, count))(line) if count else None for count in (before, behind)]
            edge = Concatenate(axis=2)([part for part in (sides[0], edge, sides[1]) if part is not None])
        else:
            edge = ZeroPadding2D(((0, 0), (before, behind)))(edge)
        made = self._between(x, edge, axis, front, back, before + n + behind)
        return replace(made, positive=x.positive and value >= 0)

    def upsample(self, x: Value, factors: Sequence[int]) -> Value:
        """Each number several times along each axis, ``factors`` being those of all axes, 1 for the batch."""
        if x.rank == 4 and x.is_apart() and factors[0] == factors[1] == 1:
            edge = self.arranged(x, [x.source[2], x.source[3], x.source[1]])
            made = UpSampling2D((factors[2], factors[3]))(edge)
            return replace(self.fresh(made, (2, 3, 1), 4), positive=x.positive)
        for axis, factor in enumerate(factors):
            if factor != 1:
                if BATCH in x.source[axis]:
                    raise ValueError(f"axis {axis} of {x.told()} has the rows of the batch and cannot be repeated")
                n = size_of(x.source[axis])
                edge, before, behind = self._beside(x, axis)
                made = UpSampling2D((1, factor))(edge)
                x = replace(self._between(x, made, axis, before, behind, n * factor), positive=x.positive)
        return x

    def expand(self, x: Value, sizes: Sequence[int]) -> Value:
        """The source's axes of size 1 repeated to these sizes, of which there may be more, in front."""
        x = replace(x, source=((),) * (len(sizes) - x.rank) + x.source)
        for axis, size in enumerate(sizes):
            have = size_of(x.source[axis])
            if size not in (1, -1, have):
                if have != 1 or size % ROWS == 0:
                    raise ValueError(f"the shape {x.told()} cannot be repeated to {stated(sizes)}")
                new = Atom(size)
                repeated = self.repeated(x, (new, *x.ours))
                x = replace(repeated, source=(*x.source[:axis], (new,), *x.source[axis + 1 :]))
        return x

    def repeated(self, x: Value, wanted: Atoms) -> Value:
        """The value's edge with all these atoms in this order, its numbers repeated along those that it has not."""
        have = [atom for atom in wanted if atom in x.ours]
        edge = self.arranged(x, [tuple(have)])
        done: list[Atom] = []
        for i, atom in enumerate(wanted):
            if atom in x.ours:
                done.append(atom)
                continue
            behind = [later for later in wanted[i + 1 :] if later in x.ours]
            now = Value(edge, (*done, *behind), ())
            edge = UpSampling1D(atom.size)(self.arranged(now, [tuple(done), tuple(behind)]))
            done.append(atom)
        return Value(edge, tuple(wanted), x.source, x.positive)

    def _beside(self, x: Value, axis: int) -> tuple[Edge, Atoms, Atoms]:
        """An edge ``(before, axis, behind)`` of what stands around an axis."""
        here = x.source[axis]
        others = [atom for atom in x.ours if atom not in here]
        first = x.ours.index(here[0]) if here else len(x.ours)
        before = tuple(atom for atom in x.ours[:first] if atom not in here)
        behind = tuple(atom for atom in others if atom not in before)
        return self.arranged(x, [before, here, behind]), before, behind

    def _between(self, x: Value, edge: Edge, axis: int, before: Atoms, behind: Atoms, n: int) -> Value:
        if any(atom.size == LENGTH for atom in x.source[axis]):
            n = LENGTH  # another one, which is as unknown
        new = (Atom(n),) if n > 1 else ()
        source = (*x.source[:axis], new, *x.source[axis + 1 :])
        return Value(edge, (*before, *new, *behind), source, x.positive)

    def _in_one_row(self, x: Value) -> Value:
        """The batch and, behind it, one atom of all numbers in the source's order."""
        atoms = [atom for axis in x.source for atom in axis]
        if BATCH not in atoms:
            raise ValueError(f"the shape {x.told()} has no axis of the batch")
        at = atoms.index(BATCH)
        groups = [tuple(part) for part in (atoms[:at], atoms[at + 1 :])]
        edge = self.arranged(x, groups)
        merged = [(Atom(size_of(group)),) if size_of(group) > 1 else () for group in groups]
        return Value(edge, (*merged[0], *merged[1]), (merged[0], (BATCH,), merged[1]), x.positive)


def stated(sizes: Sequence[int]) -> tuple[int | None, ...]:
    """Sizes with None for the batch and for lengths that differ."""
    return tuple(None if size % ROWS == 0 or size % LENGTH == 0 else size for size in sizes)
