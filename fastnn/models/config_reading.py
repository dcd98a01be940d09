"""Models of configurations, see :mod:`fastnn.models.configs`; also of those that Keras 3 writes.

A configuration is checked as a file is: what it means is done, all else is a ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn import layers as layer_definitions
from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn._base.types import AnyLayer, Stored
from fastnn.layers.base import Layer
from fastnn.layers.parameter import check_shape, without_batch
from fastnn.models.blueprint import Blueprint, checked, graph_from, n_outputs
from fastnn.models.configs import TENSOR
from fastnn.models.instruction import train_as
from fastnn.models.inventory import check_uses, inventory
from fastnn.models.structure import Structure

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

MODELS = ("Functional", "Model", "Sequential")
Key = tuple[str, int]  # of a call: the name of the layer, and which of its calls


class Reader:
    """Makes models of configurations.

    Parameters
    ----------
    custom : classes of layers of the user's own, by name.
    """

    def __init__(self, custom: Mapping[str, Any] | None = None):
        self.custom = dict(custom or {})
        self.shared: dict[int, Item] = {}

    def model(self, entry: object) -> Model:
        """The model of an entry with a class and a configuration."""
        made = self._model(entry)
        check_uses(inventory(made))
        return made

    def _model(self, entry: Stored) -> Model:
        kind = _config_in(entry)["class_name"]
        if kind not in MODELS:
            raise ValueError(f"class_name must be one of {', '.join(MODELS)}, got {shown(kind)}")
        with _in_words():
            config = entry.get("config")
            made = self._chain(config) if kind == "Sequential" else self._graph(config)
            if entry.get("compile_config"):
                compile_as(made, entry["compile_config"], self.custom)
        return made

    def config(self, config: object, is_chain: bool) -> AnyLayer:
        """The model of a configuration."""
        with _in_words():
            made = self._chain(config) if is_chain else self._graph(config)
        check_uses(inventory(made))
        return made

    def _item(self, entry: Stored) -> Item:
        number = _config_in(entry).get("shared_object_id")
        if type(number) is int and number in self.shared:
            return self.shared[number]
        is_model = entry["class_name"] in MODELS
        item = self._model(entry) if is_model else layer_definitions.deserialize(entry, self.custom)
        if number is not None:
            self.shared[number] = item
        return item

    def _chain(self, config: Stored) -> Model:
        from fastnn.models.sequential import Sequential

        if "input_layers" in _config_in(config, "layers"):
            return self._chain_of_graph(config)
        items = [self._item(entry) for entry in listed("layers", config["layers"], "layers")]
        model = Sequential(items, dtype=_dtype(config), name=config.get("name"))
        model.mark(config.get("trainable", True))
        shape = config.get("build_input_shape")
        if shape is not None and items:
            model.build(check_shape("build_input_shape", without_batch(shape), may_be_open=True))
        return model

    def _chain_of_graph(self, config: Stored) -> Model:
        """A Sequential of the configuration of a graph, where that is a chain."""
        from fastnn.models.sequential import Sequential

        graph = self._graph(config)
        items = graph.items
        read = [call.inputs for call in graph.graph.calls]
        made = [*graph.inputs, *(edge for call in graph.graph.calls for edge in call.outputs)]
        if read != [(edge,) for edge in made[:-1]] or graph.outputs != made[-1:] or len(items) != len(made):
            raise ValueError("the config is of a graph that is no chain; use Model.from_config")
        chain = Sequential(items, dtype=_dtype(config), name=config.get("name"))
        chain.mark(graph.trainable)
        return chain

    def _graph(self, config: Stored) -> Model:
        from fastnn.models.model import Model

        if "input_layers" not in _config_in(config, "layers"):
            raise ValueError("the config lacks 'input_layers'; that of a Sequential goes to Sequential.from_config")
        entries = listed("layers", config["layers"], "layers")
        items = [self._item(entry) for entry in entries]
        known = [_name_in(entry, item) for entry, item in zip(entries, items, strict=True)]
        if len(set(known)) < len(known):
            raise ValueError(f"two layers of the config have one name: {shown(Counter(known).most_common(1)[0][0])}")
        drawn, ends = _drawn(config, entries, items, known)
        model = Model.waiting(_dtype(config), name=config.get("name"))
        model.mark(config.get("trainable", True))
        model.draft(graph_from(items, drawn), ends)
        check_uses(inventory(model))
        model.settle_in()
        return model


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """A block in which what a configuration lacks, or has too deep inside, becomes an error in words."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"the config of a model lacks {error}") from None
    except RecursionError:
        raise ValueError("the config has models in models too deeply") from None


def _config_in(came: object, key: str = "class_name") -> Mapping[str, Stored]:
    if not isinstance(came, Mapping) or key not in came:
        raise TypeError(f"a config must be a dict with {key!r}, as get_config gives it, got {shown(came)}")
    return came


def compile_as(model: Model, stored: Stored, custom: Mapping[str, object]) -> None:
    """Compile a model as its configuration has it, in our words or in Keras'."""
    optimizer = _config_in(stored, "optimizer")["optimizer"]
    if isinstance(optimizer, Mapping) and "class_name" not in optimizer:
        train_as(model, stored, dict(custom))
        return
    named = ("loss", "loss_weights", "metrics", "weighted_metrics")
    model.compile(optimizer, **{name: stored.get(name) for name in named})


def _name_in(entry: Stored, item: Item) -> str:
    name = entry.get("name", item.name)
    if not isinstance(name, str) or name != item.name:
        raise ValueError(f"an entry of layers is named {shown(name)}, and its config {shown(item.name)}")
    return name


def _dtype(config: Stored) -> Stored:
    dtype = config.get("dtype")
    if isinstance(dtype, Mapping):  # a policy of Keras'
        dtype = _config_in(dtype.get("config"), "name")["name"]
    return "float32" if dtype is None else dtype


def _drawn(
    config: Stored, entries: Sequence[Stored], items: Sequence[Item], known: Sequence[str]
) -> tuple[Blueprint, tuple[Structure, Structure]]:
    """The calls of a configuration in running order, and the ends of the graph."""
    place = {name: i for i, name in enumerate(known)}
    in_names, in_form, sources = _ends("input_layers", config["input_layers"])
    out_names, out_form, ends = _ends("output_layers", config["output_layers"])
    first: dict[Key, int] = {}
    for name, node, tensor in sources:
        if place.get(name) is None or (node, tensor) != (0, 0):
            raise ValueError(f"input_layers has {shown([name, node, tensor])}, which is no input")
        first[name, 0] = len(first)
    wanted = {
        (name, node): _tensors(_config_in(call, "args"))
        for name, entry in zip(known, entries, strict=True)
        for node, call in enumerate(listed("inbound_nodes", entry.get("inbound_nodes", ()), "calls"))
    }
    options = {
        (name, node): (call.get("kwargs") or {}).get("options")
        for name, entry in zip(known, entries, strict=True)
        for node, call in enumerate(entry.get("inbound_nodes", ()))
    }
    counts: dict[Key, int] = {(name, 0): 1 for name, *_ in sources}
    calls: list[tuple[Any, ...]] = []
    count = len(first)
    for key in _in_running_order(wanted, first):
        read = [_edge(history, first, counts) for history in wanted[key]]
        calls.append((place[key[0]], read, *([options[key]] if options[key] else [])))
        first[key] = count
        counts[key] = n_outputs(items[place[key[0]]], *calls[-1][2:])
        count += counts[key]
    outputs = [_edge(history, first, counts) for history in ends]
    drawn = checked(items, [place[name] for name, *_ in sources], calls, outputs)
    makers = tuple(_name_of_edge(items[place[name]], tensor) for name, _, tensor in ends)
    ins = Structure("inputs", in_names or tuple(name for name, *_ in sources), in_form)
    return drawn, (ins, Structure("outputs", out_names or makers, out_form))


def _name_of_edge(item: Item, tensor: int) -> str:
    """As :attr:`Edge.name` has it."""
    return f"{item.name}_{tensor}" if tensor and isinstance(item, Layer) else str(item.name)


def _in_running_order(wanted: Mapping[Key, list[tuple[str, int, int]]], ready: Mapping[Key, int]) -> list[Key]:
    """Calls, each behind those whose edges it reads; ``ValueError`` where there is no such order."""
    missing, readers = {}, dict[Key, list[Key]]()
    for key, histories in wanted.items():
        before = {(name, node) for name, node, _ in histories} - ready.keys()
        missing[key] = len(before)
        for other in before:
            readers.setdefault(other, []).append(key)
    waiting = deque(key for key, count in missing.items() if not count)
    order = []
    while waiting:
        order.append(waiting.popleft())
        for key in readers.get(order[-1], ()):
            missing[key] -= 1
            if not missing[key]:
                waiting.append(key)
    if len(order) < len(wanted):
        stuck = next(key[0] for key in wanted if missing[key])
        raise ValueError(f"layer {stuck!r} reads an edge that nothing makes before it: the graph has a cycle or a gap")
    return order


def _edge(history: tuple[str, int, int], first: Mapping[Key, int], counts: Mapping[Key, int]) -> int:
    name, node, tensor = history
    if (name, node) not in first or not 0 <= tensor < counts[name, node]:
        raise ValueError(f"the config has {shown(list(history))}, which nothing makes")
    return int(first[name, node] + tensor)


def _ends(argument: str, came: object) -> tuple[tuple[str, ...] | None, str, list[tuple[str, int, int]]]:
    """Names in dicts, the form, and the histories of the edges at one end."""
    if isinstance(came, Mapping):
        return tuple(map(str, came)), "dict", [_history(inner) for inner in came.values()]
    entries = listed(argument, came, "layers")
    if len(entries) == 3 and isinstance(entries[0], str):
        return None, "one", [_history(entries)]
    return None, "list", [_history(inner) for inner in entries]


def _history(came: Stored) -> tuple[str, int, int]:
    is_triple = isinstance(came, list | tuple) and len(came) == 3
    if not is_triple or not isinstance(came[0], str) or not all(type(number) is int for number in came[1:]):
        raise ValueError(f"an edge must be a layer's name, its call and its output, got {shown(came)}")
    return came[0], came[1], came[2]


def _tensors(call: Stored) -> list[tuple[str, int, int]]:
    """The edges that a call reads, as they stand in its arguments."""
    told = dict(call.get("kwargs") or {})
    unread = {name: value for name, value in told.items() if value is not None and name != "options"}
    if unread:
        raise ValueError(f"a call has {shown(next(iter(unread)))}, which no layer reads")
    found, waiting = [], [call["args"]]
    while waiting:
        came = waiting.pop()
        if isinstance(came, Mapping) and came.get("class_name") == TENSOR:
            found.append(_history(_config_in(came.get("config"), "keras_history")["keras_history"]))
        elif isinstance(came, list | tuple):
            waiting += reversed(came)
        else:
            raise ValueError(f"a call reads {shown(came)}, and no edge")
    return found
