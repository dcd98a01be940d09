"""Recurrent layers give what the ONNX standard's own cases expect, where their arguments reach.

Every case is a network of ours, or the reason why it is none: cases and reasons are counted.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on
from oracles import onnx_cases
from tolerance import assert_close

from fastnn import Model, layers
from fastnn.layers import Bidirectional, Input

CELLS = {  # ours, and the places of our gates among the standard's
    "RNN": (layers.SimpleRNN, [0]),
    "LSTM": (layers.LSTM, [0, 2, 3, 1]),
    "GRU": (layers.GRU, [0, 1, 2]),
}
EXPECTED = {"RNN": (6, 0), "LSTM": (5, 1), "GRU": (6, 0)}  # cases that pass, and others
NAMES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


class Outside(Exception):
    """Why no layer of ours computes a case."""


def told(case) -> dict:
    kinds = {1: lambda a: a.f, 2: lambda a: a.i, 3: lambda a: a.s.decode(), 7: lambda a: list(a.ints)}
    return {a.name: kinds.get(a.type, lambda a: a)(a) for a in case.model.graph.node[0].attribute}


def arrays(case, names) -> dict:
    """Inputs by their names in the standard; those that are left out have none."""
    given = iter(case.data_sets[0][0])
    return {name: next(given) for name, there in zip(names, case.model.graph.node[0].input, strict=False) if there}


def recurrent(case, backend):
    """Layers and weights, inputs, and outputs with what is expected of them."""
    node, how = case.model.graph.node[0], told(case)
    kind, order = CELLS[node.op_type]
    given = arrays(case, NAMES)
    if "P" in given or ("sequence_lens" in given and len(set(given["sequence_lens"].tolist())) > 1):
        raise Outside("peepholes" if "P" in given else "lengths in place of a mask")
    x, batch_first = given["X"], how.get("layout", 0)
    x = x if batch_first else x.swapaxes(0, 1)
    if "initial_h" in given and np.any(given["initial_h"]):
        raise Outside("states before the first step")
    both, back = how.get("direction") == "bidirectional", how.get("direction") == "reverse"
    after = bool(how.get("linear_before_reset", 0))
    layer = kind(
        how["hidden_size"],
        return_sequences=True,
        return_state=True,
        go_backwards=back,
        **({"reset_after": after} if kind is layers.GRU else {}),
    )
    edge = Input(x.shape[1:])
    made = (Bidirectional(layer) if both else layer)(edge)
    weights = [array for i in range(1 + both) for array in cell_weights(given, i, order, after and kind is layers.GRU)]
    names = dict(zip(("Y", "Y_h", "Y_c"), node.output, strict=False))
    wanted = dict(zip([name for name in names if names[name]], case.data_sets[0][1], strict=True))
    right = expected(wanted, both, batch_first, layer.cell.n_states)
    if back and 0 in right:  # the standard's outputs stand where the steps do
        right[0] = right[0][:, ::-1]
    return Model(edge, made, dtype=dtype_on(backend), backend=backend), weights, x, right


def cell_weights(given, direction, order, has_two_biases):
    """Kernels and bias of one direction, with our order of gates."""
    n = len(order)

    def ours(array):
        return np.concatenate([np.split(array, n)[i] for i in order]).T

    kernels = [ours(given[name][direction]) for name in ("W", "R")]
    of_input, of_state = np.split(given["B"][direction] if "B" in given else np.zeros(2 * kernels[0].shape[1]), 2)
    biases = [ours(of_input), ours(of_state)]
    return [*kernels, np.stack(biases) if has_two_biases else biases[0] + biases[1]]


def expected(wanted, both, batch_first, n_states):
    """By the number of our output what the standard expects: the steps, then the states of each direction."""
    found = {}
    for name, y in wanted.items():
        if (
            name == "Y"
        ):  # (steps, directions, batch, units), or with the batch in front (batch, steps, directions, units)
            y = y if batch_first else y.transpose(2, 0, 1, 3)
            found[0] = y.reshape(*y.shape[:2], -1)
            continue
        y = y.swapaxes(0, 1) if batch_first else y  # (directions, batch, units)
        found |= {1 + i * n_states + (name == "Y_c"): y[i] for i in range(1 + both)}
    return found


@EVERY_BACKEND
@pytest.mark.parametrize("kind", EXPECTED)
def test_the_standards_own_cases_give_what_it_expects(kind, name):
    counted: Counter[str] = Counter()
    for case in onnx_cases(kind.lower(), kind):
        try:
            model, weights, x, right = recurrent(case, name)
        except Outside as reason:
            counted[str(reason)] += 1
            continue
        counted["passed"] += 1
        model.set_weights(weights)
        made = model.predict(x)
        made = made if isinstance(made, list) else [made]
        for i, y in right.items():
            assert_close(made[i], y, np.float32, 100)
    passed = counted.pop("passed")
    assert (passed, counted.total()) == EXPECTED[kind], counted
