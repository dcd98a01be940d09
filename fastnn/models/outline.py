"""What can be asked of a model's structure: its layers and shapes, in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from fastnn._base.arguments import integer, lookup
from fastnn._base.reprs import counted
from fastnn._base.types import AnyLayer, Config
from fastnn._plan.layout import Layout
from fastnn.errors import NotReadyError
from fastnn.layers.edges import Edge
from fastnn.models.graph import Graph
from fastnn.models.summary import summary, tell
from fastnn.models.texts import as_text_has
from fastnn.models.weights import Weights

if TYPE_CHECKING:
    from fastnn.layers.edges import Made
    from fastnn.models.graph import Item
    from fastnn.models.model import Model


AnyShape = tuple[int | None, ...]
Shapes = AnyShape | Any  # a list of several


class Outline(Weights):
    """The structure of a model, to be read; :class:`fastnn.models.network.Network` makes it."""

    name: str
    is_chain: bool
    _graph: Graph | None
    _layout: Layout | None

    @property
    def graph(self) -> Graph:
        """How layers call each other."""
        raise NotImplementedError

    @property
    def items(self) -> list[Item]:
        """All layers, and models inside this one, also those that only state the shape of an input."""
        return list(self._graph.items) if self._graph else []

    @property
    def layers(self) -> list[AnyLayer]:
        """All layers, a copy of the list: in Keras' order, with an InputLayer for each input, and models as one."""
        return self.items

    @property
    def inputs(self) -> list[Edge]:
        """The edges where the graph begins."""
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[Edge]:
        """The edges where the graph ends."""
        return list(self.graph.outputs)

    @property
    def input(self) -> Made:
        """The edge where the graph begins, or a list of them."""
        return self.inputs[0] if len(self.graph.inputs) == 1 else self.inputs

    @property
    def output(self) -> Made:
        """The edge where the graph ends, or a list of them."""
        return self.outputs[0] if len(self.graph.outputs) == 1 else self.outputs

    @property
    def built(self) -> bool:
        """Whether the input's shape is known and parameters exist."""
        return self._layout is not None

    @property
    def knows_shape(self) -> bool:
        """Whether the model is built, or can be at any time."""
        return self.built

    @property
    def composed_kind(self) -> str:
        """Name of the class, or of a composed layer's that the model stands for."""
        return type(self).__name__

    def get_layer(self, name: str | None = None, index: int | None = None) -> AnyLayer:
        """The layer of a name, or at a place among :attr:`layers`; a name may be that of a model inside this one.

        Parameters
        ----------
        name : of the layer, or None.
        index : place of the layer, from 0 or, from the end, -1 on; or None. One of both is given.

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
        return lookup("layer", name, {str(layer.name): layer for layer in self.items})

    @property
    def _built_layout(self) -> Layout:
        if self._layout is None:
            raise NotReadyError("the model is not built, so its shapes are not known; call build(input_shape) or fit")
        return self._layout

    @property
    def input_shape(self) -> Shapes:
        """Shape of the input, with ``None`` for the batch axis; a list of shapes for several inputs."""
        return _one_or_all([(None, *shape) for shape in self._built_layout.stated(self._built_layout.inputs)])

    @property
    def output_shape(self) -> Shapes:
        """Shape of the predictions, with ``None`` for the batch axis; a list of shapes for several outputs."""
        return _one_or_all([(None, *shape) for shape in self._built_layout.stated(self._built_layout.outputs)])

    def get_config(self) -> Config:
        """Layers and how they call each other under Keras' names, without weights, for :meth:`from_config`.

        JSON can hold it. ``config["layers"]`` has a dict for each layer with its ``class_name`` and ``config``, also
        for the layer that states the shape of an input.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> config = Sequential([Dense(8, "relu", input_shape=(4,)), Dense(1)]).get_config()
        >>> [layer["class_name"] for layer in config["layers"]], config["layers"][1]["config"]["units"]
        (['InputLayer', 'Dense', 'Dense'], 8)
        >>> Sequential.from_config(config).count_params()
        49
        """
        from fastnn.models import configs

        return configs.config_of(cast("Model", self))

    @classmethod
    def from_config(cls, config: Mapping[str, object], custom_objects: Mapping[str, object] | None = None) -> Self:
        """A model as :meth:`get_config` describes it, with weights drawn anew, and not compiled.

        Parameters
        ----------
        config : of a :class:`Sequential` or :class:`Model`, as the class has it; a Sequential takes that of a graph
            that is a chain, too. Also what Keras 3 gives for models of layers that are here.
        custom_objects : classes of layers of your own, by name.

        Raises
        ------
        TypeError, ValueError
            the configuration is not as described; a part of it would not act, or the graph has a cycle.
        """
        from fastnn.models.config_reading import Reader

        made: Self = Reader(custom_objects).config(config, cls.is_chain)
        return made

    def to_json(self, **options: Any) -> str:
        """:meth:`get_config` and how the model is compiled as JSON, for :func:`fastnn.models.model_from_json`.

        ``options`` are those of :func:`json.dumps`, such as ``indent=4``.
        """
        import json

        from fastnn.models import configs

        return json.dumps(as_text_has(configs.serialize(cast("Model", self))), **options)

    def summary(
        self,
        line_length: int | None = None,
        positions: None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: None = None,
    ) -> None:
        """Print a table of the layers, their output shapes and parameters.

        Parameters
        ----------
        line_length : characters that lines are cut to; None for as many as they need.
        print_fn : what gets the text, all at once, in place of print.
        expand_nested : show the tables of models inside this one, too.
        show_trainable : taken for Keras' sake; totals always say how much is not trained.
        positions, layer_range : Keras' other options, refused when given.

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
        text = summary(cast("Model", self), line_length)
        for item in self.items if expand_nested else ():
            if isinstance(item, Outline):
                text += "\n\n" + summary(item, line_length)
        (print_fn or tell)(text)

    def __repr__(self) -> str:
        shapes = "not built"
        if self._layout is not None:
            shapes = (
                f"{self._layout.input_shape} -> {self._layout.output_shape}, {counted(self.count_params(), 'param')}"
            )
        return f"<{self.composed_kind} of {counted(len(self.layers), 'layer')}, {shapes}>"


def _one_or_all(shapes: list[AnyShape]) -> Shapes:
    return shapes[0] if len(shapes) == 1 else shapes
