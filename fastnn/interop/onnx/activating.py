"""Our activations as nodes of ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable

from fastnn.activations import Activation, formulas
from fastnn.interop.onnx.graph import Graph

Write = Callable[[Graph, str, float], str]


def _node(op: str, **attributes: object) -> Write:
    return lambda g, x, p: g.add(op, [x], **attributes)


def _number(g: Graph, value: float) -> str:
    return g.constant(value, "number")


def _clip(g: Graph, x: str, low: float, high: float) -> str:
    return g.add("Clip", [x, _number(g, low), _number(g, high)])


def _gelu(g: Graph, x: str, p: float) -> str:
    if g.opset >= 20:
        return g.add("Gelu", [x])
    erf = g.add("Erf", [g.add("Mul", [x, _number(g, formulas.SQRT_HALF)])])
    half = g.add("Mul", [x, _number(g, 0.5)])
    return g.add("Mul", [half, g.add("Add", [erf, _number(g, 1.0)])])


def _gelu_tanh(g: Graph, x: str, p: float) -> str:
    if g.opset >= 20:
        return g.add("Gelu", [x], approximate="tanh")
    cube = g.add("Mul", [g.add("Mul", [x, x]), x])
    inner = g.add("Add", [x, g.add("Mul", [cube, _number(g, 0.044715)])])
    tanh = g.add("Tanh", [g.add("Mul", [inner, _number(g, math.sqrt(2 / math.pi))])])
    half = g.add("Mul", [x, _number(g, 0.5)])
    return g.add("Mul", [half, g.add("Add", [tanh, _number(g, 1.0)])])


def _mish(g: Graph, x: str, p: float) -> str:
    if g.opset >= 18:
        return g.add("Mish", [x])
    return g.add("Mul", [x, g.add("Tanh", [g.add("Softplus", [x])])])


def _silu(g: Graph, x: str, p: float) -> str:
    return g.add("Mul", [x, g.add("Sigmoid", [x])])


def _log_sigmoid(g: Graph, x: str, p: float) -> str:
    return g.add("Neg", [g.add("Softplus", [g.add("Neg", [x])])])


def _sparse_plus(g: Graph, x: str, p: float) -> str:
    bent = g.add("Add", [_clip(g, x, -1.0, 1.0), _number(g, 1.0)])
    curve = g.add("Mul", [g.add("Mul", [bent, bent]), _number(g, 0.25)])
    return g.add("Where", [g.add("GreaterOrEqual", [x, _number(g, 1.0)]), x, curve])


def _sparse_sigmoid(g: Graph, x: str, p: float) -> str:
    return g.add("HardSigmoid", [x], alpha=0.5, beta=0.5)


def _squareplus(g: Graph, x: str, p: float) -> str:
    root = g.add("Sqrt", [g.add("Add", [g.add("Mul", [x, x]), _number(g, p)])])
    right = g.add("Mul", [g.add("Add", [x, root]), _number(g, 0.5)])
    left = g.add("Div", [_number(g, 0.5 * p), g.add("Add", [root, g.add("Abs", [x])])])
    return g.add("Where", [g.add("Greater", [x, _number(g, 0.0)]), right, left])


def _tanh_shrink(g: Graph, x: str, p: float) -> str:
    return g.add("Sub", [x, g.add("Tanh", [x])])


WRITERS: dict[str, Write] = {
    "sigmoid": _node("Sigmoid"),
    "tanh": _node("Tanh"),
    "relu": _node("Relu"),
    "leaky_relu": lambda g, x, p: g.add("LeakyRelu", [x], alpha=p),
    "elu": lambda g, x, p: g.add("Elu", [x], alpha=p),
    "selu": _node("Selu", alpha=formulas.SELU_ALPHA, gamma=formulas.SELU_SCALE),
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _node("Softplus"),
    "softsign": _node("Softsign"),
    "hard_sigmoid": _node("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_swish": _node("HardSwish"),
    "exponential": _node("Exp"),
    "softmax": _node("Softmax", axis=-1),
    "log_softmax": _node("LogSoftmax", axis=-1),
    "relu6": lambda g, x, p: _clip(g, x, 0.0, p),
    "hard_tanh": lambda g, x, p: _clip(g, x, -1.0, 1.0),
    "celu": lambda g, x, p: g.add("Celu", [x], alpha=p),
    "log_sigmoid": _log_sigmoid,
    "gelu_tanh": _gelu_tanh,
    "mish": _mish,
    "tanh_shrink": _tanh_shrink,
    "hard_shrink": lambda g, x, p: g.add("Shrink", [x], lambd=p, bias=0.0),
    "soft_shrink": lambda g, x, p: g.add("Shrink", [x], lambd=p, bias=p),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
}


def activated(g: Graph, x: str, record: Activation, parameter: float) -> str:
    """The name of an array after an activation; rows go along the last axis."""
    return x if record.name == "linear" else WRITERS[record.name](g, x, parameter)
