"""What a model keeps between the calls of a user's loop."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from fastnn._engine.blend import Blend
from fastnn._engine.loops import Loops
from fastnn.layers import freezing
from fastnn.models.values import parameter_names, watched

if TYPE_CHECKING:
    from fastnn.models.loops import OwnLoops


class Prepared(Loops):
    """What a model keeps between the calls of a loop; it does not keep the model.

    Attributes
    ----------
    values : how :meth:`OwnLoops.activations` names what its plan gives.
    reading : the plan of predictions; None of a stateful model, whose plans are for a number of rows.
    blends : what :meth:`OwnLoops.soft_update` needs, by target.
    has_settled : whether moving statistics have followed the rows of a forward pass whose gradients may be to come.
    """

    def __init__(self, model: OwnLoops):
        frozen = model.frozen()
        layout = model.layout.frozen(frozen) if frozen else model.layout
        names = parameter_names(model.graph, layout)
        super().__init__(layout.named(names), model.state, model.seed, names)
        self.watched = watched(model)
        self.seen = freezing.latest
        self.told = [model._trainable, *(item._trainable for item in self.watched)]
        self.ends, self.reading = model.ends, None if layout.carried else model.prediction_entry()
        plain = len(layout.inputs) == 1 and layout.n_ids == (None,)
        self.one_shape = layout.input_shapes[0] if plain else None
        self.values: Any = None
        self.has_settled = False
        self.blends: weakref.WeakKeyDictionary[Any, Blend] = weakref.WeakKeyDictionary()

    def changed(self, trainable: bool) -> bool:
        """Whether something was frozen, or trains again, since; ``trainable`` is the model's own word."""
        if freezing.latest == self.seen:
            return False
        self.seen = freezing.latest
        return [trainable, *[item._trainable for item in self.watched]] != self.told
