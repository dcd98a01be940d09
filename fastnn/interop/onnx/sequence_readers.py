"""Recurrent nodes and attention."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn import activations
from fastnn.interop import gates
from fastnn.interop.building.values import BATCH, ROWS, Value, check_repeated
from fastnn.interop.onnx.array_readers import constant
from fastnn.interop.onnx.nodes import Node, Reader, compressed, reads

if TYPE_CHECKING:
    from fastnn.activations import Activation
    from fastnn.interop.onnx.nodes import AnyArray

KINDS = {"RNN": ("SimpleRNN", 1, 1), "LSTM": ("LSTM", 4, 2), "GRU": ("GRU", 3, 1)}  # gates and states
USUAL = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
ACTIVATIONS = {
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softsign": "softsign",
    "softplus": "softplus",
}
MASKED = -1e4  # a number that is added to a logit at most this large takes the key away


@reads("LSTM", "GRU", "RNN")
def recurrent(r: Reader, node: Node) -> list[Value | None]:
    kind, n_gates, n_states = KINDS[node.op]
    first = bool(node.get("layout", 0))
    x = r.value(node) if first else r.build.transpose(r.value(node), (1, 0, 2))
    direction = node.get("direction", "forward")
    n = 2 if direction == "bidirectional" else 1
    _check(r, node, x, n_gates)
    how = _activations(node, kind, n)
    if kind == "GRU":
        how["reset_after"] = bool(node.get("linear_before_reset", 0))
    weights = _weights(r, node, kind, n, bool(how.get("reset_after", True)))
    starts = _starts(r, node, x, first, n, n_states, len(weights[0][1]))
    y, states = r.build.recurrent(
        kind, x, weights, starts=starts, backwards=direction == "reverse", name=node.layer, **how
    )
    return [_steps(r, y, n, first), *_ends(r, states, n, n_states, first)]


def _check(r: Reader, node: Node, x: Value, n_gates: int) -> None:
    lengths = r.array(node, 4)
    if lengths is not None and np.any(lengths != x.sizes[1]):
        raise ValueError("lengths of its own for each sequence have no counterpart; a mask has")
    if r.has(node, 7):
        raise ValueError("peepholes have no counterpart")
    if node.get("clip") is not None or node.get("input_forget", 0):
        raise ValueError("clip and input_forget have no counterpart")


def _activations(node: Node, kind: str, n: int) -> dict[str, object]:
    """Arguments of the layer that say its activations."""
    names = node.get("activations") or USUAL[node.op] * n
    alphas, betas = list(node.get("activation_alpha") or []), list(node.get("activation_beta") or [])
    told = [_activation(name, alphas, betas) for name in names]
    count = len(USUAL[node.op])
    if any(told[i] != told[i % count] for i in range(len(told))):
        raise ValueError(f"other activations of each direction have no counterpart, {names}")
    if node.op == "RNN":
        return {"activation": told[0]}
    if node.op == "LSTM" and told[1] != told[2]:
        raise ValueError(f"two activations of the cell that differ have no counterpart, {names}")
    return {"activation": told[1], "recurrent_activation": told[0]}


def _activation(name: str, alphas: list[float], betas: list[float]) -> str | Activation:
    low = name.lower()
    if low in ACTIVATIONS:
        return ACTIVATIONS[low]
    if low == "leakyrelu":
        return activations.get("leaky_relu", negative_slope=alphas.pop(0) if alphas else 0.01)
    if low == "elu":
        return activations.get("elu", alpha=alphas.pop(0) if alphas else 1.0)
    if low in ("hardsigmoid", "affine"):
        alpha, beta = (alphas.pop(0) if alphas else None), (betas.pop(0) if betas else None)
        if low == "affine" and (alpha, beta) in ((1.0, 0.0), (1.0, None)):
            return "linear"
        if low == "hardsigmoid" and alpha is not None and math.isclose(alpha, 1 / 6, rel_tol=1e-5):
            return "hard_sigmoid"
    raise ValueError(f"activation {name!r} with its numbers has no counterpart")


def _weights(r: Reader, node: Node, kind: str, n: int, after: bool) -> list[list[np.ndarray]]:
    w, u, b = (r.array(node, i) for i in (1, 2, 3))
    return [gates.from_onnx(kind, w[i], u[i], None if b is None else b[i], after) for i in range(n)]


def _starts(r: Reader, node: Node, x: Value, first: bool, n: int, n_states: int, units: int) -> list[Value] | None:
    """States that each direction begins with, None for zeros."""
    found: list[list[Value]] = [[] for _ in range(n)]
    given = [r.env[node.inputs[i]] if r.has(node, i) else None for i in (5, 6)[:n_states]]
    if all(one is None or (isinstance(one, np.ndarray) and not np.any(compressed(one))) for one in given):
        return None
    for one in given:
        if one is None:
            one = np.zeros((1, 1, 1), np.float32)
        if isinstance(one, Value):
            one = one if first else r.build.transpose(one, (1, 0, 2))
            for i in range(n):
                found[i].append(r.build.squeeze(r.build.slice(one, 1, i, i + 1), [1]))
            continue
        one = compressed(one if first else one.transpose(1, 0, 2))
        if len(one) != 1 and np.any(one != one[:1]):
            raise ValueError("known states that differ from row to row of the batch have no counterpart")
        one = np.broadcast_to(one[:1], (1, n, units))
        for i in range(n):
            found[i].append(constant(r, one[:, i], (ROWS, units), r.build.reduce(x, "max", [1], False)))
    return [state for states in found for state in states]


def _steps(r: Reader, y: Value, n: int, first: bool) -> Value:
    """The outputs as ONNX has them, ``(steps, directions, batch, units)``."""
    batch, steps, width = y.sizes
    split = r.build.reshape(y, (batch, steps, n, width // n))
    made = split if first else r.build.transpose(split, (1, 2, 0, 3))
    if y.made is None:
        return made
    other = r.build.reshape(y.made.in_reverse, (batch, steps, 1, width))
    other = other if first else r.build.transpose(other, (1, 2, 0, 3))
    return replace(made, made=replace(y.made, in_reverse=other, axis=1 if first else 0))


def _ends(r: Reader, states: list[Value], n: int, n_states: int, first: bool) -> list[Value]:
    found = []
    for k in range(n_states):
        parts = [r.build.unsqueeze(states[i * n_states + k], [1]) for i in range(n)]
        made = r.build.concatenate(parts, 1) if n > 1 else parts[0]
        found.append(made if first else r.build.transpose(made, (1, 0, 2)))
    return found


@reads("Attention")
def attention(r: Reader, node: Node) -> list[Value]:
    if r.has(node, 6) or any(node.outputs[3:]):
        raise ValueError("lengths of padding, and the products as an output, have no counterpart")
    if node.get("softcap", 0.0):
        raise ValueError("softcap has no counterpart")
    q, k, v = (r.value(node, i) for i in range(3))
    flat = q.rank == 3
    if flat:
        heads = node.get("q_num_heads"), node.get("kv_num_heads"), node.get("kv_num_heads")
        q, k, v = (_in_heads(r, x, n) for x, n in zip((q, k, v), heads, strict=True))
    before = 0
    if r.has(node, 4):
        before = r.value(node, 4).sizes[2]
        k, v = (r.build.concatenate([r.value(node, i), x], 2) for i, x in ((4, k), (5, v)))
    present = [k, v]
    if k.sizes[1] != q.sizes[1]:
        again = q.sizes[1] // k.sizes[1]
        k, v = (r.build.upsample(x, [1, again, 1, 1]) for x in (k, v))
    mask = r.env[node.inputs[3]] if r.has(node, 3) else None
    causal = bool(node.get("is_causal", 0))
    if causal and (before or mask is not None):
        causal, mask = False, _with_causal(mask, q.sizes[2], k.sizes[2], before)
    made = attended(r, q, k, v, node.get("scale"), mask, causal, node.layer)
    if flat:
        made = r.build.flatten(r.build.transpose(made, (0, 2, 1, 3)), 2)
    return [made, *present]


def _with_causal(mask: AnyArray | None, queries: int, keys: int, before: int) -> np.ndarray:
    """A mask without the keys behind each query, of which ``before`` stand in front of the first."""
    check_repeated(queries * keys)
    seen = np.tri(queries, keys, before, dtype=bool)
    if isinstance(mask, Value):
        raise ValueError("a mask that depends on the input has no counterpart in causal attention")
    return seen if mask is None else seen & _kept(compressed(mask), queries, keys)


def _in_heads(r: Reader, x: Value, heads: int) -> Value:
    rows, steps, width = x.sizes
    return r.build.transpose(r.build.reshape(x, (rows, steps, heads, width // heads)), (0, 2, 1, 3))


@reads("fastnn.Attention")
def found_attention(r: Reader, node: Node) -> Value:
    """What :mod:`patterns` found to be attention: queries, transposed keys, values, and a mask that may be there."""
    q, k, v = (r.value(node, i) for i in range(3))
    shape = (*q.sizes[:-1], v.sizes[-1])
    order = (*range(k.rank - 2), k.rank - 1, k.rank - 2)
    q, k, v = (_apart(r, x) for x in (q, r.build.transpose(k, order), v))
    mask = r.env[node.inputs[3]] if r.has(node, 3) else None
    made = attended(r, q, k, v, node.get("scale"), mask, False, node.layer)
    return r.build.reshape(made, shape)


def _apart(r: Reader, x: Value) -> Value:
    """``(batch, heads, steps, width)`` of ``(batch * heads, steps, width)``, or of a single head."""
    if x.rank == 4 and not x.source[0] and x.source[1][:1] == (BATCH,):  # of a graph written for one row
        x = r.build.squeeze(x, [0])
    if x.rank == 4:
        return x
    if x.rank == 3 and x.is_apart():
        return r.build.unsqueeze(x, [1])
    if x.rank == 3 and x.source[0][:1] == (BATCH,):
        return r.build.reshape(x, (ROWS, x.sizes[0] // ROWS, *x.sizes[1:]))
    raise ValueError(f"attention over {x.told()} has no counterpart")


def attended(
    r: Reader, q: Value, k: Value, v: Value, scale: float | None, mask: AnyArray | None, causal: bool, name: str | None
) -> Value:
    """Attention over ``(batch, heads, steps, width)``; a mask is of truths, or of what is added to the logits."""
    given: Value | None = None
    if isinstance(mask, Value):
        given = _given_mask(r, mask, q, k)
    elif mask is not None:
        kept = _kept(compressed(mask), q.sizes[2], k.sizes[2])
        if np.array_equal(kept, np.tri(*kept.shape, dtype=bool)) and kept.shape[0] == kept.shape[1]:
            causal = True
        elif not kept.all():
            given = r.build.constant(q, kept.astype(np.float32), 0)
    return r.build.attention(q, k, v, scale=scale, causal=causal, mask=given, name=name)


def _kept(mask: np.ndarray, queries: int, keys: int) -> np.ndarray:
    """Which keys count, ``(queries, keys)``, of a mask that is known and the same for all rows and heads."""
    while mask.ndim > 2 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim > 2 and np.all(mask == mask[:1]):
        return _kept(mask[0], queries, keys)
    if mask.ndim > 2:
        raise ValueError(f"a mask {mask.shape} that differs from head to head, or row to row, has no counterpart")
    if mask.dtype != np.bool_:
        if np.any((mask != 0) & (mask > MASKED)):
            raise ValueError("numbers that are added to the logits have no counterpart, but for those that mask keys")
        mask = mask == 0
    check_repeated(queries * keys)
    return np.broadcast_to(mask, (queries, keys))


def _given_mask(r: Reader, mask: Value, q: Value, k: Value) -> Value:
    """A mask of ones and zeros that depends on the input, ``(batch, queries, keys)``."""
    if mask.rank == 4 and not mask.source[1]:
        mask = r.build.squeeze(mask, [1])
    if mask.rank != 3 or not mask.is_apart() or mask.sizes[2] != k.sizes[2]:
        raise ValueError(f"a mask {mask.told()} for queries {q.told()} has no counterpart")
    return mask
