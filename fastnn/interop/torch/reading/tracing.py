"""A module's forward method as a graph, by torch.fx, and what each of its nodes becomes."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from fastnn._base.reprs import in_a_line
from fastnn.interop.channels_first import ROWS, Value
from fastnn.interop.nested import leaves
from fastnn.interop.torch.reading.building import Builder, Repeated, Unread, Zeros, numbers
from fastnn.interop.torch.reading.calls import CALLS, MAKING_ZEROS
from fastnn.interop.torch.reading.layers import LAYERS
from fastnn.interop.torch.reading.shaping import SHAPING

HOMES = ("torch", "_operator", "operator", "builtins", "math")
VIEWS = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
JOINING = ("cat", "concat", "concatenate", "stack", "clone")  # whose numbers are new ones
PYTORCHS = ("torch.nn", "torch.ao")


class Tracer(fx.Tracer):
    """Goes into every module that is written in terms of others, and stops at those of PyTorch's own."""

    proxy_buffer_attributes = True  # parts of buffers may depend on shapes

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if type(m) in LAYERS:
            return True
        return type(m).__module__.startswith(PYTORCHS) and not isinstance(m, nn.Sequential)


def graph_of(module: nn.Module) -> fx.Graph:
    """The graph of a module in prediction; its mode is as it was.

    Raises
    ------
    ValueError
        forward is more than a fixed sequence of calls.
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        if isinstance(module, fx.GraphModule):
            return module.graph
        if type(module) in LAYERS:  # it would be a leaf itself
            return Tracer().trace(nn.Sequential(module))
        return Tracer().trace(module)
    except Exception as error:
        raise ValueError(
            f"forward of {type(module).__name__} cannot be traced by torch.fx, for it does not always take the same "
            f"steps: {in_a_line(error)}"
        ) from error
    finally:
        for part, mode in modes.items():
            part.training = mode


class Reading:
    """Goes through a graph and builds a model.

    Parameters
    ----------
    module : whose parameters the graph names.
    build : makes the layers.
    """

    def __init__(self, module: nn.Module, build: Builder):
        self.module = nn.Sequential(module) if type(module) in LAYERS else module
        self.build = build
        self.known: dict[fx.Node, object] = {}
        self.base: dict[fx.Node, fx.Node] = {}  # of nodes that give the numbers of another one in another shape

    def run(self, graph: fx.Graph, inputs: Sequence[Value]) -> object:
        """What the graph gives for these inputs; ``ValueError`` names the node that has no counterpart."""
        waiting = list(inputs)
        for node in graph.nodes:
            if node.op == "output":
                return self._told(node.args[0])
            if node.op == "placeholder":
                self.known[node] = self._input(node, waiting)
                continue
            with _named(node, self._kind(node)):
                self.known[node] = self._made(node)
            if self._is_view(node):
                first: object = node.args[0]
                self.base[node] = self.base.get(first, first)
        raise ValueError("forward returns nothing")

    def _input(self, node: fx.Node, waiting: list[Value]) -> object:
        if waiting:
            return waiting.pop(0)
        if node.args:  # a default
            return node.args[0]
        raise ValueError(f"forward takes {node.name!r}, too, and no shape is given for it")

    def _told(self, came: object) -> Any:
        """Arguments with what the nodes among them have become."""
        return fx.node.map_arg(came, lambda node: self.known[node])

    def _kind(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return type(self.module.get_submodule(str(node.target))).__name__
        return str(getattr(node.target, "__name__", node.target))

    def _made(self, node: fx.Node) -> object:
        args, named = self._told(tuple(node.args)), dict(self._told(dict(node.kwargs)))
        self.build.begin(_name(node), node)
        if node.op == "get_attr":
            return self._attribute(str(node.target))
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            if not any(isinstance(one, Value | Zeros) for one in leaves([args, named])):  # such as places in a table
                return numbers(module(*map(torch.as_tensor, args)))
            handler = LAYERS.get(type(module))
            if handler is None:
                raise ValueError("this module has no counterpart here")
            made = handler(self.build, module, *args, **named)
            self._write_back(node, made, getattr(module, "inplace", False))
            return made
        return self._called(node, args, named)

    def _called(self, node: fx.Node, args: Sequence[object], named: dict[str, object]) -> object:
        """A function or a method: ours of its name where it reads a value, else what it gives of plain numbers."""
        name = self._kind(node)
        if not any(isinstance(one, Value | Zeros | Repeated) for one in leaves([args, named])):
            return _plain(node, name, args, named)
        home = str(getattr(node.target, "__module__", ""))
        if node.op == "call_function" and node.target is not getattr and not home.startswith(HOMES):
            raise ValueError("this function is none of PyTorch's")
        short = name.rstrip("_") if name not in CALLS else name
        handler: Callable[..., object] | None = CALLS.get(short)
        if handler is None:
            raise ValueError("this function has no counterpart here")
        known = inspect.signature(handler).parameters
        told = {word: came for word, came in named.items() if word in known or not (word == "inplace" or came is None)}
        made = handler(self.build, *args, **told)
        self._write_back(node, made, name != short or bool(node.kwargs.get("inplace")))
        return made

    def _write_back(self, node: fx.Node, made: object, in_place: bool) -> None:
        """What is changed in place is that for all who read it later."""
        if not in_place or not node.args or not isinstance(node.args[0], fx.Node):
            return
        changed = node.args[0]
        base, later = self.base.get(changed, changed), _behind(node)
        alike = [other for other in self.known if self.base.get(other, other) is base and other is not changed]
        if any(user in later for other in alike for user in other.users):
            raise ValueError("it changes in place what is read in another shape later, which has no counterpart here")
        self.known[changed] = made

    def _is_view(self, node: fx.Node) -> bool:
        if not node.args or not isinstance(node.args[0], fx.Node):
            return False
        if node.op == "call_module":
            return isinstance(self.module.get_submodule(str(node.target)), VIEWS)
        return self._kind(node) in SHAPING and self._kind(node) not in JOINING

    def _attribute(self, target: str) -> object:
        found: object = self.module
        for part in target.split("."):
            found = getattr(found, part)
        return numbers(found) if isinstance(found, torch.Tensor) else found


def _behind(node: fx.Node) -> set[fx.Node]:
    """All nodes behind a node."""
    found = set()
    while node.op != "output":
        node = node.next
        found.add(node)
    return found


def _plain(node: fx.Node, name: str, args: Any, named: dict[str, object]) -> object:
    """What a call gives that reads no value."""
    if name in MAKING_ZEROS:
        return Zeros()
    if name == "expand" and isinstance(args[0], np.ndarray) and len(args[0]) == 1:
        sizes = list(args[1] if len(args) == 2 else args[1:])
        if sizes[0] % ROWS == 0 and len(sizes) == args[0].ndim:
            wanted = [have if size == -1 else size for size, have in zip(sizes, args[0].shape, strict=True)]
            return Repeated(np.broadcast_to(args[0], (1, *wanted[1:])))
    if any(type(one) is int and abs(one) > 10**6 for one in leaves([args, named])) and name not in ("getitem", "mul"):
        raise ValueError("arrays of as many rows as the batch has no counterpart; zeros to begin with have")
    given = [torch.as_tensor(one) if hasattr(one, "dtype") else one for one in args]
    target: Any = getattr(given[0], name) if node.op == "call_method" else node.target
    made = target(*(given[1:] if node.op == "call_method" else given), **named)
    return numbers(made) if isinstance(made, torch.Tensor) else made


def _name(node: fx.Node) -> str:
    """Of the layers that a node becomes."""
    return str(node.target).replace(".", "_") if node.op == "call_module" else node.name


@contextlib.contextmanager
def _named(node: fx.Node, kind: str) -> Iterator[None]:
    """A block in which errors name the module or call at hand."""
    where = f"module {str(node.target)!r} ({kind})" if node.op == "call_module" else f"the call {node.name!r} ({kind})"
    try:
        yield
    except Unread as error:
        raise ValueError(f"{where}: {in_a_line(error)}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: {in_a_line(error)}") from error
