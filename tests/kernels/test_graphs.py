"""Graphs of layers on every backend: random ones beside PyTorch, shared and frozen layers, outputs of every sort."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph
from networks import draw
from random_graphs import random_graph, torch_step
from tolerance import assert_close, trajectory_limit

from fastnn import _plan as plan
from fastnn._kernels import reference
from fastnn._kernels.contract import Course, Rows
from fastnn._plan.layout import lay_out_graph
from fastnn.layers import Activation, Add, Concatenate, Dense, Scale
from fastnn.optimizers import SGD, Adam, AdamW, Lion, RMSprop
from fastnn.regularizers import L1L2

DOUBLE = np.dtype("float64")
SEEDS = [pytest.param(seed, marks=() if seed < 6 else pytest.mark.long) for seed in range(200)]


def near(got, expected):
    """To nine digits of the largest number."""
    most = trajectory_limit(DOUBLE)
    np.testing.assert_allclose(got, expected, rtol=most, atol=most * max(1.0, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graph_equals_pytorch(backend, seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(seed)
    made = random_graph(rng)
    factors = [0.5 + i for i in range(len(made.outputs))]
    net = graph(
        rng, made.layers, made.nodes, made.shapes, made.outputs, frozen=made.frozen, loss_weights=factors, batch_size=8
    )
    rows = int(rng.integers(1, 9))
    xs = [draw(rng, (rows, int(value["size"]))) for value in net.plan.inputs]
    targets = [draw(rng, (rows, int(value["size"]))) for value in net.plan.outputs]
    stage = GraphStage(backend, net, DOUBLE)
    loss, parameters, inputs = stage.step(xs, targets)
    theirs, of_parameters, of_inputs = torch_step(torch, made, net, xs, targets, factors)
    near(loss, theirs)
    near(parameters, of_parameters)
    for value, got, expected in zip(net.plan.inputs, inputs, of_inputs, strict=True):
        read = any(int(edge["value"]) == int(np.flatnonzero(net.plan.values == value)[0]) for edge in net.plan.edges)
        near(got, expected) if read else np.testing.assert_array_equal(expected, 0)
    stage.check()


def rows_of(rng, net, rows):
    """Inputs and targets of a network."""
    return [
        [draw(rng, (rows, int(value["size"]))) for value in values] for values in (net.plan.inputs, net.plan.outputs)
    ]


def trained(backend, net, dtype, xs, targets, epochs=2):
    """Parameters after some epochs."""
    stage = GraphStage(backend, net, dtype)
    placed = [tuple(map(stage.place, arrays)) for arrays in (xs, targets)]
    n = len(xs[0])
    order = stage.memory.copy(np.arange(n, dtype=np.int32))
    sums = stage.memory.array((epochs, int(net.plan.header["n_sums"])), np.float64, 0)
    run = plan.new_run(n, (0, epochs), step=0, shuffle=True)
    run["max_steps"] = np.iinfo(np.int64).max
    stage.backend.train(net.plan, stage.arenas, Rows(*placed, (None,) * len(targets)), Course(order, run, RATE, sums))
    assert not run["status"]
    stage.check()
    return stage.params()


RATE = np.array([0.05])


def twins(rng, copies):
    """The same tower on two inputs, once with one layer, once with two that begin with the same numbers."""
    layers = [Dense(5, "tanh"), *([Dense(5, "tanh")] if copies else []), Concatenate(), Dense(2)]
    second = 1 if copies else 0
    nodes = [(0, (0,)), (second, (1,)), (second + 1, (2, 3)), (second + 2, (4,))]
    return graph(rng, layers, nodes, [(3,), (3,)], [5])


def test_a_layer_used_twice_has_the_sum_of_both_gradients(backend, dtype, rng):
    shared, apart = twins(rng, copies=False), twins(rng, copies=True)
    own = shared.plan.layout.of_layer(0)
    size = own[-1].offset + own[-1].size
    size += -size % plan.ALIGN
    apart.params[:size] = apart.params[size : 2 * size] = shared.params[:size]
    apart.params[2 * size :] = shared.params[size:]
    xs, targets = rows_of(rng, shared, 13)
    loss, got, _ = GraphStage(backend, shared, dtype).step(xs, targets)
    theirs, expected, _ = GraphStage(reference, apart, DOUBLE).step(xs, targets)
    assert_close(loss, theirs, dtype, shared.depth)
    assert_close(got[:size], expected[:size] + expected[size : 2 * size], dtype, shared.depth + 13)
    assert_close(got[size:], expected[2 * size :], dtype, shared.depth + 13)


@pytest.mark.covering
@pytest.mark.parametrize("layer", [Dense(9, "tanh"), Scale()], ids=repr)
@pytest.mark.parametrize("uses", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [7, 600])
def test_training_of_a_shared_layer_equals_the_reference(backend, dtype, rng, layer, uses, batch_size):
    nodes = [(0, (i,)) for i in range(uses)]
    net = graph(rng, [layer], nodes, [(9,)], [uses], optimizer=SGD(), batch_size=batch_size)
    xs, targets = rows_of(rng, net, 640 if batch_size == 600 else 19)
    got = trained(backend, net, dtype, xs, targets)
    assert_close(got, trained(reference, net, DOUBLE, xs, targets), dtype, net.depth + len(xs[0]))


def test_a_large_layer_that_is_updated_with_its_gradients_equals_the_reference(backend, rng):
    """More parameters than stay in the cache: the native backend updates each piece of dw at once."""
    layers = [Dense(190, "tanh"), Scale(), Dense(190), Add()]
    net = graph(rng, layers, [(0, (0,)), (1, (1,)), (2, (2,)), (3, (3, 1))], [(170,)], [4], optimizer=Adam())
    net.params *= 0.1
    xs, targets = rows_of(rng, net, 32)
    got = trained(backend, net, DOUBLE, xs, targets, epochs=1)
    near(got, trained(reference, net, DOUBLE, xs, targets, epochs=1))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    "optimizer",
    [SGD(momentum=0.9, weight_decay=0.1), AdamW(weight_decay=0.1, clipnorm=0.1), Lion(weight_decay=0.1)]
    + [RMSprop(global_clipnorm=0.1, weight_decay=0.1), Adam(clipvalue=0.01, weight_decay=0.1)],
    ids=lambda o: o.name,
)
def test_frozen_parameters_never_change_a_bit(backend, dtype, rng, optimizer):
    layers = [
        Dense(7, "tanh", kernel_regularizer=L1L2(0.1, 0.1)),
        Dense(7, "tanh", kernel_regularizer="l2", bias_constraint="non_neg"),
        Scale(regularizer="l2"),
        Dense(2, kernel_regularizer="l2"),
    ]
    nodes = [(0, (0,)), (1, (1,)), (2, (2,)), (3, (3,))]
    net = graph(rng, layers, nodes, [(3,)], [4], frozen={1, 2}, optimizer=optimizer, batch_size=8)
    xs, targets = rows_of(rng, net, 21)
    after = trained(backend, net, dtype, xs, targets)
    before = net.params.astype(dtype).astype(np.float64)
    for variable in net.plan.layout.variables:
        place = slice(variable.offset, variable.offset + variable.size)
        assert (after[place] == before[place]).all() == (variable.layer in (1, 2)), variable


def test_two_weighted_losses_have_the_sum_of_two_models_gradients(backend, dtype, rng):
    layers, nodes = [Dense(6, "tanh"), Dense(2), Dense(3, "tanh")], [(0, (0,)), (1, (1,)), (2, (1,))]
    both = graph(rng, layers, nodes, [(4,)], [2, 3], loss_weights=[0.25, 3.0])
    xs, targets = rows_of(rng, both, 11)
    loss, got, _ = GraphStage(backend, both, dtype).step(xs, targets)
    total, expected = 0.0, 0.0
    for output, target, factor in zip([2, 3], targets, [0.25, 3.0], strict=True):
        one = graph(rng, layers, nodes, [(4,)], [output])
        alone = GraphStage(reference, type(one)(one.plan, both.params), DOUBLE)
        alone.arenas.grads[...] = 0
        theirs, gradient, _ = alone.step(xs, [target])
        total, expected = total + factor * theirs, expected + factor * gradient
    assert_close(loss, total, dtype, both.depth)
    assert_close(got, expected, dtype, both.depth + 11)


def test_an_input_that_is_an_output_and_an_output_twice_are_copies(backend, dtype, rng):
    net = graph(rng, [Dense(3)], [(0, (0,))], [(4,)], [0, 1, 1, 0])
    assert len({int(value["offset"]) for value in net.plan.outputs}) == 4
    xs, dys = [draw(rng, (5, 4))], [draw(rng, (5, n)) for n in (4, 3, 3, 4)]
    stage = GraphStage(backend, net, dtype)
    ys, _, (dx,) = stage.run(xs, dys)
    kernel = net.params[:12].reshape(4, 3)
    np.testing.assert_array_equal(ys[0], xs[0])
    np.testing.assert_array_equal(ys[3], xs[0])
    np.testing.assert_array_equal(ys[1], ys[2])
    assert_close(dx, dys[0] + dys[3] + (dys[1] + dys[2]) @ kernel.T, dtype, net.depth)


def test_an_output_that_another_layer_reads_has_both_gradients(backend, dtype, rng):
    net = graph(rng, [Dense(3), Activation("tanh")], [(0, (0,)), (1, (1,))], [(4,)], [1, 2])
    xs, dys = [draw(rng, (5, 4))], [draw(rng, (5, 3)) for _ in range(2)]
    ys, _, (dx,) = GraphStage(backend, net, dtype).run(xs, dys)
    assert_close(ys[1], np.tanh(ys[0]), dtype)
    assert_close(dx, (dys[0] + dys[1] * (1 - ys[1] ** 2)) @ net.params[:12].reshape(4, 3).T, dtype, net.depth)


def test_a_branch_that_leads_to_no_output_is_left_out_and_stays_as_it_is(backend, dtype, rng):
    layers = [Dense(5, "tanh"), Dense(2), Dense(7, kernel_regularizer="l2")]
    nodes = [(0, (0,)), (2, (1,)), (1, (1,)), (2, (1,))]
    net = graph(rng, layers, nodes, [(4,)], [3], optimizer=AdamW(weight_decay=0.1, clipnorm=0.5), batch_size=8)
    assert len(net.plan.ops) == 2
    assert len(net.plan.segments) == 4
    xs, targets = rows_of(rng, net, 17)
    after, dead = trained(backend, net, dtype, xs, targets), net.plan.layout.of_layer(2)[0]
    np.testing.assert_array_equal(after[dead.offset :], net.params[dead.offset :].astype(dtype))
    alive = graph(rng, layers[:2], [(0, (0,)), (1, (1,))], [(4,)], [2], optimizer=AdamW(weight_decay=0.1, clipnorm=0.5))
    alive = type(alive)(alive.plan, net.params[: dead.offset])
    assert_close(after[: dead.offset], trained_alike(backend, alive, dtype, xs, targets), dtype, net.depth)


def trained_alike(backend, net, dtype, xs, targets):
    compiled = plan.compile_plan(
        net.plan.layout,
        batch_size=8,
        losses=net.plan.loss_records,
        optimizer=net.plan.optimizer_record,
        n_samples=8,
    )
    return trained(backend, type(net)(compiled, net.params), dtype, xs, targets)


def test_streams_of_random_numbers_stand_where_the_nodes_do():
    laid = lay_out_graph([Dense(2)], [(0, (0,)), (0, (1,))], [(2,)], [2], first_stream=5)
    assert [node.stream for node in laid.nodes] == [5, 6]
