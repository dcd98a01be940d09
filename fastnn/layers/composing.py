"""What a class is that is composed of layers, see ``composition.py``: how it is called, frozen and copied."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from fastnn.layers.called import Called
from fastnn.layers.composition import (
    Composition,
    Standing,
    bound,
    compose,
    composes,
    held,
    layers_in,
    put_together,
    taken_apart,
)
from fastnn.layers.edges import Call, Edge, edges_in
from fastnn.layers.forgetting import note, take_back
from fastnn.layers.own import Own
from fastnn.layers.weighted import Weighted

if TYPE_CHECKING:
    from fastnn.layers.base import Layer


class Composing(Weighted):
    """The part of :class:`fastnn.layers.Layer` that acts where ``call`` has no ``backward``."""

    _compositions: Mapping[object, Composition] = {}  # by what its call was given
    _model: Standing | None = None  # that stands for it, made by models
    _INNER = "composition_for forget_composition"

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if composes(cls):
            ways: dict[str, Any] = {"__call__": _called, "__setattr__": _set}
        elif cls.__call__ is _called:  # a class that adds the way back
            ways = {"__call__": Called.__call__, "__setattr__": Own.__setattr__}
        else:
            return
        for name, way in ways.items():
            if name not in vars(cls):
                setattr(cls, name, way)

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights; may be set at any time, and acts from the next call on."""
        return self._trainable

    @trainable.setter
    def trainable(self, came: bool) -> None:
        Weighted.trainable.fset(self, came)  # type: ignore[attr-defined]
        for item in [*held(self), *filter(None, [self._model])] if composes(type(self)) else ():
            item.trainable = self._trainable

    def __copy__(self) -> Self:
        """One without weights, also of the layers inside."""
        if composes(type(self)):
            return copy.deepcopy(self)
        made = type(self).__new__(type(self))
        vars(made).update(self.__getstate__())
        return made

    def composition_for(self, *given: Any, **named: Any) -> tuple[Composition, list[Edge]]:
        """What the layer is on such inputs, ``given`` and ``named`` as to ``call``, and the edges that it reads."""
        mask = named.pop("mask", None) if "mask" not in _names(self) else None
        if mask is not None:
            from fastnn.layers.given_masks import with_masks

            given = with_masks(given[0], mask), *given[1:]
        told, edges = bound(self, given, named), list[Edge]()
        key = taken_apart(self, dict(told.arguments), edges)
        if not edges:
            edges_in(next(iter(told.arguments.values()), ()), self)
        if key not in self._compositions:
            made = compose(cast("Layer", self), told, edges)
            object.__setattr__(self, "_compositions", {**self._compositions, key: made})
            note(lambda: self.forget_composition(made))
        found = self._compositions[key]
        return found, [edges[i] for i in found.read]

    def forget_composition(self, gone: Composition) -> None:
        """Forget ``gone``, what the layer is on some inputs, in a graph that is no more."""
        left = {key: made for key, made in self._compositions.items() if made is not gone}
        object.__setattr__(self, "_compositions", left)
        take_back(gone.undo)
        if gone.model is not None:
            gone.model.take_down()


def _called(self: Any, *given: Any, **named: Any) -> Any:
    """An edge for what ``call`` makes of edges, or a list or dict of them as ``call`` gives it.

    Arguments are those of ``call``: edges, lists and dicts of them, numbers and texts.
    """
    made, edges = self.composition_for(*given, **named)
    ends = made.outputs
    outputs = self._record(Call(made, edges, [edge.sizes for edge in ends], others=[edge.others for edge in ends]))
    return put_together(made.came, iter(outputs))


def _set(self: Any, name: str, value: Any) -> None:
    """Set an attribute, but for layers that a call has been made of."""
    if self._compositions and layers_in(vars(self).get(name), value):
        raise AttributeError(
            f"{type(self).__name__}.{name} = ... would not act: the layer has been called with the layers that it had; "
            f"make another {type(self).__name__}"
        )
    Own.__setattr__(self, name, value)


def _names(layer: object) -> Any:
    import inspect

    return inspect.signature(layer.call).parameters  # type: ignore[attr-defined]  # classes that compose have it
