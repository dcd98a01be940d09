"""PyTorch's activations as records of ours: by the functions' arguments, under their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastnn.activations import ACTIVATIONS
from fastnn.interop.torch.reading.building import Builder, value

if TYPE_CHECKING:
    from fastnn.interop.building.values import Value


def _plain(name: str) -> Callable[..., object]:
    return lambda b, input, inplace=False: b.activation(value(input), name, name=b.module_name)


def _with(name: str, argument: str, usual: float) -> Callable[..., object]:
    """One with a parameter, the second argument of the function."""

    def call(b: Builder, input: object, *given: float, inplace: bool = False, **named: float) -> Value:
        came = given[0] if given else named.get(argument, usual)
        record = ACTIVATIONS[name]
        bound = record.bind(**{str(record.parameter_name): float(came)})
        return b.activation(value(input), bound, name=b.module_name)

    return call


def hardtanh(
    b: Builder, input: object, min_val: float | None = -1.0, max_val: float | None = 1.0, inplace: bool = False
) -> Value:
    if (min_val, max_val) == (-1.0, 1.0):
        return b.activation(value(input), "hard_tanh", name=b.module_name)
    if min_val == 0 and max_val is not None and max_val > 0:
        return b.activation(value(input), ACTIVATIONS["relu6"].bind(max_value=float(max_val)), name=b.module_name)
    if min_val == 0 and max_val is None:
        return b.activation(value(input), "relu", name=b.module_name)
    raise ValueError(f"numbers cut to [{min_val}, {max_val}] have no counterpart here; [-1, 1] and [0, n] have")


def clamp(b: Builder, input: object, min: float | None = None, max: float | None = None) -> Value:
    return hardtanh(b, input, min, max)


def gelu(b: Builder, input: object, approximate: str = "none") -> Value:
    return b.activation(value(input), "gelu_tanh" if approximate == "tanh" else "gelu", name=b.module_name)


def softplus(b: Builder, input: object, beta: float = 1.0, threshold: float = 20.0) -> Value:
    x = value(input)
    if beta == 1:
        return b.activation(x, "softplus", name=b.module_name)
    return b.scaled(b.activation(b.scaled(x, beta), "softplus", name=b.module_name), 1 / beta)


def softmax(b: Builder, input: object, dim: int | None = None, _stacklevel: int = 3, dtype: object = None) -> Value:
    return b.activation(value(input), "softmax", _axis(input, dim), name=b.module_name)


def log_softmax(b: Builder, input: object, dim: int | None = None, _stacklevel: int = 3, dtype: object = None) -> Value:
    return b.activation(value(input), "log_softmax", _axis(input, dim), name=b.module_name)


def softmin(b: Builder, input: object, dim: int | None = None, _stacklevel: int = 3, dtype: object = None) -> Value:
    return softmax(b, b.scaled(value(input), -1.0), dim)


def _axis(x: object, dim: int | None) -> int:
    """PyTorch's choice where none is given."""
    if dim is None:
        return 0 if value(x).rank in (0, 1, 3) else 1
    return int(dim)


def prelu(b: Builder, input: object, weight: object) -> Value:
    from fastnn.interop.torch.reading.building import numbers

    return b.prelu(value(input), numbers(weight), name=b.module_name)


BENDING: dict[str, Callable[..., Any]] = {
    "relu": _plain("relu"),
    "selu": _plain("selu"),
    "silu": _plain("silu"),
    "mish": _plain("mish"),
    "sigmoid": _plain("sigmoid"),
    "logsigmoid": _plain("log_sigmoid"),
    "tanh": _plain("tanh"),
    "softsign": _plain("softsign"),
    "hardsigmoid": _plain("hard_sigmoid"),
    "hardswish": _plain("hard_swish"),
    "tanhshrink": _plain("tanh_shrink"),
    "exp": _plain("exponential"),
    "relu6": _plain("relu6"),
    "leaky_relu": _with("leaky_relu", "negative_slope", 0.01),
    "elu": _with("elu", "alpha", 1.0),
    "celu": _with("celu", "alpha", 1.0),
    "hardshrink": _with("hard_shrink", "lambd", 0.5),
    "softshrink": _with("soft_shrink", "lambd", 0.5),
    "hardtanh": hardtanh,
    "clamp": clamp,
    "clip": clamp,
    "gelu": gelu,
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softmin": softmin,
    "prelu": prelu,
}
