"""The layout: what depends on the layers alone. Who feeds whom, the shapes between, and the place of every parameter.

A chain of layers and a graph have the same layout; a chain is the graph in which each layer reads the one before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from fastnn._base.arguments import shown
from fastnn._base.reprs import call_of, counted
from fastnn.layers.base import Layer
from fastnn.layers.called import how
from fastnn.layers.parameter import Parameter, Shape, other_shape

ALIGN = 16  # elements; 64 bytes in float32, so that no two arrays share a cache line

MOST_NUMBERS = 2**40  # of a sample or a parameter: more than any machine holds, and far within int64


@dataclass(frozen=True, repr=False, slots=True)
class Variable:
    """A parameter of a layer with its place in ``params``."""

    layer: int
    parameter: Parameter
    offset: int
    trained: bool = True
    path: str = ""  # "model/layer/parameter", where it is known

    @property
    def size(self) -> int:
        return math.prod(self.parameter.shape)

    def __repr__(self) -> str:
        return call_of(self)


@dataclass(frozen=True, slots=True)
class Node:
    """One use of a layer: which edges it reads and which it makes. A layer used twice has two nodes."""

    layer: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stream: int  # of its random numbers
    options: tuple[str, ...] = ()  # words of the layer's on this use

    @property
    def how(self) -> dict[str, tuple[str, ...]]:
        """What the layer is told of this use."""
        return how(self.options)


class Carried(NamedTuple):
    """A state that a batch leaves to the next: the one of a layer with this ``number``, ``size`` numbers a row.

    ``place`` is how many numbers a row has of the states before it.
    """

    layer: int
    number: int
    size: int
    place: int


@dataclass(frozen=True)
class Layout:
    """Shapes and places.

    Attributes
    ----------
    layers : all layers, each once.
    shapes : of every edge, one sample.
    nodes : in an order in which every edge is made before it is read.
    inputs, outputs : edges.
    variables : the parameters in the order of ``get_weights``.
    n_params : length of ``params``, padding included.
    frozen_layers : those that are not trained now; what they keep of batches does not move.
    mixed : products of float32 are of numbers rounded to bf16.
    others : of a layout whose lengths differ from batch to batch, every edge's shape at other lengths; see
        :class:`fastnn.layers.parameter.OpenSize`. Nothing can be compiled of it: :meth:`of_sizes` has lengths.
    """

    layers: tuple[Layer, ...]
    shapes: tuple[Shape, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    variables: tuple[Variable, ...]
    n_params: int
    frozen_layers: frozenset[int] = frozenset()
    others: tuple[Shape, ...] = ()
    mixed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether lengths differ from batch to batch."""
        return bool(self.others)

    def stated(self, edges: Sequence[int]) -> list[tuple[int | None, ...]]:
        """Shapes of edges with None for lengths that differ."""
        if not self.others:
            return [self.shapes[edge] for edge in edges]
        both = ((self.shapes[edge], self.others[edge]) for edge in edges)
        return [tuple(a if a == b else None for a, b in zip(*shapes, strict=True)) for shapes in both]

    def of_sizes(self, sizes: Sequence[int]) -> Layout:
        """The layout for inputs of so many numbers a sample."""
        shapes: list[Shape] = []
        for shape, size in zip(self.stated(self.inputs), sizes, strict=True):
            known = math.prod(n for n in shape if n is not None)
            shapes.append(tuple(size // known if n is None else n for n in shape))
        return replace(self, shapes=_all_shapes(self.layers, shapes, self.nodes), others=())

    @cached_property
    def input_shapes(self) -> tuple[Shape, ...]:
        return tuple(self.shapes[edge] for edge in self.inputs)

    @cached_property
    def output_shapes(self) -> tuple[Shape, ...]:
        return tuple(self.shapes[edge] for edge in self.outputs)

    @cached_property
    def carried(self) -> tuple[Carried, ...]:
        """The states that batches hand on."""
        sizes = [(i, k, n) for i, layer in enumerate(self.layers) for k, n in enumerate(layer.carries)]
        places = itertools.accumulate((n for *_, n in sizes), initial=0)
        return tuple(Carried(*state, place) for state, place in zip(sizes, places, strict=False))

    @property
    def n_carried(self) -> int:
        """Numbers that a row of a batch has of all of them."""
        return sum(state.size for state in self.carried)

    @cached_property
    def afresh(self) -> Layout:
        """The same where every batch begins with zeros."""
        return replace(self, layers=tuple(layer.afresh() for layer in self.layers)) if self.carried else self

    @cached_property
    def n_ids(self) -> tuple[int | None, ...]:
        """For each input, below what its numbers are where they stand for rows of a table; None for real numbers."""
        found = [
            [self.layers[node.layer].n_ids for node in self.nodes if node.inputs[:1] == (edge,)] for edge in self.inputs
        ]
        return tuple(min((n for n in own if n is not None), default=None) for own in found)

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample of the first input."""
        return self.shapes[self.inputs[0]]

    @property
    def output_shape(self) -> Shape:
        """Shape of one prediction of the first output."""
        return self.shapes[self.outputs[0]]

    def at(self, offsets: Sequence[Sequence[int]], n_params: int) -> Layout:
        """The same with parameters elsewhere: ``offsets`` of each layer's in a vector of ``n_params`` numbers."""
        places = [offset for own in offsets for offset in own]
        if n_params == self.n_params and places == [variable.offset for variable in self.variables]:
            return self
        pairs = zip(self.variables, places, strict=True)
        moved = [Variable(v.layer, v.parameter, offset, v.trained, v.path) for v, offset in pairs]
        return replace(self, variables=tuple(moved), n_params=n_params)

    def named(self, paths: Sequence[str]) -> Layout:
        """The same where each parameter has the name that users know it by."""
        pairs = zip(self.variables, paths, strict=True)
        told = [Variable(v.layer, v.parameter, v.offset, v.trained, path) for v, path in pairs]
        return replace(self, variables=tuple(told))

    def frozen(self, layers: Collection[int]) -> Layout:
        """The same where these layers are not trained, and all others are."""
        trained = [v.layer not in layers and v.parameter.trainable for v in self.variables]
        pairs = zip(self.variables, trained, strict=True)
        told = [Variable(v.layer, v.parameter, v.offset, is_trained, v.path) for v, is_trained in pairs]
        return replace(self, variables=tuple(told), frozen_layers=frozenset(layers))

    def untrained(self) -> Layout:
        """The same where nothing is trained, and all layers act as they do now."""
        return replace(self, variables=tuple(replace(v, trained=False) for v in self.variables))

    def of_layer(self, index: int) -> tuple[Variable, ...]:
        """The parameters of one layer."""
        return tuple(v for v in self.variables if v.layer == index)

    def __repr__(self) -> str:
        ins, outs = (", ".join(map(str, shapes)) for shapes in (self.input_shapes, self.output_shapes))
        return f"<Layout of {counted(len(self.layers), 'layer')}, {ins} -> {outs}, {counted(self.n_params, 'param')}>"


def lay_out(layers: Sequence[Layer], input_shape: Shape, frozen: Collection[int] = ()) -> Layout:
    """The layout of a chain of layers."""
    nodes = ((i, (i,)) for i in range(len(layers)))
    return lay_out_graph(layers, nodes, [input_shape], [len(layers)], frozen)


def lay_out_graph(
    layers: Sequence[Layer],
    nodes: Iterable[tuple[int, tuple[int, ...], *tuple[tuple[str, ...], ...]]],
    input_shapes: Sequence[Shape],
    outputs: Sequence[int],
    frozen: Collection[int] = (),
    first_stream: int = 0,
    mixed: bool = False,
) -> Layout:
    """The layout of a graph whose parameters stand in a vector of their own, in the order of the layers.

    Parameters
    ----------
    layers : each once.
    nodes : ``(layer, edges read)``, or with options of the use behind them; edges ``0 ... len(input_shapes) - 1`` are
        the inputs, and each node makes the next edges, one for each output of its layer.
    outputs : edges.
    frozen : layers whose parameters are not trained.
    first_stream : random numbers of the i-th node come from stream ``first_stream + i``.
    mixed : products are of numbers rounded to bf16.

    Raises
    ------
    ValueError
        a shape does not fit a layer, or would hold more numbers than any machine.
    """
    shapes: list[Shape] = []
    made: list[Node] = []
    uses: dict[int, Node] = {}  # the first of each layer
    for shape in input_shapes:
        _check_size("the input", shape)
        shapes.append(shape)
    for stream, (layer, edges, *how_used) in enumerate(nodes, first_stream):
        came = tuple(shapes[edge] for edge in edges)
        first, options = len(shapes), how_used[0] if how_used else ()
        shapes += _output_shapes(layer, layers[layer], came, options, first=not made)
        made.append(Node(layer, edges, tuple(range(first, len(shapes))), stream, options))
        if uses.setdefault(layer, made[-1]) is not made[-1] and layers[layer].carries:
            raise ValueError(
                f"{layers[layer]!r} is stateful and called twice, and has one state of each row; use two layers"
            )
    others = _others(layers, shapes[: len(input_shapes)], made)
    variables, n_params = _place(layers, shapes, uses, frozen)
    inputs = tuple(range(len(input_shapes)))
    told = tuple(layers), tuple(shapes), tuple(made), inputs, tuple(outputs), variables, n_params
    return Layout(*told, frozen_layers=frozenset(frozen), others=others, mixed=mixed)


def _others(layers: Sequence[Layer], inputs: Sequence[Shape], nodes: Sequence[Node]) -> tuple[Shape, ...]:
    """All shapes once more where open sizes have their other value; nothing where no size is open."""
    shapes = [other_shape(shape) for shape in inputs]
    return () if shapes == list(inputs) else _all_shapes(layers, shapes, nodes)


def _all_shapes(layers: Sequence[Layer], inputs: Sequence[Shape], nodes: Sequence[Node]) -> tuple[Shape, ...]:
    """The shape of every edge where the inputs have these."""
    shapes = list(inputs)
    for node in nodes:
        shapes += layers[node.layer].output_shapes(*(shapes[edge] for edge in node.inputs), **node.how)
    return tuple(shapes)


def _output_shapes(
    number: int, layer: Layer, came: tuple[Shape, ...], options: tuple[str, ...], first: bool
) -> list[Shape]:
    made = layer.output_shapes(*came, **how(options))
    if not first and layer.input_shape not in (None, came[0]):
        raise ValueError(f"layer {number} was given the input_shape {layer.input_shape}, and gets {came[0]} here")
    for shape in made:
        _check_size(f"the output of layer {number}", shape)
    return made


def _place(
    layers: Sequence[Layer], shapes: Sequence[Shape], uses: dict[int, Node], frozen: Collection[int]
) -> tuple[tuple[Variable, ...], int]:
    """Variables one behind the other, and the length of all."""
    variables: list[Variable] = []
    at = 0
    for i, layer in enumerate(layers):
        came = [shapes[edge] for edge in uses[i].inputs] if i in uses else []
        for parameter in layer.parameters(*came, **uses[i].how) if i in uses else ():
            _check_size(f"{parameter.name} of layer {i}", parameter.shape)
            variables.append(Variable(i, parameter, at, i not in frozen and parameter.trainable))
            at += padded(variables[-1].size)
    return tuple(variables), at


def _check_size(name: str, shape: Shape) -> None:
    if math.prod(shape) > MOST_NUMBERS:
        raise ValueError(f"{name} may hold 2**40 numbers, got the shape {shown(shape)}")


def padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
