"""A graph as numbers: which of its items read which edges. What copies, files and configurations make graphs from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn._base.types import AnyLayer
from fastnn.layers.base import Layer
from fastnn.layers.edges import Edge
from fastnn.models.graph import Graph, trace

if TYPE_CHECKING:
    from fastnn.models.graph import Item


class Blueprint(NamedTuple):
    """Calls of items by their numbers.

    Attributes
    ----------
    sources : items that are the inputs; their edges are the first.
    calls : ``(item, edges read)`` in running order, behind them the options of a use that has some; each call makes the
        next edges, one for each of its outputs.
    outputs : edges.
    """

    sources: list[int]
    calls: list[tuple[Any, ...]]
    outputs: list[int]


def blueprint(graph: Graph) -> Blueprint:
    """The numbers of a graph, by its ``items``."""
    number = {id(item): i for i, item in enumerate(graph.items)}
    edges = {edge: i for i, edge in enumerate(graph.inputs)}
    calls = []
    for call in graph.calls:
        calls.append(
            (number[id(call.item)], [edges[edge] for edge in call.inputs], *([call.options] if call.options else []))
        )
        for edge in call.outputs:
            edges[edge] = len(edges)
    return Blueprint([number[id(source)] for source in graph.sources], calls, [edges[edge] for edge in graph.outputs])


def graph_from(items: Sequence[AnyLayer], drawn: Blueprint) -> Graph:
    """Call items as a blueprint says; ``ValueError``, ``TypeError`` or ``IndexError`` where they cannot be."""
    edges: list[Edge] = [items[i].edge for i in drawn.sources]
    for i, read, *options in drawn.calls:
        came = [edges[number] for number in read]
        if isinstance(items[i], Layer):
            edges += items[i].called(came, *map(tuple, options))
        else:
            edges += items[i].called(came, whole=True)
    return trace(edges[: len(drawn.sources)], [edges[number] for number in drawn.outputs])


def checked(items: Sequence[Item], sources: object, calls: object, outputs: object) -> Blueprint:
    """The blueprint that a stranger's numbers are; ``ValueError`` or ``TypeError`` where they name nothing."""
    known = [number("sources", i, len(items)) for i in listed("sources", sources, "numbers")]
    if not known or not all(getattr(items[i], "states_input", False) for i in known) or len(set(known)) < len(known):
        raise ValueError(f"sources must be the layers that state an input, each once, got {shown(sources)}")
    count, made = len(known), []
    for call in listed("calls", calls, "calls"):
        if not isinstance(call, list | tuple) or not 2 <= len(call) <= 3:
            raise ValueError(f"a call must be an item, the edges that it reads, and its options, got {shown(call)}")
        item, read, *options = call
        i = number("an item of calls", item, len(items))
        told = [_options(items[i], came) for came in options]
        made.append((i, [number("an edge of calls", edge, count) for edge in listed("edges", read, "numbers")], *told))
        count += n_outputs(items[i], *told)
    ends = [number("outputs", edge, count) for edge in listed("outputs", outputs, "numbers")]
    if not ends or len(set(ends)) < len(ends):
        raise ValueError(f"outputs must be edges, each once, got {shown(outputs)}")
    return Blueprint(known, made, ends)


def _options(item: Item, came: object) -> tuple[str, ...]:
    known = getattr(item, "options", ())
    if not isinstance(came, list | tuple) or not came or any(word not in known for word in came):
        raise ValueError(f"the options of a call must be among {', '.join(known) or 'none'}, got {shown(came)}")
    return tuple(came)


def number(name: str, came: object, end: int) -> int:
    """A number that stands for something before ``end``; else ``ValueError``."""
    if type(came) is not int or not 0 <= came < end:
        raise ValueError(f"{name} must be whole numbers below {end}, got {shown(came)}")
    return came


def n_outputs(item: Item, options: tuple[str, ...] = ()) -> int:
    """How many edges a call of a layer or model makes."""
    if isinstance(item, Layer):
        return item.n_outputs_of(options)
    return 1 if item.is_chain else len(item.graph.outputs)
