"""Recurrent layers that ONNX' own nodes do not know, step by step: with masks, and with other activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn.interop.onnx.activating import activated
from fastnn.interop.onnx.graph import Graph
from fastnn.interop.onnx.writers import there

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from fastnn.interop.onnx.sequence_writers import Recurrence


class Body(Graph):
    """The graph of one step, whose numbers stand in the one around it."""

    def __init__(self, outer: Graph):
        super().__init__(outer.onnx, outer.dtype, outer.opset, outer.open_sizes)
        self.outer, self.layer = outer, outer.layer

    def name(self, hint: str) -> str:
        return self.outer.name(hint)

    def constant(self, array: object, hint: str = "constant", dtype: npt.DTypeLike | None = None) -> str:
        return self.outer.constant(array, hint, dtype)


def by_scan(g: Graph, r: Recurrence) -> tuple[str, str, list[str]]:
    """The outputs ``(steps, batch, units)``, each where its step is, the last one, and the last states."""
    gates = g.add("Add", [g.add("MatMul", [r.x, g.constant(r.kernel, "kernel")]), g.constant(r.bias, "bias")])
    read = [gates]
    if r.size.masked:
        counts = there(g, r.step.inputs[1], (r.steps, 1))
        read.append(g.add("Transpose", [counts], perm=[1, 0, 2]))
    starts = r.starts or [_zeros(g, r.x, r.n)] * r.cell.n_states
    begin = [*starts, _zeros(g, r.x, r.n)]
    back = [int(r.back)] * len(read)
    made = g.add(
        "Scan",
        [*begin, *read],
        n=len(begin) + 1,
        body=_body(g, r),
        num_scan_inputs=len(read),
        scan_input_directions=back,
        scan_output_directions=back[:1],
    )
    *states, last, ys = made
    return ys, last, states


def _zeros(g: Graph, x: str, n: int) -> str:
    """``(batch, n)``, the batch being the second axis of an array."""
    rows = g.add("Slice", [g.add("Shape", [x]), g.whole([1]), g.whole([2])])
    shape = g.add("Concat", [rows, g.whole([n])], axis=0)
    return g.add("ConstantOfShape", [shape], value=g.onnx.numpy_helper.from_array(np.zeros(1, g.dtype)))


def _body(g: Graph, r: Recurrence) -> onnx.GraphProto:
    body, helper = Body(g), g.onnx.helper
    dtype = helper.np_dtype_to_tensor_dtype(g.dtype)
    told = ("h", "c")[: r.cell.n_states]
    states = [g.name(f"{g.layer}/{name}") for name in told]
    before, z = g.name(f"{g.layer}/before"), g.name(f"{g.layer}/z")
    inputs = [helper.make_tensor_value_info(name, dtype, ["rows", r.n]) for name in (*states, before)]
    inputs.append(helper.make_tensor_value_info(z, dtype, ["rows", r.n * r.cell.n_gates]))
    mask = g.name(f"{g.layer}/counts") if r.size.masked else None
    if mask:
        inputs.append(helper.make_tensor_value_info(mask, g.onnx.TensorProto.BOOL, ["rows", 1]))
    after = {"SimpleRNN": _simple_rnn, "LSTM": _lstm, "GRU": _gru}[r.kind](body, r, z, states)
    y = after[0]
    if mask:
        after = [body.add("Where", [mask, new, old]) for new, old in zip(after, states, strict=True)]
        other = body.constant(0.0, "zero") if r.size.zeros else before
        y = body.add("Where", [mask, y, other])
    ends = [body.add("Identity", [name]) for name in (*after, y, y)]
    outputs = [helper.make_tensor_value_info(name, dtype, ["rows", r.n]) for name in ends]
    return helper.make_graph(body.nodes, g.name(f"{g.layer}/step"), inputs, outputs)


def _gate(b: Body, r: Recurrence, z: str) -> str:
    return activated(b, z, r.of_gates, r.numbers[0])


def _cell(b: Body, r: Recurrence, z: str) -> str:
    return activated(b, z, r.of_cell, r.numbers[1])


def _split(b: Body, z: str, n: int, units: int) -> list[str]:
    return b.add("Split", [z, b.whole([units] * n, "split")], n=n, axis=-1)


def _simple_rnn(b: Body, r: Recurrence, z: str, states: list[str]) -> list[str]:
    part = b.add("MatMul", [states[0], b.constant(r.recurrent, "recurrent")])
    return [_cell(b, r, b.add("Add", [z, part]))]


def _lstm(b: Body, r: Recurrence, z: str, states: list[str]) -> list[str]:
    part = b.add("MatMul", [states[0], b.constant(r.recurrent, "recurrent")])
    i, f, g, o = _split(b, b.add("Add", [z, part]), 4, r.n)
    i, f, g, o = _gate(b, r, i), _gate(b, r, f), _cell(b, r, g), _gate(b, r, o)
    c = b.add("Add", [b.add("Mul", [f, states[1]]), b.add("Mul", [i, g])])
    return [b.add("Mul", [o, _cell(b, r, c)]), c]


def _gru(b: Body, r: Recurrence, z: str, states: list[str]) -> list[str]:
    h, u, n = states[0], r.recurrent, r.n
    of_z, of_r, of_g = _split(b, z, 3, n)
    part = b.add("MatMul", [h, b.constant(u[:, : 2 * n], "recurrent")])
    if r.two_biases:
        part = b.add("Add", [part, b.constant(r.state_bias[: 2 * n], "state_bias")])
    part_z, part_r = _split(b, part, 2, n)
    update, reset = _gate(b, r, b.add("Add", [of_z, part_z])), _gate(b, r, b.add("Add", [of_r, part_r]))
    kernel = b.constant(u[:, 2 * n :], "recurrent_g")
    if r.two_biases:
        state = b.add("Add", [b.add("MatMul", [h, kernel]), b.constant(r.state_bias[2 * n :], "state_bias_g")])
        state = b.add("Mul", [reset, state])
    else:
        state = b.add("MatMul", [b.add("Mul", [reset, h]), kernel])
    new = _cell(b, r, b.add("Add", [of_g, state]))
    rest = b.add("Sub", [b.constant(1.0, "one"), update])
    return [b.add("Add", [b.add("Mul", [update, h]), b.add("Mul", [rest, new])])]
