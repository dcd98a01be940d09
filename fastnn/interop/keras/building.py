"""Models of Keras made from ours: layers by their configurations, calls in the order of the graph, then weights."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers
from fastnn._base.arguments import shown
from fastnn._base.types import AnyLayer, Stored
from fastnn.activations import ACTIVATIONS
from fastnn.interop.keras.calls import RECURRENT
from fastnn.layers.base import Layer
from fastnn.layers.parameter import stated

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor
    from keras import Layer as KerasLayer

    from fastnn.layers.edges import Call
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

ACTIVATING = ("activation", "recurrent_activation")
APART = ("dtype", "batch_input_shape", "trainable")  # that are given otherwise
INNER = ("layer", "backward_layer")


class Builder:
    """Makes models and layers of Keras, each once.

    Parameters
    ----------
    keras : the library.
    dtype : of all layers.
    """

    def __init__(self, keras: ModuleType, dtype: str):
        self.keras, self.dtype = keras, dtype
        self.made: dict[int, KerasLayer] = {}

    def model(self, model: Model) -> keras.Model:
        """The model with its weights."""
        made = self._item(model)
        for item, other in list(self._pairs(model, {})):
            _set_weights(item, other)
        return made

    def _pairs(self, model: Model, seen: dict[int, bool]) -> Iterator[tuple[Layer, object]]:
        for item in model.items:
            if isinstance(item, Layer):
                if id(item) in self.made and not seen.setdefault(id(item), False):
                    seen[id(item)] = True
                    yield item, self.made[id(item)]
            else:
                yield from self._pairs(item, seen)

    def _item(self, item: Item) -> KerasLayer:
        if id(item) not in self.made:
            if isinstance(item, Layer):
                made = self._layer(item)
            else:
                made = self._chain(item) if item.is_chain else self._graph(item)
                if not item.trainable:
                    made.trainable = False
            self.made[id(item)] = made
        return self.made[id(item)]

    def _layer(self, layer: Layer) -> object:
        kind = type(layer).__name__
        theirs = None if isinstance(layer, layers.Lambda) else getattr(self.keras.layers, kind, None)
        if theirs is None or type(layer) not in layers.LAYERS.values():
            raise TypeError(f"layer {layer.name!r} is a {kind}, which Keras has not")
        config = {name: value for name, value in layer.get_config().items() if name not in APART}
        for word in ACTIVATING:
            if word in config:
                config[word] = _activation(layer, config[word])
        for word in INNER:
            if config.get(word) is not None:
                config[word] = self.keras.layers.serialize(self._layer(getattr(layer, word)))
        if isinstance(layer, layers.Normalization):
            config |= _statistics(layer)
        made = theirs.from_config(_plain(config) | {"dtype": self.dtype})
        made.trainable = layer.trainable
        return made

    def _input(self, edge_shape: tuple[int, ...], layer: object) -> KerasTensor:
        rows = getattr(layer, "batch_rows", None)
        name = getattr(layer, "name", None)
        return self.keras.Input(batch_shape=(rows, *stated(edge_shape)), name=name, dtype=self.dtype)

    def _chain(self, model: Model) -> keras.Model:
        if any(isinstance(item, layers.WithMask) for item in model.items):
            raise TypeError(f"model {model.name!r} has a WithMask, which Keras has not")
        source = model.graph.sources[0]
        listed = source if source in model.items else _Unnamed(source.batch_rows or _rows_of(model))
        first = self._input(model.graph.inputs[0].sizes, listed)
        return self.keras.Sequential([first, *(self._item(item) for item in model.layers)], name=model.name)

    def _graph(self, model: Model) -> keras.Model:
        graph, (ins, outs) = model.graph, model.ends
        pairs = zip(graph.inputs, graph.sources, strict=True)
        tensors = {edge: self._input(edge.sizes, source) for edge, source in pairs}
        masks: dict[object, object] = {}
        for call in graph.calls:
            read = [tensors[edge] for edge in call.inputs]
            if isinstance(call.item, layers.WithMask):
                tensors[call.outputs[0]] = read[0]
                masks[call.outputs[0]] = self.keras.ops.not_equal(read[1], 0)
                continue
            mask = masks.get(call.inputs[0])
            if any(edge in masks for edge in call.inputs[1:]):
                raise TypeError(
                    f"layer {call.item.name!r} reads several masks from outside; Keras would need each by name"
                )
            made = self._call(call, read, mask)
            tensors.update(zip(call.outputs, made, strict=True))
        inputs = ins.join([tensors[edge] for edge in graph.inputs])
        outputs = outs.join([tensors[edge] for edge in graph.outputs])
        return self.keras.Model(inputs, outputs, name=model.name)

    def _call(self, call: Call, read: list[object], mask: object) -> list[object]:
        item, other = call.item, self._item(call.item)
        told: dict[str, object] = {}
        if mask is not None:
            if "mask" not in inspect.signature(other.call).parameters:
                raise TypeError(
                    f"layer {item.name!r} reads a mask from outside, which Keras' {type(other).__name__} does not"
                )
            told["mask"] = mask
        if not isinstance(item, Layer):
            made = other(item.ends[0].join(read), **told)
            return _listed(made)
        kind = type(item).__name__
        if kind in RECURRENT:
            told |= {"initial_state": read[1:]} if len(read) > 1 else {}
            return _listed(other(read[0], **told))
        if kind == "MultiHeadAttention":
            return _listed(other(*read[:2], **told, **_options(call.options, read)))
        if kind == "Attention":
            words = _options([word for word in call.options if word != "key"], read)
            return _listed(other(read, **told, **words))
        return _listed(other(read if item.n_inputs is None or item.n_inputs > 1 else read[0], **told))


class _Unnamed:
    """An input without a name of its own."""

    name = None

    def __init__(self, rows: int | None):
        self.batch_rows = rows


def _rows_of(model: Model) -> int | None:
    return next((layer.batch_rows for layer in model.layers if isinstance(layer, Layer)), None)


def _listed(came: object) -> list[object]:
    if isinstance(came, Mapping):
        return list(came.values())
    return list(came) if isinstance(came, list | tuple) else [came]


def _options(options: Collection[str], read: list[object]) -> dict[str, object]:
    told: dict[str, object] = {}
    if "key" in options:
        told["key"] = read[2]
    if "mask" in options:
        told["attention_mask"] = read[-1]
    if "causal" in options:
        told["use_causal_mask"] = True
    if "weights" in options:
        told["return_attention_scores"] = True
    return told


def _activation(layer: Layer, came: Stored) -> str:
    """The name of an activation; Keras' have their parameters at their defaults."""
    name = came["name"] if isinstance(came, Mapping) else came
    usual = ACTIVATIONS[name]
    if name == "gelu_tanh" or (isinstance(came, Mapping) and came.get(usual.parameter_name) != usual.parameter):
        raise TypeError(
            f"layer {layer.name!r} has the activation {shown(came)}, which is no name in Keras; make it linear, and "
            f"put a layer with that activation behind it where Keras has one (ReLU, LeakyReLU, ELU)"
        )
    return str(name)


def _statistics(layer: Layer) -> dict[str, object]:
    """Mean and variance as they are now."""
    if layer.place is None:
        return {}
    mean, variance = (w.reshape(-1).astype(float).tolist() for w in layer.get_weights())
    shape = layer.get_weights()[0].shape
    if layer.axis == ():
        return {"axis": None, "mean": mean[0], "variance": variance[0]}
    return {"mean": np.reshape(mean, shape).tolist(), "variance": np.reshape(variance, shape).tolist()}


def _plain(value: object) -> Any:
    """A configuration in the form that JSON gives back, with Keras' modules for classes."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _set_weights(item: AnyLayer, other: KerasLayer) -> None:
    if item.place is None or not item.place.parameters or isinstance(item, layers.Normalization):
        return
    other.set_weights(item.get_weights())
