"""Nodes whose inputs are known: their outputs, by NumPy. Shapes of values are such numbers, too.

Design: what repeats a number for each row of a batch is an array of stride 0, and stays one through operations number
by number; so the prime that stands for the batch costs no memory. Results have a limit of size, for a graph of a few
bytes may ask for any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.interop.building.values import ROWS

if TYPE_CHECKING:
    from fastnn.interop.onnx.nodes import Given, Node

TYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
}


def folded(node: Node, given: Given, most: int) -> np.ndarray | list[np.ndarray]:
    """The outputs of a node on known numbers, of which there may be ``most``."""
    try:
        with np.errstate(all="ignore"):
            made = FUNCTIONS[node.op](node, given, most)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError) as error:
        raise ValueError(f"its inputs do not fit it ({error})") from error
    return made if isinstance(made, list) else np.asarray(made)


def _check(size: int, most: int) -> None:
    if size > most:
        raise ValueError(f"it makes {size} numbers out of few, more than {most}")


def _by_number(function: Callable[..., np.ndarray]) -> Callable[..., object]:
    """An operation number by number, of which repeated numbers stay repeated."""

    def run(node: Node, given: Given, most: int) -> object:
        shape = np.broadcast_shapes(*(one.shape for one in given))
        small = [one[tuple(slice(0, 1) if s == 0 else slice(None) for s in one.strides)] for one in given]
        _check(math.prod(np.broadcast_shapes(*(one.shape for one in small))), most)
        return np.broadcast_to(function(*small), shape)

    return run


def _once(function: Callable[..., Any]) -> Callable[..., object]:
    """An operation on arrays whose first axis may repeat one row for all of the batch: that row is worked on alone."""

    def run(node: Node, given: Given, most: int) -> object:
        repeats = [one is not None and one.ndim > 1 and one.shape[0] == ROWS and one.strides[0] == 0 for one in given]
        if not any(repeats):
            return function(node, given, most)
        small = [one[:1] if again else one for one, again in zip(given, repeats, strict=True)]
        if node.op == "Reshape":
            small[1] = np.where(np.asarray(small[1]) == ROWS, 1, small[1])
        made = function(node, small, most)
        if made.ndim == 0 or made.shape[0] != 1:
            raise ValueError("it mixes what is the same for each row of the batch")
        return np.broadcast_to(made, (ROWS, *made.shape[1:]))

    return run


def _divide(a: np.ndarray, b: np.ndarray) -> object:
    if a.dtype.kind in "iu":
        return np.trunc(a / np.where(b == 0, 1, b)).astype(a.dtype)
    return a / b


def _power(a: np.ndarray, b: np.ndarray) -> object:
    return np.power(a.astype(np.float64), b).astype(a.dtype)


def _cast(node: Node, given: Given, most: int) -> object:
    to = node.get("to")
    if to not in TYPES:
        raise ValueError(f"a cast to type {to} has no counterpart")
    return _by_number(lambda x: x.astype(TYPES[to]))(node, given, most)


def _constant(node: Node, given: Given, most: int) -> np.ndarray:
    for name, value in node.attributes.items():
        if name.startswith("value"):
            return np.asarray(value, np.float32 if name in ("value_float", "value_floats") else None)
    raise ValueError("it has no value")


def _constant_of_shape(node: Node, given: Given, most: int) -> np.ndarray:
    value = node.get("value")
    value = np.zeros(1, np.float32) if value is None else np.asarray(value)
    return np.broadcast_to(value.reshape(()), tuple(int(n) for n in given[0]))


def _gather(node: Node, given: Given, most: int) -> object:
    _check(given[1].size * max(given[0].size // max(given[0].shape[node.get("axis", 0)], 1), 1), most)
    return np.take(given[0], given[1].astype(np.int64), axis=node.get("axis", 0))


def _concat(node: Node, given: Given, most: int) -> np.ndarray:
    _check(sum(one.size for one in given), most)
    return np.concatenate(given, node.get("axis"))


def _axes(node: Node, given: Given) -> Any:
    axes = given[1] if len(given) > 1 and given[1] is not None else node.get("axes")
    return None if axes is None else tuple(int(axis) for axis in np.asarray(axes).reshape(-1))


def _squeeze(node: Node, given: Given, most: int) -> object:
    return np.squeeze(given[0], _axes(node, given))


def _unsqueeze(node: Node, given: Given, most: int) -> np.ndarray:
    return np.expand_dims(given[0], _axes(node, given))


def _reshape(node: Node, given: Given, most: int) -> np.ndarray:
    x, shape = given[0], [int(n) for n in given[1]]
    if not node.get("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    if x.size == 1 or 0 not in x.strides:
        return np.reshape(x, shape)
    _check(x.size, most)
    return np.reshape(x, shape)


def _transpose(node: Node, given: Given, most: int) -> np.ndarray:
    return np.transpose(given[0], node.get("perm"))


def parts_of(node: Node, shape: Sequence[int], given: Given) -> list[tuple[int, slice]]:
    """Of a Slice, the axes and what is read along them."""
    if len(given) > 1:
        starts, ends, axes, steps = (
            [int(n) for n in given[i].reshape(-1)] if len(given) > i and given[i] is not None else None
            for i in range(1, 5)
        )
    else:
        starts, ends, axes, steps = node.get("starts"), node.get("ends"), node.get("axes"), None
    if starts is None or ends is None:
        raise ValueError("it says not where to begin and to end")
    axes = list(range(len(starts))) if axes is None else [axis % len(shape) for axis in axes]
    steps = steps or [1] * len(starts)
    found = []
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        found.append((axis, slice(start, None if step < 0 and stop < -shape[axis] else stop, step)))
    return found


def _slice(node: Node, given: Given, most: int) -> object:
    where = [slice(None)] * given[0].ndim
    for axis, part in parts_of(node, given[0].shape, given):
        where[axis] = part
    return given[0][tuple(where)]


def _split(node: Node, given: Given, most: int) -> list[np.ndarray]:
    axis, sizes = node.get("axis", 0), given[1] if len(given) > 1 else node.get("split")
    sizes = split_sizes(node, given[0].shape[axis], sizes)
    return np.split(given[0], np.cumsum(sizes)[:-1], axis)


def split_sizes(node: Node, n: int, sizes: object) -> list[int]:
    """How many numbers each part of a Split has."""
    if sizes is not None:
        return [int(size) for size in np.asarray(sizes).reshape(-1)]
    count = len(node.outputs)
    each = -(-n // count)
    return [*[each] * (count - 1), n - each * (count - 1)]


def _expand(node: Node, given: Given, most: int) -> np.ndarray:
    shape = np.broadcast_shapes(given[0].shape, tuple(int(n) for n in given[1]))
    return np.broadcast_to(given[0], shape)


def _tile(node: Node, given: Given, most: int) -> np.ndarray:
    x, again = given[0], [int(n) for n in given[1]]
    if all(n == 1 or have == 1 for n, have in zip(again, x.shape, strict=True)):
        return np.broadcast_to(x, [n * have for n, have in zip(again, x.shape, strict=True)])
    _check(x.size * math.prod(again), most)
    return np.tile(x, again)


def _range(node: Node, given: Given, most: int) -> np.ndarray:
    start, limit, delta = (one.reshape(()) for one in given)
    _check(max(math.ceil((float(limit) - float(start)) / float(delta)), 0) if delta else most + 1, most)
    return np.asarray(np.arange(float(start), float(limit), float(delta)), given[0].dtype)


def _reduced(function: Callable[..., np.ndarray]) -> Callable[..., object]:
    def run(node: Node, given: Given, most: int) -> object:
        axes = _axes(node, given)
        if axes is None and node.get("noop_with_empty_axes", 0):
            return given[0]
        _check(given[0].size, most)
        return function(given[0], axis=axes or None, keepdims=bool(node.get("keepdims", 1))).astype(given[0].dtype)

    return run


def _matmul(node: Node, given: Given, most: int) -> np.ndarray:
    a, b = given
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *a.shape[-2:-1], *b.shape[1:][-1:])
    a = a[tuple(slice(0, 1) if s == 0 else slice(None) for s in (*a.strides[:-1], 1))]
    _check(a.size * (b.shape[-1] if b.ndim > 1 else 1), most * 64)
    _check((a.size // a.shape[-1]) * (b.shape[-1] if b.ndim > 1 else 1), most)
    return np.broadcast_to(np.matmul(a, b), shape)


def _trilu(node: Node, given: Given, most: int) -> np.ndarray:
    _check(given[0].size, most)
    k = int(given[1].reshape(())) if len(given) > 1 and given[1] is not None else 0
    return (np.triu if node.get("upper", 1) else np.tril)(given[0], k)


def _clip(node: Node, given: Given, most: int) -> object:
    bounds = [*given[1:], None, None]
    low, high = (node.get(name) if one is None else one for one, name in zip(bounds, ("min", "max"), strict=False))
    _check(given[0].size, most)
    return given[0] if low is high is None else np.clip(given[0], low, high)


BY_NUMBER: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divide,
    "Pow": _power,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Log": np.log,
    "Neg": np.negative,
    "Abs": np.abs,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.round,
    "Reciprocal": np.reciprocal,
    "Sign": np.sign,
    "Min": lambda *all_: np.minimum.reduce(np.broadcast_arrays(*all_)),
    "Max": lambda *all_: np.maximum.reduce(np.broadcast_arrays(*all_)),
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Not": np.logical_not,
    "Mod": np.mod,
    "Where": np.where,
    "Identity": lambda x: x,
}
FUNCTIONS: dict[str, Callable[..., object]] = {
    **{name: _by_number(function) for name, function in BY_NUMBER.items()},
    "Cast": _cast,
    "CastLike": _by_number(lambda x, like: x.astype(like.dtype)),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Shape": lambda node, given, most: np.array(given[0].shape[node.get("start", 0) : node.get("end")], np.int64),
    "Size": lambda node, given, most: np.array(given[0].size, np.int64),
    "Gather": _once(_gather),
    "Concat": _once(_concat),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _once(_reshape),
    "Flatten": lambda node, given, most: given[0].reshape(math.prod(given[0].shape[: node.get("axis", 1)]), -1),
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "ReduceSum": _reduced(np.sum),
    "ReduceProd": _reduced(np.prod),
    "ReduceMean": _reduced(np.mean),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "MatMul": _matmul,
    "Trilu": _trilu,
    "Clip": _clip,
}
