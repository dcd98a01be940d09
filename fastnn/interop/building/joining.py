"""Operations on several values, and on a value and numbers that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn.interop.building.moving import Moving
from fastnn.interop.building.values import BATCH, LENGTH, Atom, Atoms, Value, check_repeated, replaced, size_of, split
from fastnn.layers import Add, GlobalMaxPooling1D, RepeatVector, Reshape
from fastnn.layers.edges import Edge

if TYPE_CHECKING:
    import numpy.typing as npt


class Joining(Moving):
    """What of :class:`fastnn.interop.channels_first.ChannelsFirst` joins values."""

    def join(self, kind: str, values: Sequence[Value], name: str | None = None) -> Value:
        """Number by number, axes of size 1 repeated as NumPy does.

        Parameters
        ----------
        kind : ``"Add"``, ``"Subtract"`` (of two), ``"Multiply"``, ``"Average"``, ``"Maximum"`` or ``"Minimum"``.
        """
        if len(values) == 1:
            return values[0]
        values = self._aligned(values)
        whole = self._union(values)
        common = [value for value in values if len(value.ours) == len(whole.ours)]
        ours = common[0].ours if common else whole.ours
        tail = self._tail(ours, values)
        wide = ours[: len(ours) - tail], ours[len(ours) - tail :]
        edges = [self._fitted(value, *wide) for value in values]
        made = self.layer(kind, name=name)(edges)
        positive = kind != "Subtract" and all(value.positive for value in values)
        return Value(made, ours, whole.source, positive)

    def _fitted(self, value: Value, lead: Atoms, tail: Atoms) -> Edge:
        """The value's edge with these atoms, the last ones as an axis, or 1 where it has none of those."""
        has_tail = any(atom in value.ours for atom in tail) or not tail
        wanted = (*lead, *tail) if has_tail else lead
        if set(wanted) != set(value.ours):
            value = self.repeated(value, wanted)
        return self.arranged(value, [*((atom,) for atom in lead), tail if has_tail else ()])

    @staticmethod
    def _tail(ours: Atoms, values: Sequence[Value]) -> int:
        """How many of the last atoms are one axis: those that some values have and others have not, else one."""
        for count in range(len(ours), 0, -1):
            last = set(ours[-count:])
            told = [last & set(value.ours) for value in values]
            if all(not found or found == last for found in told) and any(not found for found in told):
                return count
        return 1 if ours else 0

    def _aligned(self, values: Sequence[Value]) -> list[Value]:
        """Values with as many axes each, whose equal axes have the same atoms."""
        rank = max(value.rank for value in values)
        found = [replace(value, source=((),) * (rank - value.rank) + value.source) for value in values]
        for axis in range(rank):
            sizes = {size_of(value.source[axis]) for value in found} - {1}
            if len(sizes) > 1:
                told = " and ".join(value.told() for value in values)
                raise ValueError(f"the shapes {told} do not fit each other")
            known: Atoms | None = None
            for i, value in enumerate(found):
                if value.source[axis]:
                    known, found[: i + 1] = self._with_atoms(found[: i + 1], axis, known)
        return found

    @staticmethod
    def _with_atoms(values: list[Value], axis: int, known: Atoms | None) -> tuple[Atoms, list[Value]]:
        """Have the last value's axis the atoms of the ones before, all split where one of them has a boundary."""
        last = values[-1]
        if known is None or known == last.source[axis]:
            return last.source[axis], values
        sizes = _refined([atom.size for atom in known], [atom.size for atom in last.source[axis]])
        _, parts = split(known, sizes)
        values = [replaced(value, parts) for value in values[:-1]]
        atoms = tuple(part for atom in known for part in parts.get(atom, (atom,)))
        groups, of_last = split(last.source[axis], sizes)
        last = replaced(last, of_last)
        new = dict(zip([atom for group in groups for atom in group], atoms, strict=True))

        def rename(told: Atoms) -> Atoms:
            return tuple(new.get(atom, atom) for atom in told)

        last = replace(last, ours=rename(last.ours), source=tuple(map(rename, last.source)))
        return atoms, [*values, last]

    @staticmethod
    def _union(values: Sequence[Value]) -> Value:
        """What has of each axis the atoms of those values that have some."""
        source = [next((v.source[i] for v in values if v.source[i]), ()) for i in range(values[0].rank)]
        atoms = tuple(atom for group in source for atom in group if atom is not BATCH)
        return Value(values[0].edge, atoms, tuple(source))

    def concatenate(self, values: Sequence[Value], axis: int, name: str | None = None) -> Value:
        """Values one behind the other along an axis of the source's."""
        axis = values[0].axis(axis)
        if any(BATCH in value.source[axis] for value in values):
            raise ValueError(f"axis {axis} has the rows of the batch, and rows cannot be put behind each other")
        without = [replace(v, source=(*v.source[:axis], (), *v.source[axis + 1 :])) for v in values]
        if len({value.sizes for value in without}) > 1:
            told = " and ".join(value.told() for value in values)
            raise ValueError(f"the shapes {told} differ in other axes than {axis}")
        aligned = self._aligned(without)
        here = [value.source[axis] for value in values]
        model = next((i for i, atoms in enumerate(here) if atoms), 0)
        ours = aligned[model].ours
        first = ours.index(next(atom for atom in ours if atom in here[model])) if here[model] else len(ours)
        before = tuple(atom for atom in ours[:first] if atom not in here[model])
        behind = tuple(atom for atom in ours[first:] if atom not in here[model])
        edges = [self.arranged(v, [before, atoms, behind]) for v, atoms in zip(aligned, here, strict=True)]
        made = self.layer("Concatenate", 2, name=name)(edges)
        new = (Atom(sum(map(size_of, here))),)
        source = (*aligned[model].source[:axis], new, *aligned[model].source[axis + 1 :])
        return Value(made, (*before, *new, *behind), source, all(value.positive for value in values))

    def scaled(self, x: Value, factor: npt.ArrayLike, offset: npt.ArrayLike = 0.0, name: str | None = None) -> Value:
        """``x * factor + offset`` with numbers that are known, arrays as NumPy repeats them.

        Arrays become the weights of a Scale layer, and of a Normalization or, for each place, a PositionEmbedding.
        """
        factor, offset = np.asarray(factor), np.asarray(offset)
        if factor.size == offset.size == 1 and max(factor.ndim, offset.ndim) <= x.rank:
            f, o = float(factor.reshape(())), float(offset.reshape(()))
            if (f, o) == (1.0, 0.0):
                return x
            return self.same(x, self.layer("Rescaling", f, o, name=name)(x.edge), x.positive and f >= 0 and o >= 0)
        if not np.all(factor == 1):
            x = self._by_array(x, factor, name, self._factors)
        return x if not np.any(offset) else self._by_array(x, offset, name, self._offsets)

    def _by_array(
        self, x: Value, array: np.ndarray, name: str | None, layer: Callable[[Edge, np.ndarray, bool, str | None], Edge]
    ) -> Value:
        x, numbers, varied = self._over_atoms(x, array)
        n = len(varied)
        last = set(x.ours[len(x.ours) - n :]) == set(varied)
        lead = x.ours[: len(x.ours) - n] if last else x.ours[: min(x.ours.index(atom) for atom in varied)]
        tail = x.ours[len(lead) :]
        shape = [atom.size if atom in varied else 1 for atom in tail]
        if any(atom.size == LENGTH for atom in tail):
            raise ValueError(f"numbers for each place of {x.told()} would depend on a length that differs")
        if size_of(tail) != numbers.size:
            check_repeated(size_of(tail))
        order = [varied.index(atom) for atom in tail if atom in varied]
        numbers = numbers.transpose(order).reshape(shape)
        numbers = np.ascontiguousarray(np.broadcast_to(numbers, [atom.size for atom in tail])).reshape(-1)
        if whole := not lead and len(tail) > 1:
            lead = tail[:1]
        edge = self.arranged(x, [*((atom,) for atom in lead), tail[whole:]])
        return self.same(x, layer(edge, numbers, whole, name))

    def _over_atoms(self, x: Value, array: np.ndarray) -> tuple[Value, np.ndarray, list[Atom]]:
        """The array with an axis for each of the atoms along which it varies."""
        if array.ndim > x.rank:
            x = replace(x, source=((),) * (array.ndim - x.rank) + x.source)
        array = array.reshape((1,) * (x.rank - array.ndim) + array.shape)
        varied: list[Atom] = []
        for axis, n in enumerate(array.shape):
            if n != 1 and n != size_of(x.source[axis]):
                raise ValueError(f"numbers of the shape {array.shape} do not fit {x.told()}")
            varied += x.source[axis] if n != 1 else ()
        if BATCH in varied:
            raise ValueError("known numbers that differ from row to row of the batch have no counterpart")
        return x, array.reshape([atom.size for atom in varied]), varied

    def _factors(self, edge: Edge, numbers: np.ndarray, whole: bool, name: str | None) -> Edge:
        if not whole:
            made: Edge = self.layer("Scale", weights=[numbers], name=name)(edge)
            return made
        flat = Reshape((numbers.size,))(edge)
        return Reshape(edge.shape[1:])(self.layer("Scale", weights=[numbers], name=name)(flat))

    def _offsets(self, edge: Edge, numbers: np.ndarray, whole: bool, name: str | None) -> Edge:
        if whole:
            steps = edge.sizes[0]
            place = self.layer("PositionEmbedding", steps, weights=[numbers.reshape(steps, -1)], name=name)(edge)
            return Add()([edge, place])
        found: Edge = self.layer("Normalization", weights=[-numbers, np.ones_like(numbers)], name=name)(edge)
        return found

    def constant(self, like: Value, numbers: npt.ArrayLike, batch: int = 0) -> Value:
        """Numbers that are known as a value, the same for each row; ``batch`` is where its axis stands among theirs.

        They are the weights of a PositionEmbedding, which needs a value ``like`` it to have rows, and reads none of it.
        """
        numbers = np.asarray(numbers)
        n = max(numbers.size, 1)
        check_repeated(n)
        seed = GlobalMaxPooling1D()(self.arranged(like, [like.ours, ()]))
        rows = RepeatVector(n)(seed)
        edge = self.layer("PositionEmbedding", n, weights=[numbers.reshape(n, 1)])(rows)
        groups: list[Atoms] = [(Atom(size),) if size > 1 else () for size in numbers.shape]
        ours = tuple(atom for group in groups for atom in group)
        return Value(edge, ours, (*groups[:batch], (BATCH,), *groups[batch:]))

    def matmul(self, a: Value, b: Value, name: str | None = None) -> Value:
        """``a @ b`` of two values, sample by sample; axes before the last two are gone through one by one."""
        if a.rank < 3 or b.rank < 3 or not (a.is_apart() and b.is_apart()):
            raise ValueError(f"a product of {a.told()} and {b.told()} would be across rows of the batch")
        if a.rank > 3 or b.rank > 3:
            return self._products(a, b)
        edges = [self.arranged(a, [a.source[1], a.source[2]]), self.arranged(b, [b.source[1], b.source[2]])]
        made = self.layer("Dot", (2, 1), name=name)(edges)
        return self.fresh(made, (1, 2), 3)

    def _products(self, a: Value, b: Value) -> Value:
        if a.rank != b.rank or a.sizes[:-2] != b.sizes[:-2]:
            raise ValueError(f"a product of {a.told()} and {b.told()} is not of equal parts")
        parts = []
        for i in range(a.sizes[1]):
            first, second = (self.squeeze(self.slice(value, 1, i, i + 1), [1]) for value in (a, b))
            parts.append(self.unsqueeze(self.matmul(first, second), [1]))
        return self.concatenate(parts, 1) if len(parts) > 1 else parts[0]


def _refined(first: list[int], second: list[int]) -> list[int]:
    """Sizes whose boundaries are those of both lists; ``ValueError`` where they do not divide each other."""
    found, a, b = [], [*reversed(first)], [*reversed(second)]
    while a and b:
        left, right = a.pop(), b.pop()
        small, large = sorted((left, right))
        if large % small:
            raise ValueError(f"axes made of {first} and of {second} have no common parts")
        found.append(small)
        if left > small:
            a.append(left // small)
        elif right > small:
            b.append(right // small)
    return found
