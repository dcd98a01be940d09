"""Operations on sequences as modules of PyTorch: cells, attention, tables, masks, states."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from fastnn._ops import Operation
from fastnn._ops import recurrent as cells
from fastnn.interop.torch.part import Part, Source
from fastnn.layers.parameter import Shape

GRU_ORDER = (1, 0, 2)  # gates r, z, n of PyTorch among ours, z, r, g


def embedding(o: Operation, shapes: list[Shape]) -> Part:
    told = {"num_embeddings": o.geometry[0], "embedding_dim": o.n_out}
    reads = shapes[0] if math.prod(shapes[0]) == o.repeat else (o.repeat,)
    gives = (o.n_out,) if o.repeat == 1 else (*reads, o.n_out)
    return Part("Embedding", (reads,), gives, told, (), {"weight": Source(o.w)})


def mask(o: Operation, shapes: list[Shape]) -> Part:
    reads = (o.repeat, math.prod(shapes[0]) // o.repeat)
    return Part("mask", (reads,), (o.repeat,), {"value": o.numbers[0]})


def blank(o: Operation, shapes: list[Shape]) -> Part:
    reads = (o.repeat, o.n_out)
    return Part("blank", (reads, (o.repeat,)), reads)


def attention(o: Operation, shapes: list[Shape]) -> Part:
    heads, queries, keys, d, e, mask_rows, causal, gives = o.geometry[:8]
    reads: list[Shape] = [(queries, heads, d), (keys, heads, d), (keys, heads, e)]
    if mask_rows:
        reads.append((mask_rows, keys))
    told = {"scale": o.numbers[0], "dropout": o.rate, "is_causal": bool(causal), "gives_weights": bool(gives)}
    return Part("Attend", tuple(reads), (o.size,) if gives else (queries, heads * e), told)


def masked_mean(o: Operation, shapes: list[Shape]) -> Part:
    rows = o.geometry[0]
    return Part("masked_mean", ((rows, o.n_out), (rows,)), (o.n_out,))


def position(o: Operation, shapes: list[Shape]) -> Part:
    return Part("Position", (shapes[0],), shapes[0], {"n": o.geometry[0]}, (), {"weight": Source(o.w, np.ravel)})


def recall(o: Operation, shapes: list[Shape]) -> Part:
    return Part("State", (shapes[0],), (o.n_out,), {"n": o.n_out}, (False,))


def remember(o: Operation, shapes: list[Shape]) -> Part:
    return Part("State", (shapes[0],), shapes[0], {"n": o.n_out}, (True,))


def _gates(array: np.ndarray, n: int, order: tuple[int, ...], row: int | None = None) -> np.ndarray:
    """Gates are rows of PyTorch's, one behind the other, and columns of ours; ``row`` is that of a bias."""
    columns = array.reshape(-1, len(order), n)[:, list(order)].reshape(-1, len(order) * n)
    return columns.T if row is None else columns[row]


def recurrent(o: Operation, shapes: list[Shape]) -> Part:
    s = dict(zip(cells.GEOMETRY, o.geometry, strict=False))
    kind, gates, n_states = {"simple_rnn": ("RNN", 1, 1), "lstm": ("LSTM", 4, 2), "gru": ("GRU", 3, 1)}[o.op.name]
    order = GRU_ORDER if kind == "GRU" else tuple(range(gates))
    two = kind == "GRU" and bool(s["variant"])
    turned = partial(_gates, n=o.n_out, order=order)
    sources = {"weight_ih_l0": Source(o.w, turned), "weight_hh_l0": Source(o.rest[0], turned)}
    if o.b >= 0:
        sources["bias_ih_l0"] = Source(o.b, partial(turned, row=0))
        if two:
            sources["bias_hh_l0"] = Source(o.b, partial(turned, row=1))
        elif kind != "GRU":
            sources["bias_hh_l0"] = Source(o.b, partial(turned, row=0), np.zeros(gates * o.n_out))
    told: dict[str, object] = {"input_size": o.n_in, "hidden_size": o.n_out, "bias": o.b >= 0}
    told |= {"activation": o.activation, "gate": (s["gate"], o.numbers[0]), "dropout": o.rate}
    if kind == "GRU":
        told["reset_after"] = bool(s["variant"])
    flags = {name: bool(s[name]) for name in ("reads_back", "writes_back", "sequences", "states", "zeros")}
    reads = [(o.repeat, o.n_in), *([(o.repeat,)] if s["masked"] else []), *[(o.n_out,)] * (n_states * s["started"])]
    sequence = (o.repeat, o.n_out) if s["sequences"] else (o.n_out,)
    more = (bool(s["masked"]), tuple(flags.items()))
    return Part(kind, tuple(reads), (o.size,) if s["states"] else sequence, told, more, sources)
