"""The vector in which the parameters of layers stand, for all models that have layers in common.

Each model begins with a store of its own. A model that takes layers of others shares theirs: their stores become one,
and the models are told. So training any of them trains the same numbers, and no numbers are ever copied between models.

Design: one vector, because updates, files and distribution want one array, and because plans know parameters by their
offsets in it. Copies that are brought up to date (rejected) cost a pass over all weights whenever models take turns.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastnn._engine import exclusive
from fastnn._plan.layout import padded
from fastnn._plan.memory import aligned
from fastnn.layers.base import Layer
from fastnn.layers.parameter import Parameter
from fastnn.layers.place import Place


class Member(Protocol):
    """A model in a store."""

    def moved(self, store: Store, moves: Moves) -> None:
        """Take over that its parameters stand elsewhere."""


class Moves(NamedTuple):
    """Stretches ``(from, to, length)`` of a vector that became parts of another one, ``size`` long."""

    stretches: list[tuple[int, int, int]]
    size: int

    def applied(self, vector: np.ndarray) -> np.ndarray:
        """The new vector, or matrix of rows, with zeros where nothing came to."""
        made = aligned(vector.size // vector.shape[-1] * self.size if vector.size else 0, vector.dtype)
        made = made.reshape(*vector.shape[:-1], self.size if vector.size else 0)
        for begin, to, length in self.stretches if vector.size else ():
            made[..., to : to + length] = vector[..., begin : begin + length]
        return made


class Store:
    """Parameters of layers, one behind the other.

    Attributes
    ----------
    params : all of them, 64-byte aligned; another array after layers have joined.
    """

    def __init__(self, dtype: np.dtype):
        self.params = aligned(0, dtype)
        self.places: list[weakref.ref[Place]] = []
        self.members: weakref.WeakSet[Any] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<Store of {len(self.params)} numbers, {self.params.dtype}>"

    def alive(self) -> list[Place]:
        """Places of layers that are still there, in their order."""
        return [place for reference in self.places if (place := reference()) is not None]


Draw = Callable[[int, Parameter], np.ndarray]


def settle(layers: Sequence[Layer], parameters: Sequence[Sequence[Parameter]], own: Store, draw: Draw) -> Store:
    """Give every layer with parameters its place; returns the store of all.

    Parameters
    ----------
    layers, parameters : those of a model, and what each layer has.
    own : the model's store so far, which its new layers join when no layer brings another one.
    draw : gives the initial numbers of the i-th parameter of all.

    Raises
    ------
    RuntimeError
        a model that would be moved is being trained.
    """
    known: dict[int, Store] = {}
    new = False
    for layer, wanted in zip(layers, parameters, strict=True):
        if layer.place is not None:
            known[id(layer.place.holder)] = layer.place.holder  # type: ignore[assignment]
        else:
            new = new or bool(wanted)
    if not new and len(known) < 2:
        return next(iter(known.values()), own)
    stores = list(known.values()) or [own]
    for store in stores:
        if len(store.params):  # else it is that of a model which a fit builds
            exclusive.check_idle(store, "joining layers")
    return _joined(stores, layers, parameters, draw)


def _joined(
    stores: list[Store], layers: Sequence[Layer], parameters: Sequence[Sequence[Parameter]], draw: Draw
) -> Store:
    """One store of all living places of several, then the new ones; its vector replaces theirs."""
    dtype, at = stores[0].params.dtype, 0
    moves: list[list[tuple[int, int, int]]] = []
    kept: list[Place] = []
    starts: list[list[int]] = []
    for store in stores:
        stretches = []
        for place in store.alive():
            starts.append([])
            for offset, parameter in zip(place.offsets, place.parameters, strict=True):
                stretches.append((offset, at, parameter.size))
                starts[-1].append(at)
                at += padded(parameter.size)
            kept.append(place)
        moves.append(stretches)
    fresh, count = [], 0
    for layer, wanted in zip(layers, parameters, strict=True):
        if layer.place is None and wanted:
            offsets = []
            for number, parameter in enumerate(wanted, count):
                offsets.append((at, parameter, draw(number, parameter)))
                at += padded(parameter.size)
            fresh.append((layer, offsets))
        count += len(wanted)
    made = stores[0]
    vectors = [store.params for store in stores]
    params = aligned(at, dtype)
    for vector, stretches in zip(vectors, moves, strict=True):
        for begin, to, length in stretches:
            params[to : to + length] = vector[begin : begin + length]
    for place, offsets_of in zip(kept, starts, strict=True):
        place.holder, place.offsets = made, tuple(offsets_of)
    for layer, offsets in fresh:
        for offset, parameter, numbers in offsets:
            params[offset : offset + parameter.size] = numbers.ravel()
        place = Place(made, [parameter for _, parameter, _ in offsets], [offset for offset, _, _ in offsets])
        layer.stand(place)
        kept.append(place)
    made.params, made.places = params, [weakref.ref(place) for place in kept]
    for store, stretches in zip(stores, moves, strict=True):
        for member in list(store.members):
            member.moved(made, Moves(stretches, at))
        if store is not made:
            store.members.clear()
    return made
