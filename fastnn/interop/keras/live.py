"""The configuration of a model of Keras' that is there, with a number for each layer that several models have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def entry_of(model: keras.Model) -> dict[str, object]:
    """An entry as :class:`fastnn.interop.keras.reading.Translation` takes it.

    Keras' own numbers for shared layers are left out: they are not there where a layer is met first.
    """
    counts: Counter[int] = Counter()
    _count(model, counts, set())
    compiled = model.get_compile_config() if getattr(model, "compiled", False) else None
    made = {"class_name": _kind(model), "config": _config(model, counts)}
    return made | ({"compile_config": compiled} if compiled else {})


def _kind(model: keras.Model) -> str:
    """The class that a configuration knows, also for classes that a user derived without another ``call``."""
    name = type(model).__name__
    return name if name in ("Sequential", "Functional") else "Functional" if hasattr(model, "_functional") else name


def _count(model: keras.Model, counts: Counter[int], seen: set[int]) -> None:
    if id(model) in seen:
        return
    seen.add(id(model))
    for layer in model.layers:
        counts[id(layer)] += 1
        if hasattr(layer, "layers"):
            _count(layer, counts, seen)


def _config(model: keras.Model, counts: Counter[int]) -> dict[str, object]:
    config = dict(model.get_config())
    known = {layer.name: layer for layer in model.layers}
    entries = []
    for entry in config["layers"]:
        made = {name: value for name, value in entry.items() if name != "shared_object_id"}
        layer = known.get(entry["config"]["name"])
        if hasattr(layer, "layers"):
            made["config"] = _config(layer, counts)
        if counts[id(layer)] > 1:
            made["shared_object_id"] = id(layer)
        entries.append(made)
    return config | {"layers": entries}
