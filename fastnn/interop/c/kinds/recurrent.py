"""Cells over the steps of a sequence."""

from __future__ import annotations

from typing import Any

from fastnn._ops import gru as gru_kind
from fastnn._ops import lstm as lstm_kind
from fastnn._ops import simple_rnn as simple_kind
from fastnn._ops.recurrent import Cell, has_two_biases, input_bias, recurrent_bias, recurrent_kernel
from fastnn.interop.c.function import NOTHING, Function, activation
from fastnn.interop.c.text import real
from fastnn.interop.program import Step


def simple_rnn(f: Function, step: Step) -> None:
    _recur(f, step, simple_kind.CELL, "simple_cell")


def lstm(f: Function, step: Step) -> None:
    _recur(f, step, lstm_kind.CELL, "lstm_cell")


def gru(f: Function, step: Step) -> None:
    _recur(f, step, gru_kind.CELL, "gru_cell" if has_two_biases(step.record) else "gru_cell_before")


def _recur(f: Function, step: Step, cell: Cell, piece: str) -> None:
    sizes, n = step.arrays.sizes, int(step.record["n_out"])
    layer = f.struct(step, "recurrent", _layer(f, step, cell, piece))
    z = f.room(step, "z", n * {"gru_cell": 6, "gru_cell_before": 4}.get(piece, cell.n_gates))
    states = [f.room(step, name, n) for name in ("h", "c")[: cell.n_states]]
    for i, state in enumerate(states):
        if sizes.started:
            f.call("copy_numbers", f.x(step, len(step.inputs) - cell.n_states + i), n, state)
        else:
            f.call("zero_numbers", n, state)
    f.needs.add(piece)
    mask = f.x(step, 1) if sizes.masked else NOTHING
    f.call("recur", layer, piece, f.x(step), mask, z, states[0], states[1] if len(states) > 1 else NOTHING, f.y(step))
    for i, state in enumerate(states if sizes.states else ()):
        first = (int(step.record["repeat"]) if sizes.sequences else 1) * n + i * n
        f.call("copy_numbers", state, n, f"{f.y(step)} + {first}")


def _layer(f: Function, step: Step, cell: Cell, piece: str) -> dict[str, object]:
    """The fields of the struct."""
    sizes, op, n = step.arrays.sizes, step.record, int(step.record["n_out"])
    u = recurrent_kernel(op, step.arrays, cell)
    fields: dict[str, Any] = {"steps": int(op["repeat"]), "n_in": int(op["n_in"]), "n": n}
    fields |= {name: getattr(sizes, name) for name in ("reads_back", "writes_back", "sequences", "zeros")}
    fields["w"], fields["w_scale"] = f.weights(step, "kernel", step.arrays.w)
    if piece == "gru_cell_before":
        fields["u_g"], fields["u_g_scale"] = f.weights(step, "recurrent_kernel_of_g", u[:, 2 * n :])
        u = u[:, : 2 * n]
    fields["u"], fields["u_scale"] = f.weights(step, "recurrent_kernel", u)
    if op["b"] >= 0:
        fields["b"] = f.table(step, "bias", input_bias(op, step.arrays, cell))
        if has_two_biases(op):
            fields["b_u"] = f.table(step, "recurrent_bias", recurrent_bias(op, step.arrays, cell))
    for name, code, parameter in (("gate", sizes.gate, op["numbers"][0]), ("act", op["activation"], op["parameter"])):
        fields[name], fields[f"{name}_p"] = activation(int(code)), real(parameter)
        f.needs.add(fields[name])
    return fields
