"""What a composed layer is in models: a model inside another one, whose weights the outer one draws.

Design: files, configurations, copies, freezing, summaries and exports know models inside models, so a composed layer
(:mod:`fastnn.layers.composition`) becomes one when a graph takes it. It has the dtype and the seed of that graph's
model, and its weights begin with the numbers that its layers would have there by themselves. What is stored is that
model, which means the same without the class; ``get_config`` of the layer has what its constructor was given, as Keras'
programs expect, for ``from_config`` of the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastnn.layers.classes import theirs
from fastnn.layers.parameter import Parameter, Shape
from fastnn.models import changing
from fastnn.models.graph import trace
from fastnn.models.model import Model
from fastnn.models.naming import name_items, snake_case
from fastnn.models.policies import check_layer
from fastnn.models.store import Store
from fastnn.models.structure import ends_of

if TYPE_CHECKING:
    from fastnn.layers.base import Layer
    from fastnn.layers.composition import Composition
    from fastnn.layers.edges import Edge
    from fastnn.models.network import Network


class Composed(Model):
    """The model of a composed layer, not built before a model around it is.

    Attributes
    ----------
    layer : the composed layer, whose attributes and methods are found here, too.
    """

    layer: Layer
    _waits = True
    _composition: Composition | None = None

    @classmethod
    def of(cls, layer: Layer, leads: bool = True) -> Composed:
        """The model that stands for a layer, or, where that serves other inputs, one more."""
        if leads and layer._model is not None:
            return cast(Composed, layer._model)
        made: Composed = cls.__new__(cls)
        made._set(layer=layer)
        made._begin("float32", 0, None, layer.given_name if leads else None)
        if leads:
            object.__setattr__(layer, "_model", made)
        return made

    def __getattr__(self, name: str) -> Any:
        layer: Layer | None = vars(self).get("layer")
        if layer is not None and name[0] != "_" and (name in vars(layer) or name in theirs(type(layer))):  # type: ignore[arg-type]  # types can be hashed
            return getattr(layer, name)
        raise AttributeError(f"{self.composed_kind!r} object has no attribute {name!r}", name=name, obj=self)

    @property
    def leads(self) -> bool:
        """Whether this is the first model of its layer."""
        return getattr(self.layer, "_model", None) is self

    @property
    def composed_kind(self) -> str:
        return type(self.layer).__name__

    @property
    def UNNAMED(self) -> str:  # type: ignore[override]  # a constant elsewhere
        """By the class of the layer, or by the name of a layer that has several models."""
        return self.layer.given_name or snake_case(self.composed_kind)

    @property
    def stated_shape(self) -> Shape | None:  # type: ignore[override]  # a constant elsewhere
        return self.layer.input_shape

    def rename(self, name: str) -> None:
        super().rename(name)
        if self.leads and self.layer.given_name is None:
            self.layer.rename(name)

    def mark(self, trainable: object) -> None:
        super().mark(trainable)
        object.__setattr__(self.layer, "_trainable", self._trainable)

    # -- building -------------------------------------------------------------------------------

    def take(self, made: Composition) -> None:
        """Have the graph of the layer on such inputs."""
        graph = trace(made.inputs, made.outputs)
        name_items(graph.items)
        inputs = made.inputs if len(made.inputs) > 1 else made.inputs[0]
        is_plain = made.outputs == (list(made.came.values()) if isinstance(made.came, dict) else [made.came])
        self.draft(graph, ends_of(graph, inputs, made.came if is_plain else made.outputs))
        self._composition, made.model = made, self
        if not self.layer.trainable:
            self.trainable = False

    def read_by(self, outputs: Iterable[Edge]) -> None:
        """Note the outputs of a call of the layer in a graph around the model."""
        self._read_by.update(outputs)

    def _build_on(self, edges: Sequence[Edge]) -> None:
        if self._graph is None:
            self.take(self.layer.composition_for(edges[0] if len(edges) == 1 else list(edges))[0])

    def take_policy(self, whole: Network) -> None:
        check_layer(whole.dtype_policy, whole.dtype, self.layer)
        super().take_policy(whole)
        self.seed = whole.seed

    def settle_inside(self, whole: Network) -> None:
        super().settle_inside(whole)
        self._stand()

    def _stand(self) -> None:
        if self.leads:
            if self.layer.given_name is None:
                self.layer.rename(self.name)
            self.layer.stand(Inside(self))  # type: ignore[arg-type]  # it answers as a place does

    def take_down(self) -> None:
        if self._composition is None:
            return
        made, self._composition = self._composition, None
        for layer in self._new:
            layer.stand(None)
        if self.leads:
            self.layer.stand(None)
        self._graph, self._layout, self._ends, self._new = None, None, None, []
        self._drop_plans()
        self.layer.forget_composition(made)

    def _restore(self, structure: Any) -> None:
        super()._restore(structure)
        if self.layer._model is None:
            object.__setattr__(self.layer, "_model", self)
        if structure is not None:
            self._stand()


class Inside:
    """Where the parameters of a composed layer are: with the layers inside, as :class:`Place` has it of others."""

    def __init__(self, model: Composed):
        self.model = model

    @property
    def holder(self) -> Store:
        """What has the vector."""
        return self.model.store

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of all layers inside, under names with theirs, and whether they are trained."""
        frozen, pairs = self.model.frozen(), zip(self.model.weight_paths(), self.model.layout.variables, strict=True)
        told = ((name, v.parameter, v.layer not in frozen) for name, v in pairs)
        return tuple(replace(known, name=name, trainable=known.trainable and here) for name, known, here in told)

    def own(self) -> list[np.ndarray]:
        """Views of them."""
        return self.model._views()


@changing.one_at_a_time
def model_of(made: Composition) -> Composed:
    """The model of a composed layer on such inputs; made when a graph first takes it."""
    if made.model is None:
        leader = Composed.of(made.layer)
        (leader if leader._graph is None else Composed.of(made.layer, leads=False)).take(made)
    return cast(Composed, made.model)
