"""What all operations on values share: weights that are set later, names of layers, new values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn import layers
from fastnn._base.types import AnyLayer
from fastnn.interop.building.values import BATCH, LENGTH, Arranging, Atom, Atoms, Value
from fastnn.layers import Rescaling
from fastnn.layers.called import how
from fastnn.layers.edges import Edge

if TYPE_CHECKING:
    import numpy.typing as npt


class Workshop(Arranging):
    """Layers as they are made: their weights, which are set once the model is there, and their names."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[tuple[AnyLayer, list[np.ndarray]]] = []
        self._names: set[str] = set()

    def layer(
        self,
        kind: str,
        *arguments: object,
        weights: Sequence[npt.ArrayLike] = (),
        name: str | None = None,
        **named: object,
    ) -> AnyLayer:
        """A layer of :mod:`fastnn.layers` with these weights, in the order of its ``get_weights``."""
        made = getattr(layers, kind)(*arguments, name=self.free_name(name), **named)
        if len(weights):
            self.weights.append((made, [np.asarray(array) for array in weights]))
        return made

    def check_weights(self) -> None:
        """``ValueError`` where the weights of a layer are not as many as it has where it is called."""
        for layer, arrays in self.weights:
            for call in layer.calls[:1]:
                told = layer.parameters(*(edge.sizes for edge in call.inputs), **how(call.options))
                if [math.prod(one.shape) for one in told] != [array.size for array in arrays]:
                    shapes = [array.shape for array in arrays]
                    raise ValueError(f"weights of the shapes {shapes} do not fit {layer!r}, which has {len(told)}")

    def free_name(self, name: str | None) -> str | None:
        """The name, with a number behind it where there is one such already."""
        if not name:
            return None
        found, number = name, 1
        while found in self._names:
            found, number = f"{name}_{number}", number + 1
        self._names.add(found)
        return found

    def fresh(self, edge: Edge, places: Sequence[int], rank: int, batch: int = 0) -> Value:
        """A value of an edge each axis of which is one of the source's: ``places`` are those, of ``rank`` axes."""
        source: list[Atoms] = [()] * rank
        source[batch] = (BATCH,)
        ours = []
        for size, place in zip(edge.shape[1:], places, strict=True):
            if size != 1:
                ours.append(Atom(LENGTH if size is None else size))
                source[place] = (ours[-1],)
        return Value(edge, tuple(ours), tuple(source))

    def same(self, x: Value, edge: Edge, positive: bool = False, made: object = None) -> Value:
        """The value after an operation that leaves each number where it is."""
        return replace(x, edge=edge, positive=positive, made=made)

    @staticmethod
    def _shifted(edge: Edge, offset: float) -> Edge:
        return Rescaling(1.0, offset)(edge)
