"""Configurations that Keras 3 writes, in the words of ours: layers by their names, calls, one dtype for all."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

from fastnn import layers
from fastnn._base import users_line
from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn._base.types import Config, Stored
from fastnn.interop.keras import operations
from fastnn.interop.keras.calls import Call, as_stored, is_tensor
from fastnn.interop.keras.masks import Nodes, names_in
from fastnn.models.inventory import MOST_LEVELS

MODELS = ("Functional", "Model", "Sequential")
AS_SINGLE = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float32", None)
INSIDE = ("layer", "backward_layer")  # arguments that are layers


class Translation:
    """A model's entry of a configuration of Keras', as :class:`fastnn.models.config_reading.Reader` takes it.

    Parameters
    ----------
    custom : names of the user's own classes.
    """

    def __init__(self, custom: Mapping[str, Stored]):
        self.known = {kind.__name__ for kind in layers.LAYERS.values()} | set(custom)
        self.dtypes: set[str] = set()
        self.halves: set[str] = set()
        self.level = 0

    def model(self, entry: object) -> Config:
        """The entry of a model.

        Raises
        ------
        ValueError, TypeError, KeyError
            it has a layer, or a call, that has no counterpart, which is named; it is no such configuration.
        """
        try:
            made = self._model(entry)
        except RecursionError:
            raise ValueError("the configuration has models in models too deeply") from None
        _give(made, "float64" if self.dtypes == {"float64"} else "float32")
        if len(self.dtypes) > 1:
            raise ValueError(f"the layers have several dtypes, {', '.join(sorted(self.dtypes))}; a model here has one")
        if self.halves:
            users_line.warn(
                f"layers of {' and '.join(sorted(self.halves))} become float32, in which weights stay as they are and "
                "outputs are rounded less; a model here of dtype='mixed_bfloat16' rounds what it multiplies, and takes "
                "them by set_weights"
            )
        return made

    def _model(self, entry: object) -> Config:
        self.level += 1
        if self.level > MOST_LEVELS:
            raise ValueError(f"models in files and configurations may be inside {MOST_LEVELS} others, got more")
        if not isinstance(entry, Mapping) or entry.get("class_name") not in MODELS:
            came = entry.get("class_name") if isinstance(entry, Mapping) else entry
            raise ValueError(f"a model must be a Sequential or Functional, got {shown(came)}")
        config = dict(_dict("config", entry.get("config")))
        for word in ("build_input_shape", "dtype"):  # which the layers state
            config.pop(word, None)
        entries = listed("layers", config.get("layers"), "layers")
        if "input_layers" not in config:
            config["layers"] = [self._item(one) for one in entries]
        else:
            inner = {
                _dict("config", one.get("config")).get("name")
                for one in entries
                if _dict("a layer", one).get("class_name") in MODELS[:2]
            }
            for ends in ("input_layers", "output_layers"):
                config[ends] = _from_zero(config.get(ends), inner)
            config["layers"] = self._graph(config, entries)
        kind = "Functional" if "input_layers" in config else "Sequential"
        self.level -= 1
        return {"class_name": kind, "config": config} | _shared(entry)

    def _item(self, entry: Stored) -> dict[str, object]:
        """A layer or a model in a model."""
        kind: object = _dict("a layer", entry).get("class_name")
        if kind in MODELS:
            return self._model(entry)
        config = dict(_dict("config", entry.get("config")))
        name = config.get("name")
        if kind == "Lambda":
            raise ValueError(f"layer {name!r} is a Lambda: it holds Python code, which is not run")
        if kind not in self.known:
            known = f"custom_objects={{{shown(kind)}: ...}} names a class of your own"
            raise ValueError(f"layer {name!r} is a {shown(kind)}, which has no counterpart here; {known}")
        self._dtype(config.pop("dtype", None), is_plain=kind == "InputLayer")
        for word in INSIDE:
            if config.get(word) is not None:
                config[word] = self._item(config[word])
        return {"class_name": kind, "config": config} | _shared(entry)

    def _dtype(self, came: Stored, is_plain: bool) -> None:
        """Take notice of a layer's dtype; that of an input says how rows come, and nothing of weights."""
        if isinstance(came, Mapping):
            came = _dict("a dtype's config", came.get("config")).get("name")
        if is_plain or came is None:
            return
        if came != "float64" and came not in AS_SINGLE:
            raise ValueError(f"dtype must be float32 or float64, got {shown(came)}")
        self.dtypes.add("float32" if came in AS_SINGLE else came)
        if came not in ("float32", "float64"):
            self.halves.add(came)

    def _graph(self, config: Mapping[str, Stored], entries: Stored) -> list[dict[str, object]]:
        """Layers with their calls, and those functions among them that more than masks are made of."""
        known = Nodes(entries)
        functions = {name: entry for name, entry in known.entries.items() if operations.is_operation(entry)}
        made = [
            found
            for entry in entries
            if entry["config"]["name"] not in functions
            for found in self._called(entry, known)
        ]
        wanted = names_in([config.get("output_layers"), [one["inbound_nodes"] for one in made]])
        waiting = sorted(wanted & functions.keys())
        while waiting:
            name = waiting.pop()
            entry = functions.pop(name)
            told, edges = operations.layer_of(copy.deepcopy(dict(entry)))
            kind = told.pop("class_name")
            calls = [as_stored(read) for read in edges]
            made.append({"class_name": kind, "config": told, "name": name, "inbound_nodes": calls})
            waiting += sorted((names_in(calls) & functions.keys()) - set(waiting))
        return made

    def _called(self, entry: Stored, known: Nodes) -> list[dict[str, object]]:
        """A layer with its calls; with a mask from outside, a layer before it that gives it to the edge."""
        item: Stored = self._item(entry)
        name, kind = known.name(entry), item["class_name"]
        before: list[Config] = []
        calls = []
        for stored in listed("inbound_nodes", entry.get("inbound_nodes", ()), "calls"):
            call = Call(name, kind, stored)
            edges, masks = call.edges, call.masks
            if kind in MODELS:
                edges, masks = _in_order(edges, item), _in_order(masks, item)
            for place, mask in enumerate(_flat(masks)):
                if mask is not None and not known.is_implied(mask, edges):
                    edges, made = self._masked(name, edges, place, known.plain(mask), len(before))
                    before.append(made)
            calls.append(as_stored(edges, call.options))
        return [*before, item | {"name": name, "inbound_nodes": calls}]

    def _masked(
        self, name: str, edges: list[Stored], place: int, mask: object, number: int
    ) -> tuple[list[object], Config]:
        """The edges with the one at a place through a layer that gives it the mask."""
        read: Stored = edges[place] if place < len(edges) else None
        if not is_tensor(read) or not is_tensor(mask):
            raise ValueError(f"layer {name!r} is called with mask={shown(mask)}, which has no counterpart here")
        own = f"{name}_mask_{number}" if number else f"{name}_mask"
        made = {"class_name": "WithMask", "config": {"name": own}, "name": own}
        edge = {**read, "config": {**read["config"], "keras_history": [own, 0, 0]}}
        told = made | {"inbound_nodes": [as_stored([[read, mask]])]}
        return [*edges[:place], edge, *edges[place + 1 :]], told


def _dict(name: str, came: object) -> Mapping[str, Stored]:
    if not isinstance(came, Mapping):
        raise TypeError(f"{name} must be an object, got {shown(came)}")
    return came


def _shared(entry: Mapping[str, Stored]) -> dict[str, object]:
    number = entry.get("shared_object_id")
    return {} if number is None else {"shared_object_id": number}


def _in_order(edges: list[Stored], item: Mapping[str, object]) -> list[object]:
    """What a model is called on as a list, where it is a dict by the names of its inputs."""
    if len(edges) != 1 or not isinstance(edges[0], Mapping) or is_tensor(edges[0]):
        return edges
    config: Stored = item["config"]
    came: dict[str, object] = dict(edges[0])
    ends = config.get("input_layers")
    names = list(ends) if isinstance(ends, Mapping) else [end[0] for end in ends or ()]
    missing = came.keys() ^ set(names)
    if missing:
        raise ValueError(f"model {config.get('name')!r} is called on inputs of other names: {shown(min(missing))}")
    return [[came[name] for name in names]]


def _flat(came: list[Stored]) -> list[object]:
    return list(came[0]) if len(came) == 1 and isinstance(came[0], list | tuple) else came


def _from_zero(came: object, inner: Collection[object]) -> object:
    """Calls of Functional models counted from 0; at the ends of a graph Keras begins with 1, and nowhere else."""
    if isinstance(came, Mapping):
        return {name: _from_zero(value, inner) for name, value in came.items()}
    if not isinstance(came, list | tuple):
        return came
    if len(came) == 3 and isinstance(came[0], str) and came[0] in inner and type(came[1]) is int:
        return [came[0], came[1] - 1, came[2]]
    return [_from_zero(value, inner) for value in came]


def _give(entry: Config, dtype: str) -> None:
    """Give a model, and all inside it, a dtype."""
    waiting = [entry]
    while waiting:
        config = waiting.pop()["config"]
        config["dtype"] = dtype
        waiting += [one for one in config["layers"] if one["class_name"] in MODELS]
