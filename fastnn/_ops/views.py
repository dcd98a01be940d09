"""The arrays of one op of a plan, by name: where a plan's offsets become NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, SupportsInt

import numpy as np

from fastnn._ops import OPS

if TYPE_CHECKING:
    from fastnn._ops.base import Sizes
    from fastnn._ops.seen import SeenLayout


class Tables(Protocol):
    """What is read here of a :class:`fastnn._plan.plan.Plan`."""

    @property
    def values(self) -> np.ndarray: ...
    @property
    def edges(self) -> np.ndarray: ...
    @property
    def header(self) -> np.ndarray: ...
    @property
    def ops(self) -> np.ndarray: ...
    @property
    def training(self) -> bool: ...
    @property
    def layout(self) -> SeenLayout: ...


class Vectors(Protocol):
    """What is read here of a :class:`fastnn._plan.memory.Memory`."""

    @property
    def params(self) -> np.ndarray: ...
    @property
    def states(self) -> np.ndarray: ...
    @property
    def grads(self) -> np.ndarray: ...
    @property
    def workspace(self) -> np.ndarray: ...


class Taker:
    """A gradient that an op hands on: set, or added to what others have left; falsy where nobody wants it."""

    def __init__(self, out: np.ndarray | None, adds: bool) -> None:
        self.out, self.adds = out, adds

    def __bool__(self) -> bool:
        return self.out is not None

    def take(self, value: np.ndarray) -> None:
        """Set ``value`` or add it; in the model's dtype, a sum of its own first."""
        if self.out is not None:
            self.out[...] = self.out + value if self.adds else value


class Views:
    """What one op reads and writes for a block of samples.

    Attributes
    ----------
    x, xs : the first input ``(rows, n_in)``; all of them, each ``(rows, numbers a row)``. Of kinds that are
        ``by_sample`` each is ``(samples, numbers a sample)``, and so are ``dx`` and ``dxs``.
    sizes : the kind's geometry by its names.
    y, z, dy : the output ``(rows, n_out)``, what is kept for the way back, and the output's gradient.
    whole_y, whole_dy : the output and its gradient as ``(samples, numbers a sample)``.
    w, b : kernel, ``(n_in, n_out)`` unless the kind says otherwise, and bias ``(n_out,)``; a missing bias is 0.
    dx, dxs, dw, db : :class:`Taker` of each gradient.
    room : workspace that the kind keeps numbers of a block in, a flat vector.
    """

    def __init__(
        self, plan: Tables, memory: Vectors, op: np.void, inputs: Sequence[np.ndarray], accumulate: bool = False
    ) -> None:
        self.plan, self.memory, self.op, self.inputs, self.accumulate = plan, memory, op, inputs, accumulate
        self.n_samples = len(inputs[0]) if inputs else 0
        self.n_rows = self.n_samples * int(op["repeat"])
        self.kind = OPS[int(op["kind"])]
        first = int(op["first_edge"])
        self.edges = plan.edges[first : first + int(op["n_inputs"])]

    @cached_property
    def xs(self) -> list[np.ndarray]:
        return [self._value(edge["value"]) for edge in self.edges]

    @property
    def x(self) -> np.ndarray:
        return self.xs[0]

    @property
    def y(self) -> np.ndarray:
        return self._rows(self._output["offset"], self.op["n_out"])

    @property
    def z(self) -> np.ndarray:
        return self._rows(self.op["z"], self.op["n_out"])

    @property
    def dy(self) -> np.ndarray:
        return self._rows(self._output["grad"], self.op["n_out"])

    @property
    def whole_y(self) -> np.ndarray:
        return self._whole_output("offset")

    @property
    def whole_dy(self) -> np.ndarray:
        return self._whole_output("grad")

    def _whole_output(self, place: str) -> np.ndarray:
        at, size = int(self._output[place]), int(self._output["size"])
        return self.memory.workspace[at : at + self.n_samples * size].reshape(self.n_samples, size)

    def keep(self, z: np.ndarray | float) -> None:
        """Keep ``z`` for the way back, where the plan has a place for it."""
        if self.op["z"] >= 0:
            self.z[...] = z

    @property
    def sizes(self) -> Sizes:
        return self.kind.sizes(self.op)

    @property
    def room(self) -> np.ndarray:
        return self.memory.workspace[int(self.op["room"]) :]

    def vector(self, number: int, size: int) -> np.ndarray:
        """A parameter of the record's ``more``, ``(size,)``."""
        return self.parameter(self.op["more"][number], size)

    def parameter(self, at: SupportsInt, size: int) -> np.ndarray:
        """A parameter that stands there, ``(size,)``."""
        return self.memory.params[int(at) : int(at) + size]

    def gradient(self, at: SupportsInt, size: int) -> Taker:
        """The gradient of a parameter, likewise."""
        return Taker(self.memory.grads[int(at) : int(at) + size] if int(at) >= 0 else None, self._adds_params)

    @property
    def states(self) -> np.ndarray:
        """What the batch before has left, ``(rows of a batch, n_out)``."""
        rows, n = int(self.plan.header["batch_size"]), int(self.op["n_out"])
        at = int(self.op["more"][0])
        return self.memory.states[at : at + rows * n].reshape(rows, n)

    @property
    def left(self) -> np.ndarray:
        """The output of a whole batch, once it has passed."""
        at, shape = int(self._output["offset"]), self.states.shape
        return self.memory.workspace[at : at + math.prod(shape)].reshape(shape)

    @property
    def w(self) -> np.ndarray:
        kernel = self._kernel(self.memory.params, self.op["w"])
        if self.op["bfloat16"]:
            from fastnn._ops.bf16 import rounded

            return rounded(kernel)
        return kernel

    @property
    def b(self) -> np.ndarray | np.floating:
        at, params = int(self.op["b"]), self.memory.params
        return params[at : at + int(self.op["n_out"])] if at >= 0 else params.dtype.type(0)

    @property
    def dw(self) -> Taker:
        at = int(self.op["dw"])
        return Taker(self._kernel(self.memory.grads, at) if at >= 0 else None, self._adds_params)

    @property
    def db(self) -> Taker:
        at = int(self.op["db"])
        return Taker(self.memory.grads[at : at + int(self.op["n_out"])] if at >= 0 else None, self._adds_params)

    @property
    def dx(self) -> Taker:
        return self._taker(self.edges[0])

    @property
    def dxs(self) -> list[Taker]:
        return [self._taker(edge) for edge in self.edges]

    @property
    def _adds_params(self) -> bool:
        return self.accumulate or bool(self.op["adds_params"])

    @property
    def _output(self) -> np.void:
        value: np.void = self.plan.values[int(self.op["output"])]
        return value

    def _taker(self, edge: np.void) -> Taker:
        value = self.plan.values[int(edge["value"])]
        return Taker(self._whole(value["grad"], value) if value["grad"] >= 0 else None, bool(edge["adds"]))

    def _value(self, number: SupportsInt) -> np.ndarray:
        number, value = int(number), self.plan.values[int(number)]
        if number < len(self.inputs):
            return self.inputs[number].reshape(self._shape(value))
        return self._whole(value["offset"], value)

    def _shape(self, value: np.void) -> tuple[int, int]:
        """Of an input's rows."""
        size = int(value["size"])
        return (self.n_samples, size) if self.kind.by_sample else (self.n_rows, size // int(self.op["repeat"]))

    def _whole(self, offset: SupportsInt, value: np.void) -> np.ndarray:
        at, size = int(offset), int(value["size"]) * self.n_samples
        return self.memory.workspace[at : at + size].reshape(self._shape(value))

    def _rows(self, offset: SupportsInt, width: SupportsInt) -> np.ndarray:
        offset, size = int(offset), self.n_rows * int(width)
        return self.memory.workspace[offset : offset + size].reshape(self.n_rows, int(width))

    def _kernel(self, vector: np.ndarray, at: SupportsInt) -> np.ndarray:
        shape = self.kind.shape(self.op)
        return vector[int(at) : int(at) + math.prod(shape)].reshape(shape)
