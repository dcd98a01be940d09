"""Nodes that compute number by number, products with known matrices, normalisations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import activations
from fastnn.interop.building.values import Value
from fastnn.interop.onnx.nodes import Node, Reader, compressed, reads

if TYPE_CHECKING:
    from fastnn.activations import Activation

PLAIN = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSwish": "hard_swish",
    "Mish": "mish",
    "Exp": "exponential",
}


@dataclass(frozen=True)
class Bent:
    """What made a value: an activation of another one, which a product may make part of another activation."""

    x: Value
    name: str


def activated(r: Reader, x: Value, name: str | Activation, node: Node, axis: int = -1) -> Value:
    """An activation of ours."""
    made = r.build.activation(x, name, axis, node.layer)
    return replace(made, made=Bent(x, name)) if isinstance(name, str) else made


@reads(*PLAIN)
def plain(r: Reader, node: Node) -> Value:
    return activated(r, r.value(node), PLAIN[node.op], node)


@reads("fastnn.Activation")
def found_activation(r: Reader, node: Node) -> Value:
    """What :mod:`patterns` found to be one."""
    record = activations.get(node.get("activation"))
    if record.parameter_name and node.get("parameter") is not None:
        record = record.bind(**{record.parameter_name: node.get("parameter")})
    return activated(r, r.value(node), record, node)


@reads("LeakyRelu")
def leaky_relu(r: Reader, node: Node) -> Value:
    slope = node.get("alpha", 0.01)
    if slope < 0:
        return r.build.prelu(r.value(node), np.float32(slope).reshape(1), node.layer)
    return activated(r, r.value(node), activations.get("leaky_relu", negative_slope=slope), node)


@reads("Elu", "Celu")
def elu(r: Reader, node: Node) -> Value:
    name = node.op.lower()
    return activated(r, r.value(node), activations.get(name, alpha=node.get("alpha", 1.0)), node)


@reads("Selu")
def selu(r: Reader, node: Node) -> Value:
    alpha, gamma = node.get("alpha", 1.67326319), node.get("gamma", 1.05070102)
    if math.isclose(alpha, 1.67326319, rel_tol=1e-5) and math.isclose(gamma, 1.05070102, rel_tol=1e-5):
        return activated(r, r.value(node), "selu", node)
    return r.build.scaled(activated(r, r.value(node), activations.get("elu", alpha=alpha), node), gamma)


@reads("Gelu")
def gelu(r: Reader, node: Node) -> Value:
    return activated(r, r.value(node), "gelu_tanh" if node.get("approximate") == "tanh" else "gelu", node)


@reads("Swish")
def swish(r: Reader, node: Node) -> Value:
    if node.get("alpha", 1.0) != 1.0:
        x, alpha = r.value(node), node.get("alpha")
        return r.build.scaled(activated(r, r.build.scaled(x, alpha), "silu", node), 1 / alpha)
    return activated(r, r.value(node), "silu", node)


@reads("HardSigmoid")
def hard_sigmoid(r: Reader, node: Node) -> Value:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-5) and beta == 0.5:
        return activated(r, r.value(node), "hard_sigmoid", node)
    line = r.scaled(r.value(node), 6 * alpha, 6 * beta - 3)
    return activated(r, line, activations.get("hard_sigmoid"), node)


@reads("Shrink")
def shrink(r: Reader, node: Node) -> Value:
    bound, bias = node.get("lambd", 0.5), node.get("bias", 0.0)
    if bias not in (0.0, bound):
        raise ValueError(f"lambd {bound} with a bias {bias} has no counterpart, only a bias of 0 or of lambd")
    name = "soft_shrink" if bias else "hard_shrink"
    return activated(r, r.value(node), activations.get(name, threshold=bound), node)


@reads("Softmax", "LogSoftmax")
def softmax(r: Reader, node: Node) -> Value:
    x, name = r.value(node), {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[node.op]
    if r.opset >= 13:
        return activated(r, x, name, node, node.get("axis", -1))
    axis = x.axis(node.get("axis", 1))
    made = activated(r, r.build.flatten(x, axis), name, node)
    return replace(made, source=x.source, made=None)


@reads("PRelu")
def prelu(r: Reader, node: Node) -> Value:
    x, slope = r.value(node), r.array(node, 1)
    return r.build.prelu(x, slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape), node.layer)


@reads("ThresholdedRelu")
def thresholded(r: Reader, node: Node) -> Value:
    x, bound = r.value(node), node.get("alpha", 1.0)
    shrunk = activated(r, r.build.activation(x, "relu"), activations.get("hard_shrink", threshold=bound), node)
    if bound < 0:
        raise ValueError(f"an alpha below 0, {bound}, has no counterpart")
    return shrunk


@reads("Clip")
def clip(r: Reader, node: Node) -> Value:
    x = r.value(node)
    low, high = (node.get(name) if r.opset < 11 else _number(r.array(node, i)) for i, name in ((1, "min"), (2, "max")))
    low = None if low is None or low < -3e38 else float(low)
    high = None if high is None or high > 3e38 else float(high)
    return clipped(r, x, low, high, node)


def _number(array: np.ndarray | None) -> float | None:
    return None if array is None else float(array.reshape(()))


def clipped(r: Reader, x: Value, low: float | None, high: float | None, node: Node) -> Value:
    """Numbers between two bounds."""
    if low is not None and high is not None and high <= low:
        return r.build.scaled(activated(r, x, activations.get("hard_tanh"), node), 0.0, high)
    if (low, high) == (-1.0, 1.0):
        return activated(r, x, activations.get("hard_tanh"), node)
    if low is not None and high is not None:
        x = activated(r, r.scaled(x, 1.0, -low), activations.get("relu6", max_value=high - low), node)
        return r.build.scaled(x, 1.0, low)
    if low is not None:
        return r.build.scaled(activated(r, r.scaled(x, 1.0, -low), "relu", node), 1.0, low)
    if high is not None:
        return r.build.scaled(activated(r, r.scaled(x, -1.0, high), "relu", node), -1.0, high)
    return x


def sides(r: Reader, node: Node) -> tuple[Any, Any]:
    """Both inputs, known numbers without repeats."""
    a, b = (r.env[name] for name in node.inputs)
    first, second = (compressed(one) if isinstance(one, np.ndarray) else one for one in (a, b))
    return first, second


@reads("Add", "Sum")
def add(r: Reader, node: Node) -> Value:
    values = [r.env[name] for name in node.inputs if isinstance(r.env[name], Value)]
    made = values[0] if len(values) == 1 else r.build.join("Add", values, node.layer)
    for name in node.inputs:
        if not isinstance(r.env[name], Value):
            made = r.scaled(made, 1.0, r.env[name], node.layer)
    return made


@reads("Sub")
def subtract(r: Reader, node: Node) -> Value:
    a, b = sides(r, node)
    if isinstance(b, np.ndarray):
        return r.scaled(a, 1.0, -b, node.layer)
    if isinstance(a, np.ndarray):
        return r.scaled(b, -1.0, a, node.layer)
    return r.build.join("Subtract", [a, b], node.layer)


@reads("Mul")
def multiply(r: Reader, node: Node) -> Value:
    a, b = sides(r, node)
    if isinstance(a, np.ndarray):
        a, b = b, a
    if isinstance(b, np.ndarray):
        return r.scaled(a, b, 0.0, node.layer)
    for x, bent in ((a, b), (b, a)):
        if isinstance(bent.made, Bent) and bent.made.x is x and bent.made.name in GATED:
            return activated(r, x, GATED[bent.made.name], node)
        if isinstance(bent.made, Bent) and bent.made.name == "tanh":
            inner = bent.made.x.made
            if isinstance(inner, Bent) and inner.name == "softplus" and inner.x is x:
                return activated(r, x, "mish", node)
    return r.build.join("Multiply", [a, b], node.layer)


GATED = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}


@reads("Div")
def divide(r: Reader, node: Node) -> Value:
    a, b = sides(r, node)
    if not isinstance(b, np.ndarray):
        raise ValueError("a division by what depends on the input has no counterpart")
    if b.dtype.kind in "iu":
        raise ValueError("a division of whole numbers has no counterpart")
    if np.any(b == 0):
        raise ValueError("it divides by 0")
    return r.scaled(a, (1 / b.astype(np.float64)).astype(b.dtype), 0.0, node.layer)


@reads("Mean", "Max", "Min")
def joined(r: Reader, node: Node) -> Value:
    given = [r.env[name] for name in node.inputs]
    values = [one for one in given if isinstance(one, Value)]
    kind = {"Mean": "Average", "Max": "Maximum", "Min": "Minimum"}[node.op]
    made = values[0] if len(values) == 1 else r.build.join(kind, values, node.layer)
    for one in (compressed(one) for one in given if not isinstance(one, Value)):
        if node.op == "Mean":
            raise ValueError("a mean with known numbers has no counterpart")
        if one.size == 1:
            bound = float(one.reshape(()))
            low, high = (bound, None) if node.op == "Max" else (None, bound)
            made = clipped(r, made, low, high, node)
        else:
            sign = 1.0 if node.op == "Max" else -1.0
            over = r.build.activation(r.build.scaled(made, sign, -sign * one), "relu")
            made = r.build.scaled(over, sign, one)
    return made


@reads("Neg")
def negative(r: Reader, node: Node) -> Value:
    x = r.value(node)
    if isinstance(x.made, Bent) and x.made.name == "softplus":
        inner = next((a for a in r.makers[node.inputs[0]].inputs), None)
        before = r.maker(inner, "Neg") if inner else None
        if before is not None:
            return activated(r, r.value(before), "log_sigmoid", node)
    return r.scaled(x, -1.0, 0.0, node.layer)


@reads("Abs")
def absolute(r: Reader, node: Node) -> Value:
    x = r.value(node)
    return r.build.join("Maximum", [x, r.build.scaled(x, -1.0)], node.layer)


@reads("Pow")
def power(r: Reader, node: Node) -> Value:
    x, exponent = r.value(node), r.array(node, 1)
    if exponent.size != 1 or float(exponent.reshape(())) not in (1.0, 2.0, 3.0):
        raise ValueError("powers other than 1, 2 and 3 have no counterpart")
    n = int(exponent.reshape(()))
    return x if n == 1 else r.build.join("Multiply", [x] * n, node.layer)


@reads("Identity", "Dropout", "ZipMap", "StopGradient", "Cast", "CastLike")
def same(r: Reader, node: Node) -> Value:
    x = r.value(node)
    to = node.get("to", 1)
    if node.op == "Cast" and to not in (1, 10, 11, 16):
        readers = [other for name in node.outputs for other in r.readers(name)]
        moves = ("Gather", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Transpose")
        if not readers or any(other.op not in moves for other in readers):
            raise ValueError(f"a cast to type {to}, which is no real one, has no counterpart here")
    if node.op == "Dropout" and r.has(node, 2) and bool(np.any(r.array(node, 2))):
        raise ValueError("it is in the mode of training; export the network in that of evaluation")
    if node.op == "Dropout" and len([name for name in node.outputs if name]) > 1:
        raise ValueError("its mask has no counterpart")
    return x


@reads("Where")
def where(r: Reader, node: Node) -> Value:
    chosen, a, b = r.array(node, 0), r.env[node.inputs[1]], r.env[node.inputs[2]]
    if isinstance(a, Value) and isinstance(b, Value):
        raise ValueError("a choice between two values has no counterpart")
    value, other, keeps = (a, b, chosen) if isinstance(a, Value) else (b, a, ~chosen)
    other = compressed(np.asarray(other))
    if not np.all(np.isfinite(other)):
        raise ValueError("numbers that are infinite in place of some have no counterpart")
    keeps = keeps.astype(np.float32)
    return r.build.scaled(value, keeps, (1 - keeps) * other, node.layer)
