"""What exporters take apart, put together again: normalisations, gelu, attention.

Design: a pattern is looked for from its last node back, by the names that nodes read. Where it is found that node is
replaced by one that reads the pattern's inputs; the others are then read by nobody, and are not looked at. (Rewriting
until nothing changes, rejected: patterns do not overlap here.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.interop.onnx.nodes import Node, Reader

Pattern = Callable[[Reader, Node], Node | None]


def with_patterns(r: Reader, wanted: list[str]) -> list[Node]:
    """The nodes that the wanted outputs need, with patterns in place of their parts."""
    for node in r.nodes:
        for pattern in PATTERNS.get(node.op, ()):
            found = pattern(r, node)
            if found is not None:
                node.op, node.inputs, node.attributes, node.domain = found.op, found.inputs, found.attributes, ""
                break
    needed, kept = set(wanted), []
    for node in reversed(r.nodes):
        if needed & set(node.outputs):
            node.outputs = [name if name in needed else "" for name in node.outputs]
            needed |= {name for name in node.inputs if name}
            kept.append(node)
    kept.reverse()
    return kept


def _made(node: Node, op: str, inputs: list[str], **attributes: Any) -> Node:
    return Node(op, inputs, node.outputs, attributes, node.name)


def _other(r: Reader, node: Node) -> tuple[str, np.ndarray] | None:
    """The input that is not known, and the known one, of a node of two."""
    if len(node.inputs) != 2:
        return None
    for i in (0, 1):
        number = r.number(node.inputs[1 - i])
        if number is not None:
            return node.inputs[i], number
    return None


def _times(r: Reader, name: str, op: str, value: float) -> str | None:
    """What is multiplied by (added to) a number to give a name."""
    node = r.maker(name, op)
    found = _other(r, node) if node is not None else None
    if found is None or found[1].size != 1 or not math.isclose(float(found[1].reshape(())), value, rel_tol=1e-4):
        return None
    return found[0]


def gelu(r: Reader, node: Node) -> Node | None:
    """``x * 0.5 * (1 + erf(x / sqrt(2)))`` in any order."""
    factors = _factors(r, node)
    if factors is None:
        return None
    names, number = factors
    for i, name in enumerate(names):
        inner = _times(r, name, "Add", 1.0)
        rest = [other for j, other in enumerate(names) if j != i]
        if inner is None or len(rest) != 1 or not math.isclose(number, 0.5, rel_tol=1e-4):
            continue
        erf, tanh = r.maker(inner, "Erf"), r.maker(inner, "Tanh")
        if erf is not None and _is_scaled(r, erf.inputs[0], rest[0], math.sqrt(0.5)):
            return _made(node, "Gelu", rest)
        if tanh is not None and _is_cubic(r, tanh.inputs[0], rest[0]):
            return _made(node, "Gelu", rest, approximate="tanh")
    return None


def _factors(r: Reader, node: Node) -> tuple[list[str], float] | None:
    """What a product of products multiplies, and the product of the numbers among it."""
    names, number, waiting = list[str](), 1.0, [(name, 0) for name in node.inputs]
    while waiting:
        name, depth = waiting.pop()
        known = r.scalar(name)
        if known is not None:
            number *= known
            continue
        inner = r.maker(name, "Mul")
        if inner is not None and depth < 2 and r.uses[name] == 1:
            waiting += [(other, depth + 1) for other in inner.inputs]
        else:
            names.append(name)
    return (names, number) if len(names) == 2 else None


def _is_scaled(r: Reader, name: str, x: str, factor: float) -> bool:
    """Whether a name is ``x`` times a factor."""
    if _times(r, name, "Mul", factor) == x:
        return True
    node = r.maker(name, "Div")
    return node is not None and node.inputs[0] == x and _close(r.scalar(node.inputs[1]), 1 / factor)


def _close(found: float | None, value: float) -> bool:
    return found is not None and math.isclose(found, value, rel_tol=1e-4)


def _is_cubic(r: Reader, name: str, x: str) -> bool:
    """Whether a name is ``sqrt(2 / pi) * (x + 0.044715 * x ** 3)``."""
    inner = _times(r, name, "Mul", math.sqrt(2 / math.pi))
    add = r.maker(inner, "Add") if inner else None
    if add is None or x not in add.inputs:
        return False
    cube = next((other for other in add.inputs if other != x), None)
    return cube is not None and _times(r, cube, "Mul", 0.044715) is not None


def layer_norm(r: Reader, node: Node) -> Node | None:
    """``(x - mean) / sqrt(variance + epsilon)`` along the last axes; factors and offsets are read behind it."""
    centred = node.inputs[0]
    root = r.maker(node.inputs[1], "Sqrt")
    if node.op == "Mul":
        return _by_reciprocal(r, node)
    return _normalized(r, node, centred, root.inputs[0]) if root is not None else None


def _by_reciprocal(r: Reader, node: Node) -> Node | None:
    for centred, other in (node.inputs, node.inputs[::-1]):
        one = r.maker(other, "Reciprocal")
        root = r.maker(one.inputs[0], "Sqrt") if one is not None else None
        if root is None and (div := r.maker(other, "Div")) is not None and r.scalar(div.inputs[0]) == 1.0:
            root = r.maker(div.inputs[1], "Sqrt")
        if root is not None:
            return _normalized(r, node, centred, root.inputs[0])
    return None


def _normalized(r: Reader, node: Node, centred: str, below: str) -> Node | None:
    sub, add = r.maker(centred, "Sub"), r.maker(below, "Add")
    found = _other(r, add) if add is not None else None
    if sub is None or found is None or found[1].size != 1:
        return None
    mean, variance = r.maker(sub.inputs[1], "ReduceMean"), r.maker(found[0], "ReduceMean")
    if mean is None or variance is None or mean.inputs[0] != sub.inputs[0]:
        return None
    axes = _axes_of(r, mean)
    if axes is None or axes != _axes_of(r, variance) or not _is_square(r, variance.inputs[0], sub):
        return None
    epsilon = float(found[1].reshape(()))
    return _made(node, "fastnn.LayerNorm", [sub.inputs[0]], axes=axes, epsilon=epsilon)


def _axes_of(r: Reader, node: Node) -> list[int] | None:
    if not node.get("keepdims", 1):
        return None
    given = r.number(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else node.get("axes")
    return None if given is None else sorted(int(axis) for axis in np.asarray(given).reshape(-1))


def _is_square(r: Reader, name: str, sub: Node) -> bool:
    """Whether a name is the square of what a difference gives, be it computed once more."""
    square = r.maker(name, "Pow", "Mul")
    if square is None:
        return False
    if square.op == "Pow" and r.scalar(square.inputs[1]) != 2.0:
        return False
    if square.op == "Mul" and square.inputs[0] != square.inputs[1]:
        return False
    again = r.maker(square.inputs[0], "Sub")
    return square.inputs[0] in sub.outputs or (again is not None and again.inputs == sub.inputs)


IDLE = ("Identity", "Dropout", "Cast")


def _through(r: Reader, name: str) -> str:
    """What is handed on under a name."""
    while (node := r.maker(name, *IDLE)) is not None:
        name = node.inputs[0]
    return name


def attention(r: Reader, node: Node) -> Node | None:
    """``softmax(q @ k.T * scale + mask) @ v``, the scale before or behind the product."""
    name = _through(r, node.inputs[0])
    cleared = r.maker(name, "Where")  # rows of which all is masked become zeros
    if cleared is not None:
        nan = r.maker(cleared.inputs[0], "IsNaN")
        if nan is not None and r.scalar(cleared.inputs[1]) == 0:
            name = _through(r, cleared.inputs[2])
        elif r.scalar(cleared.inputs[2]) == 0:
            name = _through(r, cleared.inputs[1])
    softmax = r.maker(name, "Softmax")
    if softmax is None:
        return None
    name, mask = _through(r, softmax.inputs[0]), None
    chosen, added = r.maker(name, "Where"), r.maker(name, "Add")
    if chosen is not None and (r.scalar(chosen.inputs[2]) or 0.0) <= -1e4:
        name, mask = _through(r, chosen.inputs[1]), _truth(r, chosen.inputs[0])
    elif added is not None:
        name, mask = next(
            ((_through(r, a), b) for a, b in (added.inputs, added.inputs[::-1]) if _is_product(r, a)), (name, None)
        )
    name, scale = _scale_of(r, name)
    product = r.maker(name, "MatMul")
    if product is None or any(r.number(other) is not None for other in (*product.inputs, node.inputs[1])):
        return None
    inputs = [*product.inputs, node.inputs[1], *([mask] if mask else [])]
    return _made(node, "fastnn.Attention", inputs, scale=scale)


def _scale_of(r: Reader, name: str) -> tuple[str, float]:
    node = r.maker(name, "Mul", "Div")
    if node is None:
        return name, 1.0
    for i in (0, 1) if node.op == "Mul" else (0,):
        number = r.scalar(node.inputs[1 - i])
        if number is not None:
            return _through(r, node.inputs[i]), number if node.op == "Mul" else 1 / number
    return name, 1.0


def _is_product(r: Reader, name: str) -> bool:
    return r.maker(_scale_of(r, _through(r, name))[0], "MatMul") is not None


def _truth(r: Reader, name: str) -> str:
    """The numbers of which those that are not 0 are true, where a name is that of ``not (x == 0)``."""
    node = r.maker(name, "Not")
    equal = r.maker(node.inputs[0], "Equal") if node is not None else None
    if equal is not None and r.scalar(equal.inputs[1]) == 0:
        return equal.inputs[0]
    cast = r.maker(name, "Cast")
    return cast.inputs[0] if cast is not None and cast.get("to") == 9 else name


def log_softmax(r: Reader, node: Node) -> Node | None:
    """The logarithm of a softmax."""
    inner = r.maker(node.inputs[0], "Softmax")
    return None if inner is None else _made(node, "LogSoftmax", inner.inputs, **inner.attributes)


def unit_norm(r: Reader, node: Node) -> Node | None:
    """``x / max(|x|, epsilon)`` along an axis."""
    name = node.inputs[1]
    while (repeated := r.maker(name, "Expand")) is not None:
        name = repeated.inputs[0]
    bound = r.maker(name, "Max", "Clip")
    least = r.scalar(bound.inputs[1]) if bound is not None and len(bound.inputs) > 1 else None
    norm = r.maker(bound.inputs[0], "ReduceL2") if bound is not None else None
    if norm is None or norm.inputs[0] != node.inputs[0] or least is None or not 0 <= least <= 1e-6:
        return None
    axes = _axes_of(r, norm)
    return None if axes is None or len(axes) != 1 else _made(node, "LpNormalization", norm.inputs[:1], axis=axes[0])


def sparse_plus(r: Reader, node: Node) -> Node | None:
    """``x`` from 1 on, and below ``(clip(x, -1, 1) + 1) ** 2 / 4``, as :func:`to_onnx` writes it."""
    x, high = node.inputs[1], r.maker(node.inputs[0], "GreaterOrEqual")
    square = _times(r, node.inputs[2], "Mul", 0.25)
    twice = r.maker(square, "Mul") if square else None
    bent = _times(r, twice.inputs[0], "Add", 1.0) if twice is not None else None
    clip = r.maker(bent, "Clip") if bent else None
    if high is None or clip is None or clip.inputs[0] != x or high.inputs[0] != x or r.scalar(high.inputs[1]) != 1:
        return None
    bounds = tuple(map(r.scalar, clip.inputs[1:3]))
    return _made(node, "fastnn.Activation", [x], activation="sparse_plus") if bounds == (-1.0, 1.0) else None


def squareplus(r: Reader, node: Node) -> Node | None:
    """``(x + sqrt(x * x + b)) / 2``, as :func:`to_onnx` writes it: below 0 by a quotient that does not cancel."""
    high, x = r.maker(node.inputs[0], "Greater"), None
    total = _times(r, node.inputs[1], "Mul", 0.5)
    add = r.maker(total, "Add") if total else None
    root = next((r.maker(name, "Sqrt") for name in add.inputs if r.maker(name, "Sqrt")), None) if add else None
    inner = r.maker(root.inputs[0], "Add") if root is not None else None
    found = _other(r, inner) if inner is not None else None
    square = r.maker(found[0], "Mul") if found else None
    x = square.inputs[0] if square is not None else None
    div = r.maker(node.inputs[2], "Div")
    if high is None or found is None or x is None or high.inputs[0] != x or div is None or add is None:
        return None
    b = float(found[1].reshape(-1)[0])
    if x not in add.inputs or not _close(r.scalar(div.inputs[0]), b / 2):
        return None
    return _made(node, "fastnn.Activation", [x], activation="squareplus", parameter=b)


PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "Mul": (gelu, layer_norm),
    "Div": (layer_norm, unit_norm),
    "Where": (sparse_plus, squareplus),
    "MatMul": (attention,),
    "Log": (log_softmax,),
}
