"""What own ops see of a layout and its layers, which stand in rooms above this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class SeenParameter(Protocol):
    """What a layer says of a parameter."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def trainable(self) -> bool: ...


class SeenVariable(Protocol):
    """A parameter, and where it stands."""

    @property
    def parameter(self) -> SeenParameter: ...
    @property
    def offset(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def trained(self) -> bool: ...


class SeenNode(Protocol):
    """The use of a layer: its number, the edges that it reads and makes, and its stream of random numbers."""

    @property
    def layer(self) -> int: ...
    @property
    def inputs(self) -> tuple[int, ...]: ...
    @property
    def outputs(self) -> tuple[int, ...]: ...
    @property
    def stream(self) -> int: ...


class OwnLayer(Protocol):
    """A layer of a user's own, see :class:`fastnn.layers.own.Own`."""

    @property
    def name(self) -> str | None: ...
    @property
    def has_gradient(self) -> bool: ...
    @property
    def call(self) -> Any: ...
    @property
    def backward(self) -> Any: ...
    def bound(self, arrays: Sequence[np.ndarray]) -> dict[str, object]: ...


class SeenLayout(Protocol):
    """Layers, how they call each other, and the shapes between them."""

    @property
    def layers(self) -> Sequence[Any]: ...  # those of own ops are an OwnLayer each
    @property
    def nodes(self) -> Sequence[SeenNode]: ...
    @property
    def shapes(self) -> Sequence[tuple[int, ...]]: ...
    def of_layer(self, number: int, /) -> Sequence[SeenVariable]: ...
