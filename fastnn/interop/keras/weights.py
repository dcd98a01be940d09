"""Weights of Keras' layers as those of ours, layer by layer, from a model or from the arrays of a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn.interop.keras.archive import Archive
from fastnn.layers.base import Layer
from fastnn.layers.recurring import Recurrent

if TYPE_CHECKING:
    import keras

    from fastnn.models.graph import Item
    from fastnn.models.model import Model

HEADS = ("query_dense", "key_dense", "value_dense", "output_dense")
Arrays = list[np.ndarray]


def set_all(model: Model, given: Callable[[Layer, str], Arrays], path: str = "") -> None:
    """Set the weights of all layers of a model; ``given`` has the arrays of a layer and of its path."""
    done: set[int] = set()
    waiting = [(model, path)]
    while waiting:
        whole, at = waiting.pop()
        for item, name in places(whole):
            if id(item) in done:
                continue
            done.add(id(item))
            if not isinstance(item, Layer):
                waiting.append((item, f"{at}layers/{name}/"))
            elif item.place is not None and item.place.parameters:
                _set(item, given(item, f"{at}layers/{name}"))


def places(model: Model) -> list[tuple[Item, str]]:
    """Layers and models of a model with the names that they have in Keras' files: classes, and counts behind them."""
    counts: Counter[str] = Counter()
    found = []
    for item in model.layers:
        if isinstance(item, layers.WithMask):  # Keras has an argument for it
            continue
        name = snake_case(_class_of(item))
        found.append((item, f"{name}_{counts[name]}" if counts[name] else name))
        counts[name] += 1
    return found


def _class_of(item: Item) -> str:
    if isinstance(item, Layer):
        return type(item).__name__
    return "Sequential" if item.is_chain else "Functional"


def snake_case(name: str) -> str:
    """As Keras has it."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _set(layer: Layer, arrays: Arrays) -> None:
    if isinstance(layer, layers.Normalization):
        if not arrays:  # mean and variance stand in its configuration
            return
        arrays = [array.reshape(w.shape) for array, w in zip(arrays[:2], layer.get_weights(), strict=True)]
    try:
        layer.set_weights(arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the arrays of layer {layer.name!r} are not those of its configuration: {error}") from error


def from_file(archive: Archive) -> Callable[[Layer, str], Arrays]:
    """What gives the arrays of layers from a file."""

    def given(layer: Layer, path: str) -> Arrays:
        groups = [_there(archive, path, inner) for inner in _groups(layer)]
        arrays = [array for group in groups for array in archive.layer(group)]
        used = {f"{group}/vars/{i}" for group in groups for i in range(len(archive.layer(group)))}
        others = archive.below(path) - used
        if others:
            raise ValueError(f"the array {min(others)!r} belongs to nothing in layer {layer.name!r}")
        return arrays

    return given


def _there(archive: Archive, path: str, inner: str) -> str:
    """A group, under the name that it had in older versions where it has that."""
    older = inner.replace("/", "/_")
    return f"{path}{older}" if archive.below(f"{path}{older}") and not archive.below(f"{path}{inner}") else path + inner


def _groups(layer: Layer) -> list[str]:
    """Where the arrays of a layer stand in its group, in the order of its weights."""
    if isinstance(layer, Recurrent):
        return ["/cell"]
    if isinstance(layer, layers.Bidirectional):
        return ["/forward_layer/cell", "/backward_layer/cell"]
    if isinstance(layer, layers.TimeDistributed):
        return [f"/layer{inner}" for inner in _groups(layer.layer)]
    if isinstance(layer, layers.MultiHeadAttention):
        return [f"/{head}" for head in HEADS]
    return [""]


def from_model(keras_model: keras.Model) -> Callable[[Layer, str], Arrays]:
    """What gives the arrays of layers from a model of Keras', by their names."""
    known = {}
    waiting = [(keras_model, "")]
    while waiting:
        whole, at = waiting.pop()
        counts: Counter[str] = Counter()
        for layer in whole.layers:
            name = snake_case(type(layer).__name__)
            path = f"{at}layers/{name}_{counts[name]}" if counts[name] else f"{at}layers/{name}"
            counts[name] += 1
            known[path] = layer
            if hasattr(layer, "layers"):
                waiting.append((layer, f"{path}/"))
    return lambda layer, path: [_plain(np.asarray(array)) for array in known[path].get_weights()]


def _plain(array: np.ndarray) -> np.ndarray:
    """Numbers of NumPy's own; bfloat16 is not."""
    return array if array.dtype.kind in "fiu" else array.astype(np.float32)
