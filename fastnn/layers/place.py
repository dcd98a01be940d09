"""Where a layer stands in its model: how layers that are put into another model bring their weights.

Design: the weights stay in the model's one flat vector and the layer only knows its part of it, so that a layer is a
description still and training touches one vector. A layer that holds the vector, not the model, outlives the model.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._plan.layout import Variable


class Place:
    """A layer's part of a model's parameters.

    Attributes
    ----------
    source : the place of the layer that this one is a copy of, until that layer's weights have been taken over.
    origin : gives that place also afterwards, while its layer is there; None for the first place of a layer.
    names : whether the model chooses the layer's name.
    params, variables : the model's parameters and those of them that are the layer's, once there are any.
    """

    def __init__(self, source: Place | None = None, names: bool = False):
        self.source, self.names = source, names
        self.origin = None if source is None else weakref.ref(source)
        self.params: np.ndarray | None = None
        self.variables: tuple[Variable, ...] = ()

    def is_of(self, other: Place) -> bool:
        """Whether this is the place ``other``, or that of a copy of the layer there."""
        return self is other or (self.origin is not None and self.origin() is other)

    def own(self) -> list[np.ndarray]:
        """Views of the layer's parameters."""
        if self.params is None:
            return []
        return [self.params[v.offset : v.offset + v.size].reshape(v.parameter.shape) for v in self.variables]

    def brought(self) -> list[np.ndarray]:
        """Views of the weights that the layer brings to a model that is built now; none where nobody has any."""
        if self.params is not None:
            return self.own()
        return [] if self.source is None else self.source.brought()
