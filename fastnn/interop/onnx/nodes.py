"""An ONNX graph while it is read: its nodes with attributes by name, its numbers, and what each name stands for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.types import Stored
from fastnn.interop.building.computing import Linear
from fastnn.interop.building.values import Value
from fastnn.interop.channels_first import ChannelsFirst
from fastnn.interop.libraries import needed
from fastnn.interop.onnx import known as known_numbers

if TYPE_CHECKING:
    import numpy.typing as npt


Handler = Callable[["Reader", "Node"], Any]
AnyArray = np.ndarray | Value  # what a name stands for
HANDLERS: dict[str, Handler] = {}
Given = list[Any]  # of a node of known numbers: arrays, and None where an input is left out


HARMLESS = (  # attributes that change nothing of what is read here
    *("seed", "ratio", "momentum", "hidden_size", "kernel_shape", "storage_order", "stash_type", "spatial"),
    *("softmax_precision", "qk_matmul_output_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value"),
    *("consumed_inputs", "saturate", "round_mode", "classlabels_int64s", "classlabels_strings"),
)


def reads(*ops: str) -> Callable[[Handler], Handler]:
    """Have a function read these operators."""

    def known(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(ops, function))
        return function

    return known


@dataclass
class Node:
    """One node."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Stored] = field(default_factory=dict)
    name: str = ""
    domain: str = ""
    asked: set[str] = field(default_factory=lambda: set(HARMLESS))

    def get(self, name: str, usual: object = None) -> Stored:
        """An attribute."""
        self.asked.add(name)
        return self.attributes.get(name, usual)

    def check_all_asked(self, usual: Callable[[str], object]) -> None:
        """``ValueError`` for an attribute that nobody has looked at, which may change what the node computes.

        ``usual`` tells what the standard takes where an attribute is left out.
        """
        for name in sorted(self.attributes.keys() - self.asked):
            if self.attributes[name] != usual(name):
                raise ValueError(f"its attribute {name} has no counterpart")

    @property
    def told(self) -> str:
        """The node for messages."""
        op = f"{self.domain}.{self.op}" if self.domain not in ("", "ai.onnx") else self.op
        return f"node {self.name or ', '.join(self.outputs)!r} ({op})"

    @property
    def layer(self) -> str | None:
        """A name for its layer: the node's without its operator."""
        name = self.name.strip("/")
        parts = re.split(r"[/]", name)
        if len(parts) > 1 and re.fullmatch(rf"{re.escape(self.op)}(_\d+)?", parts[-1]):
            parts.pop()
        name = "/".join(parts)
        return name if name and not re.fullmatch(rf"(node_)?{re.escape(self.op)}(_\d+)?", name) else None


def usual_attribute(op: str, name: str, opset: int) -> object:
    """What the standard takes for an attribute that is left out, None for nothing."""
    onnx = needed("onnx", "from_onnx")
    try:
        told = onnx.defs.get_schema(op, opset).attributes[name].default_value
    except (KeyError, onnx.defs.SchemaError):
        return None
    value = onnx.helper.get_attribute_value(told) if told.type else None
    return value.decode() if isinstance(value, bytes) else value


class Reader:
    """What the names of a graph stand for: numbers that are known, or values of the model that is built.

    Attributes
    ----------
    build : the builder.
    opset : version of the operators.
    batch : the rows for which the graph was written, None for any.
    nodes : those that are read, in order; ``makers`` has them by the names that they give.
    env : by name, an array or a :class:`Value`.
    """

    def __init__(self, build: ChannelsFirst, nodes: list[Node], numbers: dict[str, np.ndarray], opset: int, most: int):
        self.build, self.nodes, self.opset, self.most = build, nodes, opset, most
        self.batch: int | None = None
        self.env: dict[str, Any] = dict(numbers)
        self.unknown: set[str] = set()
        self.makers = {name: node for node in nodes for name in node.outputs if name}
        self.uses = Counter(name for node in nodes for name in node.inputs)

    def readers(self, name: str) -> list[Node]:
        """Nodes that read a name."""
        return [node for node in self.nodes if name in node.inputs]

    def maker(self, name: str, *ops: str) -> Node | None:
        """What makes a name, where that is one of these operators."""
        node = self.makers.get(name)
        return node if node is not None and node.op in ops else None

    def walk(self, node: Node) -> None:
        """Read a node whose inputs are there."""
        given = [self.env[name] for name in node.inputs if name]
        if all(isinstance(one, np.ndarray) for one in given) and node.op in known_numbers.FUNCTIONS:
            made = known_numbers.folded(node, [self.env[name] if name else None for name in node.inputs], self.most)
        elif node.op in HANDLERS:
            made = HANDLERS[node.op](self, node)
            node.check_all_asked(lambda name: usual_attribute(node.op, name, self.opset))
        else:
            raise ValueError("there is no counterpart for it")
        made = made if isinstance(made, list | tuple) else [made]
        for name, one in zip(node.outputs, made, strict=False):
            if name:
                self.env[name] = one

    def number(self, name: str) -> np.ndarray | None:
        """Numbers that are known without the model's inputs, None where they are not."""
        if name in self.env:
            found = self.env[name]
            return found if isinstance(found, np.ndarray) else None
        node = self.makers.get(name)
        if node is None or node.op not in known_numbers.FUNCTIONS or node.op == "Shape" or name in self.unknown:
            return None
        self.unknown.add(name)  # until it is found, and for ever where it is made of itself
        given = [self.number(other) if other else None for other in node.inputs]
        if any(one is None for one, other in zip(given, node.inputs, strict=True) if other):
            return None
        try:
            made = known_numbers.folded(node, given, self.most)
        except ValueError:
            return None  # it is read once more in its turn, and says what is wrong
        made = made if isinstance(made, list) else [made]
        self.env.update(zip(node.outputs, made, strict=False))
        self.unknown -= set(node.outputs)
        return self.env.get(name)

    def scalar(self, name: str) -> float | None:
        """A number that is known, alone."""
        found = self.number(name)
        return (
            float(found.reshape(())) if found is not None and found.size == 1 and found.dtype.kind in "fiub" else None
        )

    def value(self, node: Node, i: int = 0) -> Value:
        """An input that has to be a value of the model."""
        found = self.env[node.inputs[i]]
        if not isinstance(found, Value):
            raise ValueError(f"input {i} is of known numbers, and the other way round has no counterpart")
        return found

    def array(self, node: Node, i: int, usual: object = None) -> Any:
        """An input that has to be known numbers; what is usual where it is left out."""
        if len(node.inputs) <= i or not node.inputs[i]:
            return usual
        found = self.env[node.inputs[i]]
        if not isinstance(found, np.ndarray):
            raise ValueError(f"input {i} ({node.inputs[i]!r}) depends on the model's input, and has to be known")
        return compressed(found)

    def whole(self, node: Node, i: int, usual: object = None) -> Any:
        """Known whole numbers as a list."""
        found = self.array(node, i)
        return usual if found is None else [int(n) for n in found.reshape(-1)]

    def has(self, node: Node, i: int) -> bool:
        """Whether an input is there."""
        return len(node.inputs) > i and bool(node.inputs[i])

    def once(self, array: np.ndarray, axis: int) -> np.ndarray:
        """Known numbers without repeats along the axis of the batch, in a graph that is written for so many rows."""
        if array.ndim > axis and self.batch not in (None, 1) and array.shape[axis] == self.batch:
            first = array[tuple(slice(None) if i != axis else slice(0, 1) for i in range(array.ndim))]
            return first if np.all(array == first) else array
        return array

    def linear(self, x: Value, kernel: np.ndarray, bias: np.ndarray | None, name: str | None) -> Value:
        """A linear layer, or the projection of the attention right before it."""
        made = self.build.projected(x, kernel, bias)
        if made is None:
            return self.build.linear(x, kernel, bias, name)
        return replace(made, made=Linear(x, kernel, bias, name))

    def scaled(self, x: Value, factor: npt.ArrayLike, offset: npt.ArrayLike, name: str | None = None) -> Value:
        """``x * factor + offset`` with known numbers, in the weights of the linear layer before it if there is one."""
        factor, offset = compressed(np.asarray(factor)), compressed(np.asarray(offset))
        rows = next((i for i in range(x.rank) if x.is_apart(i)), 0)
        factor, offset = (self.once(one, rows) if one.ndim == x.rank else one for one in (factor, offset))
        made = x.made
        if isinstance(made, Linear) and x.source[-1:] == x.source[-1:] and self.uses_once(x):
            n = made.kernel.shape[1]
            fits = all(one.size == 1 or (one.shape[-1:] == (n,) and one.size == n) for one in (factor, offset))
            ranks = max(factor.ndim, offset.ndim) <= x.rank
            if fits and ranks and x.sizes[:-1] == made.x.sizes[:-1] and x.sizes[-1] == n and _is_plain(x):
                f, o = factor.reshape(-1), offset.reshape(-1)
                bias = (0 if made.bias is None else made.bias) * f + o
                bias = np.broadcast_to(bias, (n,)) if np.any(bias) or made.bias is not None else None
                return self.linear(made.x, made.kernel * f, bias, made.name or name)
        return self.build.scaled(x, factor, offset, name)

    def uses_once(self, x: Value) -> bool:
        """Whether one node alone reads a value."""
        names = [name for name, one in self.env.items() if one is x]
        return sum(self.uses[name] for name in names) <= len(names)  # each but the last is handed on under the next


def _is_plain(x: Value) -> bool:
    """Whether the last axis is what the linear layer made, and the others are as it read them."""
    lead = tuple(atom for axis in x.made.x.source[:-1] for atom in axis)
    return tuple(atom for axis in x.source[:-1] for atom in axis) == lead and len(x.source[-1]) <= 1


def compressed(array: np.ndarray) -> np.ndarray:
    """The array with a size of 1 along axes that repeat one number without holding it again."""
    if array.ndim and 0 in array.strides and array.size > 1:
        return array[tuple(slice(0, 1) if s == 0 else slice(None) for s in array.strides)]
    return array
