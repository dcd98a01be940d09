"""Where the parameters of a layer are: a part of a flat vector that all models with the layer share.

Design: the numbers stay in one vector, so that training touches one array, and the layer only knows its part of it.
Who holds the vector (a model's store, which may move it) is told here by its interface alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from fastnn.layers.parameter import Parameter


class Holder(Protocol):
    """What has the vector."""

    params: np.ndarray


class Place:
    """A layer's part of ``holder.params``.

    Attributes
    ----------
    parameters : the layer's :class:`fastnn.layers.parameter.Parameter` records.
    offsets : where each begins.
    """

    def __init__(self, holder: Holder, parameters: Sequence[Parameter], offsets: Sequence[int]):
        self.holder, self.parameters, self.offsets = holder, tuple(parameters), tuple(offsets)

    def own(self) -> list[np.ndarray]:
        """Views of the layer's parameters."""
        params = self.holder.params
        shapes = [parameter.shape for parameter in self.parameters]
        places = zip(self.offsets, shapes, strict=True)
        return [params[offset : offset + math.prod(shape)].reshape(shape) for offset, shape in places]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters."""
        return [parameter.shape for parameter in self.parameters]
