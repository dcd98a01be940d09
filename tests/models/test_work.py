"""What an operation has to do is what a plain loop over its formula does, forward and for every gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import fastnn
from fastnn import Model, _kernels, layers
from fastnn._ops import KINDS, OPS
from fastnn._ops.base import activation_work
from fastnn.activations import ActivationCode
from fastnn.models.profiles import WITH_PRODUCTS
from fastnn.models.profiling import _trainer
from fastnn.models.work import ops_of, steps_there

ROWS = 3
BACKEND = "numpy" if _kernels.why_not("cython") else "cython"


def counted(*sizes) -> int:
    """Steps of a loop over these ranges."""
    return sum(1 for _ in itertools.product(*map(range, sizes)))


def built(layer, shape, frozen=False, first=False) -> Model:
    """A network of the layer behind a dense one, or at once behind the input."""
    x = layers.Input(shape)
    read = x if first else layers.Dense(shape[-1], name="before")(x)
    layer.trainable = not frozen
    y = layer(read)
    model = Model(x, layers.Dense(1, name="behind")(layers.Flatten()(y)), seed=0)
    model.compile("sgd", "mse")
    return model


def found(model, kind, x=None) -> list[list[float]]:
    """Forward, back and dw of a sample's multiply-adds of operations of the kind in the layer that is looked at."""
    inputs = np.ones((ROWS, *model.input_shape[1:])) if x is None else x
    trainer = _trainer(model, inputs, np.zeros((ROWS, 1)), ROWS, BACKEND)
    there = steps_there(trainer.plan, trainer.memory, trainer.rows.inputs)
    return [
        [op.flop_forward / 2 / ROWS, op.flop_backward / 2 / ROWS, op.flop_dw / 2 / ROWS]
        for op in ops_of(trainer.plan, ROWS, there)
        if op.kind == kind and op.layer not in ("before", "behind")
    ]


STEPS, IN, N = 5, 3, 4
CELLS = {"lstm": (layers.LSTM, 4), "gru": (layers.GRU, 3), "simple_rnn": (layers.SimpleRNN, 1)}


def convolutions():
    """Layers, shapes, kinds, and how often a number of the input meets one of the kernel."""
    image = (8, 6, 4)
    taps = counted(8, 6, 9, 4, 5)
    yield layers.Conv2D(5, 3, padding="same"), image, "conv", taps
    yield layers.Conv2D(6, 3, strides=2, groups=2), image, "conv", counted(3, 2, 9, 2, 6)
    yield layers.DepthwiseConv2D(3), image, "conv", counted(6, 4, 9, 4)
    yield layers.Conv2DTranspose(5, 3, strides=2), image, "conv_transpose", counted(8, 6, 4, 9, 5)
    yield layers.Conv1DTranspose(2, 3), (7, 4), "conv_transpose", counted(7, 4, 3, 2)
    yield layers.SeparableConv2D(7, 3), image, "conv", counted(6, 4, 9, 4)
    yield layers.SeparableConv2D(7, 3), image, "dense", counted(6, 4, 4, 7)
    yield layers.TimeDistributed(layers.Dense(7)), (5, 4), "dense", counted(5, 4, 7)
    yield layers.TimeDistributed(layers.Conv1D(3, 2)), (5, 6, 4), "conv", counted(5, 5, 2, 4, 3)


@pytest.mark.parametrize(("layer", "shape", "kind", "products"), list(convolutions()))
def test_kernels_are_counted_by_their_taps(layer, shape, kind, products):
    sums = np.sum(found(built(layer, shape), kind), axis=0)  # of one operation, or of one for each step
    assert sums.tolist() == [products] * 3


@pytest.mark.parametrize("kind", CELLS)
def test_recurrent_cells_are_counted_step_by_step(kind):
    cell, gates = CELLS[kind]
    of_x, of_h = counted(STEPS, gates * N, IN), counted(STEPS, gates * N, N)
    both = of_x + of_h
    assert found(built(cell(N), (STEPS, IN)), kind) == [[both, both, both]]
    assert found(built(cell(N), (STEPS, IN), first=True), kind) == [[both, of_h, both]]  # nobody asks for dx
    assert found(built(cell(N), (STEPS, IN), frozen=True), kind) == [[both, both, 0]]
    assert found(built(cell(N), (STEPS, IN), frozen=True, first=True), kind) == [[both, 0, 0]]
    twice = found(built(layers.Bidirectional(cell(N, return_sequences=True)), (STEPS, IN)), kind)
    assert twice == [[both, both, both]] * 2


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("lengths", [(5, 5, 5), (1, 2, 3), (0, 0, 0), (4, 0, 1)])
def test_steps_that_a_mask_leaves_out_are_no_work(kind, lengths):
    cell, gates = CELLS[kind]
    x = np.ones((ROWS, STEPS, IN))
    x[np.arange(STEPS) >= np.array(lengths)[:, None]] = 0
    model = fastnn.Sequential([layers.Masking(input_shape=(STEPS, IN)), cell(N), layers.Dense(1, name="behind")])
    model.compile("sgd", "mse")
    of_h, both = counted(gates * N, N), counted(gates * N, IN + N)
    each = sum(lengths) / ROWS
    np.testing.assert_allclose(found(model, kind, x), [[each * both, each * of_h, each * both]])


@pytest.mark.parametrize("kind", CELLS)
def test_masks_of_a_stack_are_looked_at_where_they_are_made(kind):
    """From whole numbers, through an embedding, and on to the second layer."""
    cell, gates = CELLS[kind]
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 1, 1, 0]])
    stack = [layers.Embedding(5, IN, mask_zero=True, input_shape=(4,)), cell(N, return_sequences=True), cell(2)]
    model = fastnn.Sequential([*stack, layers.Dense(1, name="behind")])
    model.compile("sgd", "mse")
    first, second = found(model, kind, ids)
    assert first[0] == pytest.approx(2 * counted(gates * N, IN + N))
    assert second == pytest.approx([2 * counted(gates * 2, N + 2)] * 3)


def attends(**options) -> Model:
    """Attention of an input with itself: all three projections have a gradient."""
    x = layers.Input((STEPS, 6))
    y = layers.MultiHeadAttention(2, IN)(x, x, **options)
    model = Model(x, layers.Dense(1, name="behind")(layers.Flatten()(y)), seed=0)
    model.compile("sgd", "mse")
    return model


def test_attention_is_counted_by_heads_queries_and_keys():
    made = counted(2, STEPS, STEPS, IN)
    assert found(attends(), "attention") == [[2 * made, 4 * made, 0]]
    seen = sum(1 for query in range(STEPS) for key in range(STEPS) if key <= query)
    assert found(attends(use_causal_mask=True), "attention") == [[2 * 2 * seen * IN, 4 * 2 * seen * IN, 0]]


@pytest.mark.parametrize("n_gradients", [1, 2])
def test_products_of_two_inputs_have_a_gradient_for_each(n_gradients):
    x, n = layers.Input((4, 6)), counted(4, 4, 6)
    both = [layers.Dense(6)(x), layers.Dense(6)(x) if n_gradients == 2 else x]
    model = Model(x, layers.Dense(1)(layers.Flatten()(layers.Dot(axes=(2, 2))(both))), seed=0)
    model.compile("sgd", "mse")
    assert found(model, "dot") == [[n, n_gradients * n, 0]]


def test_waves_are_counted_once_for_all_gradients():
    columns, frequencies, units = 3, 8, 2
    angles, sums = counted(columns, frequencies), counted(columns, frequencies, units)
    layer = layers.Periodic(frequencies, units)
    assert found(built(layer, (columns,)), "periodic")[0] == [angles + sums] * 3
    layer = layers.Periodic(frequencies, units)
    assert found(built(layer, (columns,), first=True), "periodic")[0] == [angles + sums, 0, angles + 2 * sums]


def test_tables_take_no_products():
    model = fastnn.Sequential([layers.Embedding(5, IN, input_shape=(4,)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert found(model, "embedding", np.ones((ROWS, 4))) == [[0, 0, 0]]


def activated(model) -> dict[str, float]:
    """How many numbers of a sample go through each activation, the linear ones left out."""
    x = np.ones((ROWS, *model.input_shape[1:]))
    sums: dict[str, float] = {}
    for op in ops_of(_trainer(model, x, np.zeros((ROWS, 1)), ROWS, BACKEND).plan, ROWS):
        for code, n in op.activated:
            name = ActivationCode(code).name.lower()
            sums[name] = sums.get(name, 0) + n / ROWS
    return {name: n for name, n in sums.items() if name != "linear" and n}


def test_cells_have_an_activation_for_each_gate_and_state():
    steps = STEPS * N
    assert activated(built(layers.LSTM(N), (STEPS, IN))) == {"tanh": 2 * steps, "sigmoid": 3 * steps}
    assert activated(built(layers.GRU(N), (STEPS, IN))) == {"tanh": steps, "sigmoid": 2 * steps}
    assert activated(built(layers.SimpleRNN(N), (STEPS, IN))) == {"tanh": steps}
    assert activated(built(layers.LSTM(N, "relu", "relu"), (STEPS, IN))) == {"relu": 5 * steps}
    assert activated(attends()) == {"exponential": 2 * STEPS * STEPS}
    assert activated(built(layers.Conv1D(2, 3, activation="relu"), (5, 6))) == {"relu": 3 * 2}


def test_every_kind_that_is_told_as_products_says_how_many():
    """And no other: what a new kind with products does is said beside its formula."""
    kinds = [OPS[code] for code in range(len(KINDS))]
    assert {kind.name for kind in kinds if kind.work is not activation_work} == WITH_PRODUCTS
