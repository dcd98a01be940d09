"""What goes into a stack: layers, layers of other models with their weights, and whole models.

A layer belongs to the model that it was first put into; in another one a copy of it stands, which brings the weights
that the layer has when that model is built. A model inside a model stays itself: both train the same numbers.

Design: the weights of a part are a slice of the outer model's vector, so that sharing costs nothing and plans know of
no parts. That holds for one outer model at a time, and a second one is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.stored import check_types
from fastnn._engine import convert
from fastnn._plan.layout import Layout, lay_out
from fastnn.layers.base import Layer
from fastnn.layers.place import Place

if TYPE_CHECKING:
    from fastnn.models.network import Stack


@dataclass
class Part:
    """A model inside a model.

    Attributes
    ----------
    model : the inner model.
    first, end : its layers are these of the outer model's.
    waited : whether the inner model was first built with the outer one.
    """

    model: Stack
    first: int
    end: int
    waited: bool = False

    def layout(self, outer: Layout) -> Layout:
        """The inner model's layout; ``ValueError`` when its layers do not fit there."""
        return lay_out(self.model.stacked, outer.shapes[self.first])


def take_in(outer: Stack, came: Any) -> tuple[list[Layer], list[Part]]:
    """All layers and parts of a model that gets what a user listed besides its own; nothing is changed."""
    from fastnn.models.network import Stack

    layers, parts = list(outer.stacked), list(outer.parts)
    for item in convert.listed("layers", () if came is None else came, "layers of fastnn.layers"):
        if isinstance(item, Stack):
            _check_part(outer, item, parts)
            inner = item.layers if layers else item.stacked  # an Input stands first or not at all
            for layer in inner:
                _check_once(layer, layers)
            parts.append(Part(item, len(layers), len(layers) + len(inner)))
            layers += map(copy_of, inner)
        elif isinstance(item, Layer):
            _check_layer(outer, item, layers)
            layers.append(copy_of(item) if item.place else item)
        else:
            raise TypeError(f"a model takes layers of fastnn.layers, got {item!r}")
    _check_names(layers)
    return layers, parts


def _check_layer(outer: Stack, layer: Layer, before: Sequence[Layer]) -> None:
    check_types(layer)
    _check_once(layer, before)
    if layer.dtype is not None and convert.model_dtype(layer.dtype) != outer.dtype:
        raise ValueError(f"{layer!r} was given dtype={layer.dtype!r}; the model has {outer.dtype}, give it dtype=")


def _check_once(layer: Layer, before: Sequence[Layer]) -> None:
    """``ValueError`` when the layer, or a copy of it, is there already."""
    own = layer.place
    if any(layer is other or (own and other.place and other.place.is_of(own)) for other in before):
        raise ValueError(
            f"{layer!r} is in the model twice, and layers cannot share their weights yet; "
            f"make two layers, or put copy.copy(layer) there"
        )


def _check_part(outer: Stack, part: Stack, before: Sequence[Part]) -> None:
    if part is outer or any(part is other.model for other in before):
        raise ValueError(f"{part!r} cannot be in a model twice or in itself; put copy.deepcopy(model) there")
    if part.within is not None:
        raise ValueError(f"{part!r} is a part of {part.within!r} already; put copy.deepcopy(model) there")
    if part.dtype != outer.dtype:
        raise ValueError(f"{part!r} has the dtype {part.dtype}, and the model that it is put into {outer.dtype}")


def _check_names(layers: Sequence[Layer]) -> None:
    given = [layer.given_name for layer in layers if layer.given_name]
    twice = next((name for i, name in enumerate(given) if name in given[:i]), None)
    if twice:
        raise ValueError(f"two layers are named {twice!r}; give each layer of a model a name of its own")


def copy_of(layer: Layer) -> Layer:
    """A layer of the same description that will bring the weights of this one to its model."""
    twin = copy.copy(layer)
    twin.stand(Place(layer.place, names=twin.name is None))
    return twin


def name_layers(layers: Sequence[Layer]) -> None:
    """Give each layer a place, and those without a name one of their kind: dense, dense_1, ..."""
    taken = {layer.given_name for layer in layers}
    for layer in layers:
        if layer.place is None:
            layer.stand(Place(names=layer.name is None))
        if layer.given_name is None and (layer.name is None or layer.name in taken):
            layer.rename(_free(snake_case(type(layer).__name__), taken))
        taken.add(layer.name)


def place_layers(model: Stack, layout: Layout | None) -> None:
    """Tell the layers and parts of a model where their parameters are; without a layout, that there are none."""
    for i, layer in enumerate(model.stacked):
        if layer.place is not None:
            layer.place.params = None if layout is None else model.params
            layer.place.variables = () if layout is None else layout.of_layer(i)
    for part in model.parts:
        _join(part, model, layout)


def _join(part: Part, outer: Stack, layout: Layout | None) -> None:
    """Have a slice of the outer model's parameters as the part's own, or take that back."""
    if layout is None:
        if part.waited:
            part.model.stand_in(None, None)
        return
    part.waited = not part.model.built
    inner = part.layout(layout)
    start = next((v.offset for v in layout.variables if v.layer >= part.first), 0)
    part.model.stand_in(inner, outer.params[start : start + inner.n_params])


def check_parts(parts: Sequence[Part], layout: Layout) -> None:
    """``ValueError`` when a part, or a part of a part, does not fit where it stands."""
    for part in parts:
        check_parts(part.model.parts, part.layout(layout))


def kept_weights(layers: Sequence[Layer], layout: Layout) -> list[np.ndarray | None]:
    """For each parameter the weights that its layer brings, None where they have to be drawn."""
    kept: list[np.ndarray | None] = []
    for i, layer in enumerate(layers):
        wanted = [v.parameter.shape for v in layout.of_layer(i)]
        brought = layer.place.brought() if layer.place else []
        if brought and [w.shape for w in brought] != wanted:
            raise ValueError(
                f"{layer!r} has weights of shape {brought[0].shape}, and would need {wanted[0]} here; "
                f"copy.copy(layer) is a layer without weights"
            )
        kept.extend(brought if brought else [None for _ in wanted])
    return kept


def _free(kind: str, taken: set[str | None]) -> str:
    names = (f"{kind}_{i}" if i else kind for i in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def snake_case(kind: str) -> str:
    """``LeakyReLU`` as Keras spells it in names: ``leaky_re_lu``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
