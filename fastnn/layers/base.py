"""What every layer is: a frozen description that names its shapes, parameters and operations.

A layer holds no arrays and does no maths. It answers three questions for an input shape (without
the batch axis): the output's shape, the parameters, and the operations the plan shall contain.

Design: layers speak in sizes and the plan alone turns sizes into offsets, so that a new layer
kind touches one file here, and one in each backend if it needs an op kind of its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

import numpy as np

from fastnn import activations
from fastnn._base.arguments import fixed, flag
from fastnn._base.arrays import check_weights, read_only
from fastnn._base.reprs import brief, call_of, cut
from fastnn._base.stored import check_types
from fastnn._ops import activation
from fastnn._ops.base import NO_PENALTY, Operation
from fastnn.activations import Activation as ActivationRecord
from fastnn.constraints import Constraint
from fastnn.errors import NotReadyError
from fastnn.initializers import INITIALIZERS, Initializer
from fastnn.layers import configs, words
from fastnn.layers.edges import Call, Edge, edges_in
from fastnn.layers.place import Place
from fastnn.regularizers import L1L2

Class = TypeVar("Class", bound=type)
Shape = tuple[int, ...]
MOST_AXES = 31  # of a sample; NumPy's arrays have 32 in its older releases, one of which is the batch
NEVER_CALLED = ("call", "build", "forward", "compute_output_shape")  # what Keras and PyTorch would call


@dataclass(frozen=True, repr=False)
class Parameter:
    """One trainable array: its name in the layer, its shape, how it starts and what it costs."""

    name: str
    shape: Shape
    initializer: Initializer
    regularizer: L1L2 = NO_PENALTY
    constraint: Constraint | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return call_of(self)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def described(cls: Class) -> Class:
    """Decorate a layer's class: a frozen dataclass that knows Keras' arguments for layers, and says what to do."""
    fixed(dataclass(frozen=True, repr=False)(cls))
    names = tuple(f.name for f in fields(cls))
    settle = cls.__init__  # type: ignore[misc]

    @functools.wraps(settle)
    def settle_known(self: Layer, *arguments: Any, **given: Any) -> None:
        settle(self, *arguments, **words.of_layer(cls.__name__, names, given))
        if self.name is not None and not (isinstance(self.name, str) and self.name):
            raise TypeError(f"name must be a text, got {self.name!r}")
        if given.get("dtype") is not None:
            object.__setattr__(self, "_dtype", given["dtype"])
        if not given.get("trainable", True):
            self.trainable = given["trainable"]

    cls.__init__ = settle_known  # type: ignore[misc]
    return cls


class Layer:
    """Base of all layers. Subclasses are :func:`described` classes whose last fields are these two.

    Called on edges, a layer gives an edge; called twice, it has the same weights in both places. Models that have a
    layer in common share its weights, which stand where its ``place`` says.
    """

    name: str | None
    input_shape: Shape | None
    states_input = False  # whether the layer only says what the model's input is
    stored_as: str | None = None  # in files, where that is not the class's name
    n_inputs: int | None = 1  # how many edges it reads; None for any number
    _place: Place | None = None
    _dtype: Any = None
    _calls: tuple[Call, ...] = ()
    _name_is_chosen = False  # by a model
    _trainable = True

    def __new__(cls, *arguments: Any, **given: Any):
        """Refuse a class of a user's whose own computation nothing would call."""
        own = next((name for name in NEVER_CALLED if hasattr(cls, name)), None)
        if own:
            raise TypeError(
                f"{cls.__name__}.{own} would never be called: layers with computations of their own are not there yet. "
                f"Compose layers of fastnn.layers, or do that step in NumPy on the data"
            )
        return super().__new__(cls)

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
    def built(self) -> bool:
        """Whether the layer has its parameters."""
        return self._place is not None

    @property
    def weights(self) -> list[np.ndarray]:
        """The layer's parameters as they are now, not to be written to; see :meth:`set_weights`."""
        return [] if self._place is None else [read_only(view) for view in self._place.own()]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """:attr:`weights` where the layer is trained, else none."""
        return self.weights if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """:attr:`weights` where the layer is not trained, else none."""
        return [] if self.trainable else self.weights

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

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

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the description, without weights, calls and a name that a model chose."""
        stored = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {**stored, "name": self.given_name, "_dtype": self._dtype, "_trainable": self._trainable}

    @property
    def given_name(self) -> str | None:
        """The name that the user gave, None where a model chose one."""
        return None if self._name_is_chosen else self.name

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample's output for one sample's input; raises ``ValueError`` if they do not fit.

        A layer with several inputs takes a shape for each, here and below.
        """
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """The layer's parameters, in the order of ``get_weights``."""
        return ()

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        """What the plan executes, in order; empty for a layer that only names a shape."""
        return ()

    def config(self) -> dict[str, Any]:
        """What the model file stores: the class and every argument that is not None."""
        stored: dict[str, Any] = {"class": self.stored_as or _described_class(self).__name__}
        for f in fields(self):  # type: ignore[arg-type]
            value = self.given_name if f.name == "name" else getattr(self, f.name)
            if value is not None:
                stored[f.name] = value.config() if hasattr(value, "config") else value
        return stored if self.trainable else {**stored, "trainable": False}

    def get_config(self) -> dict[str, Any]:
        """The layer's name and arguments under Keras' names, for :meth:`from_config`; JSON can hold it.

        >>> from fastnn.layers import Dense
        >>> config = Dense(8, activation="relu", name="hidden").get_config()
        >>> config["units"], config["activation"], config["kernel_initializer"]["class_name"]
        (8, 'relu', 'GlorotUniform')
        >>> Dense.from_config(config)
        Dense(units=8, activation='relu', name='hidden')
        """
        return configs.config_of(self)

    @classmethod
    def from_config(cls, config: Any) -> Any:
        """A layer as :meth:`get_config` describes it, with no weights yet.

        Raises
        ------
        TypeError, ValueError
            the configuration is no dict, or has arguments that the layer does not take.
        """
        return check_types(cls(**configs.arguments_of(config)))

    def settings(self) -> dict[str, str]:
        """The arguments that are not at their defaults, as text."""
        required = {f.name: getattr(self, f.name) for f in fields(self) if f.default is MISSING}  # type: ignore[arg-type]
        plain = _described_class(self)(**required)
        shown = {
            f.name: _short(getattr(self, f.name))
            for f in fields(self)  # type: ignore[arg-type]
            if f.name in required or getattr(self, f.name) != getattr(plain, f.name)
        }
        if self.given_name is None:
            shown.pop("name", None)
        return shown

    def __repr__(self) -> str:
        """The call that makes the layer, without arguments at their defaults."""
        inside = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return cut(f"{type(self).__name__}({inside})")


def _described_class(layer: Layer) -> type[Layer]:
    """The class that says what a layer computes: its own, or the one that a user derived it from."""
    return next(cls for cls in type(layer).__mro__ if "__dataclass_fields__" in vars(cls))


def _short(value: Any) -> str:
    if isinstance(value, ActivationRecord) and value == activations.ACTIVATIONS.get(value.name):
        return repr(value.name)
    if isinstance(value, Initializer):
        return next((repr(name) for name, known in INITIALIZERS.items() if known == value), repr(value))
    return brief(value)


def activation_of(came: Any) -> ActivationRecord:
    """An activation from its name, its record, or a layer that is one, as in ``Dense(8, LeakyReLU(0.1))``."""
    if not isinstance(came, Layer):
        return activations.get(came)
    operations = came.operations((1,))
    if [operation.op for operation in operations] != [activation.OP]:
        raise TypeError(
            f"activation must be a name, a record of fastnn.activations or a layer that is one, got {came!r}"
        )
    return operations[0].activation


def without_batch(came: Any) -> Any:
    """A shape as Keras writes it, ``(None, 20)``, without the axis that stands for the batch."""
    return tuple(came[1:]) if isinstance(came, tuple | list) and len(came) > 1 and came[0] is None else came


def check_shape(argument: str, came: object) -> Shape:
    """An input shape as Keras takes it: a tuple of positive sizes without the batch axis, or one size."""
    if isinstance(came, int) and not isinstance(came, bool):
        came = (came,)
    if not isinstance(came, tuple | list) or not came:
        raise ValueError(f"{argument} must be a tuple of sizes without the batch axis, such as (20,), got {came!r}")
    for size in came:
        if isinstance(size, bool) or not hasattr(size, "__index__") or size.__index__() < 1:
            raise ValueError(f"{argument} must hold whole sizes of at least 1, got {came!r}")
    if len(came) > MOST_AXES:
        raise ValueError(f"{argument} may have {MOST_AXES} axes, got {len(came)}")
    return tuple(size.__index__() for size in came)
