"""Recurrent layers and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._ops import recurrent as recurrent_kind
from fastnn._ops.activation import BY_CODE
from fastnn.interop import gates
from fastnn.interop.onnx import scanning
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.onnx.writers import sizes_of, there, writes
from fastnn.interop.program import Step

if TYPE_CHECKING:
    pass

KINDS = {"simple_rnn": ("SimpleRNN", "RNN"), "lstm": ("LSTM", "LSTM"), "gru": ("GRU", "GRU")}
STANDARD = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign", "softplus": "Softplus"}
LEAST = -1e30  # a logit that counts for nothing


class Recurrence:
    """One recurrent operation: its weights in our order, and the names of what it reads."""

    def __init__(self, g: Graph, step: Step):
        self.step, self.size, self.cell = step, step.arrays.sizes, _cell(step)
        self.steps, self.n_in, self.n = sizes_of(step)
        self.kind, self.node = KINDS[step.op.name]
        self.kernel = step.arrays.w
        self.recurrent = recurrent_kind.recurrent_kernel(step.record, step.arrays, self.cell)
        self.has_bias = int(step.record["b"]) >= 0
        self.two_biases = bool(recurrent_kind.has_two_biases(step.record))
        n = self.cell.n_gates * self.n
        self.bias = recurrent_kind.input_bias(step.record, step.arrays, self.cell) if self.has_bias else np.zeros(n)
        self.state_bias = recurrent_kind.recurrent_bias(step.record, step.arrays, self.cell)
        self.of_gates, self.of_cell = BY_CODE[int(self.size.gate)], BY_CODE[int(step.record["activation"])]
        self.numbers = float(step.record["numbers"][0]), float(step.record["parameter"])
        self.back = bool(self.size.reads_back)
        self.x = g.steps_first(step.inputs[0], self.steps, self.n_in)
        self.starts = [g.get(value, (self.n,)) for value in step.inputs[-self.cell.n_states :]]
        if not self.size.started:
            self.starts = []

    @property
    def is_standard(self) -> bool:
        """Whether ONNX' own node computes it."""
        return not self.size.masked and {self.of_gates.name, self.of_cell.name} <= STANDARD.keys()


def _cell(step: Step) -> Any:
    from fastnn._ops import gru, lstm, simple_rnn

    return {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}[step.op.name].CELL


@writes("simple_rnn")
@writes("lstm")
@writes("gru")
def recurrent(g: Graph, step: Step) -> None:
    r = Recurrence(g, step)
    ys, last, states = _by_node(g, r) if r.is_standard else scanning.by_scan(g, r)
    if not r.size.sequences:
        pieces = [Tensor(last, (r.n,), (0,))]
    else:
        if bool(r.size.writes_back) != r.back:
            ys = g.add("Slice", [ys, g.whole([-1]), g.whole([np.iinfo(np.int64).min]), g.whole([0]), g.whole([-1])])
        turned = g.add("Transpose", [ys], perm=[1, 0, 2])
        pieces = [Tensor(turned, (r.steps, r.n), (0, 1))]
    if r.size.states:
        pieces += [Tensor(state, (r.n,), (0,)) for state in states]
        g.set_pieces(step.output, pieces)
        return
    g.set(step.output, pieces[0])
    if r.size.sequences:
        g.in_steps[step.output] = ys


def _by_node(g: Graph, r: Recurrence) -> tuple[str, str, list[str]]:
    """The outputs ``(steps, batch, units)``, each where its step is, the last one, and the last states."""
    bias = np.stack([r.bias, r.state_bias]) if r.two_biases else r.bias
    w, *rest = gates.to_onnx(r.kind, r.kernel, r.recurrent, bias if r.has_bias else None)
    names = [g.constant(array[None], hint) for array, hint in zip((w, *rest), ("W", "R", "B"), strict=False)]
    inputs = [r.x, *names, *([""] if len(names) < 3 else []), ""]
    inputs += [g.add("Unsqueeze", [start, g.whole([0])]) for start in r.starts]
    gate, cell = STANDARD[r.of_gates.name], STANDARD[r.of_cell.name]
    told: dict[str, object] = {"hidden_size": r.n, "direction": "reverse" if r.back else "forward"}
    told["activations"] = {"RNN": [cell], "LSTM": [gate, cell, cell], "GRU": [gate, cell]}[r.node]
    if r.node == "GRU":
        told["linear_before_reset"] = int(r.two_biases)
    while inputs[-1] == "":
        inputs.pop()
    y, *states = g.add(r.node, inputs, n=1 + r.cell.n_states, **told)
    states = [g.add("Squeeze", [state, g.whole([0])]) for state in states]
    return g.add("Squeeze", [y, g.whole([1])]), states[0], states


@writes("attention")
def attention(g: Graph, step: Step) -> None:
    s = step.arrays.sizes
    q, k, v = (
        g.get(value, (n, s.heads, width), order)
        for value, n, width, order in zip(
            step.inputs,
            (s.queries, s.keys, s.keys),
            (s.d, s.d, s.e),
            ((1, 0, 2), (1, 2, 0), (1, 0, 2)),
            strict=False,
        )
    )
    logits = g.add("MatMul", [q, k])
    scale = float(step.record["numbers"][0])
    logits = g.add("Mul", [logits, g.constant(scale, "scale")]) if scale != 1 else logits
    counts = _counting(g, step, logits)
    if counts:
        logits = g.add("Where", [counts, logits, g.constant(LEAST, "least")])
    weights = g.add("Softmax", [logits], axis=-1)
    if counts and s.mask_rows:  # a query for which no key counts gets zeros
        weights = g.add("Where", [counts, weights, g.constant(0.0, "zero")])
    y = Tensor(g.add("MatMul", [weights, v]), (s.queries, s.heads, s.e), (1, 0, 2))
    if not s.gives_weights:
        g.set(step.output, y)
        return
    scores = Tensor(weights, (s.heads, s.queries, s.keys), (0, 1, 2))
    g.set_pieces(step.output, [g.formed(y, (s.queries, s.heads * s.e)), scores])


def _counting(g: Graph, step: Step, logits: str) -> str | None:
    """Which keys count for which queries, None where all do."""
    s, found = step.arrays.sizes, list[str]()
    if s.mask_rows:
        found.append(there(g, step.inputs[3], (1, s.mask_rows, s.keys)))
    if s.causal:
        if s.queries in g.open_sizes or s.keys in g.open_sizes:
            found.append(_causal(g, logits))
        else:
            found.append(g.constant(np.tri(s.queries, s.keys, dtype=bool), "causal", np.bool_))
    if len(found) == 2:
        return g.add("And", found)
    return found[0] if found else None


def _causal(g: Graph, logits: str) -> str:
    """The same for lengths that differ."""
    shape, ranges = g.add("Shape", [logits]), []
    for axis in (2, 3):
        n = g.add("Squeeze", [g.add("Slice", [shape, g.whole([axis]), g.whole([axis + 1])])])
        ranges.append(g.add("Range", [g.whole(0), n, g.whole(1)]))
    return g.add("GreaterOrEqual", [g.add("Unsqueeze", [ranges[0], g.whole([1])]), ranges[1]])


@writes("recall")
def recall(g: Graph, step: Step) -> None:
    g.set(step.output, Tensor(g.state(step, before=True), (int(step.record["n_out"]),), (0,)))


@writes("remember")
def remember(g: Graph, step: Step) -> None:
    n = int(step.record["n_out"])
    g.nodes.append(g.onnx.helper.make_node("Identity", [g.get(step.inputs[0], (n,))], [g.state(step, before=False)]))
    g.set(step.output, g.tensor(step.inputs[0]))
