"""Activations: one record each, with its formula, its derivative and what the derivative needs.

A formula ``f_name`` takes ``z`` (before the activation) and its one parameter ``p`` and works on NumPy arrays
and, compiled by Numba, on single numbers. A derivative ``d_name`` takes ``z``, ``y`` and ``p`` and returns
dy/dz; it reads ``z`` only where ``keeps_z`` says so, because backends drop ``z`` otherwise.
Row-wise activations (softmax, log_softmax) work along the last axis; their second function is the
whole product ``dz = J.T @ dy``, written as ``(y, dy) -> dz``.

Design: the derivative is written in ``y`` where it can be, so that a layer overwrites ``z`` by ``y``
in place and keeps one buffer. Keeping ``z`` for all (rejected) costs a quarter of the workspace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from fastnn.definitions import lookup, number


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


SELU_SCALE = 1.0507009873554805  # Klambauer et al. 2017, appendix 1
SELU_ALPHA = 1.6732632423543772
SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)

erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none; the reference may be slow


def f_linear(z, p):
    return z


def d_linear(z, y, p):
    return np.ones_like(y)


def f_sigmoid(z, p):
    t = np.exp(-np.abs(z))  # never overflows
    return np.where(z >= 0, 1 / (1 + t), t / (1 + t))


def d_sigmoid(z, y, p):
    return y * (1 - y)


def f_tanh(z, p):
    return np.tanh(z)


def d_tanh(z, y, p):
    return 1 - y * y


def f_relu(z, p):
    return np.maximum(z, 0)


def d_relu(z, y, p):
    return np.where(y > 0, 1, 0)


def f_leaky_relu(z, p):
    return np.where(z < 0, p * z, z)


def d_leaky_relu(z, y, p):
    return np.where(y > 0, 1, p)


def f_elu(z, p):
    return np.where(z > 0, z, p * np.expm1(np.minimum(z, 0)))


def d_elu(z, y, p):
    return np.where(y > 0, 1, y + p)


def f_selu(z, p):
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def d_selu(z, y, p):
    return np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


def f_gelu(z, p):
    return 0.5 * z * (1 + erf(z * SQRT_HALF))


def d_gelu(z, y, p):
    return 0.5 * (1 + erf(z * SQRT_HALF)) + z * INV_SQRT_2PI * np.exp(-0.5 * z * z)


def f_silu(z, p):
    return z * f_sigmoid(z, p)


def d_silu(z, y, p):
    s = f_sigmoid(z, p)
    return s * (1 + z * (1 - s))


def f_softplus(z, p):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def d_softplus(z, y, p):
    return -np.expm1(-y)  # sigmoid(z) = 1 - exp(-softplus(z))


def f_softsign(z, p):
    return z / (1 + np.abs(z))


def d_softsign(z, y, p):
    return (1 - np.abs(y)) * (1 - np.abs(y))


def f_hard_sigmoid(z, p):
    return np.minimum(np.maximum(z / 6 + 0.5, 0), 1)


def d_hard_sigmoid(z, y, p):
    return np.where((y > 0) & (y < 1), 1 / 6, 0)


def f_hard_swish(z, p):
    return z * f_hard_sigmoid(z, p)


def d_hard_swish(z, y, p):
    return np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5))


def f_exponential(z, p):
    return np.exp(z)


def d_exponential(z, y, p):
    return y


def f_softmax(z, p):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def backward_softmax(y, dy):
    return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


def f_log_softmax(z, p):
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def backward_log_softmax(y, dy):
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


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
    """

    name: str
    code: ActivationCode
    function: Callable[..., Any]
    derivative: Callable[..., Any]
    keeps_z: bool = False
    rowwise: bool = False
    parameter_name: str | None = None
    parameter: float = 0.0

    def __call__(self, z, **parameter):
        bound = get(self, **parameter) if parameter else self
        z = np.asarray(z)
        dtype = z.dtype if z.dtype.kind == "f" else np.float64
        return bound.function(z.astype(dtype, copy=False), bound.parameter).astype(dtype, copy=False)

    def backward(self, z, y, dy):
        """The gradient before the activation: ``dz`` from ``dy``, all of the shape of ``y``."""
        if self.rowwise:
            return self.derivative(y, dy)
        return dy * self.derivative(z, y, self.parameter)

    def config(self) -> str | dict[str, Any]:
        """What the model file stores: the name, with the parameter where there is one."""
        if self.parameter_name is None:
            return self.name
        return {"name": self.name, self.parameter_name: self.parameter}

    def __repr__(self) -> str:
        inside = "" if self.parameter_name is None else f"({self.parameter_name}={self.parameter:g})"
        return f"<activation {self.name}{inside}>"


def _record(name, function, derivative, **more) -> Activation:
    return Activation(name, ActivationCode[name.upper()], function, derivative, **more)


linear = _record("linear", f_linear, d_linear)
sigmoid = _record("sigmoid", f_sigmoid, d_sigmoid)
tanh = _record("tanh", f_tanh, d_tanh)
relu = _record("relu", f_relu, d_relu)
leaky_relu = _record("leaky_relu", f_leaky_relu, d_leaky_relu, parameter_name="negative_slope", parameter=0.2)
elu = _record("elu", f_elu, d_elu, parameter_name="alpha", parameter=1.0)
selu = _record("selu", f_selu, d_selu)
gelu = _record("gelu", f_gelu, d_gelu, keeps_z=True)
silu = _record("silu", f_silu, d_silu, keeps_z=True)
softplus = _record("softplus", f_softplus, d_softplus)
softsign = _record("softsign", f_softsign, d_softsign)
hard_sigmoid = _record("hard_sigmoid", f_hard_sigmoid, d_hard_sigmoid)
hard_swish = _record("hard_swish", f_hard_swish, d_hard_swish, keeps_z=True)
exponential = _record("exponential", f_exponential, d_exponential)
softmax = _record("softmax", f_softmax, backward_softmax, rowwise=True)
log_softmax = _record("log_softmax", f_log_softmax, backward_log_softmax, rowwise=True)

ACTIVATIONS: Mapping[str, Activation] = {
    record.name: record
    for record in (
        linear,
        sigmoid,
        tanh,
        relu,
        leaky_relu,
        elu,
        selu,
        gelu,
        silu,
        softplus,
        softsign,
        hard_sigmoid,
        hard_swish,
        exponential,
        softmax,
        log_softmax,
    )
}

ALIASES = {"swish": "silu", "hard_silu": "hard_swish", "logistic": "sigmoid", "identity": "linear"}


def get(activation: object, **parameter: float) -> Activation:
    """Turn what a user wrote (name, record, stored config, None) into an activation.

    Parameters
    ----------
    activation : str, Activation, dict as from :meth:`Activation.config`, or None for linear.
    **parameter : the activation's own parameter, e.g. ``get("elu", alpha=0.5)``.

    Raises
    ------
    ValueError
        an unknown name or parameter, or a negative slope below zero (the derivative is taken
        from ``y``, whose sign must be that of ``z``).

    >>> from fastnn import activations
    >>> activations.get("elu", alpha=0.5)
    <activation elu(alpha=0.5)>
    >>> round(float(activations.get("elu", alpha=0.5)(-2.0)), 4)
    -0.4323
    """
    if isinstance(activation, dict):
        parameter = {k: v for k, v in activation.items() if k != "name"} | parameter
        activation = activation.get("name")
    if activation is None:
        activation = "linear"
    if isinstance(activation, str):
        activation = lookup("activation", activation, ACTIVATIONS, ALIASES)
    if not isinstance(activation, Activation):
        raise TypeError(
            f"activation must be a name or a record of fastnn.activations, got {activation!r}; "
            f"a function of your own has no gradient here"
        )
    for name, value in parameter.items():
        if name != activation.parameter_name:
            raise ValueError(f"activation {activation.name!r} has no parameter {name!r}")
        activation = replace(activation, parameter=number(name, value, low=0.0))
    return activation
