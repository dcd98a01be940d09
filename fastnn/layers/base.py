"""What every layer is: a frozen description that names its shapes, parameters and operations.

A layer holds no arrays and does no maths. It answers three questions for an input shape (without
the batch axis): the output's shape, the parameters, and the operations the plan shall contain.

Design: layers speak in sizes and the plan alone turns sizes into offsets, so that a new layer
kind touches one file here, one branch in each backend and one C kernel.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from enum import IntEnum
from typing import Any

from fastnn import activations
from fastnn.activations import Activation as ActivationRecord
from fastnn.constraints import Constraint
from fastnn.initializers import INITIALIZERS, Initializer
from fastnn.regularizers import L1L2
from fastnn.reprs import brief, call_of, cut

Shape = tuple[int, ...]
NO_PENALTY = L1L2()
MOST_AXES = 31  # of a sample; NumPy's arrays have 32 in its older releases, one of which is the batch


class OpKind(IntEnum):
    """Number of each operation in the plan; the C enum ``fnn_op_kind`` is the same."""

    DENSE = 0
    ACTIVATION = 1
    DROPOUT = 2


@dataclass(frozen=True, repr=False)
class Parameter:
    """One trainable array: its name in the layer, its shape, how it starts and what it costs."""

    name: str
    shape: Shape
    initializer: Initializer
    regularizer: L1L2 = NO_PENALTY
    constraint: Constraint | None = None

    def __repr__(self) -> str:
        return call_of(self)


@dataclass(frozen=True, repr=False)
class Operation:
    """One operation on ``repeat`` rows a sample, each ``n_in`` numbers wide, giving ``n_out``.

    ``w`` and ``b`` are indices into the layer's parameters, -1 for none.
    """

    kind: OpKind
    n_in: int
    n_out: int
    repeat: int = 1
    activation: ActivationRecord = activations.linear
    w: int = -1
    b: int = -1
    rate: float = 0.0
    activity: L1L2 = NO_PENALTY

    def __repr__(self) -> str:
        return call_of(self)


class Layer:
    """Base of all layers. Subclasses are frozen dataclasses whose last fields are these two."""

    name: str | None
    input_shape: Shape | None

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample's output for one sample's input; raises ``ValueError`` if they do not fit."""
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """The layer's parameters, in the order of ``get_weights``."""
        return ()

    def operations(self, shape: Shape) -> tuple[Operation, ...]:
        """What the plan executes, in order; empty for a layer that only names a shape."""
        return ()

    def config(self) -> dict[str, Any]:
        """What the model file stores: the class and every argument that is not None."""
        stored: dict[str, Any] = {"class": type(self).__name__}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None:
                stored[field.name] = value.config() if hasattr(value, "config") else value
        return stored

    def settings(self) -> dict[str, str]:
        """The arguments that are not at their defaults, as text."""
        required = {f.name: getattr(self, f.name) for f in fields(self) if f.default is MISSING}  # type: ignore[arg-type]
        plain = type(self)(**required)
        return {
            f.name: _short(getattr(self, f.name))
            for f in fields(self)  # type: ignore[arg-type]
            if f.name in required or getattr(self, f.name) != getattr(plain, f.name)
        }

    def __repr__(self) -> str:
        """The call that makes the layer, without arguments at their defaults."""
        inside = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return cut(f"{type(self).__name__}({inside})")


def _short(value: Any) -> str:
    if isinstance(value, ActivationRecord) and value == activations.ACTIVATIONS.get(value.name):
        return repr(value.name)
    if isinstance(value, Initializer):
        return next((repr(name) for name, known in INITIALIZERS.items() if known == value), repr(value))
    return brief(value)


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
