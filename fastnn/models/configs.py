"""Configurations of models under Keras' names, which survive JSON, as ``get_config`` gives them.

They hold layers and how these call each other, and no weights. A layer that several models have carries a number,
``shared_object_id``, in each of them. :mod:`fastnn.models.config_reading` reads them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastnn import layers as layer_definitions
from fastnn._base.types import Config
from fastnn.layers.base import Layer
from fastnn.layers.edges import Edge
from fastnn.layers.input import InputLayer
from fastnn.layers.parameter import stated
from fastnn.models.instruction import described_training
from fastnn.models.inventory import inventory
from fastnn.models.naming import name_items
from fastnn.models.policies import stored

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

TENSOR = "__keras_tensor__"


def config_of(model: Model) -> Config:
    """The configuration of a model."""
    counts: Counter[int] = Counter()
    for item in inventory(model):
        counts.update(id(inner) for inner in (() if isinstance(item, Layer) else item.items))
    shared = {key: i for i, key in enumerate(key for key, count in counts.items() if count > 1)}
    return _config(model, shared)


def serialize(model: Model) -> Config:
    """A model's class and configuration, and how it is compiled."""
    compiled = described_training(model)
    return _entry(model, config_of(model)) | ({} if compiled is None else {"compile_config": compiled})


def _entry(item: Item, config: dict[str, object]) -> dict[str, object]:
    if isinstance(item, Layer):
        return layer_definitions.serialize(item)
    kind, own = "Sequential" if item.is_chain else "Functional", item.composed_kind
    registered = None if item.is_chain or own == "Model" else own  # for readers alone: the graph says what it does
    return {"module": "fastnn.models", "class_name": kind, "config": config, "registered_name": registered}


def _config(model: Model, shared: dict[int, int]) -> dict[str, object]:
    config = {"name": model.name, "trainable": model.trainable, "dtype": stored(model.dtype_policy)}
    return config | (_of_chain(model, shared) if model.is_chain else _of_graph(model, shared))


def _item(item: Item, shared: dict[int, int]) -> dict[str, object]:
    entry = _entry(item, {} if isinstance(item, Layer) else _config(item, shared))
    return entry | ({"shared_object_id": shared[id(item)]} if id(item) in shared else {})


def _of_chain(model: Model, shared: dict[int, int]) -> dict[str, object]:
    items = model.items
    if not model.knows_shape:
        return {"layers": [_item(item, shared) for item in items]}
    shape = stated(model.layout.input_shape)
    if items[0] is model.layers[0]:  # Keras has a layer for the input, too
        items.insert(0, InputLayer(shape))
        name_items(items)
    return {"layers": [_item(item, shared) for item in items], "build_input_shape": (None, *shape)}


def _of_graph(model: Model, shared: dict[int, int]) -> dict[str, object]:
    graph, histories = model.graph, dict[Edge, list[object]]()
    nodes: dict[int, list[object]] = {id(item): [] for item in graph.items}
    for source, edge in zip(graph.sources, graph.inputs, strict=True):
        histories[edge] = [source.name, 0, 0]
    for call in graph.calls:
        made = nodes[id(call.item)]
        histories.update((edge, [call.item.name, len(made), i]) for i, edge in enumerate(call.outputs))
        read = [_tensor(edge, histories[edge], model) for edge in call.inputs]
        told = {"options": call.options} if call.options else {}
        made.append({"args": read if len(read) == 1 else [read], "kwargs": told})
    layers = [_item(item, shared) | {"name": item.name, "inbound_nodes": nodes[id(item)]} for item in graph.items]
    ins, outs = model.ends
    return {
        "layers": layers,
        "input_layers": ins.join([histories[edge] for edge in graph.inputs]),
        "output_layers": outs.join([histories[edge] for edge in graph.outputs]),
    }


def _tensor(edge: Edge, history: list[object], model: Model) -> dict[str, object]:
    return {
        "class_name": TENSOR,
        "config": {"shape": edge.shape, "dtype": model.dtype.name, "keras_history": history},
    }
