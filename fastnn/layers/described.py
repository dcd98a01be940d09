"""What the layers that come with fastnn are: frozen descriptions, dataclasses whose fields are their arguments.

A described layer holds no arrays and does no maths. It answers three questions for an input shape (without
the batch axis): the output's shape, the parameters, and the operations the plan shall contain.

Design: layers speak in sizes and the plan alone turns sizes into offsets, so that a new layer
kind touches one file here, and one in each backend if it needs an op kind of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar, dataclass_transform

from fastnn import activations
from fastnn._base.arguments import fixed, shown
from fastnn._base.reprs import brief
from fastnn._base.stored import check_types
from fastnn._base.types import Config
from fastnn._ops import Operation, activation
from fastnn.activations import Activation as ActivationRecord
from fastnn.initializers import INITIALIZERS, Initializer
from fastnn.layers import configs, words
from fastnn.layers.base import Layer
from fastnn.layers.forgetting import is_asking
from fastnn.layers.own import by_inputs
from fastnn.layers.parameter import Parameter, Shape, stated

if TYPE_CHECKING:
    from fastnn._base.types import DtypeLike
    from fastnn.layers.edges import Edge, Edges, Masks

Class = TypeVar("Class", bound=type)
COMPILED = ("call", "backward", "forward", "build", "compute_output_shape")  # what a layer of one's own may have


def _keyword(*, kw_only: bool, default: object, alias: str) -> Any:
    """An argument that the constructors of all layers take, for type checkers."""


@dataclass_transform(field_specifiers=(field, _keyword))  # frozen, mypy takes ``trainable`` for read-only
def described(cls: Class) -> Class:
    """Decorate a class derived from :class:`Described`: a frozen dataclass that knows Keras' arguments for layers."""
    if not issubclass(cls, Described):
        raise TypeError(f"{cls.__name__} has to be derived from Described")
    fixed(dataclass(frozen=True, repr=False)(cls))
    names = tuple(f.name for f in fields(cls))
    settle = cls.__init__

    @functools.wraps(settle)
    def settle_known(self: Described, *arguments: object, **given: object) -> None:
        settle(self, *arguments, **words.of_layer(cls.__name__, names, given))
        self.settle_common(given)

    cls.__init__ = settle_known  # type: ignore[method-assign,assignment]  # the class is made here
    return cls


if TYPE_CHECKING:

    @described
    class Common(Layer):
        """The arguments that all layers take by name; :mod:`fastnn.layers.words` finds them when a program runs."""

        _told_trainable: bool = _keyword(kw_only=True, default=True, alias="trainable")
        _told_dtype: DtypeLike | None = _keyword(kw_only=True, default=None, alias="dtype")
        _told_rows: int | None = _keyword(kw_only=True, default=None, alias="batch_size")
        _told_batch_shape: Sequence[int | None] | None = _keyword(kw_only=True, default=None, alias="batch_input_shape")
else:
    Common = Layer


class Described(Common):
    """Base of all layers that come with fastnn: :func:`described` classes, whose last fields are the first two here."""

    name: str | None
    input_shape: Shape | None
    n_inputs: int | None = 1

    if TYPE_CHECKING:  # but for classes that say otherwise they have one output

        def __call__(self, inputs: Edges, mask: Masks = None, training: object = None) -> Edge: ...

    def __new__(cls, *arguments: object, **given: object) -> Self:
        cls.check_class()
        return object.__new__(cls)

    @classmethod
    def check_class(cls) -> None:
        """Refuse a class of a user's whose own computation nothing would call."""
        own = next((name for name in COMPILED if getattr(cls, name, None) is not getattr(Described, name, None)), None)
        if own:
            raise TypeError(
                f"{cls.__name__}.{own} would never be called: what {_described_class(cls).__name__} computes is "
                f"compiled. Derive a layer of your own from fastnn.layers.Layer, with call(x) and backward(dy)"
            )

    @property  # type: ignore[misc]  # without the setter of Own
    def built(self) -> bool:
        """Whether the layer has its parameters."""
        return self._place is not None

    def build(self, input_shape: Any) -> None:
        """Refused, with any ``input_shape``: models give weights. In ``build`` of a layer around it, nothing."""
        if not is_asking():
            raise TypeError(f"{self!r} gets its weights in a model: Sequential([layer]).build({input_shape!r})")

    @by_inputs
    def output_shape(self, shape: Shape) -> Shape:
        return shape

    @by_inputs
    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return ()

    @by_inputs
    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        return ()

    def __getstate__(self) -> Config:
        """What a copy takes along: the description, without weights, calls and a name that a model chose."""
        stored = {f.name: getattr(self, f.name) for f in fields(self)}
        own = {"_dtype": self._dtype, "_trainable": self._trainable, "_batch_rows": self._batch_rows}
        if "_has_right_types" in vars(self):  # the copy's description is the same
            own["_has_right_types"] = True
        return {**stored, "name": self.given_name, **own}

    def config(self) -> Config:
        """What the model file stores: the class and every argument, but for those that None stands for."""
        stored: Config = {"class": self.stored_as or _described_class(type(self)).__name__}
        for f in fields(self):
            value: Any = self.given_name if f.name == "name" else getattr(self, f.name)
            if value is not None and f.name in ("shape", "input_shape"):
                stored[f.name] = stated(value)
            elif value is not None or f.default not in (None, MISSING):
                stored[f.name] = value.config() if hasattr(value, "config") else value
        if self.batch_rows:
            stored["batch_size"] = self.batch_rows
        return stored if self.trainable else {**stored, "trainable": False}

    def get_config(self) -> Config:
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
    def from_config(cls, config: Any) -> Self:
        """A layer from ``config``, as :meth:`get_config` gives it, with no weights yet.

        Raises
        ------
        TypeError, ValueError
            the configuration is no dict, or has arguments that the layer does not take.
        """
        found: Self = check_types(cls(**configs.arguments_of(config)))
        return found

    def settings(self) -> dict[str, str]:
        required = {f.name: getattr(self, f.name) for f in fields(self) if f.default is MISSING}
        plain = _described_class(type(self))(**required)
        shown = {
            f.name: _short(getattr(self, f.name))
            for f in fields(self)
            if f.name in required or getattr(self, f.name) != getattr(plain, f.name)
        }
        if self.given_name is None:
            shown.pop("name", None)
        return shown


def _described_class(cls: type) -> type[Layer]:
    """The class that says what a layer computes: its own, or the one that a user derived it from."""
    return next(base for base in cls.__mro__ if "__dataclass_fields__" in vars(base))


def _short(value: object) -> str:
    if isinstance(value, ActivationRecord) and value == activations.ACTIVATIONS.get(value.name):
        return repr(value.name)
    if isinstance(value, Initializer):
        return next((repr(name) for name, known in INITIALIZERS.items() if known == value), repr(value))
    return brief(value)


def activation_of(came: object) -> ActivationRecord:
    """An activation from its name, its record, or a layer that is one, as in ``Dense(8, LeakyReLU(0.1))``."""
    if not isinstance(came, Layer):
        return activations.get(came)
    operations = came.operations((1,)) if isinstance(came, Described) else ()
    if [operation.op for operation in operations] != [activation.OP]:
        raise TypeError(
            f"activation must be a name, a record of fastnn.activations or a layer that is one, got {shown(came)}"
        )
    return operations[0].activation
