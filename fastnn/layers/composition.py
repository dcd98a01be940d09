"""Layers composed of layers: a class whose ``call`` has no ``backward`` beside it is asked once, on edges.

What ``call`` makes between edges of one's own and those that it returns is a :class:`Composition`. The room of models
makes a model of it when a graph takes it (``models/composed.py``), so that weights, names, freezing, files and plans
are those of a model inside another one.

Design: nothing is computed here, and there is no second way to compute. A tape over arrays (rejected) would need a
gradient of everything that NumPy has, and would come back to Python for each block of rows. Calls made straight on the
edges outside (rejected) would leave no layer to name, to freeze or to look up, and names inside would meet those of
other layers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from fastnn._base.arguments import shown
from fastnn.layers.edges import ARRAYS, Call, Edge
from fastnn.layers.forgetting import recorded

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

PLAIN = (bool, int, float, str, type(None))
HINT = (
    "{kind}.call is asked once, on edges and not on arrays: it may call layers, and add, multiply and slice edges, "
    "whose shapes have None for the rows. NumPy code is a layer of its own, with call(self, x) and "
    "backward(self, dy), or a Lambda(function, gradient); see docs/own_layers.md"
)
INNER = ("_calls", "_compositions", "_constructed", "_model", "_own_given", "_place")  # attributes that are no user's


class Training:
    """Stands for whether a model is being trained, which a graph does not know."""

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError(
            "training has no value in call: a graph is the same in training and prediction. Dropout and its like act "
            "in training by themselves, so write self.dropout(x) without an if"
        )

    __bool__ = __eq__ = __ne__ = __invert__ = _refuse
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "training"


TRAINING = Training()


def check_training(layer: object, told: object) -> None:
    """``TypeError`` for a word on training that a graph could not follow."""
    if told is not None and told is not TRAINING:
        raise TypeError(
            f"{layer!r} does in training what it does there, and in prediction not; leave training={told!r} out"
        )


class Standing(Protocol):
    """The model that stands for a composed layer; layers know no more of it."""

    trainable: bool

    def take_down(self) -> None:
        """Give back what it took of its layers."""


class Composition:
    """What a composed layer is on inputs of one kind.

    Attributes
    ----------
    layer : the composed layer.
    inputs, outputs : the edges between which its ``call`` made others.
    read : places, among the edges that it was given, of those that ``call`` uses; the inputs are these.
    came : what ``call`` returned, an edge or a list or dict of them.
    model : the model that stands for it, None until a graph takes it.
    undo : how to forget the calls inside.
    """

    __slots__ = ("came", "inputs", "layer", "model", "outputs", "read", "undo")

    def __init__(self, layer: Layer, inputs: list[Edge], came: Any, undo: list[Callable[[], None]]):
        self.layer, self.came, self.undo = layer, came, undo
        self.model: Standing | None = None
        self.outputs: list[Edge] = []
        taken_apart(layer, came, self.outputs)
        used = {*self.outputs, *(edge for call in _calls(inputs, self.outputs) for edge in call.inputs)}
        self.read = [i for i, edge in enumerate(inputs) if edge in used]
        self.inputs = [inputs[i] for i in self.read]

    @property
    def name(self) -> str | None:
        """That of the layer."""
        return self.layer.name

    def __repr__(self) -> str:
        return repr(self.layer)

    def forget_calls(self, calls: object) -> None:
        """Nothing is kept of them."""


def composes(kind: type) -> bool:
    """Whether a class is a layer that is composed of others."""
    return callable(getattr(kind, "call", None)) and not callable(getattr(kind, "backward", None))


# -- arguments of call ----------------------------------------------------------------------------------


def taken_apart(layer: object, came: Any, edges: list[Edge]) -> object:
    """What tells a call from others: kinds, shapes and numbers; its edges are added to ``edges``."""
    if isinstance(came, Edge):
        edges.append(came)
        return Edge, came.sizes, came.others
    if isinstance(came, Mapping):
        return "dict", *((key, taken_apart(layer, value, edges)) for key, value in came.items())
    if isinstance(came, list | tuple):
        return type(came).__name__, *(taken_apart(layer, value, edges) for value in came)
    if not isinstance(came, (*PLAIN, Training)):
        who = layer if isinstance(layer, str) else repr(layer)
        name = getattr(layer, "name", None) if getattr(layer, "_compositions", None) else None
        become = f"; here the layer has become one: model.get_layer({name!r}).predict(array)" if name else ""
        raise TypeError(
            f"{who} takes and gives edges, as in h = layer(Input((4,))), with numbers and texts beside them, got "
            f"{shown(came)}; {ARRAYS}{become}"
        )
    return type(came), None if isinstance(came, Training) else came


def put_together(came: Any, edges: Iterator[Edge]) -> Any:
    """The same with other edges."""
    if isinstance(came, Edge):
        return next(edges)
    if isinstance(came, Mapping):
        return {key: put_together(value, edges) for key, value in came.items()}
    if isinstance(came, list | tuple):
        made = [put_together(value, edges) for value in came]
        return made if isinstance(came, list) else tuple(made)
    return came


def bound(owner: Any, given: tuple[Any, ...], named: dict[str, Any]) -> inspect.BoundArguments:
    """Arguments of ``call``; ``training`` has no value where nobody said one."""
    signature = inspect.signature(owner.call)
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    if "training" not in signature.parameters and not takes_all:
        check_training(owner, named.pop("training", None))
    try:
        known = signature.bind_partial(*given, **named).arguments
        missing = {name for name in ("training", "mask") if name in signature.parameters and name not in known}
        found = signature.bind(*given, **named, **dict.fromkeys(missing))
    except TypeError as error:
        is_model = hasattr(owner, "fit") and "missing" in str(error)
        told = "; inputs of a model are one argument, as in call(self, inputs) with a, b = inputs" if is_model else ""
        raise TypeError(f"{type(owner).__name__}.call: {error}{told}") from None
    if "training" in found.arguments and found.arguments["training"] is None:
        found.arguments["training"] = TRAINING
    return found


# -- asking call ----------------------------------------------------------------------------------------


def compose(layer: Layer, told: inspect.BoundArguments, edges: list[Edge]) -> Composition:
    """Ask a layer what it makes of such edges."""
    _check(layer, edges)
    with recorded() as undo:
        if not layer._compositions:
            _build(layer, told)
        inputs = [_input_like(edge) for edge in edges]
        told.arguments.update(put_together(told.arguments, iter(inputs)))
        return Composition(layer, inputs, asked(layer, told, inputs), undo)


def asked(owner: Any, told: inspect.BoundArguments, inputs: list[Edge]) -> Any:
    """What ``call`` gives; an error says what it may do."""
    kind = type(owner).__name__
    try:
        came = owner.call(*told.args, **told.kwargs)
        edges: list[Edge] = []
        taken_apart(f"{kind}.call", came, edges)
        if not edges:
            raise TypeError(f"{kind}.call must return an edge, or a list or dict of edges, got {shown(came)}")
        if len(set(edges)) < len(edges):
            raise ValueError(f"{kind}.call returns one edge twice; leave one out")
        _check_held(owner, inputs, edges)
    except (TypeError, ValueError, AttributeError) as error:
        error.add_note(HINT.format(kind=kind))
        raise
    return came


def _check(layer: Layer, edges: list[Edge]) -> None:
    if layer._own_activity.l1 or layer._own_activity.l2:
        raise TypeError(f"activity_regularizer of {layer!r} would not act; give it to a layer inside")
    if layer.input_shape is not None and edges[0].sizes != layer.input_shape:
        raise ValueError(f"{layer!r} was given the input_shape {layer.input_shape}, and reads {edges[0].sizes} here")


def _build(layer: Layer, told: inspect.BoundArguments) -> None:
    """Have ``build`` make its layers, by the shapes of as many arguments of ``call`` as it takes."""
    shapes = [shape for value in told.arguments.values() if (shape := shapes_of(value)) is not None]
    takes = inspect.signature(layer.build).parameters.values()
    several = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in takes)
    layer.build(*(shapes if several else shapes[: len(takes)]))
    if layer._own_weights:
        raise TypeError(
            f"{layer!r} has the weight {layer._own_weights[0].name!r} and no backward: a composed layer has the "
            f"weights of the layers inside. Make a layer of its own with call(x) and backward(dy) of what uses it, or "
            f"use Scale, PReLU or PositionEmbedding"
        )


def shapes_of(came: Any) -> Any:
    """Shapes of edges as Keras tells them, in a list or dict where edges are; None where there are none."""
    if isinstance(came, Edge):
        return came.shape
    if isinstance(came, Mapping):
        return {key: shapes_of(value) for key, value in came.items()} or None
    found = [shapes_of(value) for value in came] if isinstance(came, list | tuple) else []
    return found if found and None not in found else None


def _input_like(edge: Edge) -> Edge:
    """The input of a graph for what this edge stands for, also where its length is open."""
    from fastnn.layers.input import InputLayer

    source = InputLayer(edge.sizes)
    return source._record(Call(source, (), [edge.sizes], others=[edge.others]))[0]


def held(owner: object) -> list[Any]:
    """Layers and models among the attributes of an object, also in lists and dicts."""
    return layers_in(*(value for name, value in vars(owner).items() if name not in INNER))


def layers_in(*values: Any) -> list[Any]:
    """Layers and models among values, and in lists and dicts of them."""
    found: list[Any] = []
    waiting = list(values)
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Mapping):
            waiting[:0] = value.values()
        elif isinstance(value, list | tuple | set):
            waiting[:0] = value
        elif hasattr(value, "forget_calls") and not any(value is other for other in found):
            found.append(value)
    return found


def _check_held(owner: object, inputs: list[Edge], outputs: list[Edge]) -> None:
    """``ValueError`` where ``call`` calls a layer with weights that is no attribute: another call had other weights."""
    known = {id(item) for item in held(owner)}
    for call in _calls(inputs, outputs):
        item = getattr(call.item, "layer", call.item) if isinstance(call.item, Composition) else call.item
        if id(item) in known or id(getattr(item, "layer", None)) in known or not _has_weights(call):
            continue
        raise ValueError(
            f"{type(owner).__name__}.call calls {item!r}, which is no attribute: make it in __init__, as in "
            f"self.layer = ..., also in lists and dicts; made in call it would have other weights each time"
        )


def _calls(inputs: list[Edge], outputs: list[Edge]) -> list[Call]:
    """The calls between edges, each once."""
    found: list[Call] = []
    waiting, seen = [edge.call for edge in outputs], {edge.call for edge in inputs}
    while waiting:
        call = waiting.pop()
        if call not in seen:
            seen.add(call)
            found.append(call)
            waiting += [edge.call for edge in call.inputs]
    return found


def _has_weights(call: Call) -> bool:
    from fastnn.layers.called import how

    if not hasattr(call.item, "parameters") or composes(type(call.item)):
        return True
    return bool(call.item.parameters(*(edge.sizes for edge in call.inputs), **how(call.options)))
