"""What a model keeps between the calls of a user's loop."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn import _kernels
from fastnn._base import arrays
from fastnn._base.types import Outputs
from fastnn._engine.blend import Blend
from fastnn._engine.loops import Loops
from fastnn.layers import freezing
from fastnn.models.values import parameter_names, watched

if TYPE_CHECKING:
    from fastnn.models.loops import OwnLoops
    from fastnn.models.values import Place


class Prepared(Loops):
    """What a model keeps between the calls of a loop; it does not keep the model.

    Attributes
    ----------
    one_shape : of the rows of an input alone that takes any numbers, else None; ``is_row``: they are vectors.
    is_plain : whether that is so, with one output, and rows have nothing to do with each other.
    values : how :meth:`OwnLoops.activations` names what its plan gives.
    reading : the plan of predictions; None of a stateful model, whose plans are for a number of rows.
    blends : what :meth:`OwnLoops.soft_update` needs, by target.
    has_settled : whether moving statistics have followed the rows of a forward pass whose gradients may be to come.
    """

    def __init__(self, model: OwnLoops, backend: str | None = None):
        frozen = model.frozen()
        layout = model.layout.frozen(frozen) if frozen else model.layout
        names = parameter_names(model.graph, layout)
        module = _kernels.select(model.prediction_plan(), backend or model.backend)[1]
        super().__init__(layout.named(names), model.state, model.seed, names, module)
        self.watched = watched(model)
        self.seen = freezing.latest
        self.told = [model._trainable, *(item._trainable for item in self.watched)]
        self.ends, self.reading = model.ends, None if layout.carried else model.prediction_entry()
        plain = len(layout.inputs) == 1 and layout.n_ids == (None,)
        self.one_shape = layout.input_shapes[0] if plain else None
        self.is_plain = plain and len(self.shapes) == 1 and not (self.measures or self.goes_on)
        self.is_row = plain and len(layout.input_shapes[0]) == 1
        self.values: tuple[dict[str, Place], tuple[int, ...]] | None = None
        self.has_settled = False
        self.blends: weakref.WeakKeyDictionary[object, Blend] = weakref.WeakKeyDictionary()

    def changed(self, trainable: bool) -> bool:
        """Whether something was frozen, or trains again, since; ``trainable`` is the model's own word."""
        if freezing.latest == self.seen:
            return False
        self.seen = freezing.latest
        return [trainable, *[item._trainable for item in self.watched]] != self.told

    def slopes_of(self, dy: object, n: int) -> list[np.ndarray]:
        """Slopes of the outputs that a user brings, checked, ``(n, numbers a sample)``."""
        outs, shapes = self.ends[1], self.shapes
        if len(shapes) == 1 and type(dy) is np.ndarray:
            return [self._slope("dy", dy, (n, *shapes[0]))]
        split = zip(outs.split("dy", dy), shapes, strict=True)
        return [self._slope(outs.label("dy", i), came, (n, *shape)) for i, (came, shape) in enumerate(split)]

    def _slope(self, label: str, came: object, shape: tuple[int, ...]) -> np.ndarray:
        slope = arrays.real_array(label, came, self.state.params.dtype)
        if slope.shape != shape and not (shape[-1] == 1 and slope.shape == shape[:-1]):
            raise ValueError(f"{label} must have the shape of the output, {shape}, got {slope.shape}")
        arrays.check_finite(label, slope, came)
        return slope if slope.ndim == 2 else slope.reshape(len(slope), math.prod(shape[1:]))

    def like_inputs(self, found: Sequence[np.ndarray]) -> Outputs:
        """Arrays ``(n, numbers a sample)``, one for each input, in the form in which the inputs come."""
        shaped = [array.reshape(-1, *shape) for array, shape in zip(found, self.layout.input_shapes, strict=True)]
        return self.ends[0].join(shaped)
