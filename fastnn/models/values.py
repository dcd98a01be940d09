"""What layers and parameters of a graph are called from outside: by the names of models and layers around them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import Outputs
from fastnn._plan.layout import Layout
from fastnn.layers.base import Layer
from fastnn.models.graph import Graph

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.network import Network

Place = Callable[[Sequence[np.ndarray]], Outputs]  # from the arrays of a plan to what a user gets under one name


def named_values(graph: Graph, listed: Collection[int]) -> tuple[dict[str, Place], tuple[int, ...]]:
    """By name where the output of each call is found among arrays, and the edges of the layout that these are.

    ``listed`` are the ids of the input layers whose values are wanted.
    """
    walk = _Walk(graph)
    named: dict[str, tuple[Item, list[int]]] = {}
    for number, source in enumerate(graph.sources):
        if id(source) in listed:
            named[str(source.name)] = source, [number]
    named |= {name: (item, edges) for name, item, edges in walk.calls}
    outputs = tuple(dict.fromkeys(edge for _, edges in named.values() for edge in edges))
    at = {edge: i for i, edge in enumerate(outputs)}
    return {name: _place(item, [at[edge] for edge in edges]) for name, (item, edges) in named.items()}, outputs


def _place(item: Item, numbers: list[int]) -> Place:
    if isinstance(item, Layer):
        return lambda arrays: arrays[numbers[0]]
    return lambda arrays: item.ends[1].join([arrays[number] for number in numbers])


def parameter_names(graph: Graph, layout: Layout) -> list[str]:
    """``"model/layer/parameter"`` for each parameter of a layout."""
    first: dict[int, str] = {}
    for name, item, _ in _Walk(graph).calls:
        first.setdefault(id(item), name)
    return [f"{first[id(layout.layers[v.layer])]}/{v.parameter.name}" for v in layout.variables]


def watched(model: Network) -> list[Item]:
    """All layers and models in a model."""
    found, waiting = [], list(model.items)
    while waiting:
        item = waiting.pop()
        found.append(item)
        waiting += getattr(item, "items", ())
    return found


class _Walk:
    """The calls of layers and of models in a graph, in the order of :func:`fastnn.models.graph.flatten`.

    Attributes
    ----------
    calls : name, layer or model, and the edges of the layout that it makes.
    """

    def __init__(self, graph: Graph):
        self.calls: list[tuple[str, Item, list[int]]] = []
        self.count = len(graph.inputs)
        self._expand(graph, list(range(self.count)), "")

    def _expand(self, graph: Graph, came: Sequence[int], prefix: str) -> list[int]:
        made = dict(zip(graph.inputs, came, strict=True))
        taken, seen = {str(item.name) for item in graph.items}, set()
        for call in graph.calls:
            name = _next(call.item.name, taken) if id(call.item) in seen else call.item.name
            seen.add(id(call.item))
            taken.add(name)
            if isinstance(call.item, Layer):
                written = list(range(self.count, self.count + len(call.outputs)))
                self.count += len(written)
            else:
                written = self._expand(call.item.graph, [made[edge] for edge in call.inputs], f"{prefix}{name}/")
            self.calls.append((prefix + name, call.item, written))
            made.update(zip(call.outputs, written, strict=True))
        return [made[edge] for edge in graph.outputs]


def _next(name: str, taken: Collection[str]) -> str:
    """The name of a further call: the first of ``name_1``, ``name_2`` ... that is free."""
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
