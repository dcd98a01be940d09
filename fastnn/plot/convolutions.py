"""Layers of a model by what users call them, and the kernels of convolutions as small pictures.

Design: a picture is what the kernel weighs of one place and its neighbours: an output's channel for most layers, an
input's for transposed ones, whose kernels are what one number of the input is spread into.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn._base.arguments import integer, lookup, shown
from fastnn._base.arrays import check_finite
from fastnn.layers.base import Layer
from fastnn.layers.convolution import Convolution, DepthwiseConv
from fastnn.layers.separable import SeparableConv
from fastnn.layers.transposed import ConvTranspose
from fastnn.models.graph import Graph
from fastnn.models.model import Model

NONE = "the model has no convolution; plot.first_layer_images(model, shape) draws what Dense layers look for"


def find(model: Model, layer: object) -> tuple[str, Layer]:
    """A layer and its name in ``model.activations``: the first convolution for None, or by name, place or object."""
    known = named(model.graph)
    if layer is None:
        found = next(((name, one) for name, one in known.items() if isinstance(one, Convolution)), None)
        if found is None:
            raise ValueError(NONE)
        return found
    if isinstance(layer, str):
        return lookup("layer", layer, {name: (name, one) for name, one in known.items()})
    wanted = layer if isinstance(layer, Layer | Model) else _at(model, layer)
    for name, one in known.items():
        if one is wanted:
            return name, one
    raise ValueError(f"layer must be one of the model's ({', '.join(known)}), got {shown(wanted)}")


def _at(model: Model, index: Any) -> object:
    layers = model.layers
    if not -len(layers) <= integer("layer", index) < len(layers):
        raise ValueError(f"layer must be a name or a place below {len(layers)}, the number of layers, got {index}")
    return layers[index]


def named(graph: Graph, prefix: str = "") -> Mapping[str, Layer]:
    """Layers in running order, those of models inside as ``"model/layer"``."""
    found: dict[str, Layer] = {}
    for call in graph.calls:
        name = prefix + call.item.name
        inside = {name: call.item} if isinstance(call.item, Layer) else named(call.item.graph, f"{name}/")
        found = {**inside, **found} if name in found else {**found, **inside}
    return found


def kernel_of(layer: Layer) -> np.ndarray:
    """The kernel that moves over the input, as it is now."""
    return layer.parameter("depthwise_kernel" if isinstance(layer, SeparableConv) else "kernel")


def pictures_of(layer: Layer, kernel: np.ndarray) -> np.ndarray:
    """Pictures ``(n, height, width, channels)`` of a convolution's kernel, one a filter.

    Those of signals are a step a column and a channel a row. Where each channel has filters of its own, each of them
    is a picture of one channel. Transposed convolutions have a picture for each channel of the input.
    """
    if isinstance(layer, DepthwiseConv | SeparableConv):
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
    pictures = np.moveaxis(kernel, -1, 0)
    return pictures if layer.rank == 2 else pictures.swapaxes(1, 2)[..., None]


def kernels(name: str, layer: Layer) -> np.ndarray:
    """Pictures of a layer's kernel, or ``ValueError`` where it is no convolution or not finite."""
    if not isinstance(layer, Convolution):
        raise ValueError(f"layer {name} ({type(layer).__name__}) is no convolution, so it has no filters")
    pictures = np.ascontiguousarray(pictures_of(layer, kernel_of(layer)), dtype=np.float64)
    check_finite(f"the kernel of {name}", pictures)
    return pictures


def words(layer: Layer) -> str:
    """What the pictures of a layer are."""
    return "input channels" if isinstance(layer, ConvTranspose) else "filters"
