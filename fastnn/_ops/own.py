"""A layer of a user's own: the op that asks Python objects for ``y``, and for the gradients of what it reads and has.

Every backend comes here: the reference by itself, the compiled ones by a call out of their walk
(``_kernels/visits.py``). An op has no kernels, and is given all rows of a block at once.

Design: arrays are views of the plan's memory, made once for each size of a block; asking for them anew costs more than
what a small layer computes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._ops.base import NO_PENALTY as NO_PENALTY
from fastnn._ops.base import Op, When

if TYPE_CHECKING:
    from fastnn._ops.seen import OwnLayer, SeenNode, SeenVariable
    from fastnn._ops.views import Tables, Vectors, Views

    Arrays = list[np.ndarray | None]
    Block = tuple[Arrays, np.ndarray | None, np.ndarray | None, Arrays]

SIZES = 4  # of blocks whose arrays are kept


class Visits:
    """The own ops of a plan at work in one memory, by the values that they write; a copy begins anew."""

    def __init__(self, plan: Tables) -> None:
        self.plan = plan
        self.found: dict[int, Visit] = {}

    def __reduce__(self) -> tuple[type[Visits], tuple[None]]:
        return Visits, (None,)


def visit_at(plan: Tables, memory: Vectors, output: int) -> Visit:
    """The own op that writes a value, at work in a memory."""
    kept: Visits | None = vars(memory).get("_visits")
    if kept is None or kept.plan is not plan:
        kept = vars(memory)["_visits"] = Visits(plan)
    if output not in kept.found:
        op = next(op for op in plan.ops if op["output"] == output)
        kept.found[output] = Visit(plan, memory, op)
    return kept.found[output]


def check_ways_back(plan: Tables) -> None:
    """``ValueError`` where a gradient is wanted before an op that has none."""
    for op in plan.ops[plan.ops["kind"] == OP.code]:
        layer, edges = plan.layout.layers[_node(plan, op).layer], plan.edges[op["first_edge"] :][: op["n_inputs"]]
        if not layer.has_gradient and (plan.values[edges["value"]]["grad"] >= 0).any():
            raise _one_way(layer)


def _one_way(layer: OwnLayer) -> ValueError:
    return ValueError(
        f"{layer!r} has no gradient, and something before it is trained: give it one, as in "
        f"Lambda(function, lambda x, dy: ...), or set trainable = False on the layers before it"
    )


def _node(plan: Tables, op: np.void) -> SeenNode:
    """The use of a layer that an own op is."""
    return next(node for node in plan.layout.nodes if node.stream == op["stream"])


class Visit:
    """One place where a layer is called, in one memory: a copy of the layer, and the arrays it reads and fills."""

    def __init__(self, plan: Tables, memory: Vectors, op: np.void) -> None:
        layout = plan.layout
        node = _node(plan, op)
        self.plan, self.layer, self.workspace = plan, layout.layers[node.layer], memory.workspace
        self.shapes = [layout.shapes[edge] for edge in node.inputs]
        self.shape = layout.shapes[node.outputs[0]]
        variables = layout.of_layer(node.layer)
        arrays = [_variable(memory.params, variable) for variable in variables]
        for array, variable in zip(arrays, variables, strict=True):
            array.flags.writeable = not variable.parameter.trainable
        self.worker = worker(self.layer, arrays)
        self.bound = self.layer.bound(arrays)
        self.grads = [
            (variable, _variable(memory.grads, variable) if plan.training and variable.trained else None)
            for variable in variables
            if variable.parameter.trainable
        ]
        self.adds_params = bool(op["adds_params"])
        first = int(op["first_edge"])
        self.edges = [(int(e["value"]), bool(e["adds"])) for e in plan.edges[first : first + int(op["n_inputs"])]]
        self.output = int(op["output"])
        self.sized: dict[int, Block] = {}

    def arrays(self, n_rows: int) -> Block:
        """``xs`` (None for inputs of the model), ``y``, ``dy`` and ``dxs`` of a block."""
        if n_rows not in self.sized:
            if len(self.sized) >= SIZES:
                self.sized.clear()
            n_inputs = int(self.plan.header["n_inputs"])
            xs: list[np.ndarray | None] = []
            dxs: list[np.ndarray | None] = []
            for (value, _), shape in zip(self.edges, self.shapes, strict=True):
                xs.append(None if value < n_inputs else self._view("offset", value, (n_rows, *shape), read_only=True))
                dxs.append(self._view("grad", value, (n_rows, *shape)))
            shape = (n_rows, *self.shape)
            y, dy = self._view("offset", self.output, shape), self._view("grad", self.output, shape, read_only=True)
            self.sized[n_rows] = xs, y, dy, dxs
        return self.sized[n_rows]

    def _view(self, place: str, value: int, shape: tuple[int, ...], read_only: bool = False) -> np.ndarray | None:
        offset, size = int(self.plan.values[value][place]), int(np.prod(shape))
        if offset < 0:
            return None
        view: np.ndarray = self.workspace[offset : offset + size].reshape(shape)
        view.flags.writeable = not read_only
        return view

    def forward(self, inputs: Sequence[np.ndarray], training: bool) -> None:
        kept, y, _, _ = self.arrays(len(inputs[0]))
        xs = [
            _given(inputs[value], shape) if x is None else x
            for x, (value, _), shape in zip(kept, self.edges, self.shapes, strict=True)
        ]
        self.worker.__dict__ = {**vars(self.layer), **self.bound}
        found = called(self.worker, xs, training)
        self._take("call", "y", y, found)

    def backward(self, n_rows: int, accumulate: bool) -> None:
        _, _, dy, dxs = self.arrays(n_rows)
        trains = any(grad is not None for _, grad in self.grads)
        wanted = any(dx is not None for dx in dxs)
        if not trains and not wanted:
            return
        if wanted and not self.layer.has_gradient:
            raise _one_way(self.layer)
        came = told(self.worker, "backward", self.worker.backward, dy)
        none = isinstance(came, tuple) and len(came) == 2 and isinstance(came[1], list | tuple) and not came[1]
        gradients = self._gradients(came) if self.grads else ()
        found = came[0] if self.grads or none else came  # dx, [] says of a layer without weights what dx does
        if wanted:
            self._hand_on(found, dxs)
        for (variable, grad), gradient in zip(self.grads, gradients, strict=True) if trains else ():
            if grad is not None:
                name = f"d{variable.parameter.name}"
                self._take("backward", name, grad, gradient, accumulate or self.adds_params)

    def _gradients(self, came: object) -> Sequence[object]:
        names = [f"d{variable.parameter.name}" for variable, _ in self.grads]
        if not (isinstance(came, tuple) and len(came) == 2 and isinstance(came[1], list | tuple)):
            raise ValueError(f"{self._name}.backward must return dx, [{', '.join(names)}], got {kind(came)}")
        if len(came[1]) != len(names):
            raise ValueError(
                f"{self._name}.backward must return {len(names)} gradients of weights ({', '.join(names)}), got "
                f"{len(came[1])}"
            )
        return came[1]

    def _hand_on(self, found: object, dxs: Sequence[np.ndarray | None]) -> None:
        if len(dxs) == 1:
            found = [found]
        elif not isinstance(found, list | tuple) or len(found) != len(dxs):
            wanted = f"a list of {len(dxs)} dx, one for each input"
            raise ValueError(f"{self._name}.backward must return {wanted}, got {kind(found)}")
        for i, (dx, (_, adds), gradient) in enumerate(zip(dxs, self.edges, found, strict=True)):
            if dx is not None:
                self._take("backward", "dx" if len(dxs) == 1 else f"dx of input {i}", dx, gradient, adds)

    def _take(self, method: str, what: str, out: Any, came: Any, adds: bool = False) -> None:
        """Fill ``out``, or add to it; an error names the layer and what is wanted."""
        array = came if type(came) is np.ndarray else np.asarray(came)
        if array.shape != out.shape or array.dtype.kind not in "fiub":
            raise ValueError(f"{self._name}.{method} must give {what} of shape {out.shape}, got {kind(came)}")
        if adds:
            out += array.astype(out.dtype, copy=False)
        else:
            out[...] = array

    @property
    def _name(self) -> str:
        return f"{type(self.layer).__name__} {self.layer.name!r}"


def worker(layer: OwnLayer, arrays: Sequence[np.ndarray]) -> OwnLayer:
    """A copy of a layer that computes, with arrays for its weights."""
    made = object.__new__(type(layer))
    made.__dict__ = {**vars(layer), **layer.bound(arrays)}
    return made


def called(layer: OwnLayer, xs: Sequence[np.ndarray], training: bool) -> Any:
    """What a layer's ``call`` gives for its inputs, told whether it trains where it asks for that."""
    x = xs[0] if len(xs) == 1 else list(xs)
    if _asks(type(layer)):
        return told(layer, "call", layer.call, x, training=training)
    return told(layer, "call", layer.call, x)


def told(layer: OwnLayer, method: str, function: Callable[..., object], *arguments: object, **named: object) -> Any:
    """A user's function; an error in it has a note that names the layer."""
    try:
        return function(*arguments, **named)
    except Exception as error:
        on = " and ".join(_shapes(argument) for argument in arguments)
        error.add_note(f"(in {method} of the layer {type(layer).__name__} {layer.name!r}, on {on})")
        raise


def kind(came: object) -> str:
    """What came, in words: of an array the shape, and the dtype where it is no number."""
    if isinstance(came, np.ndarray | np.generic):
        return f"shape {came.shape}" if came.dtype.kind in "fiub" else f"an array of {came.dtype}"
    if isinstance(came, list | tuple):
        return f"a {type(came).__name__} of {len(came)} ({', '.join(map(kind, came[:4]))})"
    return "None" if came is None else type(came).__name__


def _shapes(came: object) -> str:
    if isinstance(came, list):
        return f"[{', '.join(map(_shapes, came))}]"
    return f"shape {came.shape}" if isinstance(came, np.ndarray) else str(came)


@lru_cache(maxsize=256)
def _asks(cls: type) -> bool:
    """Whether a class's ``call`` takes ``training``."""
    return "training" in inspect.signature(cls.call).parameters  # type: ignore[attr-defined]  # classes have it


def _given(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows of an input of the model in the shape of samples, not to be written to: they may be the user's own array."""
    view = x.reshape(len(x), *shape)
    view.flags.writeable = False
    return view


def _variable(vector: np.ndarray, variable: SeenVariable) -> np.ndarray:
    return vector[variable.offset : variable.offset + variable.size].reshape(variable.parameter.shape)


def forward(op: np.void, a: Views, when: When) -> None:
    visit_at(a.plan, a.memory, int(op["output"])).forward(a.inputs, when.training)


def backward(op: np.void, a: Views, when: When) -> None:
    visit_at(a.plan, a.memory, int(op["output"])).backward(len(a.inputs[0]), a.accumulate)


OP = Op(8, "own", forward, backward)
