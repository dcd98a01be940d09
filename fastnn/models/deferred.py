"""Models whose graph a method ``call`` of their class makes, once the shape of their input is known.

Design: ``call`` is asked once, on edges, as a composed layer's is (:mod:`fastnn.layers.composition`), and the model is
from then on one of a graph; a :class:`fastnn.Sequential` waits for a shape in the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from fastnn._base.types import Config
from fastnn._engine import convert, exclusive
from fastnn.errors import NotReadyError
from fastnn.layers import composition, forgetting
from fastnn.layers.classes import captured, taken
from fastnn.layers.edges import Edge
from fastnn.layers.input import Input
from fastnn.layers.parameter import Shape, check_shape, stated, without_batch
from fastnn.models import changing, parts
from fastnn.models.graph import trace
from fastnn.models.naming import name_items, snake_case
from fastnn.models.signatures import Typed
from fastnn.models.store import Store
from fastnn.models.structure import Structure, check_outputs, ends_of

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.network import Network

PROVISIONAL = Structure("inputs", ("input",), "one"), Structure("outputs", ("output",), "one")
FIRST = ("_graph", "_layout", "_name", "_state", "_store")  # what methods ask for first


class Unbegun:
    """What a model has before the constructor of its class has called ``super().__init__()``: an error that says so.

    Only classes with ``call`` have it: a name that a class has too is looked up more slowly, and ``predict`` of a row
    would take 4 % longer.
    """

    def __get__(self, model: object, kind: type) -> Self:
        if model is None:
            return self
        raise RuntimeError(f"{kind.__name__}.__init__ has to call super().__init__() before anything else")


class Deferred(Typed):
    """What models have whose class has ``call``; others have their graph from the start."""

    stated_shape: Shape | None = None  # of a sample, where it is known before there is a graph
    _ends: tuple[Structure, Structure] | None = None
    _told: tuple[Any, ...] | None = None  # losses and metrics, of which the outputs say whose they are
    _constructed: Mapping[str, Any] = {}  # arguments of the constructor
    _calls_made: list[Callable[[], None]]  # how the calls in the graph are forgotten
    _waits = False  # to be built with a model around it, when it has a graph

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        for name in FIRST if cls.has_call() else ():
            setattr(cls, name, Unbegun())

    def __new__(cls, *arguments: Any, **given: Any) -> Self:
        made = super().__new__(cls)
        if cls.has_call():
            vars(made)["_constructed"] = captured(cls, arguments, given)
        return made

    @classmethod
    def has_call(cls) -> bool:
        """Whether the class makes the graph by a ``call`` of its own."""
        return hasattr(cls, "call")

    @property
    def UNNAMED(self) -> str:  # type: ignore[override]  # a constant elsewhere
        """By the class, where that has a ``call``."""
        return snake_case(type(self).__name__) if self.has_call() else "functional"

    @property
    def ends(self) -> tuple[Structure, Structure]:
        """How inputs and outputs are handed in and out."""
        return self._ends if self._graph and self._ends else PROVISIONAL

    @property
    def items(self) -> list[Item]:
        """All layers and models; before there is a graph, those that are attributes."""
        return super().items if self._graph or not self.has_call() else composition.held(self)

    def _set_own(self, name: str, value: Any) -> None:
        is_built = self.has_call() and vars(self).get("_graph")
        if is_built and composition.layers_in(vars(self).get(name), value):
            raise AttributeError(
                f"{type(self).__name__}.{name} = ... would not act: the model is built of the layers that it had; "
                f"make another {type(self).__name__}"
            )
        super()._set_own(name, value)

    # -- building -------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Draw the initial parameters for samples of ``input_shape``, with ``None`` for the batch axis.

        A model that is built for this shape already stays as it is.

        Parameters
        ----------
        input_shape : a shape such as ``(None, 20)``; of several inputs a list of shapes, or a dict by name.
        """
        if self._graph is None:
            self._trace(_shapes(input_shape))
        elif input_shape is not None:
            exclusive.check_idle(self.store, "build")
            told = self.input_shape if isinstance(self.input_shape, list) else [self.input_shape]
            if [(None, *stated(sizes)) for sizes in _listed(_shapes(input_shape))] != told:
                raise ValueError(f"{self!r} is built for {self.input_shape}, got {input_shape}; make another model")

    def _build(self, input_shape: Any) -> None:
        if input_shape is None:
            raise NotReadyError("the input's shape is not known; call build(input_shape) or fit")
        self.build(input_shape)  # which a class may have, to make its layers
        if self._graph is None:
            self._trace(_shapes(input_shape))

    @changing.one_at_a_time
    def _trace(self, shapes: Any) -> None:
        """Have the graph that ``call`` makes on inputs of these shapes."""
        if shapes is None:
            raise NotReadyError("the input's shape is not known; give it, as in build((None, 20))")
        if self._graph is not None:  # which another thread has made meanwhile
            return
        inside = self._is_inside()
        with forgetting.recorded() as undo:
            inputs = _inputs(shapes)
            told, edges = composition.bound(self, (inputs,), {}), _listed(inputs)
            came = composition.asked(self, told, edges)
            outputs: list[Edge] = []
            composition.taken_apart(self, came, outputs)
            graph = trace(edges, outputs)
            check_outputs(came, graph.outputs)
            name_items(graph.items)  # by which ends are told apart
            self._ends, self._calls_made = ends_of(graph, inputs, came), undo
            if inside:
                self._graph, self._waits = graph, True
            else:
                self._settle(graph)
        if not self._trainable:
            self.trainable = False
        if self._told is not None:
            self._choose(*self._told)

    def called(self, inputs: object, whole: bool = False) -> Any:
        if self._graph is None:
            if self.has_call():
                self._build(composition.shapes_of(inputs))
            elif self.is_chain and self._is_inside():
                chain: Any = self
                chain.draft(self.items, self._inputs_of(inputs)[0].sizes)
                self._waits = True
            forgetting.note(lambda: parts.take_down([self]))
        made: list[Edge] = super().called(inputs, whole=True)
        forgetting.note(lambda: self.forget_calls((made[0].call,)))
        return made if whole else self._structure_of(made)

    # -- inside a model that is being made ------------------------------------------------------

    def _is_inside(self) -> bool:
        """Whether a ``call`` around this model is being asked, whose model draws the weights of this one, too."""
        return forgetting.is_asking() and not self._has_own_seed

    @property
    def waits(self) -> bool:
        """Whether the model has a graph, and a model around it is to build it."""
        return self._waits and self._layout is None

    def take_policy(self, whole: Network) -> None:
        """Have the dtype of ``whole``, the model around this one, where none was given."""
        if self.dtype_policy == "float32":
            self._policy = whole.dtype_policy
            self._set(dtype=whole.dtype)
            self._join(Store(self.dtype))

    def settle_inside(self, whole: Network) -> None:
        """Be built, of layers that have got their places in ``whole``, the model around this one."""
        self._settle(self.graph)
        mine = {id(layer) for layer in self.layout.layers}
        self._new = [layer for layer in whole._new if id(layer) in mine]
        whole._new = [layer for layer in whole._new if id(layer) not in mine]

    # -- data -----------------------------------------------------------------------------------

    def shapes_in(self, x: Any) -> Any:
        """The shape of a sample in data ``x``, or a list or dict of them; an error where data have none."""
        if not self.has_call():
            return convert.sample_shape("x", self.ends[0].split("x", x)[0])
        if isinstance(x, Mapping):
            return {name: (None, *convert.sample_shape(name, came)) for name, came in x.items()}
        if isinstance(x, list | tuple) and len(x) > 1 and all(getattr(came, "ndim", 0) for came in x):
            return [(None, *convert.sample_shape("x", came)) for came in x]
        return (None, *convert.sample_shape("x", x))

    @contextlib.contextmanager
    def built_for(self, x: object) -> Iterator[None]:
        waiting = self._lacks_shape()
        if waiting:
            self._build(self.shapes_in(x))
        try:
            yield
        except BaseException:
            if waiting:
                parts.take_down(self._built_together())
            raise

    def _lacks_shape(self) -> bool:
        """Whether data are to say what the model is built for."""
        return self._graph is None and self.has_call()

    def _built_together(self) -> Sequence[Network]:
        """What was built with the model, itself among it."""
        return [self]

    def take_down(self) -> None:
        if self._graph is None or not self.has_call():
            return
        for layer in self._new:
            layer.stand(None)
        forgetting.take_back(self._calls_made)
        self._graph, self._layout, self._ends, self._new, self._inner = None, None, None, [], []
        self._drop_plans()

    # -- what waits for the outputs -------------------------------------------------------------

    def _choose(self, *told: Any) -> None:
        self._told = told if self.has_call() else None
        if self._graph is not None or not self.has_call() or not _by_output(*told):
            super()._choose(*told)
        else:
            self._decide((), None, [], [])

    @property
    def told_before(self) -> Any:
        """The losses of a compiled model that has no outputs yet, as they were given."""
        return self._told[0] if self._told and self._graph is None else None

    # -- copies and configurations --------------------------------------------------------------

    def _structure_to_copy(self) -> object:
        return super()._structure_to_copy() if self._graph else None

    def _restore(self, structure: Any) -> None:
        if structure is not None:
            super()._restore(structure)

    def get_config(self) -> Config:
        """As of other models; of a class with ``call``, what its constructor was given."""
        if not self.has_call():
            return super().get_config()
        common = {"name": self.given_name, "trainable": None if self.trainable else False}
        told: dict[str, object] = {name: value for name, value in common.items() if value is not None}
        return {**self._constructed, **taken(type(self), told)}

    @classmethod
    def from_config(cls, config: Mapping[str, object], custom_objects: Mapping[str, object] | None = None) -> Any:
        """As of other models; a class with ``call`` is called with the configuration."""
        return cls(**config) if cls.has_call() else super().from_config(config, custom_objects)


def _shapes(came: Any) -> Any:
    """Shapes of samples as a user gave them: one, a list or a dict."""
    if came is None:
        return None
    if isinstance(came, Mapping):
        return {name: _shapes(shape) for name, shape in came.items()}
    if isinstance(came, list | tuple) and came and all(isinstance(shape, list | tuple) for shape in came):
        return [_shapes(shape) for shape in came]
    return check_shape("input_shape", without_batch(came), may_be_open=True)


def _inputs(shapes: Any) -> Any:
    """The inputs of a graph for such shapes."""
    if isinstance(shapes, Mapping):
        return {name: Input(shape, name=str(name)) for name, shape in shapes.items()}
    return [Input(shape) for shape in shapes] if isinstance(shapes, list) else Input(shapes)


def _listed(came: Any) -> list[Any]:
    return list(came.values()) if isinstance(came, Mapping) else came if isinstance(came, list) else [came]


def _by_output(loss: Any, metrics: Any, weighted_metrics: Any, loss_weights: Any) -> bool:
    """Whether what is compiled is told by outputs."""
    several = [isinstance(came, list | tuple | Mapping) for came in (loss, loss_weights)]
    groups = [came for came in (metrics, weighted_metrics) if came is not None]
    several += [isinstance(came, Mapping) for came in groups]
    several += [any(one is None or isinstance(one, list) for one in came) for came in groups if isinstance(came, list)]
    return any(several)
