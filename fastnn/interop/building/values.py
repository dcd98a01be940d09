"""An array of another library while our model of it is built: an edge of ours, and how the source's axes lie in it.

Design: the source's axes are made of atoms, and so are the edge's. A transpose of the source's puts its axes into
another order, a reshape puts atoms into other groups or splits one, and neither adds a layer. Only who reads numbers
says which axes it wants (:meth:`Arranging.arranged`), and a Permute layer is made if the edge has them in another
order. So the transposes around a convolution that wants its channels first cancel without being looked for, and a
flatten behind convolutions costs nothing where a linear layer follows, whose rows go into another order instead.
(Values that are either channels-first or channels-last, rejected: sequences have a third order, steps first, and
attention merges the batch with the heads.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from fastnn.layers import Flatten, Permute, Reshape
from fastnn.layers.edges import Edge

ROWS, LENGTH = 1_000_003, 1_000_033  # primes that stand for the batch and for a length that differs


@dataclass(frozen=True, eq=False)
class Atom:
    """A part of an axis; ``size`` is :data:`ROWS` for the batch and :data:`LENGTH` for lengths that differ."""

    size: int

    def __repr__(self) -> str:
        return {ROWS: "rows", LENGTH: "length"}.get(self.size, str(self.size))


BATCH = Atom(ROWS)
MOST_REPEATED = 1 << 24  # numbers of an array that is made of fewer, for a graph of a few bytes may ask for any


def check_repeated(size: int) -> None:
    """``ValueError`` for an array that is larger than what few numbers may become."""
    if size > MOST_REPEATED:
        raise ValueError(f"{size} numbers would be made of few, more than {MOST_REPEATED}")


Atoms = tuple[Atom, ...]


def size_of(atoms: Iterable[Atom]) -> int:
    """Numbers along an axis."""
    return math.prod(atom.size for atom in atoms)


@dataclass(frozen=True, eq=False)
class Value:
    """An array of the source's.

    Attributes
    ----------
    edge : ours.
    ours : the atoms of the edge's samples in row-major order; how they are grouped into axes is the edge's affair.
    source : of each axis of the source's array, the batch among them, its atoms; none for a size of 1.
    positive : whether no number is below 0.
    made : what made the edge, where a later operation may become part of it.
    """

    edge: Edge
    ours: Atoms
    source: tuple[Atoms, ...]
    positive: bool = False
    made: Any = field(default=None, repr=False)

    @property
    def rank(self) -> int:
        """Axes of the source's array, the batch among them."""
        return len(self.source)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The source's shape, :data:`ROWS` for the batch and :data:`LENGTH` for a length that differs."""
        return tuple(map(size_of, self.source))

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The source's shape, None for what differs from batch to batch."""
        return tuple(None if n % ROWS == 0 or n % LENGTH == 0 else n for n in self.sizes)

    def told(self) -> str:
        """The shape for messages."""
        return str(self.shape)

    def axis(self, axis: int) -> int:
        """An axis of the source's counted from 0."""
        if not -self.rank <= axis < self.rank:
            raise ValueError(f"there is no axis {axis} in the shape {self.told()}")
        return axis % self.rank

    def is_apart(self, axis: int = 0) -> bool:
        """Whether the batch is an axis by itself, this one."""
        return self.source[axis] == (BATCH,)


class Arranging:
    """Edges of values with the axes that an operation wants."""

    def __init__(self) -> None:
        self._arranged: dict[tuple[object, ...], Edge] = {}

    def arranged(self, value: Value, groups: Sequence[Atoms]) -> Edge:
        """An edge whose samples have these groups of atoms as axes, each atom of the value's once."""
        groups = tuple(map(tuple, groups)) or ((),)
        wanted = tuple(atom for group in groups for atom in group)
        key = (value.edge, value.ours, groups)
        if key not in self._arranged:
            edge = value.edge if wanted == value.ours else self._in_order(value, wanted)
            self._arranged[key] = reshaped(edge, groups)
        return self._arranged[key]

    @staticmethod
    def _in_order(value: Value, wanted: Atoms) -> Edge:
        if sorted(map(id, wanted)) != sorted(map(id, value.ours)):
            raise ValueError(f"the axes {value.told()} cannot be taken apart as they would have to be")
        runs = _axes(value, wanted) or list(_runs(value.ours, wanted))
        edge = reshaped(value.edge, runs)
        order = sorted(range(len(runs)), key=lambda i: wanted.index(runs[i][0]))
        return Permute(tuple(i + 1 for i in order))(edge)


def reshaped(edge: Edge, groups: Sequence[Atoms]) -> Edge:
    """The edge with axes of these sizes, itself where it has them."""
    sizes = [size_of(group) for group in groups]
    if tuple(LENGTH if n is None else n for n in edge.shape[1:]) == tuple(sizes):
        return edge
    if len(sizes) == 1 and sizes[0] % LENGTH:
        return Flatten()(edge)
    return Reshape(tuple(-1 if n % LENGTH == 0 else n for n in sizes))(edge)


def _axes(value: Value, wanted: Atoms) -> list[Atoms] | None:
    """The atoms of the edge's axes, where each axis stays whole in the other order."""
    sizes = [LENGTH if n is None else n for n in value.edge.shape[1:]]
    try:
        groups, parts = split(value.ours, sizes)
    except ValueError:
        return None
    place = {atom: i for i, atom in enumerate(wanted)}
    whole = all(place[b] == place[a] + 1 for group in groups for a, b in pairwise(group))
    return groups if whole and all(groups) and not parts else None


def _runs(ours: Atoms, wanted: Atoms) -> Iterator[Atoms]:
    """Atoms that stand side by side in both orders, in the first one."""
    run: list[Atom] = []
    place = {atom: i for i, atom in enumerate(wanted)}
    for atom in ours:
        if run and place[atom] != place[run[-1]] + 1:
            yield tuple(run)
            run = []
        run.append(atom)
    if run:
        yield tuple(run)


def split(atoms: Sequence[Atom], sizes: Sequence[int]) -> tuple[list[Atoms], dict[Atom, Atoms]]:
    """Groups of these sizes, of atoms one behind the other; and those that were split, with their parts.

    Raises
    ------
    ValueError
        a boundary lies inside an atom where it has no divisor.
    """
    waiting, parts, groups = [*reversed(atoms)], dict[Atom, Atoms](), []
    for size in sizes:
        group: list[Atom] = []
        while size > 1:
            atom = waiting.pop() if waiting else Atom(0)
            if atom.size and size % atom.size == 0:
                group.append(atom)
                size //= atom.size
            elif atom.size and atom.size % size == 0 and atom.size not in (ROWS, LENGTH):
                first, rest = Atom(size), Atom(atom.size // size)
                whole = next((known for known, of in parts.items() if of[-1] is atom), atom)
                parts[whole] = (*parts.get(whole, (atom,))[:-1], first, rest)
                waiting.append(rest)
                group.append(first)
                size = 1
            else:
                raise ValueError("an axis cannot be split there")
        groups.append(tuple(group))
    if waiting:
        raise ValueError("there are more numbers than that")
    return groups, parts


def replaced(value: Value, parts: dict[Atom, Atoms], source: Sequence[Atoms] | None = None) -> Value:
    """The value with atoms split into parts."""

    def apart(atoms: Iterable[Atom]) -> Atoms:
        return tuple(part for atom in atoms for part in parts.get(atom, (atom,)))

    groups = value.source if source is None else source
    return Value(value.edge, apart(value.ours), tuple(map(apart, groups)), value.positive, value.made)
