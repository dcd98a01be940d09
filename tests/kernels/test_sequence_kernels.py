"""Embedding, places, masks, blanked rows and masked means in every backend: against the reference, and bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph
from networks import SIZES, Stage, draw, network
from singles import (
    alone,
    averaged,
    blanked,
    check_same,
    looked_up,
    masked,
    on_threads,
    placed,
    same,
    signal_at_the_edge,
    with_masks,
)
from test_join_kernels import DOUBLE, data, differences, flat
from tolerance import assert_close, difference_limit

from fastnn._kernels import reference
from fastnn._kernels.steps import settle
from fastnn._ops.base import NO_PENALTY
from fastnn._plan import compile as compiling
from fastnn.layers import Dense, SimpleRNN
from fastnn.optimizers import SGD, Adam
from fastnn.regularizers import L1L2

ROWS = 5
NOT_ROWS = (-1.0, -0.25, 7.0, 1e9, -1e9, np.inf, -np.inf, np.nan)  # of a table of 7


def whole_table(rng, net):
    net.params[net.params != 0] = rng.integers(1, 5, np.count_nonzero(net.params))
    return net


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", SIZES)
def test_rows_of_a_table_and_their_gradients_are_exact(backend, dtype, rng, width):
    for rows, steps in ((1, 1), (7, 5), (300, 40)):
        net = whole_table(rng, alone(rng, looked_up(rows, width, steps)))
        xs, dys = data(rng, net, ROWS, whole=True)
        xs[0][...] = rng.integers(0, rows, xs[0].shape)
        same(backend, dtype, net, xs, dys)


def test_numbers_of_no_row_give_nan_and_take_no_gradient(backend, dtype, rng):
    net = whole_table(rng, alone(rng, looked_up(7, 3, 12)))
    xs, dys = data(rng, net, ROWS, whole=True)
    xs[0][...] = rng.integers(0, 7, xs[0].shape)
    xs[0][:, : len(NOT_ROWS)] = NOT_ROWS
    xs[0][:, len(NOT_ROWS)] = 6.75
    y, gradient, _ = GraphStage(backend, net, dtype).run(xs, dys)
    lost = np.isnan(y[0].reshape(ROWS, 12, 3))
    assert lost[:, : len(NOT_ROWS)].all()
    assert not lost[:, len(NOT_ROWS) :].any()
    same(backend, dtype, net, xs, dys)
    assert np.isfinite(gradient).all()


def test_a_frozen_table_has_no_gradient(backend, dtype, rng):
    net = whole_table(rng, alone(rng, looked_up(7, 3, 4), frozen=[0]))
    xs, dys = data(rng, net, ROWS, whole=True)
    same(backend, dtype, net, [np.abs(x) for x in xs], dys)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("longest", [3, 5])
def test_places_and_their_gradients_are_exact(backend, dtype, rng, width, longest):
    """What is read has no part in them, and has no gradient."""
    net = whole_table(rng, alone(rng, placed(width, 3, longest)))
    xs, dys = data(rng, net, ROWS, whole=True)
    xs[0][0] = np.nan
    same(backend, dtype, net, xs, dys)
    y, gradient, (dx,) = GraphStage(backend, net, dtype).run(xs, dys)
    used = 3 * width
    np.testing.assert_array_equal(y[0], np.broadcast_to(net.params[:used], (ROWS, used)))
    np.testing.assert_array_equal(gradient[:used], dys[0].sum(axis=0))
    assert not gradient[used:].any()
    assert not dx.any()


@pytest.mark.parametrize("made", [looked_up(7, 5, 4), placed(5, 4, 6)], ids=["table", "places"])
def test_gradients_of_a_shared_table_and_of_blocks_add_up(backend, dtype, rng, made):
    layer, shapes = made
    net = whole_table(rng, graph(rng, [layer], [(0, (0,)), (0, (1,))], shapes * 2, [2, 3]))
    xs, dys = data(rng, net, ROWS, whole=True)
    same(backend, dtype, net, [np.abs(x) for x in xs], dys)
    stages = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for stage in stages:
        stage.run([np.abs(x) for x in xs], dys)
    again, right = (stage.pull(accumulate=True)[0] for stage in stages)
    np.testing.assert_array_equal(again, right)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", SIZES)
def test_masks_blanked_rows_and_masked_means_are_exact(backend, dtype, rng, width):
    """NaN counts as a number of its own in a mask, and vanishes where it is blanked; one or eight rows count."""
    net = alone(rng, masked(width, 3, 2.0))
    (x,), _ = data(rng, net, ROWS, whole=True)
    x[0], x[1], x[2] = 2, 2, np.nan
    x[1, -1] = 1
    same_output(backend, dtype, net, [x])
    net = alone(rng, blanked(width, 3))
    xs, dys = with_masks(rng, net, ROWS, 1, whole=True)
    xs[0].reshape(ROWS, 3, width)[xs[1] == 0] = np.nan
    dys[0].reshape(ROWS, 3, width)[xs[1] == 0] = np.nan
    same(backend, dtype, net, xs, dys)
    net = alone(rng, averaged(width, 9))
    xs, dys = with_masks(rng, net, ROWS, 1, whole=True)
    xs[1][:] = np.arange(9) < np.array([[8], [1], [0], [2], [4]])
    xs[0].reshape(ROWS, 9, width)[xs[1] == 0] = np.nan
    same(backend, dtype, net, xs, dys)


def same_output(backend, dtype, net, xs):
    (got,), (right,) = GraphStage(backend, net, dtype).push(xs), GraphStage(reference, net, DOUBLE).push(xs)
    np.testing.assert_array_equal(got, right)


def test_a_mask_has_no_part_in_the_gradient_of_what_it_reads(backend, dtype, rng):
    """Though it is the last to read it."""
    layers = [Dense(4), Dense(3), masked(4, 1)[0], blanked(3, 1)[0]]
    nodes = [(0, (0,)), (1, (1,)), (2, (1,)), (3, (2, 3))]
    net = whole_table(rng, graph(rng, layers, nodes, [(4,)], [4]))
    xs, dys = data(rng, net, ROWS, whole=True)
    same(backend, dtype, net, xs, dys)
    assert np.isfinite(GraphStage(backend, net, dtype).run(xs, dys)[1]).all()


@pytest.mark.parametrize("made", [blanked(3, 4), averaged(3, 4)], ids=["blank", "masked_mean"])
def test_gradients_under_masks_equal_differences(rng, made):
    net = alone(rng, made)
    xs, dys = with_masks(rng, net, 4, 1)
    _, _, inputs = GraphStage(reference, net, DOUBLE).run(xs, dys)
    _, numeric = differences(net, xs, dys)
    assert (np.abs(inputs[0] - numeric[0]) <= difference_limit(numeric[0])).all()


# -- what updates a table -----------------------------------------------------------------------------

TABLE = 4001  # rows of 16: more numbers than are learned after all gradients are there
OPTIMIZERS = {
    "sgd": SGD(0.5),
    "decay": SGD(0.5, weight_decay=0.25),
    "adam": Adam(0.01, epsilon=0.01),
    "clip": SGD(0.5, clipvalue=1.0),
}


def table_network(rng, optimizer, *, penalty=NO_PENALTY, batch_size=64):
    """A table and a Dense layer on it."""
    layer, _ = looked_up(TABLE, 16, 6, penalty)
    layers = [layer, Dense(2)]
    return network(rng, layers, (6,), loss="mse", optimizer=optimizer, batch_size=batch_size, n_samples=64)


def trained(module, dtype, net, x, target):
    """Parameters after two epochs."""
    stage = Stage(module, net, dtype)
    stage.train(x, target, epochs=2, rate=0.05)
    stage.check()
    return stage.params()


def numbers_and_targets(rng):
    x = rng.integers(0, TABLE, (64, 6)).astype(float)
    x[:, 3] = x[:, 1]
    return x, draw(rng, (64, 12))


@pytest.mark.covering
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("penalty", [NO_PENALTY, L1L2(0.0, 0.01)], ids=["", "penalty"])
@pytest.mark.parametrize("batch_size", [64, 40])
def test_training_a_table_equals_the_reference(backend, dtype, rng, monkeypatch, optimizer, penalty, batch_size):
    """In one block a batch, where the native backend updates with each piece of the gradient; and in several."""
    monkeypatch.setattr(compiling, "MIN_BLOCK", 16)
    net = table_network(rng, OPTIMIZERS[optimizer], penalty=penalty, batch_size=batch_size)
    x, target = numbers_and_targets(rng)
    got, right = trained(backend, dtype, net, x, target), trained(reference, DOUBLE, net, x, target)
    assert_close(got, right, dtype, 64 * 6 + 32)


# -- bits, and what may be touched -------------------------------------------------------------------


@pytest.mark.parametrize("made", [looked_up(50, 5, 7), placed(5, 7, 9), blanked(5, 7), averaged(5, 7), masked(5, 7)])
def test_any_number_of_threads_gives_the_same_bits(rng, dtype, made):
    net = alone(rng, made, batch_size=90)
    xs, dys = with_masks(rng, net, 90, 1)
    xs[0] = np.abs(xs[0] * 20) if made[0].table else xs[0]
    check_same(on_threads(lambda native: flat(GraphStage(native, net, dtype).run(xs, dys))))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_table_is_trained_to_the_same_bits_by_any_number_of_threads(rng, dtype, optimizer):
    net = table_network(rng, OPTIMIZERS[optimizer])
    x, target = numbers_and_targets(rng)
    check_same(on_threads(lambda native: [trained(native, dtype, net, x, target)]))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", [1, 3, 17])
def test_nothing_behind_an_input_or_a_table_is_touched(backend, dtype, rng, width):
    for made in (
        looked_up(3, width, 5),
        placed(width, 5, 5),
        masked(width, 5),
        blanked(width, 5),
        averaged(width, 5),
    ):
        net = alone(rng, made, batch_size=3)
        assert signal_at_the_edge(backend, dtype, net, data(rng, net, 3)[0]) == 0


@pytest.mark.parametrize("flags", [{}, {"return_sequences": True, "go_backwards": True}])
def test_what_a_batch_leaves_is_what_the_next_one_begins_with(backend, dtype, rng, flags):
    """Two states behind each other in their vector; whole numbers, so that nothing is rounded."""
    told = {"activation": "linear", "stateful": True, "recurrent_initializer": "zeros"}
    layers = [SimpleRNN(17, return_sequences=True, **told), SimpleRNN(3, **told, **flags)]
    net = graph(rng, layers, [(0, (0,)), (1, (1,))], [(2, 4)], [2], batch_size=ROWS)
    net.params[net.params != 0] = rng.integers(-1, 2, np.count_nonzero(net.params))
    stages = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    first = rng.integers(-3, 4, net.plan.states_size)
    xs, dys = data(rng, net, ROWS, whole=True)
    found = []
    for stage in stages:
        stage.arenas.states[...] = first
        found.append([flat(stage.run(xs, dys, training=True))])
        np.testing.assert_array_equal(stage.arenas.states, first)  # until the batch is done
        settle(net.plan, stage.arenas)
        found[-1] += [[stage.arenas.states.copy()], flat(stage.run(xs, dys, training=True))]
        stage.check()
    for ours, right in zip(*found, strict=True):
        for got, expected in zip(ours, right, strict=True):
            np.testing.assert_array_equal(got, expected)
    assert np.count_nonzero(found[1][1][0] != first)
