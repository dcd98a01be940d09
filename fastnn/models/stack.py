"""What may stand in the list of a :class:`fastnn.Sequential`, and what the list tells of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastnn._base.reprs import cut
from fastnn.layers.base import Layer
from fastnn.layers.composition import composes
from fastnn.layers.edges import Edge
from fastnn.layers.input import InputLayer
from fastnn.layers.parameter import Shape
from fastnn.models import parts
from fastnn.models.model import Model
from fastnn.models.naming import check_names
from fastnn.models.policies import check_models

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.sequential import Sequential


def item_of(came: object) -> Item:
    """What a user put into the list: a layer, a model, or the edge of an input for its layer."""
    if isinstance(came, Edge) and isinstance(came.call.item, InputLayer):
        return came.call.item
    if isinstance(came, Layer) and composes(type(came)):
        from fastnn.models.composed import Composed

        return Composed.of(came)
    if not isinstance(came, Layer | Model):
        raise TypeError(f"a model takes layers of fastnn.layers, got {cut(' '.join(repr(came).split()))}")
    return came


def check(model: Sequential, items: Sequence[Item]) -> None:
    """``ValueError`` where a Sequential cannot have these layers and models."""
    for i, item in enumerate(items):
        if item is model:
            raise ValueError(f"{item!r} cannot be in itself; put copy.deepcopy(model) there")
        if any(has(other, item) or has(item, other) for other in items[:i]):
            raise ValueError(
                f"{item!r} is in the model twice; a Sequential has each layer once: put copy.copy(layer) or "
                f"copy.deepcopy(model) there, or share weights in a graph of fastnn.Model"
            )
        if isinstance(item, InputLayer) and i:
            raise ValueError(f"{item!r} must be the first layer")
        if isinstance(item, Layer):
            model.check_layer(item)
        else:
            parts.have_policy(model, [item])
            check_models(model.dtype_policy, [item])
    check_names(items)


def has(item: Item, other: Item) -> bool:
    """Whether an item is the other one, or a model that has it."""
    return item is other or (isinstance(item, Model) and any(has(inner, other) for inner in item.items))


def shape_of(items: Sequence[Item]) -> Shape | None:
    """The shape of a sample, where the first of the items knows it."""
    if not items:
        return None
    first = items[0]
    if isinstance(first, Layer):
        return first.input_shape
    if first.built:
        return first.layout.input_shape
    return shape_of(first.items) if first.is_chain else first.stated_shape
