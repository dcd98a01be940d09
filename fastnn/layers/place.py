"""Where a layer stands in its model: how layers that are put into another model bring their weights.

Design: the weights stay in the model's one flat vector and the layer only knows its part of it, so that a layer is a
description still and training touches one vector. A layer that holds the vector, not the model, outlives the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn.plan import Variable


class Place:
    """A layer's part of a model's parameters.

    Attributes
    ----------
    source : the place of the layer that this one is a copy of, until that layer's weights have been taken over.
    names : whether the model chooses the layer's name.
    params, variables : the model's parameters and those of them that are the layer's, once there are any.
    """

    def __init__(self, source: Place | None = None, names: bool = False):
        self.source, self.names = source, names
        self.params: np.ndarray | None = None
        self.variables: tuple[Variable, ...] = ()

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
