"""A network: layers that call each other, and their parameters; before any thought of training.

:class:`fastnn.Model` is made of a graph, :class:`fastnn.Sequential` makes it when the shape of its input is known.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import flag, shown, whole_seed
from fastnn._base.arrays import MIXED, policy_of
from fastnn._base.random import new_seed
from fastnn._base.stored import check_types
from fastnn._engine.state import State
from fastnn._plan.layout import Layout, lay_out_graph
from fastnn.layers import freezing
from fastnn.layers.base import Layer
from fastnn.layers.edges import Call, Edge, edges_in
from fastnn.layers.parameter import Parameter
from fastnn.models import changing, parts
from fastnn.models.graph import Flat, Graph, flatten
from fastnn.models.naming import check_names, name_items
from fastnn.models.outline import Outline
from fastnn.models.policies import check_layer, check_models
from fastnn.models.store import Moves, Renewed, Store, settle

if TYPE_CHECKING:
    from fastnn.models.model import Model

NOTHING: frozenset[int] = frozenset()
MOST_IDS = 2**24  # whole numbers that float32 tells apart


class Network(Outline):
    """A graph of layers, and the store in which their parameters stand.

    Parameters
    ----------
    dtype, seed, name : see :class:`fastnn.Model`.
    """

    SETTABLE = frozenset({"name", "seed", "trainable"})
    UNNAMED = "functional"  # the name of a model that was given none
    stored_as = "Model"  # in files, whatever class a user derived
    FIRST_STREAM = 1  # of random numbers; a Sequential that lists no Input begins with 0

    def __init__(self, dtype: object, seed: int | None, name: str | None):
        self._policy = policy_of(dtype)
        self._set(dtype=np.dtype("float32" if self._policy == MIXED else self._policy))
        self._trainable = True
        self._given: list[np.ndarray] | None = None  # initial weights that need not be drawn
        self._have_store()
        self._has_own_seed, self.seed = seed is not None, new_seed() if seed is None else seed
        self.rename(self.UNNAMED)
        if name is not None:
            self.name = name

    def _have_store(self) -> None:
        """Have a store of one's own, and nothing in it."""
        self._store = Store(self.dtype)
        self._store.members.add(self)
        self._state = State(self._store)
        self._graph: Graph | None = None
        self._layout: Layout | None = None
        self._frozen: tuple[int, Layout | None, frozenset[int]] = 0, None, NOTHING  # found when, of what
        self._inner: list[Model] = []  # the models inside, at any depth
        self._new: list[Layer] = []  # that got their weights when this model was built
        self._read_by: weakref.WeakSet[Edge] = weakref.WeakSet()  # outputs of its calls
        self._predictors: weakref.WeakSet[Renewed] = weakref.WeakSet()
        self._drop_plans()

    # -- what may be set ------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Shown in summaries, and the key of :meth:`get_layer` in a model around this one."""
        return self._name

    @name.setter
    def name(self, came: str) -> None:
        told: object = came
        if not (isinstance(told, str) and told):
            raise TypeError(f"name must be a text, got {shown(came)}")
        self._name, self._name_is_chosen = came, False

    @property
    def given_name(self) -> str | None:
        """The name that the user gave, None without."""
        return None if self._name_is_chosen else self._name

    def rename(self, name: str) -> None:
        """Have a name that nobody gave."""
        self._name, self._name_is_chosen = name, True

    @property
    def seed(self) -> int:
        """What everything random follows from; set, it decides the order of rows and the dropout from then on."""
        return self._seed

    @seed.setter
    def seed(self, came: object) -> None:
        self._seed = whole_seed(came)
        self._drop_plans()

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set, it is so for all layers inside, in every model that has them."""
        return self._trainable

    @trainable.setter
    def trainable(self, came: bool) -> None:
        self.mark(came)
        for item in self.items:
            item.trainable = self._trainable

    def mark(self, trainable: object) -> None:
        """Have a value of :attr:`trainable` that the layers need not have."""
        self._trainable = flag("trainable", trainable)
        freezing.note()

    # -- building -------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """How layers call each other; builds the model when it can."""
        if self._graph is None:
            self._build(None)
        assert self._graph is not None
        return self._graph

    @property
    def layout(self) -> Layout:
        """Shapes and places of the parameters; builds the model when it can."""
        if self._layout is None:
            self._build(None)
        assert self._layout is not None
        return self._layout

    @property
    def state(self) -> State:
        """What training changes."""
        return self._state

    @property
    def store(self) -> Store:
        """Where the parameters stand, with those of all models that have layers in common with this one."""
        return self._store

    @property
    def params(self) -> np.ndarray:
        """The vector that holds the parameters, and those of models that share layers with this one."""
        return self._store.params

    def _build(self, input_shape: object) -> None:
        """Make the graph; a network that is made of one has it."""
        raise NotImplementedError

    @changing.one_at_a_time
    def _settle(self, graph: Graph) -> None:
        """Have a graph: give its layers names and places; an error changes nothing."""
        parts.have_policy(self, graph.models())
        flat = flatten(graph, self._trainable)
        layout = self._lay_out(graph, flat)
        for layer in flat.layers:
            self.check_layer(layer)
        check_models(self.dtype_policy, graph.models())
        check_names(graph.items)
        parameters: list[list[Parameter]] = [[] for _ in flat.layers]
        for variable in layout.variables:
            parameters[variable.layer].append(variable.parameter)
        new = [layer for layer in flat.layers if layer.place is None]
        store = settle(flat.layers, parameters, self._store, self._draw)
        name_items(graph.items)
        self._graph, self._new, self._inner = graph, new, graph.models()
        self._join(store)
        self._drop_plans()
        parts.settle(self, graph.models())
        self._layout = self._placed(layout)  # last: another thread takes a model that has one for ready

    def sketch(self) -> Layout:
        """The layout of the graph that is there, as if the model stood alone; no array is made."""
        return self._lay_out(self.graph, flatten(self.graph, self._trainable))

    def settle_in(self, weights: list[np.ndarray] | None = None) -> None:
        """Give the graph that was drafted its parameters; those in ``weights`` need not be drawn."""
        self._given = weights
        try:
            self._settle(self.graph)
        finally:
            self._given = None

    def _lay_out(self, graph: Graph, flat: Flat) -> Layout:
        told = flat.layers, flat.nodes, [edge.sizes for edge in graph.inputs], flat.outputs, flat.frozen
        return lay_out_graph(*told, self.FIRST_STREAM, self._policy == MIXED)

    def _placed(self, layout: Layout) -> Layout:
        """A layout with the places that the parameters have in the store."""
        offsets = [layer.place.offsets if layer.place else () for layer in layout.layers]
        return layout.at(offsets, len(self._store.params))

    def _draw(self, number: int, parameter: Parameter) -> np.ndarray:
        if self._given is not None:
            return self._given[number]
        return parameter.initializer(parameter.shape, self._seed, number)

    def check_layer(self, layer: Layer) -> None:
        """``ValueError`` for a layer that cannot be in this model, whatever else is in it."""
        if not vars(layer).get("_has_right_types"):
            check_types(layer)
            object.__setattr__(layer, "_has_right_types", True)  # descriptions stay what they are
        check_layer(self.dtype_policy, self.dtype, layer)
        if layer.n_ids is not None and layer.n_ids > MOST_IDS and self.dtype != np.float64:
            raise ValueError(
                f"{layer!r} reads numbers that {self.dtype} does not tell apart from {MOST_IDS} on; give the model "
                f"dtype='float64'"
            )

    def _join(self, store: Store) -> None:
        """Be a member of a store."""
        if store is not self._store:
            self._store.members.discard(self)
            self._store = self._state.holder = store
            store.members.add(self)

    def take_down(self) -> None:
        """Be not built again; a network that is made of a graph stays what it is."""

    def leave_empty_store(self) -> None:
        """Have a store of its own again where no layer stands in its store."""
        if not self._store.alive():
            self._join(Store(self.dtype))

    def moved(self, store: Store, moves: Moves) -> None:
        """Take over that parameters stand elsewhere, since layers of models have joined."""
        self._store = self._state.holder = store
        store.members.add(self)
        if self._state.slots is not None:
            self._state.slots = moves.applied(self._state.slots)
        if self._layout is not None:
            self._layout = self._placed(self._layout)
        self._drop_plans()

    def frozen(self) -> frozenset[int]:
        """Which of the layout's layers are not trained now."""
        layout = self.layout
        at, of, found = self._frozen
        if at != freezing.latest or of is not layout:
            flags = [part.trainable for part in layout.layers] + [part.trainable for part in (self, *self._inner)]
            found = NOTHING if all(flags) else frozenset(flatten(self.graph, self._trainable).frozen)
            self._frozen = freezing.latest, layout, found
        return found

    def _drop_plans(self) -> None:
        """Compile plans anew when they are wanted."""

    def draw_anew(self, seed: object) -> None:
        """Have weights from another seed, that nothing has trained."""
        self.seed = seed
        for number, (variable, view) in enumerate(zip(self.layout.variables, self._views(), strict=True)):
            view[...] = self._draw(number, variable.parameter)
        self._state.forget()
        self._drop_plans()

    # -- in another graph -----------------------------------------------------------------------

    def called(self, inputs: object, whole: bool = False) -> Any:
        """The edges of the outputs when the model is called on edges, in a graph around it; ``whole``, as a list."""
        edges = self._inputs_of(inputs)
        self._build_on(edges)
        wanted = [edge.sizes for edge in self.graph.inputs]
        if [edge.sizes for edge in edges] != wanted:
            came = ", ".join(str(edge.sizes) for edge in edges)
            raise ValueError(f"{self!r} reads {', '.join(map(str, wanted))}, and is called on {came}")
        ends = self.graph.outputs
        call = Call(self, edges, [edge.sizes for edge in ends], others=[edge.others for edge in ends])
        self._read_by.update(call.outputs)
        return list(call.outputs) if whole else self._structure_of(call.outputs)

    def forget_calls(self, calls: Collection[Call]) -> None:
        """Forget uses in a graph that is no more."""
        self._read_by -= {edge for call in calls for edge in call.outputs}

    @property
    def is_part(self) -> bool:
        """Whether a graph that is still there calls the model."""
        return bool(self._read_by)

    def _inputs_of(self, inputs: object) -> tuple[Edge, ...]:
        return edges_in(inputs, self)

    def _build_on(self, edges: Sequence[Edge]) -> None:
        """Be built for edges of these shapes."""

    def _structure_of(self, edges: Sequence[Edge]) -> Edge | list[Edge] | dict[str, Edge]:
        """Outputs as the user has them."""
        return edges[0] if len(edges) == 1 else list(edges)
