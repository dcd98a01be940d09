"""The builder of models for modules of PyTorch: one layer for a module that is called twice, and small helpers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fastnn._base.types import AnyLayer
from fastnn.interop.channels_first import ChannelsFirst, Value

if TYPE_CHECKING:
    from torch import Tensor, fx


class Unread(ValueError):
    """Something that a call gives and that has no counterpart is read."""


class Zeros:
    """Zeros of some shape, such as a recurrent network's first states."""


class Repeated:
    """Numbers ``(1, ...)`` that are known, the same for each row of the batch."""

    def __init__(self, array: np.ndarray):
        self.array = array


class Nothing:
    """What a call gives besides, and nobody may read."""

    def __init__(self, what: str):
        self.what = what


class Builder(ChannelsFirst):
    """Makes layers under the names of modules; the same layer where a module is called again."""

    def __init__(self, channels_last: bool = False):
        super().__init__(channels_last)
        self.node: object = None
        self.module_name = ""
        self.of_modules: dict[str, list[AnyLayer]] = {}
        self._made: dict[object, tuple[object, list[np.ndarray]]] = {}

    def begin(self, name: str, node: fx.Node) -> None:
        """Make layers for a node from here on."""
        self.module_name, self.node = name, node

    def layer(
        self, kind: str, *arguments: object, weights: Sequence[object] = (), name: str | None = None, **named: object
    ) -> Any:
        arrays = [np.asarray(array) for array in weights]
        key = (name, kind, repr(arguments), repr(sorted(named.items())))
        known = self._made.get(key)
        if name and arrays and known and _same(known[1], arrays):
            return known[0]
        made = super().layer(kind, *arguments, weights=arrays, name=name, **named)
        if arrays:
            self._made[key] = made, arrays
            self.of_modules.setdefault(self.module_name, []).append(made)
        return made


def _same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def numbers(tensor: Tensor | np.ndarray | None) -> Any:
    """A tensor as an array; half precision as float32, None as it is."""
    if tensor is None or isinstance(tensor, np.ndarray):
        return tensor
    found = tensor.detach().cpu()
    return (found.float() if found.dtype in (torch.float16, torch.bfloat16) else found).numpy()


def value(came: object) -> Value:
    """A value, or ``ValueError``."""
    if isinstance(came, Nothing):
        raise Unread(f"{came.what} are read, which has no counterpart here")
    if not isinstance(came, Value):
        raise ValueError(f"it reads {type(came).__name__}, where it needs an array that follows from the inputs")
    return came


def pair(came: object, rank: int) -> tuple[int, ...]:
    """A number for each axis."""
    found = tuple(came) if isinstance(came, list | tuple) else (came,)
    return tuple(int(n) for n in (found * rank if len(found) == 1 else found))
