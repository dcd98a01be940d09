"""What every layer is: a name, its uses in graphs, its weights, and whether they are trained.

What it computes is said elsewhere: layers that come with fastnn are descriptions (``described.py``), those of a user's
own are classes with ``call`` and ``backward`` (``own.py``). Both answer the same questions of the plan: the output's
shape, the parameters and the operations for an input's shape, without the batch axis.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from fastnn._base.arguments import flag
from fastnn._base.arrays import check_weights, read_only
from fastnn._base.reprs import cut
from fastnn.errors import NotReadyError
from fastnn.layers.edges import Call, Edge, edges_in
from fastnn.layers.own import Own
from fastnn.layers.parameter import Shape
from fastnn.layers.place import Place


class Layer(Own):
    """Base of all layers, and of a layer of your own: a class with ``call(x)`` and ``backward(dy)`` on NumPy arrays.

    Called on edges, a layer gives an edge; called twice, it has the same weights in both places. Models that have a
    layer in common share its weights, which stand where its ``place`` says.

    Parameters
    ----------
    name : shown in summaries and files.
    trainable : whether training changes its weights.
    dtype : None, or the dtype that its model has to have.
    input_shape : shape of one sample, for the first layer.
    activity_regularizer : name or object of :mod:`fastnn.regularizers`, of the layer's output.

    A layer of your own has these methods, of which ``call`` and ``backward`` have to be there:

    ``build(input_shape)`` makes weights by :meth:`add_weight`; shapes have None for the rows, as in Keras.
    ``call(x)`` or ``call(x, training)`` gives ``y`` ``(rows, ...)`` for rows ``x``; several inputs come as a list.
    ``backward(dy)`` is told the gradient of the loss by ``y``, right after ``call`` of the same rows. It returns
    ``dx``, a list of them for several inputs, and with weights the pair ``dx, [dw, ...]`` in the order of
    :meth:`add_weight`, without those that are not trainable.
    ``compute_output_shape(input_shape)`` may say what ``call`` gives; else ``call`` is asked once with two rows of
    zeros.

    Rows pass in blocks, so gradients are of the block at hand: sums over its rows. Arrays that come are views of the
    model's memory, not to be written to. Where the layer is called, a copy of it works: what ``call`` sets on ``self``
    is there for the ``backward`` of these rows alone. See docs/own_layers.md.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Layer
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")
    ...     def call(self, x):
    ...         self.x = x
    ...         return x * self.scale
    ...     def backward(self, dy):
    ...         return dy * self.scale, [(dy * self.x).sum(axis=0)]
    >>> model = Sequential([Dense(8, "relu", input_shape=(4,)), Scale(), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit(np.ones((10, 4)), np.ones(10), epochs=2, verbose=0)
    >>> model.layers[1].scale.shape
    (8,)
    """

    states_input = False  # whether the layer only says what the model's input is
    stored_as: str | None = None  # in files, where that is not the class's name
    n_inputs: int | None = None  # how many edges it reads; None for any number
    _place: Place | None = None
    _dtype: Any = None
    _calls: tuple[Call, ...] = ()
    _name_is_chosen = False  # by a model
    _trainable = True

    def settle_common(self, given: Mapping[str, Any]) -> None:
        """Take the arguments that all layers have."""
        if self.name is not None and not (isinstance(self.name, str) and self.name):
            raise TypeError(f"name must be a text, got {self.name!r}")
        if given.get("dtype") is not None:
            object.__setattr__(self, "_dtype", given["dtype"])
        if not given.get("trainable", True):
            self.trainable = given["trainable"]

    # -- in a graph -----------------------------------------------------------------------------

    def __call__(self, inputs: Any) -> Edge:
        """An edge for the layer's output on edges.

        >>> from fastnn import Model
        >>> from fastnn.layers import Dense, Input
        >>> x = Input((4,))
        >>> Model(x, Dense(1)(Dense(8, "relu")(x))).output_shape
        (None, 1)
        """
        edges = edges_in(inputs, self)
        if self.n_inputs is not None and len(edges) != self.n_inputs:
            raise ValueError(f"{self!r} reads {self.n_inputs} edge, got {len(edges)}; join them by a Concatenate layer")
        shapes = [edge.sizes for edge in edges]
        shape = self.output_shape(*shapes)
        if self.input_shape is not None and shapes[0] != self.input_shape:
            raise ValueError(f"{self!r} was given the input_shape {self.input_shape}, and reads {shapes[0]} here")
        self.check_fits(*shapes)
        return self._record(Call(self, edges, [shape]))

    def _record(self, call: Call) -> Edge:
        object.__setattr__(self, "_calls", (*self._calls, call))
        return call.outputs[0]

    def check_fits(self, *shapes: Shape) -> None:
        """``ValueError`` where the layer's weights, or those that it will have, are for inputs of other shapes."""
        if self._place is not None:
            have = self._place.shapes
        elif self._calls:
            have = [parameter.shape for parameter in self.parameters(*(edge.sizes for edge in self._calls[0].inputs))]
        else:
            return
        wanted = [parameter.shape for parameter in self.parameters(*shapes)]
        if have != wanted:
            raise ValueError(
                f"{self!r} has weights of shape {have[0]}, and would need {wanted[0]} here; "
                f"copy.copy(layer) is a layer without weights"
            )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The uses of the layer in graphs."""
        return self._calls

    @property
    def output(self) -> Edge:
        """The edge that the layer made when it was first called, as in Keras 3; in a Sequential, when that is built."""
        return self._first_call("output").outputs[0]

    @property
    def input(self) -> Any:
        """The edge that the layer reads, or a list of them, of its first call."""
        read = list(self._first_call("input").inputs)
        return read[0] if len(read) == 1 else read

    def _first_call(self, what: str) -> Call:
        if self._calls:
            return self._calls[0]
        raise NotReadyError(f"{self!r} has no {what} yet; it is called on an edge when its model is built")

    # -- training -------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights; may be set at any time, and acts from the next call on."""
        return self._trainable

    @trainable.setter
    def trainable(self, came: Any) -> None:
        object.__setattr__(self, "_trainable", flag("trainable", came))

    @property
    def place(self) -> Place | None:
        """Where the layer's parameters are; None before a model with it is built."""
        return self._place

    def stand(self, place: Place | None) -> None:
        """Have parameters somewhere."""
        object.__setattr__(self, "_place", place)

    def forget_calls(self, calls: Collection[Call]) -> None:
        """Forget uses in a graph that is no more."""
        object.__setattr__(self, "_calls", tuple(call for call in self._calls if call not in calls))

    def rename(self, name: str) -> None:
        """Have a name that a model chose."""
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_name_is_chosen", True)

    @property
    def dtype(self) -> Any:
        """The dtype that the layer was given, None without; its model has to have the same."""
        return self._dtype

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the layer's parameters, none before its model is built.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> layer = Dense(1, kernel_initializer="ones", input_shape=(2,))
        >>> model = Sequential([layer])
        >>> [weights.tolist() for weights in layer.get_weights()]
        [[[1.0], [1.0]], [0.0]]
        """
        return [] if self._place is None else [weights.copy() for weights in self._place.own()]

    def set_weights(self, weights: Any) -> None:
        """Set the layer's parameters, in the order and shapes of :meth:`get_weights`; all or none change."""
        if self._place is None:
            raise ValueError(f"{self!r} has no weights yet; build its model first, by build(input_shape) or fit")
        names = [f"{self.name}.{parameter.name}" for parameter in self._place.parameters]
        for view, array in zip(self._place.own(), check_weights(names, self._place.own(), weights), strict=True):
            view[...] = array

    @property
    def weights(self) -> list[np.ndarray]:
        """The layer's parameters as they are now, not to be written to; see :meth:`set_weights`."""
        return [] if self._place is None else [read_only(view) for view in self._place.own()]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Those of :attr:`weights` that training changes."""
        return self._weights_where(trained=True)

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """Those of :attr:`weights` that training leaves as they are."""
        return self._weights_where(trained=False)

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    def _weights_where(self, trained: bool) -> list[np.ndarray]:
        told = [parameter.trainable and self.trainable for parameter in (self._place.parameters if self._place else ())]
        return [weights for weights, is_trained in zip(self.weights, told, strict=True) if is_trained == trained]

    def parameter(self, name: str) -> np.ndarray:
        """The parameter of a name as it is now, not to be written to."""
        for parameter, array in zip(self._place.parameters if self._place else (), self.weights, strict=True):
            if parameter.name == name:
                return array
        raise NotReadyError(
            f"{self!r} has no {name} yet, or none at all; its model is built by build(input_shape) or fit"
        )

    def count_params(self) -> int:
        """Number of the layer's parameters, 0 before its model is built."""
        return sum(weights.size for weights in self.get_weights())

    @property
    def given_name(self) -> str | None:
        """The name that the user gave, None where a model chose one."""
        return None if self._name_is_chosen else self.name

    def __repr__(self) -> str:
        """The call that makes the layer, without arguments at their defaults."""
        inside = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return cut(f"{type(self).__name__}({inside})")
