"""One writer for each kind of operation: products, joins, factors, masks; the others are in files beside this one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import BY_CODE
from fastnn._ops.merge import Join
from fastnn._ops.normalize import MOST
from fastnn._ops.standardize import LEAST
from fastnn.interop.onnx.activating import activated
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.program import Step

if TYPE_CHECKING:
    import numpy.typing as npt

Writer = Callable[[Graph, Step], None]
WRITERS: dict[str, Writer] = {}


def writes(kind: str) -> Callable[[Writer], Writer]:
    """Have a function write a kind of operation."""

    def known(function: Writer) -> Writer:
        WRITERS[kind] = function
        return function

    return known


def sizes_of(step: Step) -> tuple[int, int, int]:
    """Rows of a sample, numbers of a row that are read, and that are written."""
    return int(step.record["repeat"]), int(step.record["n_in"]), int(step.record["n_out"])


def rows_of(g: Graph, value: int, repeat: int, n: int) -> str:
    """A value as rows, ``(batch, repeat, n)``, of one row ``(batch, n)``."""
    tensor = g.tensor(value)
    if tensor.is_ours and tensor.sizes and tensor.sizes[-1] == n and (repeat == 1) == (len(tensor.sizes) == 1):
        return tensor.name
    return g.get(value, (n,) if repeat == 1 else (repeat, n))


def end(g: Graph, step: Step, tensor: Tensor) -> None:
    """Have the step's value: a tensor, through the step's activation."""
    record = BY_CODE[int(step.record["activation"])]
    if record.rowwise:
        repeat, _, n = sizes_of(step)
        tensor = g.formed(tensor, (n,) if repeat == 1 else (repeat, n))
    g.set(step.output, tensor.renamed(activated(g, tensor.name, record, float(step.record["parameter"]))))


def kept(g: Graph, step: Step, value: int, n: int) -> Tensor:
    """A value as it is there, where its last axis has ``n`` numbers, else as rows of as many."""
    tensor = g.tensor(value)
    if tensor.sizes and tensor.sizes[-1] == n:
        return tensor
    repeat = int(step.record["repeat"])
    sizes = (n,) if repeat == 1 else (repeat, n)
    return Tensor(g.get(value, sizes), sizes, tuple(range(len(sizes))))


def along(tensor: Tensor, numbers: npt.ArrayLike) -> np.ndarray:
    """Numbers of our last axis in a shape that meets that axis of the tensor."""
    behind = len(tensor.order) - 1 - tensor.order.index(len(tensor.sizes) - 1)
    return np.asarray(numbers).reshape(-1, *(1,) * behind)


@writes("dense")
def dense(g: Graph, step: Step) -> None:
    repeat, n_in, n_out = sizes_of(step)
    w, b = step.arrays.w, step.arrays.b
    tensor = g.tensor(step.inputs[0])
    lead = tensor.sizes[:-1] if tensor.is_ours and tensor.sizes[-1:] == (n_in,) else (repeat,) if repeat > 1 else ()
    x = g.get(step.inputs[0], (*lead, n_in))
    has_bias = np.ndim(b) > 0
    if not lead:
        inputs = [x, g.constant(w, "kernel"), *([g.constant(b, "bias")] if has_bias else [])]
        y = g.add("Gemm", inputs)
    else:
        y = g.add("MatMul", [x, g.constant(w, "kernel")])
        y = g.add("Add", [y, g.constant(b, "bias")]) if has_bias else y
    sizes = (*lead, n_out)
    end(g, step, Tensor(y, sizes, tuple(range(len(sizes)))))


@writes("dropout")
@writes("alpha_dropout")
@writes("noise")
def idle(g: Graph, step: Step) -> None:
    """What acts in training alone."""
    g.set(step.output, g.tensor(step.inputs[0]))


@writes("activation")
def activation(g: Graph, step: Step) -> None:
    end(g, step, g.tensor(step.inputs[0]))


@writes("scale")
def scale(g: Graph, step: Step) -> None:
    x = kept(g, step, step.inputs[0], int(step.record["n_out"]))
    g.set(step.output, x.renamed(g.add("Mul", [x.name, g.constant(along(x, step.arrays.w.reshape(-1)), "scale")])))


@writes("prelu")
def prelu(g: Graph, step: Step) -> None:
    x = kept(g, step, step.inputs[0], int(step.record["n_out"]))
    slope = g.constant(along(x, step.arrays.w.reshape(-1)), "alpha")
    g.set(step.output, x.renamed(g.add("PRelu", [x.name, slope])))


@writes("rescale")
def rescale(g: Graph, step: Step) -> None:
    x = g.tensor(step.inputs[0])
    factor, offset = (float(number) for number in step.record["numbers"][:2])
    y = g.add("Mul", [x.name, g.constant(factor, "scale")])
    g.set(step.output, x.renamed(g.add("Add", [y, g.constant(offset, "offset")]) if offset else y))


@writes("standardize")
def standardize(g: Graph, step: Step) -> None:
    n = int(step.record["n_out"])
    x = kept(g, step, step.inputs[0], n)
    mean, variance = (step.arrays.vector(i, n) for i in (0, 1))
    deviation = g.constant(along(x, np.maximum(np.sqrt(variance), variance.dtype.type(LEAST))), "deviation")
    middle = g.constant(along(x, mean), "mean")
    if step.arrays.sizes.inverts:
        y = g.add("Add", [g.add("Mul", [x.name, deviation]), middle])
    else:
        y = g.add("Div", [g.add("Sub", [x.name, middle]), deviation])
    g.set(step.output, x.renamed(y))


@writes("normalize")
def normalize(g: Graph, step: Step) -> None:
    repeat, n, _ = sizes_of(step)
    length, stride = (int(size) for size in step.record["geometry"][:2])
    sizes = (repeat * n // (length * stride), length, stride)
    x = g.get(step.inputs[0], sizes)
    norm = g.add("Max", [g.reduced("ReduceL2", x, [2]), g.constant(1 / MOST, "least")])
    g.set(step.output, Tensor(g.add("Div", [x, norm]), sizes, (0, 1, 2)))


@writes("merge")
def merge(g: Graph, step: Step) -> None:
    repeat, _, n = sizes_of(step)
    join = Join(int(step.record["geometry"][0]))
    tensors = [g.tensor(value) for value in step.inputs]
    same = {(tensor.sizes, tensor.order) for tensor in tensors}
    if len(same) == 1:
        names, form = [tensor.name for tensor in tensors], tensors[0]
    elif len(ours := {tensor.sizes for tensor in tensors}) == 1:
        form = next((tensor for tensor in tensors if not tensor.is_ours), tensors[0])
        names = [g.get(value, form.sizes, form.order) for value in step.inputs]
        assert ours
    else:
        widths = [math.prod(tensor.sizes) // repeat for tensor in tensors]
        names = [
            g.get(v, (width,) if repeat == 1 else (repeat, width)) for v, width in zip(step.inputs, widths, strict=True)
        ]
        sizes = (n,) if repeat == 1 else (repeat, n)
        form = Tensor("", sizes, tuple(range(len(sizes))))
    end(g, step, form.renamed(_joined(g, join, names)))


def _joined(g: Graph, join: Join, names: list[str]) -> str:
    op = {Join.ADD: "Sum", Join.AVERAGE: "Mean", Join.MAXIMUM: "Max", Join.MINIMUM: "Min"}.get(join)
    if op is not None and not (join == Join.ADD and len(names) == 2):
        return g.add(op, names)
    made, rest = names[0], names[1:]
    for name in rest:
        made = g.add({Join.ADD: "Add", Join.SUBTRACT: "Sub", Join.MULTIPLY: "Mul"}[join], [made, name])
    return made


@writes("concatenate")
def concatenate(g: Graph, step: Step) -> None:
    repeat, _, n = sizes_of(step)
    tensors = [g.tensor(value) for value in step.inputs]
    lead = tensors[0].sizes[:-1]
    fits = lead and all(tensor.sizes[:-1] == lead and tensor.order == tensors[0].order for tensor in tensors)
    if fits and math.prod(lead) == repeat:
        axis = tensors[0].order.index(len(lead)) + 1
        form = Tensor("", (*lead, n), tensors[0].order)
        g.set(step.output, form.renamed(g.add("Concat", [tensor.name for tensor in tensors], axis=axis)))
        return
    widths = [math.prod(tensor.sizes) // repeat for tensor in tensors]
    names = [
        g.get(v, (width,) if repeat == 1 else (repeat, width)) for v, width in zip(step.inputs, widths, strict=True)
    ]
    g.rows(step.output, g.add("Concat", names, axis=-1), repeat, n)


@writes("dot")
def dot(g: Graph, step: Step) -> None:
    m, k, n, first, second = (int(size) for size in step.record["geometry"][:5])
    a = g.get(step.inputs[0], (k, m), (1, 0)) if first else g.get(step.inputs[0], (m, k))
    b = g.get(step.inputs[1], (n, k), (1, 0)) if second else g.get(step.inputs[1], (k, n))
    g.set(step.output, Tensor(g.add("MatMul", [a, b]), (m, n), (0, 1)))


@writes("mask")
def mask(g: Graph, step: Step) -> None:
    repeat, n, _ = sizes_of(step)
    x = g.get(step.inputs[0], (repeat, n))
    value = float(step.record["numbers"][0])
    if math.isnan(value):
        differs = g.add("Not", [g.add("And", [g.add("IsNaN", [x]), g.add("Not", [g.add("IsNaN", [x])])])])
    else:
        differs = g.add("Not", [g.add("Equal", [x, g.constant(value, "masked")])])
    ones = g.add("Cast", [differs], to=g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype))
    g.set(step.output, Tensor(g.reduced("ReduceMax", ones, [2]), (repeat, 1), (0, 1)))


def there(g: Graph, value: int, sizes: tuple[int, ...]) -> str:
    """Where a mask is not 0."""
    return g.add("Not", [g.add("Equal", [g.get(value, sizes), g.constant(0.0, "zero")])])


@writes("blank")
def blank(g: Graph, step: Step) -> None:
    repeat, n, _ = sizes_of(step)
    counts = there(g, step.inputs[1], (repeat, 1))
    y = g.add("Where", [counts, g.get(step.inputs[0], (repeat, n)), g.constant(0.0, "zero")])
    g.set(step.output, Tensor(y, (repeat, n), (0, 1)))


@writes("masked_mean")
def masked_mean(g: Graph, step: Step) -> None:
    rows, n = int(step.record["geometry"][0]), int(step.record["n_out"])
    counts = there(g, step.inputs[1], (rows, 1))
    x = g.add("Where", [counts, g.get(step.inputs[0], (rows, n)), g.constant(0.0, "zero")])
    ones = g.add("Cast", [counts], to=g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype))
    number = g.add("Max", [g.reduced("ReduceSum", ones, [1], False), g.constant(1.0, "one")])
    y = g.add("Div", [g.reduced("ReduceSum", x, [1], False), number])
    g.set(step.output, Tensor(y, (n,), (0,)))


@writes("embedding")
def embedding(g: Graph, step: Step) -> None:
    repeat, _, n = sizes_of(step)
    tensor = g.ids.get(step.inputs[0]) or g.tensor(step.inputs[0])
    sizes = tensor.sizes if tensor.is_ours and tensor.sizes != (1,) else (repeat,) if repeat > 1 else ()
    ids = g.formed(tensor, sizes).name
    if step.inputs[0] not in g.ids:
        ids = g.add("Cast", [ids], to=g.onnx.TensorProto.INT64)
    y = g.add("Gather", [g.constant(step.arrays.w, "embeddings"), ids], axis=0)
    sizes = (*sizes, n)
    g.set(step.output, Tensor(y, sizes, tuple(range(len(sizes)))))


@writes("position")
def position(g: Graph, step: Step) -> None:
    tensor = g.tensor(step.inputs[0])
    numbers = step.arrays.parameter(step.record["w"], step.arrays.sizes.size)
    x = g.get(step.inputs[0], tensor.sizes)
    n = int(np.prod(tensor.sizes[1:]))
    table = g.constant(numbers.reshape(-1, *tensor.sizes[1:]), "positions")
    shape = g.add("Shape", [x])
    if len(numbers) != int(step.record["n_out"]) or tensor.sizes[0] in g.open_sizes:
        if len(numbers) % n:
            raise ValueError(f"the positions of {step.layer} are no whole steps of {tensor.sizes}")
        steps = g.add("Slice", [shape, g.whole([1]), g.whole([2])])
        table = g.add("Slice", [table, g.whole([0]), steps, g.whole([0])])
    y = g.add("Expand", [table, shape])
    g.set(step.output, Tensor(y, tensor.sizes, tuple(range(len(tensor.sizes)))))
