"""Functions and methods of tensors that forward methods call, by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.interop.channels_first import Value
from fastnn.interop.torch.reading import attending, windows
from fastnn.interop.torch.reading.bending import BENDING
from fastnn.interop.torch.reading.building import Builder, Nothing, Repeated, Zeros, numbers, value
from fastnn.interop.torch.reading.shaping import SHAPING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    Dims = int | list[int] | tuple[int, ...] | None
    Known = Value | ArrayLike

LEAST = -1e30  # stands for minus infinity, which times 0 would be no number
MAKING_ZEROS = ("zeros", "zeros_like", "new_zeros")


# -- arithmetic -------------------------------------------------------------------------------------


def add(b: Builder, input: object, other: object, *, alpha: float = 1) -> object:
    if isinstance(input, Zeros) or isinstance(other, Zeros):
        return other if isinstance(input, Zeros) else input
    if isinstance(input, Value) and isinstance(other, Value):
        return b.join("Add", [input, b.scaled(other, alpha)], name=b.module_name)
    x, known = (input, other) if isinstance(input, Value) else (other, input)
    known = known.array if isinstance(known, Repeated) else known
    return b.scaled(value(x), 1.0, np.asarray(known) * alpha, name=b.module_name)


def sub(b: Builder, input: Known, other: Known, *, alpha: float = 1) -> Value:
    if isinstance(input, Value) and isinstance(other, Value):
        return b.join("Subtract", [input, b.scaled(other, alpha)], name=b.module_name)
    if isinstance(input, Value):
        return b.scaled(input, 1.0, -np.asarray(other) * alpha, name=b.module_name)
    return b.scaled(value(other), -float(alpha), input, name=b.module_name)


def rsub(b: Builder, input: Known, other: Known, *, alpha: float = 1) -> object:
    return sub(b, other, input, alpha=alpha)


def mul(b: Builder, input: Any, other: Any) -> Value:
    if isinstance(input, Value) and isinstance(other, Value):
        return b.join("Multiply", [input, other], name=b.module_name)
    x, known = (input, other) if isinstance(input, Value) else (other, input)
    return b.scaled(value(x), known, name=b.module_name)


def div(b: Builder, input: object, other: object, *, rounding_mode: object = None) -> Value:
    if rounding_mode is not None or isinstance(other, Value):
        raise ValueError("division by what follows from the inputs, and rounding, have no counterpart here")
    return b.scaled(value(input), 1 / np.asarray(other, np.float64), name=b.module_name)


def neg(b: Builder, input: object) -> Value:
    return b.scaled(value(input), -1.0, name=b.module_name)


def power(b: Builder, input: object, exponent: object) -> Value:
    if exponent != 2:
        raise ValueError(f"the power {exponent} has no counterpart here; 2 has")
    return square(b, input)


def square(b: Builder, input: object) -> Value:
    return b.join("Multiply", [value(input), value(input)], name=b.module_name)


def maximum(b: Builder, input: object, other: object) -> Value:
    return b.join("Maximum", [value(input), value(other)], name=b.module_name)


def minimum(b: Builder, input: object, other: object) -> Value:
    return b.join("Minimum", [value(input), value(other)], name=b.module_name)


def matmul(b: Builder, input: object, other: object) -> Value:
    if isinstance(other, Value):
        return b.matmul(value(input), other, name=b.module_name)
    return b.linear(value(input), numbers(other), name=b.module_name)


def masked_fill(b: Builder, input: object, mask: object, value_: Any = None, **named: float) -> Value:
    """Numbers put in the place of some, where it is known which."""
    if isinstance(mask, Value):
        raise ValueError("a mask that follows from the inputs has no counterpart here")
    put = float(named.get("value", value_))
    gone = np.asarray(numbers(mask), bool)
    kept = b.scaled(value(input), np.where(gone, 0.0, 1.0), np.where(gone, max(put, LEAST), 0.0), name=b.module_name)
    return kept


def linear(b: Builder, input: object, weight: Tensor, bias: object = None) -> Value:
    return b.linear(value(input), numbers(weight).T, numbers(bias), name=b.module_name)


def embedding(
    b: Builder, input: object, weight: object, padding_idx: object = None, max_norm: object = None, **told: object
) -> Value:
    if max_norm is not None:
        raise ValueError("max_norm has no counterpart here")
    return b.embedding(value(input), numbers(weight), name=b.module_name)


# -- sums along axes ---------------------------------------------------------------------------------


def _reduced(kind: str) -> Callable[..., object]:
    def call(b: Builder, input: object, dim: Dims = None, keepdim: bool = False, dtype: object = None) -> Value:
        if dim is None:
            raise ValueError(f"the {kind} of a whole batch has no counterpart here; give dim")
        axes = dim if isinstance(dim, list | tuple) else [dim]
        return b.reduce(value(input), kind, axes, keepdims=keepdim, name=b.module_name)

    return call


def _largest(kind: str) -> Callable[..., object]:
    def call(b: Builder, input: object, dim: Value | Dims = None, keepdim: bool = False) -> object:
        if isinstance(dim, Value):
            return maximum(b, input, dim) if kind == "max" else minimum(b, input, dim)
        return _reduced(kind)(b, input, dim, keepdim), Nothing("places of the largest numbers")

    return call


# -- what modules have, too ---------------------------------------------------------------------------


def dropout(b: Builder, input: object, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    """Kept also where ``training`` is False, as it is in a module in ``eval()``: it acts in training alone."""
    return b.dropout(value(input), p, name=b.module_name)


def pad(
    b: Builder, input: object, pad: Sequence[int], mode: str = "constant", value_: float = 0.0, **named: float
) -> Value:
    if mode != "constant":
        raise ValueError(f"padding of the mode {mode!r} has no counterpart here; zeros and other numbers have")
    x = value(input)
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    sides = [(0, 0)] * (x.rank - len(pairs)) + pairs
    return b.pad(x, sides, float(named.get("value") or value_ or 0.0))


def layer_norm(
    b: Builder, input: object, normalized_shape: object, weight: object = None, bias: object = None, eps: float = 1e-5
) -> Value:
    axes = len(normalized_shape) if isinstance(normalized_shape, list | tuple) else 1
    return b.layer_norm(value(input), numbers(weight), numbers(bias), eps, axes=axes, name=b.module_name)


def group_norm(
    b: Builder, input: object, num_groups: int, weight: object = None, bias: object = None, eps: float = 1e-5
) -> Value:
    return b.group_norm(value(input), num_groups, numbers(weight), numbers(bias), eps, name=b.module_name)


def normalize(b: Builder, input: object, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Value:
    if p != 2:
        raise ValueError(f"lengths by the power {p} have no counterpart here; 2 has")
    return b.unit_norm(value(input), dim, name=b.module_name)


OF_AXES: dict[str, Callable[..., object]] = {
    "conv": windows.conv,
    "conv_transpose": windows.conv_transpose,
    "max_pool": windows.max_pool,
    "avg_pool": windows.avg_pool,
    "adaptive_avg_pool": windows.adaptive_avg_pool,
    "adaptive_max_pool": windows.adaptive_max_pool,
}
WINDOWED = {f"{name}{n}d": call for n in (1, 2) for name, call in OF_AXES.items()}
CALLS: dict[str, Callable[..., object]] = {
    **BENDING,
    **SHAPING,
    **WINDOWED,
    **dict.fromkeys(("add", "iadd"), add),
    **dict.fromkeys(("sub", "isub", "subtract"), sub),
    **dict.fromkeys(("mul", "imul", "multiply"), mul),
    **dict.fromkeys(("div", "truediv", "itruediv", "divide", "true_divide"), div),
    **dict.fromkeys(("matmul", "bmm"), matmul),
    **dict.fromkeys(("neg", "negative"), neg),
    "rsub": rsub,
    "pow": power,
    "square": square,
    "maximum": maximum,
    "minimum": minimum,
    "masked_fill": masked_fill,
    "linear": linear,
    "embedding": embedding,
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "amax": _reduced("max"),
    "amin": _reduced("min"),
    "max": _largest("max"),
    "min": _largest("min"),
    "dropout": dropout,
    "pad": pad,
    "interpolate": windows.interpolate,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "normalize": normalize,
    "scaled_dot_product_attention": attending.scaled_dot_product_attention,
}
