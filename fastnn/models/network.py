"""A stack of layers with its parameters: structure and weights of a model, before any thought of training."""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.random import new_seed
from fastnn._engine import convert, exclusive
from fastnn._plan.layout import Layout, lay_out
from fastnn._plan.memory import aligned
from fastnn.errors import NotReadyError
from fastnn.layers.base import Layer, Shape, check_shape, without_batch
from fastnn.layers.place import Place
from fastnn.models.attributes import UNNAMED
from fastnn.models.outline import Outline
from fastnn.models.parts import Part, check_parts, kept_weights, name_layers, place_layers, take_in

NEVER_CALLED = ("call", "forward", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


class Stack(Outline):
    """Layers, their layout and one flat vector ``params``; :class:`fastnn.Sequential` adds training.

    Parameters
    ----------
    layers, dtype, seed, name : see :class:`fastnn.Sequential`.
    """

    SETTABLE = frozenset({"name", "seed"})

    def __new__(cls, *arguments: Any, **given: Any):
        """Refuse a class of a user's whose own training or computation nothing would call."""
        own = next((name for name in NEVER_CALLED if hasattr(cls, name)), None)
        if own:
            raise TypeError(
                f"{cls.__name__}.{own} would never be called: steps of your own are not there yet. Give compile a "
                f"loss that is a function f(target, prediction), or fit callbacks"
            )
        return super().__new__(cls)

    def __init__(self, layers: Iterable[Any] | None, dtype: Any, seed: int | None, name: str | None):
        self._set(dtype=convert.model_dtype(dtype))
        self.seed = new_seed() if seed is None else seed
        self.name = UNNAMED if name is None else name
        self._layers: list[Layer] = []
        self._parts: list[Part] = []
        self._within: weakref.ref[Stack] | None = None
        self._layout: Layout | None = None
        self._forget()
        self._stack(*take_in(self, layers))

    @property
    def name(self) -> str:
        """Shown in summaries, and the key of :meth:`get_layer` in a model around this one."""
        return self._name

    @name.setter
    def name(self, came: Any) -> None:
        if not (isinstance(came, str) and came):
            raise TypeError(f"name must be a text, got {came!r}")
        self._name = came

    @property
    def seed(self) -> int:
        """What everything random follows from; set, it decides the order of rows and the dropout from then on."""
        return self._seed

    @seed.setter
    def seed(self, came: Any) -> None:
        if integer("seed", came, low=0) >= 2**64:
            raise ValueError(f"seed must be below 2**64, got {came}")
        self._seed = integer("seed", came)
        self._drop_plans()

    def add(self, layer: Layer | Stack) -> None:
        """Append a layer or a model. Layers that are there keep their weights; training begins anew."""
        self._stack(*take_in(self, [layer]))

    def pop(self) -> Layer | Stack:
        """Take the last layer (or the model that was added last) off and return it; the others keep their weights."""
        if not self.layers:
            raise ValueError("the model has no layer to pop")
        last = next((part for part in self._parts if part.end == len(self._layers)), None)
        parts = [part for part in self._parts if part is not last]
        first = len(self._layers) - 1 if last is None else last.first
        gone = self._layers[-1] if last is None else last.model
        self._stack(self._layers[:first], parts)
        if last is not None:
            last.model._within = None
        return gone

    def _stack(self, layers: list[Layer], parts: list[Part]) -> None:
        """Have these layers, built where the input's shape is known; an error changes nothing."""
        exclusive.check_idle(self.whole, "add or pop")
        self._check_free()
        shape = layers[0].input_shape if layers else None
        if shape is None and layers and self._layout is not None:
            shape = self._layout.input_shape
        drawn = None if shape is None else self._draw(layers, parts, shape)
        self._layers, self._parts = layers, parts
        name_layers(layers)
        for part in parts:
            part.model._within = weakref.ref(self)
        self._forget(drawn)
        self._let_go()

    def _check_free(self) -> None:
        if self.within is not None:
            raise ValueError(f"{self!r} is a part of {self.within!r} and keeps its layers and shapes")

    def build(self, input_shape: Any = None) -> None:
        """Draw the initial parameters for samples of ``input_shape``, with ``None`` for the batch axis or without it.

        A model that is built for this shape already stays as it is; layers that bring weights keep them. Not within a
        fit.
        """
        exclusive.check_idle(self.whole, "build")
        self._build(input_shape)
        self._let_go()

    def _build(self, input_shape: Any) -> None:
        known = self._layers[0].input_shape if self._layers else None
        shape = known if input_shape is None else check_shape("input_shape", without_batch(input_shape))
        if not self._layers:
            raise NotReadyError("the model has no layers")
        if shape is None:
            raise NotReadyError("the input's shape is not known; give input_shape to the first layer or to build()")
        if known is not None and shape != known:
            raise ValueError(f"input_shape {shape} differs from the first layer's {known}")
        if self._layout is None:
            self._forget(self._draw(self._layers, self._parts, shape))
        elif shape != self._layout.input_shape:
            self._check_free()
            self._forget(self._draw(self._layers, self._parts, shape))

    def draw_anew(self, seed: Any) -> None:
        """Build again from another seed, with weights that nothing has trained."""
        self.seed = seed
        for layer in self._layers:
            layer.stand(Place(names=layer.given_name is None))
        self._forget(self._draw(self._layers, self._parts, self.layout.input_shape))

    def _draw(self, layers: list[Layer], parts: list[Part], shape: Shape) -> tuple[Layout, np.ndarray]:
        layout = lay_out(layers, shape)
        check_parts(parts, layout)
        params = aligned(layout.n_params, self.dtype)
        kept = kept_weights(layers, layout)
        for stream, (variable, weights) in enumerate(zip(layout.variables, kept, strict=True)):
            parameter = variable.parameter
            drawn = parameter.initializer(parameter.shape, self.seed, stream) if weights is None else weights
            params[variable.offset : variable.offset + variable.size] = drawn.ravel()
        return layout, params

    def restore(self, layers: list[Layer], layout: Layout, params: np.ndarray) -> None:
        """Have layers with parameters that are there, from a file: nothing is drawn."""
        self._layers = layers
        name_layers(layers)
        self._forget((layout, params))

    @contextlib.contextmanager
    def built_for(self, x: Any) -> Iterator[None]:
        """A block in which the model is built, by the rows of ``x`` if need be; an error inside takes that back."""
        waiting = not self.built
        if waiting:
            self._build(convert.sample_shape("x", x))
        try:
            yield
        except BaseException:
            if waiting:
                self._forget()
            raise
        if waiting:
            self._let_go()

    def _forget(self, drawn: tuple[Layout, np.ndarray] | None = None) -> None:
        """Start afresh, not built or with new parameters."""
        self.stand_in(*(drawn or (None, None)))

    def stand_in(self, layout: Layout | None, params: np.ndarray | None) -> None:
        """Have these parameters, or none; layers and parts are told."""
        self._layout = layout
        self._set(params=aligned(0, self.dtype) if params is None else params)
        self._drop_plans()
        place_layers(self, layout)

    def _drop_plans(self) -> None:
        """Compile plans anew when they are wanted."""

    def _let_go(self) -> None:
        """Hold the models no longer that layers brought their weights from."""
        if self.built:
            for layer in self._layers:
                layer.place.source = None  # type: ignore[union-attr]

    @property
    def layout(self) -> Layout:
        """Shapes and places of the parameters; builds the model when it can."""
        if self._layout is None:
            self._build(None)
        assert self._layout is not None
        return self._layout

    # -- copies ---------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": None, "_within": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        params = aligned(len(state["params"]), state["dtype"])  # a copy of an array loses its alignment
        params[...] = state["params"]
        free = [part for part in state["_parts"] if part.model.within is None]
        layers = [copy.copy(layer) for layer in state["_layers"]]
        self._set(**{**state, "_layers": layers, "_parts": free})
        name_layers(layers)
        for part in free:
            part.model._within = weakref.ref(self)
        shapes = self._layout and self._layout.shapes
        self.stand_in(lay_out(layers, shapes[0]) if shapes else None, params)
