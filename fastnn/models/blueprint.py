"""A graph as numbers: which of its items read which edges. What copies, files and configurations make graphs from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastnn.layers.base import Layer
from fastnn.layers.edges import Edge
from fastnn.models.graph import Graph, trace


class Blueprint(NamedTuple):
    """Calls of items by their numbers.

    Attributes
    ----------
    sources : items that are the inputs; their edges are the first.
    calls : ``(item, edges read)`` in running order; each call makes the next edges, one for each of its outputs.
    outputs : edges.
    """

    sources: list[int]
    calls: list[tuple[int, list[int]]]
    outputs: list[int]


def blueprint(graph: Graph) -> Blueprint:
    """The numbers of a graph, by its ``items``."""
    number = {id(item): i for i, item in enumerate(graph.items)}
    edges = {edge: i for i, edge in enumerate(graph.inputs)}
    calls = []
    for call in graph.calls:
        calls.append((number[id(call.item)], [edges[edge] for edge in call.inputs]))
        edges.update((edge, len(edges) + i) for i, edge in enumerate(call.outputs))
    return Blueprint([number[id(source)] for source in graph.sources], calls, [edges[edge] for edge in graph.outputs])


def graph_from(items: Sequence[Any], drawn: Blueprint) -> Graph:
    """Call items as a blueprint says; ``ValueError``, ``TypeError`` or ``IndexError`` where they cannot be."""
    edges: list[Edge] = [items[i].edge for i in drawn.sources]
    for i, read in drawn.calls:
        came = [edges[number] for number in read]
        if isinstance(items[i], Layer):
            edges.append(items[i](came))
        else:
            edges += items[i].called(came, whole=True)
    return trace(edges[: len(drawn.sources)], [edges[number] for number in drawn.outputs])
