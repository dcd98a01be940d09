"""What a layer of a user's own inherits: its weights, its shapes, and what is stored of it.

Design: a class says in NumPy what it computes and its gradient, and a plan has one operation for it, which comes back
to Python (``_ops/own.py``). The object that the user made never computes: copies of it do, one for each place in each
model's memory, so that threads, and a layer that is called twice, do not write over what ``call`` keeps for
``backward``. An autograd tape over NumPy (rejected) is a second library.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import numpy as np

from fastnn import initializers, regularizers
from fastnn._base.arguments import flag, integer, shown, weights_later
from fastnn._base.arrays import model_dtype, of_policy
from fastnn._base.reprs import brief
from fastnn._base.types import Config, DtypeLike
from fastnn._ops import Operation, own
from fastnn.layers import words
from fastnn.layers.classes import captured, is_ours, ours, taken, theirs
from fastnn.layers.parameter import Parameter, Shape, check_shape, constraint_of
from fastnn.layers.place import Place
from fastnn.layers.weight import Weight, replaced
from fastnn.regularizers import L1L2

if TYPE_CHECKING:
    from fastnn.layers import arguments

OVERRIDDEN = ("build", "get_config", "from_config", "name", "input_shape", "has_gradient")  # a class may have them
ROUTINES = (FunctionType, MethodType)
KNOWN = ("input_shape", "name", "activity_regularizer")
WEIGHTS = ("_own_weights", "_own_attributes")
MODELS = (  # what models made of a layer
    *("_place", "_calls", "_compositions", "_model", "_name_is_chosen", "_own_shapes", "_own_sizes"),
)

Result = TypeVar("Result")


def by_inputs(method: Callable[..., Result]) -> Callable[..., Result]:
    """A method that takes a shape for each input; classes that override it say how many, and what else it is told."""
    return method


class Own:
    """The part of :class:`fastnn.layers.Layer` that only layers of a user's own have."""

    name: str | None = None
    input_shape: Shape | None = None
    has_gradient = True
    _place: Place | None
    _own_activity: L1L2 = own.NO_PENALTY
    _own_given: Mapping[str, object] = {}  # arguments of the constructor
    _own_weights: tuple[Weight, ...] = ()
    _own_attributes: Mapping[str, Weight] = {}  # that are weights
    _own_shapes: tuple[Shape, ...] | None = None
    _own_building = False
    _own_sizes: Mapping[tuple[Shape, ...], Shape] = {}  # of outputs, by those of inputs

    def __new__(cls, *arguments: object, **given: object) -> Self:
        cls.check_class()
        made = super().__new__(cls)
        made._own_given = captured(cls, arguments, given)
        return made

    def __init__(self, **given: Unpack[words.OwnArguments]) -> None:
        kept = words.of_layer(type(self).__name__, KNOWN, given)
        self.name = kept.get("name")
        if kept.get("input_shape") is not None:
            self.input_shape = check_shape("input_shape", kept["input_shape"])
        self._own_activity = regularizers.get(kept.get("activity_regularizer"))
        self.settle_common(given)

    @classmethod
    def check_class(cls) -> None:
        """``TypeError`` for a class that computes nothing, or has a method that models rely on."""
        kind = cls.__name__
        both = set(theirs(cls)) & ours(cls) - set(OVERRIDDEN)  # type: ignore[arg-type]  # types can be hashed
        if name := min(both, default=None):
            raise TypeError(f"{kind}.{name} would take the place of what every layer has; name it otherwise")
        if not callable(getattr(cls, "call", None)):
            has = " and has forward, which nothing calls: it is named call" if hasattr(cls, "forward") else ""
            raise TypeError(
                f"{kind} is a layer of your own{has}; it needs call(self, x) that calls layers, or NumPy code in "
                f"call(self, x) and backward(self, dy)"
            )

    def __setattr__(self, name: str, value: object) -> None:
        held = getattr(type(self), name, None)
        if type(held) in ROUTINES or (isinstance(held, property) and held.fset is None):
            raise AttributeError(f"{type(self).__name__}.{name} is what every layer has; keep it under another name")
        if isinstance(value, Weight):
            vars(self).pop(name, None)
            self._own_attributes = {**self._own_attributes, name: value}
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        weight = None if name[:2] == "__" else self._own_attributes.get(name)
        if weight is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{weights_later(name, self._place)}")
        return weight if self._place is None else self.parameter(weight.name)

    # -- weights --------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: int | Sequence[int] = (),
        initializer: arguments.GivenInitializer | None = None,
        dtype: DtypeLike | None = None,
        trainable: bool = True,
        regularizer: arguments.GivenRegularizer = None,
        constraint: arguments.GivenConstraint = None,
        name: str | None = None,
    ) -> Any:
        """A weight of the layer, for ``build`` or ``__init__`` to keep as an attribute, such as ``self.kernel``.

        Parameters
        ----------
        shape : sizes, () for a single number.
        initializer : name or object of :mod:`fastnn.initializers`, None for ``"glorot_uniform"``.
        dtype : None, or the dtype that the model has to have.
        trainable : whether training changes it.
        regularizer, constraint : names or objects of the modules of these names, or None.
        name : its name in the layer, ``"weight"`` and a number without.

        Returns
        -------
        Weight
            in ``call`` and ``backward`` the attribute, also in a list or dict, is the array itself, not to be written
            to; of a weight that is not trainable it may be written to.
        """
        came: object = shape
        if isinstance(came, str):
            raise TypeError(f"add_weight takes the shape first; write add_weight(shape=..., name={shape!r})")
        name = f"weight_{len(self._own_weights)}" if name is None else name
        told: object = name
        if not (isinstance(told, str) and told) or any(weight.name == name for weight in self._own_weights):
            raise ValueError(f"each weight of {type(self).__name__} has a name of its own, got {name!r}")
        if dtype is not None:
            model_dtype(dtype)
            self._dtype = of_policy(dtype)
        sizes = tuple(integer("shape", size, low=1) for size in ((shape,) if isinstance(shape, int) else shape))
        start = initializers.get("glorot_uniform" if initializer is None else initializer)
        kept = constraint_of(constraint)
        if kept is not None:
            kept.matrix(sizes)
        parameter = Parameter(name, sizes, start, regularizers.get(regularizer), kept, flag("trainable", trainable))
        weight = Weight(parameter, self._own_building)
        self._own_weights = (*self._own_weights, weight)
        return weight

    def build(self, input_shape: Any) -> None:
        """Make weights for this shape, by :meth:`add_weight`; what a class derives, without any by itself.

        Parameters
        ----------
        input_shape : ``(None, *shape)``; of several inputs a list of such.
        """

    @property
    def built(self) -> bool:
        """Whether the layer has its parameters."""
        return self._place is not None

    @built.setter
    def built(self, came: object) -> None:
        """Classes for Keras say so at the end of ``build``; it follows from the model."""
        if not flag("built", came):
            raise ValueError(f"{self!r} is built by its model and cannot be taken back")

    def _build_for(self, shapes: tuple[Shape, ...]) -> None:
        before = self._own_weights, self._own_attributes, self._own_building
        self._own_weights = tuple(weight for weight in self._own_weights if not weight.in_build)
        self._own_building = True
        try:
            own.told(self, "build", self.build, _with_rows(shapes))
        except BaseException:
            self._own_weights, self._own_attributes, self._own_building = before
            raise
        self._own_building, self._own_shapes = False, shapes

    @by_inputs
    def parameters(self, *shapes: Shape) -> tuple[Parameter, ...]:
        """The layer's parameters, in the order of ``get_weights``: as Keras has it, those that are trained first."""
        if self._own_shapes != shapes:
            if self._place is not None:
                return copy.copy(self).parameters(*shapes)
            self._build_for(shapes)
        return tuple(weight.parameter for weight in self.in_order())

    def in_order(self) -> list[Weight]:
        """Weights in the order of ``get_weights``."""
        return sorted(self._own_weights, key=lambda weight: not weight.parameter.trainable)

    # -- in the plan ----------------------------------------------------------------------------

    @by_inputs
    def output_shape(self, *shapes: Shape) -> Shape:
        """Shape of one sample's output: what ``compute_output_shape`` says, else what ``call`` gives for zeros."""
        if shapes not in self._own_sizes:
            self.parameters(*shapes)
            self.check_fits(*shapes)
            found = self._told_shape(shapes) if hasattr(self, "compute_output_shape") else self._found_shape(shapes)
            self._own_sizes = {**self._own_sizes, shapes: found}
        return self._own_sizes[shapes]

    def _told_shape(self, shapes: tuple[Shape, ...]) -> Shape:
        came = own.told(self, "compute_output_shape", self.compute_output_shape, _with_rows(shapes))
        if not isinstance(came, tuple | list) or len(came) < 2 or came[0] is not None:
            raise ValueError(
                f"{type(self).__name__}.compute_output_shape must return a shape with None for the rows, such as "
                f"(None, 8), got {shown(came)}"
            )
        return check_shape(f"{type(self).__name__}.compute_output_shape", tuple(came[1:]))

    def _found_shape(self, shapes: tuple[Shape, ...]) -> Shape:
        """By the layer with weights as they begin, on two rows of zeros."""
        number = np.dtype(self._dtype or "float32")
        drawn = [weight.parameter.initializer(weight.shape, 0, i) for i, weight in enumerate(self.in_order())]
        worker = own.worker(self, [array.astype(number) for array in drawn])
        zeros = [np.zeros((2, *shape), number) for shape in shapes]
        with np.errstate(all="ignore"):
            y = np.asarray(own.called(worker, zeros, False))
        if y.ndim < 2 or len(y) != 2 or y.dtype.kind not in "fiub" or not y.size:
            raise ValueError(
                f"{type(self).__name__}.call must return an array with a row for each row of x, such as (2, 8) for 2 "
                f"rows, got {own.kind(y)} for x of shape {', '.join(str(x.shape) for x in zeros)}"
            )
        return y.shape[1:]

    @by_inputs
    def operations(self, *shapes: Shape) -> tuple[Operation, ...]:
        """One, that comes back to Python."""
        n_in, n_out = math.prod(shapes[0]), math.prod(self.output_shape(*shapes))
        rest = tuple(range(len(self._own_weights)))
        return (Operation(own.OP, n_in, n_out, rest=rest, activity=self._own_activity),)

    def bound(self, arrays: Sequence[np.ndarray]) -> dict[str, object]:
        """Attributes that are weights, or lists and dicts with weights, with arrays in the order of ``get_weights``."""
        found = dict(zip(self.in_order(), arrays, strict=True))
        held = {name: replaced(value, found) for name, value in vars(self).items() if name not in WEIGHTS}
        changed = {name: value for name, value in held.items() if value is not vars(self)[name]}
        return changed | {name: found[weight] for name, weight in self._own_attributes.items() if weight in found}

    # -- what is stored -------------------------------------------------------------------------

    def __getstate__(self) -> Config:
        """What a copy takes along: not what models made of the layer."""
        kept = {name: value for name, value in vars(self).items() if name not in MODELS}
        early = tuple(weight for weight in self._own_weights if not weight.in_build)
        attributes = {name: weight for name, weight in self._own_attributes.items() if not weight.in_build}
        return {**kept, "name": self.given_name, "_own_weights": early, "_own_attributes": attributes}

    def get_config(self) -> Config:
        """The arguments that make the layer again: those of its constructor; a class may add to them, as in Keras."""
        common = {"name": self.name, "trainable": self.trainable}
        return {**self._own_given, **taken(type(self), common)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer of :meth:`get_config`.

        Parameters
        ----------
        config : a dict of the constructor's arguments.
        """
        return cls(**config)

    def config(self) -> Config:
        """What a model file stores: the class's name, and :meth:`get_config` without what it has anyway."""
        told = {**self.get_config(), "name": self.given_name}
        if told.get("trainable", True):
            told.pop("trainable", None)
        stored = {key: _stored(value) for key, value in told.items() if value is not None}
        return {"class" if is_ours(type(self)) else "custom": type(self).__name__, **stored}

    def settings(self) -> dict[str, str]:
        """The arguments that the layer was given, as text."""
        told = {name: value for name, value in self._own_given.items() if name not in ("name", "trainable", "dtype")}
        return {name: brief(value) for name, value in (told | {"name": self.given_name}).items() if value is not None}


def _with_rows(shapes: tuple[Shape, ...]) -> tuple[int | None, ...] | list[tuple[int | None, ...]]:
    """Shapes as Keras tells them: with None for the rows, of several inputs a list."""
    told = [(None, *shape) for shape in shapes]
    return told[0] if len(told) == 1 else told


def _stored(value: object) -> object:
    """A value as a file keeps it; of a function the name, under which it has to be given again."""
    if hasattr(value, "config"):
        return value.config()
    return {"custom": value.__name__} if callable(value) and hasattr(value, "__name__") else value
