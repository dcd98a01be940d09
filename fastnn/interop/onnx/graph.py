"""An ONNX graph while it is written: nodes, numbers, and in which form each value of a program is there.

Design: a value is there in the form in which its operation gave it, a convolution's with the channels first. Who reads
it asks for the form that it needs, and a Reshape or Transpose is made then, once for all who ask. So transposes between
neighbours never arise.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx
    from onnx import NodeProto, TensorProto

    from fastnn.interop.program import Step


@dataclass(frozen=True)
class Tensor:
    """A value in the graph.

    Attributes
    ----------
    name : of the array ``(rows, ...)`` there.
    sizes : axes of a sample in our order, row-major.
    order : which of these each axis of the array is, behind the batch.
    """

    name: str
    sizes: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def is_ours(self) -> bool:
        """Whether the axes stand in our order."""
        return self.order == tuple(range(len(self.order)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array, without the batch."""
        return tuple(self.sizes[axis] for axis in self.order)

    def renamed(self, name: str) -> Tensor:
        """An array of the same form."""
        return Tensor(name, self.sizes, self.order)


class Graph:
    """Nodes and numbers.

    Parameters
    ----------
    onnx : the library.
    dtype : NumPy's, of all numbers but indices.
    opset : version of the operators.
    open_sizes : sizes that differ from batch to batch.
    """

    def __init__(self, onnx: ModuleType, dtype: npt.DTypeLike, opset: int, open_sizes: Collection[int] = ()):
        self.onnx, self.dtype, self.opset, self.open_sizes = onnx, np.dtype(dtype), opset, set(open_sizes)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.layer = ""
        self.domains: set[str] = set()
        self.in_steps: dict[int, str] = {}  # values (steps, batch, n), as recurrent nodes have them
        self.ids: dict[int, Tensor] = {}  # whole numbers among the inputs
        self._states: dict[int, tuple[str, int]] = {}
        self._tensors: dict[int, list[Tensor]] = {}
        self._pieces: dict[int, list[tuple[int, Tensor]]] = {}
        self._constants: dict[object, str] = {}
        self._names: set[str] = set()

    def name(self, hint: str) -> str:
        """A name that nothing has yet."""
        found, number = hint, 1
        while found in self._names:
            found, number = f"{hint}_{number}", number + 1
        self._names.add(found)
        return found

    @overload
    def add(self, op: str, inputs: Sequence[str], *, n: int, **attributes: Any) -> list[str]: ...
    @overload
    def add(self, op: str, inputs: Sequence[str], **attributes: Any) -> str: ...
    def add(self, op: str, inputs: Sequence[str], n: int = 1, domain: str = "", **attributes: Any) -> str | list[str]:
        """A node of the layer at hand; returns the name of its output, or a list of them."""
        base = self.name(f"{self.layer}/{op}" if self.layer else op)
        outputs = [f"{base}:{i}" if i else f"{base}:y" for i in range(n)]
        if domain:
            self.domains.add(domain)
        made = self.onnx.helper.make_node(op, list(inputs), outputs, name=base, domain=domain, **attributes)
        self.nodes.append(made)
        return outputs[0] if n == 1 else outputs

    def constant(self, array: object, hint: str = "constant", dtype: npt.DTypeLike | None = None) -> str:
        """The name of known numbers, of the graph's dtype; equal ones are there once."""
        array = np.ascontiguousarray(array, self.dtype if dtype is None else dtype)
        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.name(f"{self.layer}/{hint}" if self.layer else hint)
            self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return self._constants[key]

    def whole(self, numbers: npt.ArrayLike, hint: str = "sizes") -> str:
        """The name of whole numbers."""
        return self.constant(np.asarray(numbers, np.int64), hint, np.int64)

    def set(self, value: int, tensor: Tensor) -> Tensor:
        """Have a value in a form."""
        self._tensors.setdefault(value, []).append(tensor)
        return tensor

    def rows(self, value: int, name: str, repeat: int, n: int) -> Tensor:
        """Have a value as ``repeat`` rows of ``n`` numbers; a single row as a vector."""
        sizes = (n,) if repeat == 1 else (repeat, n)
        return self.set(value, Tensor(name, sizes, tuple(range(len(sizes)))))

    def set_pieces(self, value: int, pieces: Sequence[Tensor]) -> None:
        """Have a value as parts one behind the other."""
        placed, at = [], 0
        for piece in pieces:
            placed.append((at, piece))
            at += math.prod(piece.sizes)
        self._pieces[value] = placed

    def piece(self, value: int, start: int, size: int) -> Tensor | None:
        """The part of a value that begins there and has so many numbers."""
        found = (tensor for at, tensor in self._pieces.get(value, ()) if at == start)
        return next((tensor for tensor in found if math.prod(tensor.sizes) == size), None)

    def tensor(self, value: int) -> Tensor:
        """A value in the form in which its operation gave it."""
        if value not in self._tensors:
            flat = [self.formed(piece, (math.prod(piece.sizes),)).name for _, piece in self._pieces[value]]
            size = sum(math.prod(piece.sizes) for _, piece in self._pieces[value])
            self.set(value, Tensor(self.add("Concat", flat, axis=1), (size,), (0,)))
        return self._tensors[value][0]

    def get(self, value: int, sizes: Sequence[int], order: Sequence[int] | None = None) -> str:
        """The name of a value in a form; without an order in ours."""
        order = tuple(range(len(sizes))) if order is None else tuple(order)
        first = self.tensor(value)
        for known in self._tensors[value]:
            if (known.sizes, known.order) == (tuple(sizes), order):
                return known.name
        made = self.formed(first, sizes, order)
        self._tensors[value].append(made)
        return made.name

    def formed(self, tensor: Tensor, sizes: Sequence[int], order: Sequence[int] | None = None) -> Tensor:
        """The tensor in another form."""
        sizes, order = tuple(sizes), tuple(range(len(sizes)) if order is None else order)
        same_axes = [n for n in tensor.sizes if n != 1] == [n for n in sizes if n != 1]
        if same_axes and _runs(tensor) == _runs(Tensor("", sizes, order)):
            shape = tuple(sizes[axis] for axis in order)
            return Tensor(self.reshaped(tensor.name, tensor.shape, shape), sizes, order)
        if not same_axes or tensor.sizes != sizes:
            if not tensor.is_ours:
                back = [tensor.order.index(axis) for axis in range(len(tensor.order))]
                tensor = Tensor(self.transposed(tensor.name, back), tensor.sizes, tuple(range(len(back))))
            name = self.reshaped(tensor.name, tensor.shape, sizes)
            tensor = Tensor(name, sizes, tuple(range(len(sizes))))
        if tensor.order != order:
            moved = self.transposed(tensor.name, [tensor.order.index(axis) for axis in order])
            tensor = Tensor(moved, sizes, order)
        return tensor

    def steps_first(self, value: int, steps: int, n: int) -> str:
        """The name of a sequence as ``(steps, batch, n)``."""
        if value not in self.in_steps:
            self.in_steps[value] = self.add("Transpose", [self.get(value, (steps, n))], perm=[1, 0, 2])
        return self.in_steps[value]

    def state(self, step: Step, before: bool) -> str:
        """The name of a stateful layer's state, before a batch or after it."""
        at = int(step.record["more"][0])
        if at not in self._states:
            number = sum(name.startswith(f"{step.layer}.state_") for name, _ in self._states.values())
            self._states[at] = self.name(f"{step.layer}.state_{number}"), int(step.record["n_out"])
        name = self._states[at][0]
        return name if before else f"{name}.next"

    def states(self) -> tuple[list[onnx.ValueInfoProto], ...]:
        """What a graph says of the states that it reads, and of those that it gives."""
        dtype, told = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype), self.onnx.helper.make_tensor_value_info
        named = self._states.values()
        return tuple([told(name + end, dtype, ["rows", n]) for name, n in named] for end in ("", ".next"))

    def transposed(self, name: str, order: Sequence[int]) -> str:
        """Axes behind the batch in another order."""
        return self.add("Transpose", [name], perm=[0, *(axis + 1 for axis in order)])

    def reshaped(self, name: str, before: Sequence[int], shape: Sequence[int]) -> str:
        """Another shape behind the batch, ``before`` being the one now."""
        if tuple(before) == tuple(shape):
            return name
        told = [self._told(i, n, before) for i, n in enumerate(shape)]
        if told.count(-1) > 1:
            raise ValueError("two axes at once whose lengths differ from batch to batch cannot be told apart")
        return self.add("Reshape", [name, self.whole([0, *told], "shape")])

    def _told(self, axis: int, n: int, before: Sequence[int]) -> int:
        if n not in self.open_sizes:
            return n
        return 0 if axis < len(before) and before[axis] == n and axis == 0 else -1

    def reduced(self, op: str, name: str, axes: Sequence[int], keepdims: bool = True) -> str:
        """A reduction, whose axes are an input in newer operators; they are counted with the batch as 0."""
        as_input = self.opset >= 18 or op == "ReduceSum"
        if as_input:
            return self.add(op, [name, self.whole(list(axes), "axes")], keepdims=int(keepdims))
        return self.add(op, [name], axes=list(axes), keepdims=int(keepdims))


def _runs(tensor: Tensor) -> tuple[int, ...]:
    """The order of the axes that have more than one number."""
    kept = [axis for axis, n in enumerate(tensor.sizes) if n != 1]
    return tuple(kept.index(axis) for axis in tensor.order if axis in kept)
