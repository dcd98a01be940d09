"""``clone_model``: the same graph of new layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastnn._base.arguments import flag, shown
from fastnn._base.types import AnyLayer
from fastnn.layers.base import Layer
from fastnn.layers.edges import Call, Edge
from fastnn.layers.input import InputLayer
from fastnn.models.graph import trace
from fastnn.models.instruction import train_alike
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

if TYPE_CHECKING:
    from fastnn.models.graph import Item


def clone_model(
    model: object,
    input_tensors: None = None,
    clone_function: Callable[[object], object] | None = None,
    call_function: Callable[..., object] | None = None,
    recursive: bool = False,
) -> Model:
    """A model of the same layers in the same graph with weights of its own, drawn anew; compiled as the model is.

    Parameters
    ----------
    model : a :class:`Sequential` or :class:`Model`.
    input_tensors : Keras' argument for other inputs, refused when given.
    clone_function : ``f(layer)`` gives what stands in the place of each layer but the inputs; it may be the layer
        itself, whose weights are shared then. Without it layers are copied, and models inside are cloned.
    call_function : ``f(layer, edges)`` gives the edge in the place of ``layer(edges)``; for a :class:`Model`.
    recursive : clone models inside by these functions, in place of handing them to ``clone_function`` whole.

    Raises
    ------
    TypeError, ValueError
        a function gives no layer or edge, or one that does not fit.

    >>> from fastnn.layers import Dense
    >>> from fastnn.models import Sequential, clone_model
    >>> clone_model(Sequential([Dense(2, input_shape=(3,))])).summary()
    Model: "sequential"
    #  Layer (type)   Output Shape  Param #  Settings
    -------------------------------------------------
    0  dense (Dense)  (None, 2)           8
    -------------------------------------------------
    Input shape: (None, 3)
    Total params: 8 (32 bytes in float32)
    not compiled
    """
    if not isinstance(model, Model):
        raise TypeError(f"clone_model takes a Sequential or a Model, got {shown(model)}")
    if input_tensors is not None:
        raise ValueError("a clone has inputs of its own; leave out input_tensors, and call the clone on edges")
    if call_function is not None and model.is_chain:
        raise ValueError("call_function is for a fastnn.Model; give a Sequential other layers by clone_function")
    return _Cloner(clone_function, call_function, flag("recursive", recursive)).clone(model)


class _Cloner:
    """One call of :func:`clone_model`, which clones each layer once."""

    def __init__(
        self,
        clone_function: Callable[[Item], object] | None,
        call_function: Callable[..., object] | None,
        recursive: bool,
    ):
        self.clone_function, self.call_function, self.recursive = clone_function, call_function, recursive
        self.made: dict[int, AnyLayer] = {}

    def clone(self, model: Model) -> Model:
        made = self._chain(model) if model.is_chain else self._graph(model)
        made.mark(model.trainable)
        if model.given_name is None:
            made.rename(model.name)
        train_alike(made, model)
        return made

    def _chain(self, model: Model) -> Sequential:
        items = [self._item(item) for item in model.items]
        made = Sequential(items, dtype=model.dtype_policy, backend=model.backend, name=model.given_name)
        if model.built:
            made.build(model.input_shape)
        return made

    def _graph(self, model: Model) -> Model:
        sources = [self._item(source) for source in model.graph.sources]
        edges = dict(zip(model.graph.inputs, (source.edge for source in sources), strict=True))
        for call in model.graph.calls:
            item = self._item(call.item)
            edges.update(
                zip(call.outputs, self._called(item, call, [edges[edge] for edge in call.inputs]), strict=True)
            )
        graph = trace([source.edge for source in sources], [edges[edge] for edge in model.graph.outputs])
        made = Model.waiting(model.dtype_policy, backend=model.backend, name=model.given_name)
        made.draft(graph, model.ends)
        made.settle_in()
        return made

    def _called(self, item: Item, call: Call, edges: list[Edge]) -> list[Edge]:
        if self.call_function is None:
            return item.called(edges, call.options) if isinstance(item, Layer) else item.called(edges, whole=True)
        came = self.call_function(item, edges[0] if len(edges) == 1 else edges)
        listed = came if isinstance(came, list | tuple) else [came]
        if not all(isinstance(edge, Edge) for edge in listed):
            raise TypeError(f"call_function must give the edge that a layer makes, got {shown(came)}")
        return list(listed)

    def _item(self, item: Item) -> AnyLayer:
        if id(item) not in self.made:
            self.made[id(item)] = self._new(item)
        return self.made[id(item)]

    def _new(self, item: Item) -> Item:
        function = None if isinstance(item, InputLayer) else self.clone_function
        if function is not None and (isinstance(item, Layer) or not self.recursive):
            made = function(item)
            if not isinstance(made, Layer | Model):
                raise TypeError(f"clone_function must give a layer or a model for {item!r}, got {shown(made)}")
            return made
        if not isinstance(item, Layer):
            return self.clone(item)
        copied = copy.copy(item)
        if item.given_name is None and item.name:
            copied.rename(item.name)
        return copied
