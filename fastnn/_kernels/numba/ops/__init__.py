"""The kernels of the op kinds, families in the table of kernels: a network compiles only the kinds it has.

Those of a kind are ``forward`` and ``backward`` of the file here that has its name; without a way back, the former.
Kinds that keep something of all batches have ``settle``, too.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
from numba import from_dtype, types

from fastnn._kernels.numba import table
from fastnn._kernels.numba.depthwise import WINDOWS, is_depthwise
from fastnn._kernels.numba.ops.arrays import Arrays, When
from fastnn._kernels.numba.table import ACTIVATE, BY_CHANNEL, GRADIENT, LOSS, PRODUCT, ROWS, STATISTIC, UPDATE, Family
from fastnn._kernels.numba.visits import VISIT
from fastnn._kernels.numba.windows import GATHER, HAND_BACK
from fastnn._ops import OPS
from fastnn._ops.conv import OP as CONV
from fastnn._ops.conv_transpose import OP as CONV_TRANSPOSE
from fastnn._plan.plan import Plan
from fastnn._plan.records import EDGE, OP, VALUE
from fastnn.activations import ActivationCode

KINDS = {code: import_module(f"{__name__}.{op.name}") for code, op in OPS.items()}


def _arguments(number: types.Float) -> tuple[types.Type, ...]:
    vector = number[::1]
    values, edges = (types.Array(from_dtype(record), 1, "C") for record in (VALUE, EDGE))
    arrays = (types.int64[::1], values, edges, vector, vector, vector, vector, types.int64[::1], vector)
    when = types.NamedTuple((types.int64,) * (len(When._fields) - 1) + (types.float64,), When)
    return from_dtype(OP), types.NamedTuple(arrays, Arrays), when


def _family(name: str) -> Family:
    kernels = {code: getattr(kind, name) for code, kind in KINDS.items() if hasattr(kind, name)}
    return Family(name, kernels, "op, arrays, when", types.void, _arguments)


MOVES_FORWARD = {CONV.code: GATHER, CONV_TRANSPOSE.code: HAND_BACK}
FORWARD, BACKWARD, SETTLE = _family("forward"), _family("backward"), _family("settle")
FORWARD.first = table.SIZE
BACKWARD.first = FORWARD.first + FORWARD.size()
SETTLE.first = BACKWARD.first + BACKWARD.size()
VISIT.first = SETTLE.first + SETTLE.size()
SIZE = VISIT.first + VISIT.size()
forward, backward, settle = FORWARD.caller(), BACKWARD.caller(), SETTLE.caller()


def has_gates(op: np.void) -> bool:
    return "gate" in OPS[int(op["kind"])].geometry


def gate(op: np.void) -> int:
    """The activation of its gates."""
    return int(OPS[int(op["kind"])].sizes(op).gate)


def needed(plan: Plan) -> list[tuple[Family, int]]:
    """The kernels that a plan uses."""
    kinds = {int(op["kind"]) for op in plan.ops}
    activations = {int(op["activation"]) for op in plan.ops} | {gate(op) for op in plan.ops if has_gates(op)}
    activations -= {int(ActivationCode.LINEAR)}  # left out by the ops
    fused = {int(loss["fused"]) for loss in plan.losses}
    wanted = [(PRODUCT, {0}), (ACTIVATE, activations | fused), (FORWARD, kinds), (VISIT, {0} if plan.has_own else ())]
    wanted += _of_convolutions(plan)
    if plan.training:
        wanted += [(GRADIENT, activations), (BACKWARD, kinds & BACKWARD.kernels.keys())]
        wanted += [(SETTLE, kinds & SETTLE.kernels.keys() if plan.settles else set())]
        wanted += [(LOSS, set(map(int, plan.losses["code"])))]
        wanted += [(STATISTIC, set(map(int, plan.metrics["statistic"]))), (UPDATE, {int(plan.optimizer["code"])})]
    return [(family, code) for family, codes in wanted for code in codes if code >= 0]


def _of_convolutions(plan: Plan) -> list[tuple[Family, set[int]]]:
    """What is compiled once for their ways there and back; by channel, of those that are depthwise."""
    rows: set[int] = set()
    channels: set[int] = set()
    for op in plan.ops.view(np.recarray):
        if op.kind not in MOVES_FORWARD:
            continue
        if is_depthwise.py_func(op, op.n_out):
            channels |= BY_CHANNEL.kernels.keys() if plan.training else {WINDOWS}
        else:
            rows |= ROWS.kernels.keys() if plan.training else {MOVES_FORWARD[op.kind]}
    return [(ROWS, rows), (BY_CHANNEL, channels)]
