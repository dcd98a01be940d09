"""``Sequential``: a model whose graph is a chain, made from a list of layers when their input's shape is known."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arrays import listed
from fastnn._base.keywords import refuse
from fastnn._base.types import AnyLayer, DataLike, DtypeLike, Stored, Verbose
from fastnn._engine import exclusive
from fastnn.callbacks.base import CallbacksLike
from fastnn.errors import NotReadyError
from fastnn.layers.base import Layer
from fastnn.layers.edges import Call, Edge
from fastnn.layers.input import InputLayer
from fastnn.layers.parameter import Shape, check_shape, without_batch
from fastnn.models import changing, stack
from fastnn.models.graph import trace
from fastnn.models.model import Model
from fastnn.models.naming import keep_names, name_items
from fastnn.models.structure import Structure


class Sequential(Model):
    """A stack of layers.

    Parameters
    ----------
    layers : layers of :mod:`fastnn.layers`, or models, which then train together with this one; also layers of other
        models, whose weights both models have. An edge of :func:`fastnn.Input` may stand first. More can be added with
        :meth:`add`.
    dtype : ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``, of parameters and computation: :attr:`dtype_policy`.
    seed : whole number from which everything random follows (initial parameters, the order of rows, dropout);
        None draws one, found as ``model.seed``.
    backend : ``"auto"``, ``"cython"``, ``"numba"``, ``"numpy"`` or another package's; None leaves the choice
        to ``use_backend``, ``set_backend`` and ``FASTNN_BACKEND``.
    name : shown in summaries.
    trainable : False freezes all layers, see :attr:`trainable`.
    **unknown : any other argument is an error that names the nearest one.

    Attributes
    ----------
    built, backend_ : whether parameters exist; the name of the backend that ran last.
    epoch, step : epochs and updates trained so far.
    reduction : how the losses of a batch's rows become one number, a :class:`fastnn.losses.Reduction`.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = Sequential([Dense(16, activation="tanh", input_shape=(1,)), Dense(1)], seed=1)
    >>> model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    >>> history = model.fit(x, x**2, epochs=200, batch_size=20, validation_data=(x, x**2))
    >>> loss, mae = model.evaluate(x, x**2)
    >>> mae < 0.1, model.predict([[0.5], [1.0]]).shape
    (True, (2, 1))
    """

    UNNAMED, stored_as = "sequential", "Sequential"
    _ends_of: tuple[tuple[str, str], tuple[Structure, Structure]] | None = None  # by the names of the ends
    is_chain = True

    if TYPE_CHECKING:  # it has one output

        def predict(
            self,
            x: DataLike,
            batch_size: int | None = None,
            verbose: Verbose = 0,
            backend: str | None = None,
            callbacks: CallbacksLike = None,
            steps: int | None = None,
            **unknown: object,
        ) -> np.ndarray: ...

    def __init__(
        self,
        layers: Iterable[Layer | Model | Edge] | None = None,
        *,
        dtype: DtypeLike = "float32",
        seed: int | None = None,
        backend: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        **unknown: object,
    ):
        if unknown:
            refuse("Sequential", unknown, ("layers", "dtype", "seed", "backend", "name", "trainable"))
        self._items: list[Layer | Model] = []
        self._edges: list[Edge] = []  # the input, then what each item makes
        self._begin(dtype, seed, backend, name)
        given = listed("layers", () if layers is None else layers, "layers of fastnn.layers")
        self._stack([*map(stack.item_of, given)])
        if trainable is not True:
            self.trainable = trainable

    # -- layers ---------------------------------------------------------------------------------

    @property
    def items(self) -> list[Layer | Model]:
        """All layers and models, with the InputLayer where one is listed."""
        return list(self._items)

    @property
    def layers(self) -> list[AnyLayer]:
        """The layers without an InputLayer, a copy of the list; models are listed as one."""
        return self._items[self._states_input :]

    @property
    def knows_shape(self) -> bool:
        """Whether the model is built, or can be at any time."""
        return self.built or stack.shape_of(self._items) is not None

    @property
    def _states_input(self) -> bool:
        return bool(self._items) and getattr(self._items[0], "states_input", False)

    @property
    def FIRST_STREAM(self) -> int:  # type: ignore[override]  # a constant elsewhere
        """An InputLayer that is listed counts."""
        return int(self._states_input)

    def add(self, layer: Layer | Model) -> None:
        """Append ``layer``, a layer or a model. Layers that are there keep their weights; training begins anew."""
        self._stack([*self._items, stack.item_of(layer)])

    def pop(self) -> Layer | Model:
        """Take the last layer (or model) off and return it; it and the others keep their weights."""
        if not self.layers:
            raise ValueError("the model has no layer to pop")
        *rest, gone = self._items
        self._stack(rest)
        return gone

    def _stack(self, items: list[Layer | Model]) -> None:
        """Have these layers, built where the input's shape is known; an error changes nothing."""
        exclusive.check_idle(self.store, "add or pop")
        if self.is_part:
            raise ValueError(f"{self!r} is a part of another model and keeps its layers and shapes")
        stack.check(self, items)
        before = self._items
        self._items = items
        try:
            shape = stack.shape_of(items) or (self._edges[0].sizes if self._edges else None)
            if items and shape is not None:
                self._chain(shape)
            else:
                self.take_down()
                name_items(items)
        except BaseException:
            self._items = before
            raise
        self._state.forget()

    # -- building -------------------------------------------------------------------------------

    def build(self, input_shape: int | Sequence[int | None] | None = None) -> None:
        """Draw the initial parameters for samples of ``input_shape``, with ``None`` for the batch axis or without it.

        A model that is built for this shape already stays as it is; layers that have weights keep them. Not within a
        fit.
        """
        exclusive.check_idle(self.store, "build")
        self._build(input_shape)

    @changing.one_at_a_time
    def _build(self, input_shape: object) -> None:
        known = stack.shape_of(self._items)
        given = None if input_shape is None else without_batch(input_shape)
        shape = known if given is None else check_shape("input_shape", given, may_be_open=True)
        if not self._items:
            raise NotReadyError("the model has no layers")
        if shape is None:
            raise NotReadyError("the input's shape is not known; give input_shape to the first layer or to build()")
        if known is not None and shape != known:
            raise ValueError(f"input_shape {shape} differs from the first layer's {known}")
        if self._layout is None or shape != self._edges[0].sizes:
            if self.is_part:
                raise ValueError(f"{self!r} is a part of another model and keeps its layers and shapes")
            self._chain(shape)
            self._state.forget()

    def _build_on(self, edges: Sequence[Edge]) -> None:
        if self._graph is None:
            self._build(edges[0].sizes)

    def _chain(self, shape: Shape) -> None:
        """Call the items one after the other on an edge of this shape, those anew that are not called yet."""
        kept = self._kept_edges(shape)
        edges, made, unbuilt = kept or [self._source(shape).edge], [], []
        try:
            for item in self._items[len(edges) - 1 + self._states_input :]:
                if isinstance(item, Model) and not item.built:
                    unbuilt.append(item)
                edges = [*edges, item(edges[-1])]
                made.append((item, edges[-1].call))
            self._settle(trace([edges[0]], [edges[-1]]))
        except BaseException:
            self._undo(made, unbuilt)
            raise
        self._forget_calls(edge.call for edge in self._edges if edge not in edges)
        self._edges = edges
        self._built_here = weakref.WeakSet(unbuilt)

    def _source(self, shape: Shape) -> InputLayer:
        first = self._items[0] if self._items else None
        return first if isinstance(first, InputLayer) else InputLayer(shape)

    def _kept_edges(self, shape: Shape) -> list[Edge]:
        """The edges of before as far as the same items made them."""
        if not self._edges or self._edges[0].sizes != shape:
            return []
        kept = [self._edges[0]]
        if self._states_input and kept[0].call.item is not self._items[0]:
            return []
        for edge, item in zip(self._edges[1:], self.layers, strict=False):
            if edge.call.item is not item:
                break
            kept.append(edge)
        return kept

    def _undo(self, made: list[tuple[Layer | Model, Call]], unbuilt: Sequence[Model]) -> None:
        for item, call in made:
            item.forget_calls((call,))
        for model in unbuilt:
            model.take_down()

    def _forget_calls(self, calls: Iterable[Call]) -> None:
        for call in calls:
            call.item.forget_calls((call,))

    def take_down(self) -> None:
        """Be not built; layers that got their weights here lose them."""
        if self._graph is None:
            return
        for layer in self._new:
            layer.stand(None)
        self._forget_calls(edge.call for edge in self._edges)
        self._edges, self._graph, self._layout = [], None, None
        self._drop_plans()

    def draft(self, items: list[Layer | Model], shape: Shape) -> None:  # type: ignore[override]  # a chain has no graph yet
        """Have layers and models, called one after the other, and no parameters yet: :meth:`settle_in` gives them."""
        self._items = items
        if not self.layers:
            raise ValueError("the model has no layers")
        edges = [self._source(shape).edge]
        for item in self.layers:
            edges.append(item(edges[-1]))
            if not isinstance(edges[-1], Edge):
                raise ValueError(f"{item!r} has several outputs, and a Sequential is a chain")
        self._edges, self._graph = edges, trace([edges[0]], [edges[-1]])

    def _lacks_shape(self) -> bool:
        return not self.built

    def _built_together(self) -> Sequence[Model]:
        return [self, *self._built_here]

    @property
    def ends(self) -> tuple[Structure, Structure]:
        output = str(self._items[-1].name) if self._items else "output"
        source = str(self._items[0].name) if self._states_input else "input"
        kept = self._ends_of  # names may change while a model around this one is made
        if kept is None or kept[0] != (source, output):
            made = Structure("inputs", (source,), "one"), Structure("outputs", (output,), "one")
            self._ends_of = kept = (source, output), made
        return kept[1]

    # -- copies ---------------------------------------------------------------------------------

    def _structure_to_copy(self) -> tuple[Shape | None, list[str]]:
        return self._edges[0].sizes if self._edges else None, [str(item.name) for item in self._items]

    def _restore(self, structure: Stored) -> None:
        shape, names = structure
        self._edges = []
        keep_names(self._items, names)
        for item in self._items:
            if isinstance(item, Layer) and isinstance(item, InputLayer):
                item.edge  # noqa: B018 - made anew
        if shape is not None:
            self._chain(shape)
        else:
            name_items(self._items)
