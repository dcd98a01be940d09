"""Attention as exporters write it: a softmax between two products."""

from __future__ import annotations

from fastnn.interop.onnx.matching import made
from fastnn.interop.onnx.nodes import Node, Reader

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
    return made(node, "fastnn.Attention", inputs, scale=scale)


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
