"""What exporters take apart, put together again: normalisations, gelu, attention.

Design: a pattern is looked for from its last node back, by the names that nodes read. Where it is found that node is
replaced by one that reads the pattern's inputs; the others are then read by nobody, and are not looked at. (Rewriting
until nothing changes, rejected: patterns do not overlap here.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fastnn.interop.onnx.attention_pattern import attention
from fastnn.interop.onnx.matching import axes_of, close, made, other_of, times
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


def gelu(r: Reader, node: Node) -> Node | None:
    """``x * 0.5 * (1 + erf(x / sqrt(2)))`` in any order."""
    factors = _factors(r, node)
    if factors is None:
        return None
    names, number = factors
    for i, name in enumerate(names):
        inner = times(r, name, "Add", 1.0)
        rest = [other for j, other in enumerate(names) if j != i]
        if inner is None or len(rest) != 1 or not math.isclose(number, 0.5, rel_tol=1e-4):
            continue
        erf, tanh = r.maker(inner, "Erf"), r.maker(inner, "Tanh")
        if erf is not None and _is_scaled(r, erf.inputs[0], rest[0], math.sqrt(0.5)):
            return made(node, "Gelu", rest)
        if tanh is not None and _is_cubic(r, tanh.inputs[0], rest[0]):
            return made(node, "Gelu", rest, approximate="tanh")
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
    if times(r, name, "Mul", factor) == x:
        return True
    node = r.maker(name, "Div")
    return node is not None and node.inputs[0] == x and close(r.scalar(node.inputs[1]), 1 / factor)


def _is_cubic(r: Reader, name: str, x: str) -> bool:
    """Whether a name is ``sqrt(2 / pi) * (x + 0.044715 * x ** 3)``."""
    inner = times(r, name, "Mul", math.sqrt(2 / math.pi))
    add = r.maker(inner, "Add") if inner else None
    if add is None or x not in add.inputs:
        return False
    cube = next((other for other in add.inputs if other != x), None)
    return cube is not None and times(r, cube, "Mul", 0.044715) is not None


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
    found = other_of(r, add) if add is not None else None
    if sub is None or found is None or found[1].size != 1:
        return None
    mean, variance = r.maker(sub.inputs[1], "ReduceMean"), r.maker(found[0], "ReduceMean")
    if mean is None or variance is None or mean.inputs[0] != sub.inputs[0]:
        return None
    axes = axes_of(r, mean)
    if axes is None or axes != axes_of(r, variance) or not _is_square(r, variance.inputs[0], sub):
        return None
    epsilon = float(found[1].reshape(()))
    return made(node, "fastnn.LayerNorm", [sub.inputs[0]], axes=axes, epsilon=epsilon)


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


def logarithm(r: Reader, node: Node) -> Node | None:
    """The logarithm of a softmax or sigmoid."""
    inner = r.maker(node.inputs[0], "Softmax", "Sigmoid")
    if inner is not None and inner.op == "Sigmoid":
        return made(node, "fastnn.Activation", inner.inputs, activation="log_sigmoid")
    return None if inner is None else made(node, "LogSoftmax", inner.inputs, **inner.attributes)


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
    axes = axes_of(r, norm)
    return None if axes is None or len(axes) != 1 else made(node, "LpNormalization", norm.inputs[:1], axis=axes[0])


def softsign(r: Reader, node: Node) -> Node | None:
    """``x / (1 + |x|)``."""
    inner = times(r, node.inputs[1], "Add", 1.0)
    size = r.maker(inner, "Abs") if inner else None
    return made(node, "Softsign", size.inputs) if size is not None and size.inputs[0] == node.inputs[0] else None


def sparse_plus(r: Reader, node: Node) -> Node | None:
    """``x`` from 1 on, and below ``(clip(x, -1, 1) + 1) ** 2 / 4``, as :func:`to_onnx` writes it."""
    x, high = node.inputs[1], r.maker(node.inputs[0], "GreaterOrEqual")
    square = times(r, node.inputs[2], "Mul", 0.25)
    twice = r.maker(square, "Mul") if square else None
    bent = times(r, twice.inputs[0], "Add", 1.0) if twice is not None else None
    clip = r.maker(bent, "Clip") if bent else None
    if high is None or clip is None or clip.inputs[0] != x or high.inputs[0] != x or r.scalar(high.inputs[1]) != 1:
        return None
    bounds = tuple(map(r.scalar, clip.inputs[1:3]))
    return made(node, "fastnn.Activation", [x], activation="sparse_plus") if bounds == (-1.0, 1.0) else None


def squareplus(r: Reader, node: Node) -> Node | None:
    """``(x + sqrt(x * x + b)) / 2``, as :func:`to_onnx` writes it: below 0 by a quotient that does not cancel."""
    high, x = r.maker(node.inputs[0], "Greater"), None
    total = times(r, node.inputs[1], "Mul", 0.5)
    add = r.maker(total, "Add") if total else None
    root = next((r.maker(name, "Sqrt") for name in add.inputs if r.maker(name, "Sqrt")), None) if add else None
    inner = r.maker(root.inputs[0], "Add") if root is not None else None
    found = other_of(r, inner) if inner is not None else None
    square = r.maker(found[0], "Mul") if found else None
    x = square.inputs[0] if square is not None else None
    div = r.maker(node.inputs[2], "Div")
    if high is None or found is None or x is None or high.inputs[0] != x or div is None or add is None:
        return None
    b = float(found[1].reshape(-1)[0])
    if x not in add.inputs or not close(r.scalar(div.inputs[0]), b / 2):
        return None
    return made(node, "fastnn.Activation", [x], activation="squareplus", parameter=b)


def ids(r: Reader, node: Node) -> Node | None:
    """Whole numbers for a table, those below 0 counted from its end, as Keras writes an Embedding."""
    below, sum_ = r.maker(node.inputs[0], "Less"), r.maker(node.inputs[1], "Add")
    added = other_of(r, sum_) if sum_ is not None else None
    if below is None or added is None or added[0] != node.inputs[2] or below.inputs[0] != node.inputs[2]:
        return None
    if r.scalar(below.inputs[1]) != 0 or any(other.op != "Gather" for other in r.readers(node.outputs[0])):
        return None
    return made(node, "Identity", [node.inputs[2]])


PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "Mul": (gelu, layer_norm),
    "Div": (layer_norm, unit_norm, softsign),
    "Where": (ids, sparse_plus, squareplus),
    "MatMul": (attention,),
    "Log": (logarithm,),
}
