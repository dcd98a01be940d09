"""What patterns ask of the nodes around them."""

from __future__ import annotations

import math

import numpy as np

from fastnn.interop.onnx.nodes import Node, Reader


def made(node: Node, op: str, inputs: list[str], **attributes: object) -> Node:
    return Node(op, inputs, node.outputs, attributes, node.name)


def other_of(r: Reader, node: Node) -> tuple[str, np.ndarray] | None:
    """The input that is not known, and the known one, of a node of two."""
    if len(node.inputs) != 2:
        return None
    for i in (0, 1):
        number = r.number(node.inputs[1 - i])
        if number is not None:
            return node.inputs[i], number
    return None


def times(r: Reader, name: str, op: str, value: float) -> str | None:
    """What is multiplied by (added to) a number to give a name."""
    node = r.maker(name, op)
    found = other_of(r, node) if node is not None else None
    if found is None or found[1].size != 1 or not math.isclose(float(found[1].reshape(())), value, rel_tol=1e-4):
        return None
    return found[0]


def close(found: float | None, value: float) -> bool:
    return found is not None and math.isclose(found, value, rel_tol=1e-4)


def axes_of(r: Reader, node: Node) -> list[int] | None:
    if not node.get("keepdims", 1):
        return None
    given = r.number(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else node.get("axes")
    return None if given is None else sorted(int(axis) for axis in np.asarray(given).reshape(-1))
