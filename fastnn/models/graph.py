"""The graph of a model: which layers and models call which, from its inputs to its outputs.

:func:`trace` reads it from edges, :func:`flatten` turns it into the graph of layers alone that a plan is laid out from:
models inside it become their layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from fastnn._base.reprs import counted
from fastnn.layers.base import Layer
from fastnn.layers.composition import Composition
from fastnn.layers.edges import Call, Edge
from fastnn.layers.input import InputLayer

if TYPE_CHECKING:
    from fastnn.models.model import Model

    Item: TypeAlias = Layer | Model  # what may be called in a graph


@dataclass(frozen=True)
class Graph:
    """Calls between edges.

    Attributes
    ----------
    inputs, outputs : edges.
    calls : in an order in which every edge is made before it is read; those of inputs are not among them.
    sources : the layers of the inputs.
    items : the layers and models that are called, each once, those of inputs too; in the order of Keras' ``layers``:
        by their distance from the outputs, the farthest first.
    """

    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]
    calls: tuple[Call, ...]
    items: tuple[Item, ...]
    sources: tuple[InputLayer, ...]

    def models(self) -> list[Model]:
        """The models inside, at any depth."""
        own = [item for item in self.items if not isinstance(item, Layer)]
        return own + [inner for item in own for inner in item.graph.models()]

    def edges_of(self, item: Item) -> list[Edge]:
        """What the uses of a layer or model make; of the layer of an input, its edge."""
        made = [edge for call in self.calls if call.item is item for edge in call.outputs]
        return made or [edge for edge, source in zip(self.inputs, self.sources, strict=True) if source is item]

    @property
    def is_chain(self) -> bool:
        """Whether each call reads what the one before made, from one input to one output."""
        made = [*self.inputs, *(edge for call in self.calls for edge in call.outputs)]
        read = [edge for call in self.calls for edge in call.inputs]
        return len(self.inputs) == 1 and read == made[:-1] and self.outputs == (made[-1],)

    def __repr__(self) -> str:
        return f"<graph of {counted(len(self.items), 'layer')}, {list(self.inputs)} -> {list(self.outputs)}>"


@dataclass(eq=False)
class Flat:
    """A graph of layers alone, as :func:`fastnn._plan.layout.lay_out_graph` takes it.

    Attributes
    ----------
    layers : each once, in the order of ``get_weights``.
    frozen : places of those among them that are not trained.
    nodes : ``(layer, edges read, options)``; the first edges are the inputs, and each node makes the next ones.
    outputs : edges.
    n_edges : how many there are.
    """

    layers: list[Layer] = field(default_factory=list)
    frozen: set[int] = field(default_factory=set)
    nodes: list[tuple[int, tuple[int, ...], tuple[str, ...]]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    n_edges: int = 0


def trace(inputs: Sequence[Edge], outputs: Sequence[Edge]) -> Graph:
    """The graph between edges.

    Raises
    ------
    ValueError
        an output depends on an edge that no input leads to, or an input leads to no output; layers are named.
    """
    walk = _Walk(inputs)
    for edge in outputs:
        walk.visit(edge)
    for edge in inputs:
        walk.meet(walk.source(edge), -1)
    unread = [edge for edge in inputs if edge not in walk.read and edge not in outputs]
    if unread:
        raise ValueError(f"the input {unread[0].name!r} leads to no output; leave it out of the inputs, or use it")
    items, sources = _by_depth(inputs, walk), walk.inputs.values()
    return Graph(tuple(inputs), tuple(outputs), tuple(walk.calls), tuple(items), tuple(sources))


class _Walk:
    """A walk from outputs back to inputs, as Keras does it, so that layers stand in Keras' order."""

    def __init__(self, inputs: Sequence[Edge]):
        self.inputs = {edge: _source(edge, i) for i, edge in enumerate(inputs)}
        self.calls: list[Call] = []
        self.rank: dict[int, int] = {}  # of an item, by id: when it was first met
        self.items: dict[int, Item] = {}
        self.read: set[Edge] = set()
        self._done: set[Call] = set()

    def visit(self, edge: Edge) -> None:
        """Visit what made an edge and all before it; without recursion, for a graph may be deep."""
        waiting: list[tuple[Edge, bool]] = [(edge, False)]
        while waiting:
            edge, whole = waiting.pop()
            call = resolved(edge)
            if whole:
                if call not in self._done:
                    self._done.add(call)
                    self.calls.append(call)
                continue
            self.meet(self.source(edge), len(self.rank))
            if edge in self.inputs or call in self._done:
                continue
            if not call.inputs:
                raise ValueError(
                    f"the outputs need the input {edge.name!r}, which is not among the model's inputs "
                    f"({', '.join(repr(known.name) for known in self.inputs)}); add it there"
                )
            self.read.update(call.inputs)
            waiting.append((edge, True))
            waiting += [(before, False) for before in reversed(call.inputs)]

    def source(self, edge: Edge) -> Item:
        """What makes an edge in this graph: of its inputs that is a layer that only states their shape."""
        found: Item = self.inputs[edge] if edge in self.inputs else resolved(edge).item
        return found

    def meet(self, item: Item, rank: int) -> None:
        """List an item, when it is met for the first time."""
        self.rank.setdefault(id(item), rank)
        self.items.setdefault(id(item), item)


def resolved(edge: Edge) -> Call:
    """The call that made an edge; that of a composed layer becomes the call of its model here."""
    call = edge.call
    if isinstance(call.item, Composition):
        from fastnn.models.composed import model_of

        call.item = model_of(call.item)
        call.item.read_by(call.outputs)
    return call


def _source(edge: Edge, number: int) -> InputLayer:
    """The layer of an input; an edge in the middle of another graph gets one of its own."""
    item = edge.call.item
    if isinstance(item, InputLayer):
        return item
    return InputLayer(edge.sizes, name=f"input_of_{edge.name}" if number == 0 else f"input_of_{edge.name}_{number}")


def _by_depth(inputs: Sequence[Edge], walk: _Walk) -> list[Item]:
    """Items by their distance from the outputs, the farthest first, then by when they were met."""
    depth: dict[int, int] = {}
    of_maker: dict[Call | Edge, int] = {}  # of a call, and of an input, which may stand in the middle of another graph
    for call in reversed(walk.calls):
        here = of_maker[call] = depth[id(call.item)] = max(of_maker.get(call, 0), depth.get(id(call.item), 0))
        for edge in call.inputs:
            before = edge if edge in walk.inputs else edge.call
            of_maker[before] = max(of_maker.get(before, 0), here + 1)
    for edge in inputs:
        item = walk.source(edge)
        depth[id(item)] = max(of_maker.get(edge, 0), depth.get(id(item), 0))
    return sorted(walk.items.values(), key=lambda item: (-depth[id(item)], walk.rank[id(item)]))


def flatten(graph: Graph, trainable: bool = True) -> Flat:
    """The layers of a graph and of all models inside it, and how they call each other."""
    flat, index = Flat(), dict[int, int]()
    _collect(graph, flat, index, trainable)

    def expand(graph: Graph, came: Sequence[int]) -> list[int]:
        made = dict(zip(graph.inputs, came, strict=True))
        for call in graph.calls:
            read = [made[edge] for edge in call.inputs]
            if isinstance(call.item, Layer):
                flat.nodes.append((index[id(call.item)], tuple(read), call.options))
                written = list(range(flat.n_edges, flat.n_edges + len(call.outputs)))
                flat.n_edges += len(written)
            else:
                written = expand(call.item.graph, read)
            made.update(zip(call.outputs, written, strict=True))
        return [made[edge] for edge in graph.outputs]

    flat.n_edges = len(graph.inputs)
    flat.outputs = expand(graph, range(flat.n_edges))
    return flat


def _collect(graph: Graph, flat: Flat, index: dict[int, int], trained: bool) -> None:
    """List the layers of a graph and of models in it; a layer is trained where one way to it is."""
    for item in graph.items:
        if not isinstance(item, Layer):
            _collect(item.graph, flat, index, trained and item.trainable)
        elif not item.states_input:
            at = index.setdefault(id(item), len(flat.layers))
            if at == len(flat.layers):
                flat.layers.append(item)
                flat.frozen.add(at)
            if trained and item.trainable:
                flat.frozen.discard(at)
