"""Edges: what stands for an array while a graph of layers is described.

A layer, or a model, called on edges gives edges. Nothing is computed: an edge knows its shape and the call that made
it, and :class:`fastnn.Model` reads the graph from there. Edges do not change, so a graph has no cycles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NoReturn

from fastnn._base.arguments import shown
from fastnn.layers.advice import OF_YOUR_OWN, instead_of

OPERATORS = {  # what NumPy's functions of numbers and edges are in Python, from the left and from the right
    "add": ("__add__", "__radd__"),
    "subtract": ("__sub__", "__rsub__"),
    "multiply": ("__mul__", "__rmul__"),
    "divide": ("__truediv__", "__rtruediv__"),
    "negative": ("__neg__", ""),
    "absolute": ("__abs__", ""),
}

ARRAYS = "arrays go through a model: Model(x, h).predict(array)"


class Edge:
    """The output of a layer in a graph.

    Parameters
    ----------
    call : what made it.
    index : its place among what that made.
    sizes : shape of one sample.
    others : the same where lengths that differ from batch to batch have their other value.

    Attributes
    ----------
    shape : of the array, with ``None`` for the batch axis, and for a length that differs from batch to batch.
    others : shape of one sample where such lengths have their other value, see :class:`OpenSize`.
    call, index : what made it, and its place among what that made.

    >>> from fastnn.layers import Dense, Input
    >>> x = Input((4,))
    >>> h = Dense(8, name="hidden")(x)
    >>> h.shape, h
    ((None, 8), <edge (None, 8) of 'hidden'>)

    Edges of one shape are added, subtracted and multiplied number by number, as the layers ``Add``, ``Subtract`` and
    ``Multiply`` do; with numbers, by which they may be divided, as ``Rescaling`` does. ``abs(h)`` and ``h ** 2`` are a
    ``Maximum`` and a ``Multiply``, and ``activations.relu(h)`` is an ``Activation``. ``h[:, 0]`` is a ``Cropping1D`` or
    ``Cropping2D`` and a ``Reshape``, see :mod:`fastnn.layers.slicing`.

    >>> 1 - h / 2
    <edge (None, 8) of 'Rescaling(scale=-1.0, offset=1.0)'>
    """

    __slots__ = ("__weakref__", "_sizes", "call", "index", "others")

    def __init__(self, call: Call, index: int, sizes: tuple[int, ...], others: tuple[int, ...]):
        self.call, self.index, self._sizes, self.others = call, index, sizes, others

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (None, *(size if size == other else None for size, other in zip(self._sizes, self.others, strict=True)))

    @property
    def is_open(self) -> bool:
        """Whether a length differs from batch to batch."""
        return self._sizes != self.others

    @property
    def sizes(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._sizes

    @property
    def name(self) -> str:
        """Name of the layer that made it, with its place behind the first; of one without a name yet what it is."""
        made_by = str(self.call.item.name or repr(self.call.item))
        return f"{made_by}_{self.index}" if self.index and hasattr(self.call.item, "n_outputs") else made_by

    def __repr__(self) -> str:
        return f"<edge {self.shape} of {self.name!r}>"

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"{self!r} stands for data that are not there yet, which functions of arrays want: layers, activations, +, "
            f"- and * compute with it; or make a Model of the graph and call it"
        )

    def __array_ufunc__(self, function: Any, method: str, *came: Any, **named: Any) -> Edge:
        left, right = OPERATORS.get(function.__name__, ("", "")) if method == "__call__" and not named else ("", "")
        if isinstance(came[0], Edge) and left:
            found: Edge = getattr(came[0], left)(*came[1:])
            return found
        if right and hasattr(self, right):
            found = getattr(self, right)(came[0])
            return found
        raise self._no_array(function.__name__)

    def __array_function__(self, function: Any, *_: object) -> NoReturn:
        raise self._no_array(function.__name__)

    @classmethod
    def __torch_function__(cls, function: Any, *_: object) -> NoReturn:
        name = function.__name__.strip("_")
        raise TypeError(f"{name} of PyTorch computes with tensors, got an edge of a graph: {instead_of(name)}")

    def __getattr__(self, name: str) -> NoReturn:
        if name[0] == "_" or name in Edge.__slots__:
            raise AttributeError(name)
        told = f"{self!r} is no array, and has no {name!r}: {instead_of(name)}"
        raise AttributeError(told, name=name, obj=self)

    def _no_array(self, name: str) -> TypeError:
        return TypeError(f"{name} computes with arrays, got {self!r}: {instead_of(name)}")

    def _compared(self, other: object) -> NoReturn:
        raise TypeError(f"{self!r} has no value to compare with {shown(other)}; a graph is the same for all data")

    __lt__ = __gt__ = __le__ = __ge__ = _compared

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value; a graph is the same for all data")

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} has no value that could be taken apart")

    def __add__(self, other: object) -> Edge:
        return self._joined("Add", other) if isinstance(other, Edge) else self._scaled(1, self._number(other))

    def __sub__(self, other: object) -> Edge:
        return self._joined("Subtract", other) if isinstance(other, Edge) else self._scaled(1, -self._number(other))

    def __mul__(self, other: object) -> Edge:
        return self._joined("Multiply", other) if isinstance(other, Edge) else self._scaled(self._number(other))

    def __truediv__(self, other: object) -> Edge:
        if isinstance(other, Edge):
            raise TypeError(f"{self!r} is divided by numbers, got {shown(other)}; {OF_YOUR_OWN}")
        divisor = self._number(other)
        if not divisor:
            raise ZeroDivisionError(f"{self!r} divided by 0")
        return self._scaled(1 / divisor)

    def __rtruediv__(self, other: object) -> NoReturn:
        raise TypeError(f"{shown(other)} cannot be divided by {self!r}: a divisor is a number; {OF_YOUR_OWN}")

    def __matmul__(self, other: object) -> NoReturn:
        raise self._no_array("matmul")

    def __rsub__(self, other: object) -> Edge:
        return self._scaled(-1, self._number(other))

    def __neg__(self) -> Edge:
        return self._scaled(-1)

    def __abs__(self) -> Edge:
        return self._joined("Maximum", -self)

    def __pow__(self, power: object) -> Edge:
        if power != 2:
            raise TypeError(f"{self!r} is squared by ** 2, and has no power {shown(power)}; {OF_YOUR_OWN}")
        return self._joined("Multiply", self)

    def __getitem__(self, places: object) -> Edge:
        from fastnn.layers.slicing import sliced

        return sliced(self, places)

    __radd__, __rmul__, __rmatmul__ = __add__, __mul__, __matmul__

    def activated(self, activation: Any) -> Edge:
        """The edge of an ``Activation`` layer, which ``activations.relu(edge)`` and its like give.

        Parameters
        ----------
        activation : a record of :mod:`fastnn.activations`.
        """
        from fastnn.layers import Activation

        return Activation(activation)(self)

    def _joined(self, kind: str, other: Edge) -> Edge:
        from fastnn import layers

        found: Edge = getattr(layers, kind)()([self, other])
        return found

    def _scaled(self, scale: float, offset: float = 0.0) -> Edge:
        from fastnn.layers import Rescaling

        return Rescaling(scale, offset)(self)

    def _number(self, came: object) -> float:
        if isinstance(came, bool) or not isinstance(came, Real):
            raise TypeError(f"{self!r} goes with another edge or a number, got {shown(came)}")
        return float(came)


Edges = Edge | Sequence[Edge] | Mapping[str, Edge]
"""What layers and models are called on, and where graphs begin and end."""

Made = Edge | Any
"""What a call gives: an edge, of several outputs a list of them. Which, no type checker can know."""

Masks = Edge | Sequence[Edge | None] | None
"""Masks of what a layer reads, None for inputs without."""


class Call:
    """One use of a layer or model: the edges that it reads and those that it makes, and words on how."""

    __slots__ = ("inputs", "item", "options", "outputs")

    def __init__(
        self,
        item: Any,
        inputs: Sequence[Edge],
        sizes: Sequence[tuple[int, ...]],
        options: tuple[str, ...] = (),
        others: Sequence[tuple[int, ...]] | None = None,
    ):
        self.item, self.inputs, self.options = item, tuple(inputs), options
        self.outputs = tuple(Edge(self, i, *both) for i, both in enumerate(zip(sizes, others or sizes, strict=True)))

    def __repr__(self) -> str:
        return f"<call of {self.item.name!r}: {list(self.inputs)} -> {list(self.outputs)}>"


def edges_in(came: object, reader: object) -> tuple[Edge, ...]:
    """What a layer is called on as a tuple of edges; ``TypeError`` for anything else."""
    listed = list(came.values()) if isinstance(came, Mapping) else came if isinstance(came, list | tuple) else [came]
    for item in listed:
        if not isinstance(item, Edge):
            raise TypeError(
                f"{reader!r} is called on edges, as in h = layer(Input((4,))), got {shown(item)}; "
                f"{getattr(reader, 'instead_of_arrays', ARRAYS)}"
            )
    if not listed:
        raise ValueError(f"{reader!r} is called on no edge; give it at least one")
    return tuple(listed)


def is_edges(came: object) -> bool:
    """Whether these are edges and no data."""
    if isinstance(came, Mapping):
        came = list(came.values())
    return isinstance(came, Edge) or (isinstance(came, list | tuple) and any(isinstance(item, Edge) for item in came))
