"""What can be asked of a stack of layers: its layers, parts and shapes, in words and tables."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, cast

from fastnn._base.arguments import integer, lookup
from fastnn._base.reprs import counted
from fastnn._plan.layout import Layout
from fastnn.errors import NotReadyError
from fastnn.layers.base import Layer
from fastnn.layers.shape import Input
from fastnn.models.parts import Part
from fastnn.models.summary import summary
from fastnn.models.weights import Weights

if TYPE_CHECKING:
    from fastnn.models.network import Stack
    from fastnn.models.sequential import Sequential


class Outline(Weights):
    """The structure of a model, to be read; :class:`fastnn.models.network.Stack` changes it."""

    name: str
    _layers: list[Layer]
    _parts: list[Part]
    _within: weakref.ref[Stack] | None
    _layout: Layout | None

    @property
    def layers(self) -> list[Layer]:
        """The layers without the Input, a copy of the list."""
        return self._layers[self._has_input :]

    @property
    def stacked(self) -> tuple[Layer, ...]:
        """All layers, with the Input where there is one."""
        return tuple(self._layers)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The models that were put into this one."""
        return tuple(self._parts)

    @property
    def within(self) -> Stack | None:
        """The model that this one is a part of."""
        return None if self._within is None else self._within()

    @property
    def whole(self) -> Stack:
        """The outermost model around this one, or itself: what has one fit at a time."""
        return cast("Stack", self) if self.within is None else self.within.whole

    @property
    def _has_input(self) -> bool:
        return bool(self._layers) and isinstance(self._layers[0], Input)

    @property
    def built(self) -> bool:
        """Whether the input's shape is known and parameters exist."""
        return self._layout is not None

    @property
    def trainable(self) -> bool:
        """True: every parameter is trained."""
        return True

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of a name, or at a place among :attr:`layers`; a name may be that of a model inside this one.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(8, name="first", input_shape=(4,)), Dense(1)])
        >>> model.get_layer("first"), model.get_layer(index=1).name
        (Dense(units=8, input_shape=(4,), name='first'), 'dense')
        """
        if (name is None) == (index is None):
            raise ValueError("get_layer takes a name or an index")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= integer("index", index) < len(layers):
                raise ValueError(f"index must be below {len(layers)}, the number of layers, got {index}")
            return layers[index]
        named: dict[Any, Any] = {part.model.name: part.model for part in self._parts}
        return lookup("layer", name, named | {layer.name: layer for layer in layers})

    @property
    def _built_layout(self) -> Layout:
        if self._layout is None:
            raise NotReadyError("the model is not built, so its shapes are not known; call build(input_shape) or fit")
        return self._layout

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input, with ``None`` for the batch axis."""
        return (None, *self._built_layout.input_shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the predictions, with ``None`` for the batch axis."""
        return (None, *self._built_layout.output_shape)

    def summary(
        self,
        line_length: int | None = None,
        positions: None = None,
        print_fn: Any = print,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: None = None,
    ) -> None:
        """Print a table of the layers, their output shapes and parameters.

        Parameters
        ----------
        line_length : characters that lines are cut to; None for as many as they need.
        print_fn : what gets the text, all at once.
        expand_nested : models inside this one are always shown layer by layer.
        positions, show_trainable, layer_range : Keras' other options, refused when given.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense, Dropout
        >>> Sequential([Dense(64, "relu", input_shape=(20,)), Dropout(0.25), Dense(1)]).summary()
        Model: "sequential"
        #  Layer (type)       Output Shape  Param #  Settings
        ------------------------------------------------------
        0  dense (Dense)      (None, 64)      1,344  relu
        1  dropout (Dropout)  (None, 64)          0  rate=0.25
        2  dense_1 (Dense)    (None, 1)          65
        ------------------------------------------------------
        Input shape: (None, 20)
        Total params: 1,409 (5.5 KiB in float32)
        not compiled
        """
        for name, given in (("positions", positions), ("layer_range", layer_range)):
            if given is not None:
                raise ValueError(f"summary shows all columns and layers; leave out {name}, got {given!r}")
        if show_trainable:
            raise ValueError("every parameter is trained; leave out show_trainable")
        text = summary(cast("Sequential", self), line_length)
        (print_fn or print)(text)

    def __repr__(self) -> str:
        shapes = "not built"
        if self._layout is not None:
            shapes = (
                f"{self._layout.input_shape} -> {self._layout.output_shape}, {counted(self.count_params(), 'param')}"
            )
        return f"<{type(self).__name__} of {counted(len(self.layers), 'layer')}, {shapes}>"
