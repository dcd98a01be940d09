"""``fold``: a model whose normalisations have become a part of the weights of the layers beside them.

A layer that scales and shifts channels is folded into the linear layer before it, else into the one behind it, where
each of its uses has a use of that layer there to itself: what lies between is read by nobody else, and the linear layer
is used nowhere else. Uses are counted in the model and in all models inside it, each of which keeps what it computes.
:mod:`fastnn.layers.folding` has the arithmetic.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.types import AnyLayer, Policy
from fastnn._plan.passes import operations_of
from fastnn.layers.activation import Identity
from fastnn.layers.base import Layer
from fastnn.layers.edges import Call, Edge
from fastnn.layers.folding import Affine, Linear, affine, hands_on, is_linear
from fastnn.models.graph import Graph, trace
from fastnn.models.instruction import train_alike
from fastnn.models.inventory import inventory
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential


def fold(model: object) -> Model:
    """A smaller model with the same predictions, whose BatchNormalization is part of other layers' weights.

    Each ``y = x * scale + shift`` of a :class:`fastnn.layers.BatchNormalization` with its moving statistics, of a
    ``Normalization`` or a ``Rescaling`` goes into kernel and bias of the layer before it, if that is linear: Dense,
    Conv, ConvTranspose, DepthwiseConv and SeparableConv 1D and 2D, also in TimeDistributed, without an activation. Else
    it goes into the Dense layer or convolution behind it, which must not pad (``padding="valid"``, windows of 1, or a
    ``Rescaling`` without offset). Between the two there may be layers that do nothing in prediction or to the order of
    numbers, as Dropout, Flatten and Reshape. PyTorch has ``torch.nn.utils.fuse_conv_bn_eval`` for a pair of modules.

    Left as they are: layers where somebody else, too, reads what stands between them and their neighbour, or where the
    neighbour has other uses, or is in another of the models inside the model; layers in front of their neighbour with
    means more than 8 deviations from 0, which would lose digits; and those with which weights would not be finite.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential` or :class:`fastnn.Model`; it stays as it is.

    Returns
    -------
    a model with weights of its own, computed in float64 and rounded once. Names of layers that stay, of inputs and of
    outputs, dtype, seed, backend and metadata are the same; an ``Identity`` keeps the place of the last layer of a
    ``Sequential``, whose name its output has. It is compiled as the model is, and does not follow that as it trains on.
    Layers that others were folded into have a bias, and no penalties and constraints, which were for other weights.
    Stateful layers begin with zeros.

    Raises
    ------
    TypeError, NotReadyError
        it is no model, or not built yet.
    ValueError
        its layers cannot predict, as :meth:`fastnn.Model.predict` says.

    >>> import numpy as np
    >>> from fastnn import Sequential, utils
    >>> from fastnn.layers import BatchNormalization, Conv2D, ReLU
    >>> chain = [Conv2D(4, 3, use_bias=False, input_shape=(8, 8, 1)), BatchNormalization(), ReLU()]
    >>> model, x = Sequential(chain, dtype="float64"), np.ones((1, 8, 8, 1))
    >>> folded = utils.fold(model)
    >>> [layer.name for layer in folded.layers], [w.shape for w in folded.get_weights()]
    (['conv2d', 're_lu'], [(3, 3, 1, 4), (4,)])
    >>> np.allclose(folded.predict(x), model.predict(x))
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"fold takes a Sequential or a Model, got {shown(model)}")
    operations_of(model.layout)  # a model that cannot predict is not folded into one that can
    folding = _Folding(model)
    folding.run()
    made = Remade(folding.gone, folding.changed)
    found = made.model(model)
    made.train_alike()
    return found


class _Wiring:
    """A graph by its edges: what makes each of them, and what reads it."""

    def __init__(self, graph: Graph):
        self.calls = graph.calls
        self.makers = {edge: call for call in graph.calls for edge in call.outputs}
        self.readers: dict[Edge, list[Call | None]] = {edge: [None] for edge in graph.outputs}
        for call in graph.calls:
            for edge in call.inputs:
                self.readers.setdefault(edge, []).append(call)

    def maker(self, edge: Edge) -> Call | None:
        """The call that makes an edge for one reader alone."""
        return self.makers.get(edge) if len(self.readers[edge]) == 1 else None

    def reader(self, edge: Edge) -> Call | None:
        """The call that alone reads an edge."""
        found = self.readers.get(edge, [])
        return found[0] if len(found) == 1 else None


Way = Callable[[_Wiring, Call], Call | None]
Changed = Callable[[Layer], tuple[Layer, list[np.ndarray]] | None]


class _Folding:
    """What is folded into what.

    Attributes
    ----------
    gone : ids of the layers that are folded.
    linear : the weights of those that others are folded into, by id.
    """

    def __init__(self, model: Model):
        self.gone: set[int] = set()
        self.linear: dict[int, Linear] = {}
        self.uses: dict[int, list[tuple[_Wiring, Call]]] = {}
        self.layers: dict[int, Layer] = {}
        for item in inventory(model):
            if not isinstance(item, Layer):
                self._read(_Wiring(item.graph))

    def _read(self, wiring: _Wiring) -> None:
        for call in wiring.calls:
            if isinstance(call.item, Layer):
                self.layers[id(call.item)] = call.item
                self.uses.setdefault(id(call.item), []).append((wiring, call))

    def run(self) -> None:
        """Fold as long as something can be: a layer that is gone may have stood between two others."""
        found = [(layer, affine(layer)) for layer in self.layers.values() if layer.batch_rows is None]
        before = -1
        while len(self.gone) > before:
            before = len(self.gone)
            for layer, came in found:
                if came is not None and id(layer) not in self.gone:
                    self._fold(layer, came)

    def changed(self, layer: Layer) -> tuple[Layer, list[np.ndarray]] | None:
        """A new layer that others were folded into, and its weights; None for those that stay."""
        found = self.linear.get(id(layer))
        return None if found is None else (found.described(), list(found.arrays.values()))

    def _fold(self, layer: Layer, came: Affine) -> None:
        for way, change in ((_makes, Linear.behind), (_reads, Linear.before)):
            neighbour = self._neighbour(layer, way)
            if neighbour is None:
                continue
            weights = self.linear.get(id(neighbour)) or Linear(neighbour)
            if change(weights, came):
                self.linear[id(neighbour)] = weights
                self.gone.add(id(layer))
                return

    def _neighbour(self, layer: Layer, way: Way) -> Layer | None:
        """The linear layer of which a use stands at each use of a layer, and that is used nowhere else."""
        uses = self.uses[id(layer)]
        found = [self._search(wiring, call, way) for wiring, call in uses]
        same = found[0] is not None and all(item is found[0] for item in found)
        return found[0] if same and len(self.uses[id(found[0])]) == len(uses) else None

    def _search(self, wiring: _Wiring, call: Call, way: Way) -> Layer | None:
        """The next layer on the way that changes numbers, where it is linear."""
        next_call = way(wiring, call)
        while next_call is not None and self._is_passed(next_call):
            next_call = way(wiring, next_call)
        return next_call.item if next_call is not None and is_linear(next_call.item) else None

    def _is_passed(self, call: Call) -> bool:
        return id(call.item) in self.gone or hands_on(call.item, call.inputs[0].sizes)


def _makes(wiring: _Wiring, call: Call) -> Call | None:
    return wiring.maker(call.inputs[0])


def _reads(wiring: _Wiring, call: Call) -> Call | None:
    return wiring.reader(call.outputs[0])


class Remade:
    """The models of a model, made anew with other layers in the places of some.

    Attributes
    ----------
    gone : ids of the layers that are left out.
    changed : the layer in place of one and its weights, or None where it stays.
    policy : of the models, None for the one that each has.
    """

    def __init__(self, gone: Collection[int], changed: Changed, policy: Policy | None = None):
        self.gone, self.changed, self.policy = gone, changed, policy
        self.made: dict[int, AnyLayer] = {}
        self.weights: dict[int, list[np.ndarray]] = {}  # of new layers, by id
        self.models: list[AnyLayer] = []  # as they were

    def model(self, model: Model) -> Model:
        """The model that all others are in."""
        items = inventory(model)
        for item in items:
            self.made[id(item)] = self._layer(item) if isinstance(item, Layer) else self._draft(item)
        whole = self.made[id(model)]
        whole.settle_in([array for layer in whole.sketch().layers for array in self.weights[id(layer)]])
        self.models = [item for item in items if not isinstance(item, Layer)]
        for item in self.models[:-1]:
            self.made[id(item)].settle_in()
        whole.metadata = dict(model.metadata)
        found: Model = whole
        return found

    def train_alike(self) -> None:
        """Compile each model as the one in whose place it is."""
        for item in self.models:
            train_alike(self.made[id(item)], item)

    def _layer(self, layer: Layer) -> Layer:
        made: Layer
        arrays: list[np.ndarray]
        if id(layer) in self.gone:
            made, arrays = Identity(name=layer.name), []
        elif changed := self.changed(layer):
            made, arrays = changed
        else:
            made, arrays = copy.copy(layer), layer.weights
        if made.name is None and layer.name:
            made.rename(layer.name)
        self.weights[id(made)] = arrays
        return made

    def _draft(self, model: AnyLayer) -> Model:
        told = {"seed": model.seed, "backend": model.backend, "name": model.given_name}
        policy = self.policy or model.dtype_policy
        made: Model | Sequential
        if model.is_chain:
            made = Sequential(dtype=policy, **told)
            made.draft(self._items(model), model.graph.inputs[0].sizes)
        else:
            made = Model.waiting(policy, **told)
            made.draft(self._graph(model.graph), model.ends)
        made.mark(model.trainable)
        if model.given_name is None:
            made.rename(model.name)
        return made

    def _items(self, chain: Sequential) -> list[AnyLayer]:
        """The layers and models of a chain; the last one gives the output its name, and stays."""
        *inner, last = chain.items
        kept = [item for item in inner if id(item) not in self.gone]
        return [self.made[id(item)] for item in (*kept, last)]

    def _graph(self, graph: Graph) -> Graph:
        inputs = [self.made[id(source)].edge for source in graph.sources]
        edges = dict(zip(graph.inputs, inputs, strict=True))
        for call in graph.calls:
            edges.update(zip(call.outputs, self._called(call, [edges[edge] for edge in call.inputs]), strict=True))
        return trace(inputs, [edges[edge] for edge in graph.outputs])

    def _called(self, call: Call, edges: list[Edge]) -> list[Edge]:
        if id(call.item) in self.gone:
            return edges
        made = self.made[id(call.item)]
        return made.called(edges, call.options) if isinstance(made, Layer) else made.called(edges, whole=True)
