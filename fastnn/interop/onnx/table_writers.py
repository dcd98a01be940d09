"""Writers of what networks for tables have: parametric activations, and numbers as waves."""

from __future__ import annotations

from fastnn._ops.activation import BY_CODE
from fastnn._ops.periodic import TURN
from fastnn.interop.onnx.activating import activated
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.onnx.writers import along, kept, sizes_of, writes
from fastnn.interop.program import Step


@writes("parametric")
def parametric(g: Graph, step: Step) -> None:
    x = kept(g, step, step.inputs[0], int(step.record["n_out"]))
    record = BY_CODE[int(step.record["activation"])]
    way = g.add("Sub", [activated(g, x.name, record, float(step.record["parameter"])), x.name])
    alpha = g.constant(along(x, step.arrays.w), "alpha")
    g.set(step.output, x.renamed(g.add("Add", [x.name, g.add("Mul", [alpha, way])])))


@writes("periodic")
def periodic(g: Graph, step: Step) -> None:
    repeat, n, n_out = sizes_of(step)
    a = step.arrays
    units, count, hands_on = a.sizes
    x = g.get(step.inputs[0], (repeat, n, 1))
    angles = g.add("Mul", [x, g.constant(a.w * a.w.dtype.type(TURN), "frequencies")])
    waves = g.add("Cos", [g.add("Add", [angles, g.constant(a.vector(0, n * count).reshape(n, count), "phases")])])
    kernel = a.vector(1, n * units * count).reshape(n, units, count)
    columns = g.add("Unsqueeze", [waves, g.whole([3], "axes")])
    mixed = g.add("MatMul", [columns, g.constant(kernel.transpose(0, 2, 1), "kernel")])
    bias = g.constant(a.parameter(step.record["b"], n * units).reshape(n, units), "bias")
    y = g.add("Add", [g.add("Squeeze", [mixed, g.whole([3], "axes")]), bias])
    y = g.add("Concat", [y, x], axis=-1) if hands_on else y
    sizes = repeat, n, n_out // n
    g.set(step.output, Tensor(y, sizes, (0, 1, 2)))
