"""What an activation is: its record, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload, runtime_checkable

import numpy as np

from fastnn._base.arguments import fixed, number, shown
from fastnn._base.arrays import of_reals
from fastnn._base.types import Config, Numbers
from fastnn.activations import formulas

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Made_co = TypeVar("Made_co", covariant=True)


@runtime_checkable
class OfGraph(Protocol[Made_co]):
    """An edge of a graph, which an activation takes as well as numbers."""

    def activated(self, activation: Activation) -> Made_co: ...


class ActivationCode(IntEnum):
    """Number of each activation in the plan; the C enum ``fnn_activation_code`` is the same."""

    LINEAR = 0
    SIGMOID = 1
    TANH = 2
    RELU = 3
    LEAKY_RELU = 4
    ELU = 5
    SELU = 6
    GELU = 7
    SILU = 8
    SOFTPLUS = 9
    SOFTSIGN = 10
    HARD_SIGMOID = 11
    HARD_SWISH = 12
    EXPONENTIAL = 13
    SOFTMAX = 14
    LOG_SOFTMAX = 15
    RELU6 = 16
    HARD_TANH = 17
    CELU = 18
    LOG_SIGMOID = 19
    GELU_TANH = 20
    MISH = 21
    TANH_SHRINK = 22
    HARD_SHRINK = 23
    SOFT_SHRINK = 24
    SPARSE_PLUS = 25
    SPARSE_SIGMOID = 26
    SQUAREPLUS = 27


@fixed
@dataclass(frozen=True)
class Activation:
    """One activation with its parameter bound; called, it maps ``z`` to ``y``.

    Attributes
    ----------
    name, code : its name in the interface and its number in the plan.
    function : ``(z, p) -> y``.
    derivative : ``(z, y, p) -> dy/dz``, or ``(y, dy) -> dz`` for a row-wise one.
    keeps_z : the derivative reads ``z``.
    rowwise : works along the last axis instead of on each number.
    parameter_name, parameter : the one free number (``negative_slope``, ``alpha``), 0.0 where none.
    positive : the parameter must be larger than 0, not only no less.
    formula : what it computes of ``z``, as Python; of a row-wise one of the numbers of a row.
    """

    name: str
    code: ActivationCode
    function: Callable[..., Numbers]
    derivative: Callable[..., Numbers]
    keeps_z: bool = False
    rowwise: bool = False
    parameter_name: str | None = None
    parameter: float = 0.0
    positive: bool = False
    formula: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self._described())  # what help() shows of this one

    def _described(self) -> str:
        shape = "array of logits ``(..., n)``, each row for itself" if self.rowwise else "array of any shape"
        lines = [
            f"``f(z) = {self.formula}``.",
            "",
            "Parameters",
            "----------",
            f"z : {shape}; the dtype of floats stays.",
        ]
        if self.parameter_name:
            range_ = "above 0" if self.positive else "from 0 on"
            lines.append(f"{self.parameter_name} : a number {range_}, here {self.parameter:g}.")
        return "\n".join(lines)

    @overload
    def __call__(self, z: OfGraph[Made_co], **parameter: float) -> Made_co: ...

    @overload
    def __call__(self, z: ArrayLike, **parameter: float) -> np.ndarray: ...

    def __call__(self, z: ArrayLike | OfGraph[Made_co], **parameter: float) -> np.ndarray | Made_co:
        bound = self.bind(**parameter) if parameter else self
        if isinstance(z, OfGraph):
            return z.activated(bound)
        z = of_reals("z", z)
        dtype = z.dtype if z.dtype.kind == "f" else np.float64
        found: np.ndarray = bound.function(z.astype(dtype, copy=False), bound.parameter).astype(dtype, copy=False)
        return found

    @property
    def __name__(self) -> str:
        """:attr:`name`, as programs ask a function for it."""
        return self.name

    def bind(self, **parameter: object) -> Activation:
        """The same activation with its parameter set.

        Parameters
        ----------
        **parameter : its own parameter by name, such as ``alpha=0.5``.
        """
        bound = self
        for name, value in parameter.items():
            bound = bound._with(name, value)
        return bound

    def _with(self, name: str, value: object) -> Activation:
        if name == self.parameter_name:
            return replace(self, parameter=number(name, value, low=0.0, open_low=self.positive))
        if (self.name, name) in VARIANTS:
            return VARIANTS[self.name, name](value)
        raise ValueError(f"activation {self.name!r} has no parameter {name!r}")

    def backward(self, z: np.ndarray | None, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """The gradient before the activation: ``dz`` from ``dy``, all of the shape of ``y``.

        Parameters
        ----------
        z : what came in, or None where ``keeps_z`` is False.
        y : what came out.
        dy : gradient by what came out.
        """
        if self.rowwise:
            found: np.ndarray = self.derivative(y, dy)
            return found
        found = dy * self.derivative(z, y, self.parameter)
        return found

    def config(self) -> str | Config:
        """What the model file stores: the name, with the parameter where there is one."""
        if self.parameter_name is None:
            return self.name
        return {"name": self.name, self.parameter_name: self.parameter}

    def __repr__(self) -> str:
        inside = "" if self.parameter_name is None else f"({self.parameter_name}={self.parameter:g})"
        return f"<activation {self.name}{inside}>"


def _record(name: str, formula: str, **more: Any) -> Activation:
    """The activation with the functions of its name."""
    derivative = getattr(formulas, f"backward_{name}" if more.get("rowwise") else f"d_{name}")
    return Activation(
        name, ActivationCode[name.upper()], getattr(formulas, f"f_{name}"), derivative, formula=formula, **more
    )


ACTIVATIONS: Mapping[str, Activation] = {
    record.name: record
    for record in (
        _record("linear", "z"),
        _record("sigmoid", "1 / (1 + exp(-z))"),
        _record("tanh", "tanh(z)"),
        _record("relu", "max(z, 0)"),
        _record("leaky_relu", "z if z >= 0 else negative_slope * z", parameter_name="negative_slope", parameter=0.2),
        _record("elu", "z if z > 0 else alpha * (exp(z) - 1)", parameter_name="alpha", parameter=1.0),
        _record("selu", "1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * (exp(z) - 1))"),
        _record("gelu", "z / 2 * (1 + erf(z / sqrt(2)))", keeps_z=True),
        _record("silu", "z / (1 + exp(-z))", keeps_z=True),
        _record("softplus", "log(1 + exp(z))"),
        _record("softsign", "z / (1 + abs(z))"),
        _record("hard_sigmoid", "min(max(z / 6 + 1 / 2, 0), 1)"),
        _record("hard_swish", "z * min(max(z / 6 + 1 / 2, 0), 1)", keeps_z=True),
        _record("exponential", "exp(z)"),
        _record("softmax", "exp(z) / sum(exp(z))", rowwise=True),
        _record("log_softmax", "z - log(sum(exp(z)))", rowwise=True),
        _record("relu6", "min(max(z, 0), max_value)", parameter_name="max_value", parameter=6.0),
        _record("hard_tanh", "min(max(z, -1), 1)"),
        _record(
            "celu", "z if z > 0 else alpha * (exp(z / alpha) - 1)", parameter_name="alpha", parameter=1.0, positive=True
        ),
        _record("log_sigmoid", "-log(1 + exp(-z))"),
        _record("gelu_tanh", "z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z**3)))", keeps_z=True),
        _record("mish", "z * tanh(log(1 + exp(z)))", keeps_z=True),
        _record("tanh_shrink", "z - tanh(z)", keeps_z=True),
        _record("hard_shrink", "z if abs(z) > threshold else 0", parameter_name="threshold", parameter=0.5),
        _record("soft_shrink", "sign(z) * max(abs(z) - threshold, 0)", parameter_name="threshold", parameter=0.5),
        _record("sparse_plus", "z if z >= 1 else max(z + 1, 0)**2 / 4"),
        _record("sparse_sigmoid", "min(max((z + 1) / 2, 0), 1)"),
        _record("squareplus", "(z + sqrt(z**2 + b)) / 2", parameter_name="b", parameter=4.0, positive=True),
    )
}


def _gelu(approximate: object) -> Activation:
    if not isinstance(approximate, bool | np.bool_):
        raise TypeError(f"approximate must be True or False, got {shown(approximate)}")
    return ACTIVATIONS["gelu_tanh" if approximate else "gelu"]


def _bounded_relu(max_value: object) -> Activation:
    return ACTIVATIONS["relu"] if max_value is None else ACTIVATIONS["relu6"].bind(max_value=max_value)


VARIANTS: Mapping[tuple[str, str], Callable[[object], Activation]] = {
    ("gelu", "approximate"): _gelu,
    ("relu", "max_value"): _bounded_relu,
    ("relu", "negative_slope"): lambda slope: ACTIVATIONS["leaky_relu"].bind(negative_slope=slope),
}
"""Arguments of Keras' functions that choose another record."""
