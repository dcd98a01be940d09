"""The vector in which the parameters of layers stand, for all models that have layers in common.

Each model begins with a store of its own. A model that takes layers of others shares theirs: their stores become one,
and the models are told. So training any of them trains the same numbers, and no numbers are ever copied between models.

Design: one vector, because updates, files and distribution want one array, and because plans know parameters by their
offsets in it. Copies that are brought up to date (rejected) cost a pass over all weights whenever models take turns.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import NamedTuple, Protocol

import numpy as np

from fastnn._engine import exclusive
from fastnn._plan.layout import padded
from fastnn._plan.memory import aligned
from fastnn._plan.plan import Plan
from fastnn.layers.base import Layer
from fastnn.layers.parameter import Parameter
from fastnn.layers.place import Place


class Member(Protocol):
    """A model in a store."""

    def moved(self, store: Store, moves: Moves) -> None:
        """Take over that its parameters stand elsewhere."""


class Renewed(Protocol):
    """A predictor, which follows its model."""

    def renew(self, plan: Plan) -> None:
        """Take over that parameters stand elsewhere."""


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
        self.members: weakref.WeakSet[Member] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<Store of {len(self.params)} numbers, {self.params.dtype}>"

    def alive(self) -> list[Place]:
        """Places of layers that are still there, in their order."""
        return [place for reference in self.places if (place := reference()) is not None]


Draw = Callable[[int, Parameter], np.ndarray]


LEFT: ContextVar[list[int] | None] = ContextVar("numbers that new layers may still have", default=None)


@contextlib.contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """A block in which new layers get so many numbers together; more are a ``ValueError``, before any is drawn."""
    before = LEFT.set([numbers])
    try:
        yield
    finally:
        LEFT.reset(before)


def _spend(numbers: int) -> None:
    left = LEFT.get()
    if left is None:
        return
    left[0] -= numbers
    if left[0] < 0:
        raise ValueError("its layers would have more numbers than its arrays hold")


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
    ValueError
        it would be more numbers than :func:`at_most` allows.
    """
    known: dict[int, Store] = {}
    new = False
    for layer, wanted in zip(layers, parameters, strict=True):
        if layer.place is not None:
            known[id(layer.place.holder)] = layer.place.holder  # type: ignore[assignment]  # it is there
        else:
            new = new or bool(wanted)
    if not new and len(known) < 2:
        return next(iter(known.values()), own)
    pairs = zip(layers, parameters, strict=True)
    _spend(sum(parameter.size for layer, wanted in pairs if layer.place is None for parameter in wanted))
    stores = list(known.values()) or [own]
    for store in stores:
        if len(store.params):  # else it is that of a model which a fit builds
            exclusive.check_idle(store, "joining layers")
    joint, count = _Joint(stores), 0
    for layer, wanted in zip(layers, parameters, strict=True):
        if layer.place is None and wanted:
            joint.add(layer, wanted, [draw(number, parameter) for number, parameter in enumerate(wanted, count)])
        count += len(wanted)
    return joint.commit()


class _Joint:
    """All living places of several stores in one vector, then those of new layers; nothing changes before commit."""

    def __init__(self, stores: Sequence[Store]):
        self.stores, self.size = stores, 0
        self.kept: list[tuple[Place, list[int]]] = []
        self.fresh: list[tuple[Layer, Place, list[np.ndarray]]] = []
        self.stretches = [[stretch for place in store.alive() for stretch in self._keep(place)] for store in stores]

    def _keep(self, place: Place) -> list[tuple[int, int, int]]:
        """Room for a place that is there; from where its parameters come, to where, and how long they are."""
        offsets = self._room_for(place.parameters)
        self.kept.append((place, offsets))
        sizes = [parameter.size for parameter in place.parameters]
        return list(zip(place.offsets, offsets, sizes, strict=True))

    def add(self, layer: Layer, parameters: Sequence[Parameter], numbers: list[np.ndarray]) -> None:
        """Room for a layer that has no place yet, and the numbers that it begins with."""
        self.fresh.append((layer, Place(self.stores[0], list(parameters), self._room_for(parameters)), numbers))

    def _room_for(self, parameters: Sequence[Parameter]) -> list[int]:
        """Offsets behind all that have room already."""
        offsets = []
        for parameter in parameters:
            offsets.append(self.size)
            self.size += padded(parameter.size)
        return offsets

    def commit(self) -> Store:
        """Be the first store, all layers stand in it, and the models of all stores know."""
        made, params = self.stores[0], self._numbers()
        for place, offsets in self.kept:
            place.holder, place.offsets = made, tuple(offsets)
        for layer, place, _ in self.fresh:
            layer.stand(place)
        made.params = params
        made.places = [weakref.ref(place) for place, *_ in self.kept] + [
            weakref.ref(place) for _, place, _ in self.fresh
        ]
        for store, stretches in zip(self.stores, self.stretches, strict=True):
            for member in list(store.members):
                member.moved(made, Moves(stretches, self.size))
            if store is not made:
                store.members.clear()
        return made

    def _numbers(self) -> np.ndarray:
        """The vector of all."""
        params = aligned(self.size, self.stores[0].params.dtype)
        for store, stretches in zip(self.stores, self.stretches, strict=True):
            for begin, to, length in stretches:
                params[to : to + length] = store.params[begin : begin + length]
        for _, place, arrays in self.fresh:
            for offset, parameter, array in zip(place.offsets, place.parameters, arrays, strict=True):
                params[offset : offset + parameter.size] = array.ravel()
        return params
