"""Networks for prediction whose values may share places, how long each value lives, and plans in which none shares."""

from __future__ import annotations

import math

import numpy as np
from graph_models import GRAPHS
from random_graphs import random_graph

from fastnn import Input, Model, Sequential
from fastnn._kernels import steps
from fastnn._ops import OPS
from fastnn._plan import allocate, compile_plan
from fastnn._plan import compile as compiling
from fastnn._plan.layout import Layout, lay_out_graph
from fastnn._plan.records import POOLED_BEFORE
from fastnn.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Lambda,
    LayerNormalization,
    Masking,
    MaxPooling2D,
    MultiHeadAttention,
    ReLU,
    SimpleRNN,
)

TO_THE_END = math.inf


def residual(blocks: int = 3, channels: int = 4) -> Model:
    """Blocks that add what two convolutions make of their input to it."""
    image = Input((6, 6, 2))
    x = Conv2D(channels, 3, padding="same")(image)
    for _ in range(blocks):
        inner = ReLU()(BatchNormalization()(Conv2D(channels, 3, padding="same")(x)))
        x = ReLU()(Add()([x, BatchNormalization()(Conv2D(channels, 3, padding="same")(inner))]))
    return Model(image, Dense(3)(GlobalAveragePooling2D()(x)), seed=1)


def pooled() -> Sequential:
    """Maxima as many as the numbers that the convolution before them reads."""
    layers = [Input((8, 8, 2)), Conv2D(2, 3, padding="same")]
    for filters in (8, 32):
        layers += [Conv2D(filters, 3, padding="same", activation="relu"), MaxPooling2D(2)]
    return Sequential([*layers, Conv2D(32, 1), Conv2D(32, 1, activation="tanh")], seed=2)


def masked() -> Sequential:
    """Cells of every kind on sequences with a mask, all as wide."""
    cells = [GRU(4, return_sequences=True), LSTM(4, return_sequences=True), SimpleRNN(4, return_sequences=True)]
    return Sequential([Input((6, 4)), Masking(), *cells, Bidirectional(GRU(2, return_sequences=True)), GRU(4)], seed=3)


def attending() -> Model:
    """Blocks of attention and dense layers, each added to what it reads; one layer of attention is used twice."""
    x = start = Input((5, 8))
    heads = MultiHeadAttention(2, 4)
    for _ in range(2):
        near = LayerNormalization()(x)
        x = Add()([x, heads(near, near, use_causal_mask=True)])
        x = Add()([x, Dense(8)(Dense(8, "gelu")(Dropout(0.2)(LayerNormalization()(x))))])
    return Model(start, [x, Conv1D(8, 3, padding="causal")(x)], seed=4)


def stateful() -> Sequential:
    """Cells that go on where the batch before ended."""
    cells = [cell(4, return_sequences=True, stateful=True) for cell in (GRU, LSTM, SimpleRNN)]
    return Sequential([Input((3, 4)), *cells, Dense(4), Dense(4)], seed=5)


def own() -> Model:
    """Layers in Python between convolutions, which all threads wait for."""
    x = start = Input((6, 6, 2))
    for _ in range(3):
        x = Add()([Lambda(lambda x: x * 2 - 1)(Conv2D(2, 3, padding="same", activation="tanh")(x)), x])
    return Model(start, [x, Lambda(lambda x: x + 1)(x)], seed=6)


def fork() -> Model:
    """Values that are read late and outputs on the way, all of one size."""
    x = start = Input((7,))
    shared, made = Dense(7, "tanh"), []
    for _ in range(4):
        x = shared(Dense(7)(x))
        made.append(x)
    return Model(start, [made[1], Add()([made[0], made[3]]), start, Dense(7)(x)], seed=7)


NETWORKS = {make.__name__: make for make in (residual, pooled, masked, attending, stateful, own, fork)}
MODELS = NETWORKS | {f"{name} graph": make for name, make in GRAPHS.items()}


def drawn(seed: int) -> Layout:
    """A graph drawn at random."""
    made = random_graph(np.random.default_rng(seed))
    return lay_out_graph(made.layers, made.nodes, made.shapes, made.outputs, made.frozen)


def apart(monkeypatch, layout: Layout, **told):
    """A plan for prediction as it would be if no value took the place of another."""
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "last_reads", lambda graph: [[] for _ in graph.operations])
        return compile_plan(layout, **told)


def lives(plan) -> dict[int, tuple[float, float]]:
    """The first and the last op of a plan that works on a value; those that may run as one count as one."""
    when = np.arange(len(plan.ops)) - (plan.ops["pooled"] == POOLED_BEFORE)
    born = {int(op["output"]): int(at) for op, at in zip(plan.ops, when, strict=True)}
    last = dict(born)
    for op, at in zip(plan.ops, when, strict=True):
        for edge in plan.edges[op["first_edge"] :][: op["n_inputs"]]:
            last[int(edge["value"])] = int(at)
        if OPS[int(op["kind"])].remembers:
            last[int(op["output"])] = TO_THE_END
    n_values = len(plan.values)
    last.update(dict.fromkeys(range(n_values - int(plan.header["n_outputs"]), n_values), TO_THE_END))
    return {value: (first, max(first, last[value])) for value, first in born.items()}


def predicted(backend, plan, params: np.ndarray, xs) -> list[np.ndarray]:
    """Predictions, by blocks or, of layers that remember, by batches; the workspace begins with what nobody wrote."""
    memory = allocate(plan, params)
    memory.workspace.fill(np.nan)
    found = [np.empty((len(xs[0]), size), params.dtype) for size in plan.output_sizes]
    if not plan.settles:
        backend.predict(plan, memory, xs, found)
        return found
    size = int(plan.header["batch_size"])
    for first in range(0, len(xs[0]), size):
        ys = backend.forward(plan, memory, [x[first : first + size] for x in xs])
        for to, y in zip(found, ys, strict=True):
            to[first : first + size] = y
        steps.settle(plan, memory)
    return found
