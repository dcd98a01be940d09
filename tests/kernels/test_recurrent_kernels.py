"""The recurrent op kinds in every backend: beside the reference, and the bits that they promise."""

from __future__ import annotations

import numpy as np
import pytest
from cells import KINDS, bare, cell_data, cell_network, shapes_of
from graphs import GraphStage, graph
from networks import Network
from test_guard_pages import AtTheEdge, killed_by
from tolerance import assert_close

from fastnn import _kernels
from fastnn import _plan as plan
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn._ops.recurrent import needs_z
from fastnn._plan import compile as compiling
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Add, Dense

DOUBLE = np.dtype("float64")
SIZES = ((1, 1, 1), (3, 1, 2), (17, 5, 4), (64, 3, 3), (65, 2, 2), (5, 16, 31), (16, 33, 1), (8, 4, 9))
ROWS = (1, 3, 20, 53)
FLAGS = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "states": {"return_sequences": True, "return_state": True, "started": True},
    "masked": {"masked": True, "return_state": True},
    "zeros": {"masked": True, "return_sequences": True, "zero_output_for_mask": True, "started": True},
    "backwards": {"go_backwards": True, "use_bias": False, "started": True},
    "flipped": {"go_backwards": True, "flips": True, "return_sequences": True, "masked": True},
    "dropped": {"recurrent_dropout": 0.4, "return_sequences": True, "masked": True, "started": True},
    "dropped-back": {"recurrent_dropout": 0.4, "go_backwards": True, "return_state": True},
    "all": {"masked": True, "started": True, "return_state": True, "return_sequences": True, "go_backwards": True},
}
CASES = [(kind, name) for kind in KINDS for name in FLAGS]
WHERE = {"training": True, "step": 2**33 + 5, "first_row": 3}
ALL = list(ACTIVATIONS)
APART = [name for name, record in ACTIVATIONS.items() if needs_z(record)]
SMALL = ((1, 1, 1), (3, 2, 2), (8, 1, 31), (17, 3, 2), (33, 5, 3))


@pytest.fixture(params=["cython", "numba"])
def compiled(request):
    """Each backend but the reference."""
    if reason := _kernels.why_not(request.param):
        pytest.skip(str(reason))
    return _kernels.load(request.param)


def smooth(results, masked):
    """All arrays but the gradient of a mask, which nobody makes."""
    ys, parameters, inputs = results
    return [*ys, parameters, *(dx for i, dx in enumerate(inputs) if not (masked and i == 1))]


def beside_the_reference(backend, net, dtype, xs, dys, masked, least=0.0, **more):
    """``least`` is a size of numbers that went into sums and are gone from their results."""
    k = net.depth + len(xs[0]) * int(net.plan.ops["repeat"].max())
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    found, expected = (smooth(stage.run(xs, dys, **more), masked) for stage in (ours, right))
    for got, right_one in zip(found, expected, strict=True):
        assert_close(got, right_one, dtype, k, max(least, np.abs(right_one).max()))
    ours.check()
    return found


def assert_bits(found, right):
    for got, expected in zip(found, right, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.covering
@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_backend_gives_what_the_reference_gives(backend, dtype, rng, kind, name):
    flags, number = FLAGS[name], CASES.index((kind, name))
    for size, rows in ((SIZES[number % 8], ROWS[number % 4]), (SIZES[(number * 3 + 2) % 8], ROWS[(number + 2) % 4])):
        net = cell_network(rng, kind, *size, **flags)
        xs, dys = cell_data(rng, net, rows, "masked" in flags)
        beside_the_reference(backend, net, dtype, xs, dys, "masked" in flags, **WHERE)
        without = GraphStage(backend, net, dtype).push(xs)
        assert_close(without[0], GraphStage(reference, net, DOUBLE).push(xs)[0], dtype, net.depth)


def partner(activation, of):
    """Another one; those that come behind all others change nobody's."""
    i = of.index(activation)
    return of[i - 3 if i > 2 else i + 3]


PAIRS = [(name, partner(name, ALL)) for name in ALL]
PAIRS += [("tanh", name) for name in ALL[-3:]]  # nobody's partners


@pytest.mark.covering
@pytest.mark.parametrize(("activation", "other"), PAIRS)
@pytest.mark.parametrize("kind", KINDS)
def test_cells_take_every_activation(backend, dtype, rng, kind, activation, other):
    net = cell_network(rng, kind, 11, 2, 3, return_sequences=True, **of(kind, activation, other))
    net.params /= 8  # some grow without end
    xs, dys = cell_data(rng, net, 5)
    beside_the_reference(backend, net, dtype, xs, dys, False, left_of(activation, other))


def left_of(*activations):
    """``z - tanh(z)`` leaves nothing of the size of ``z``."""
    return 0.5 if "tanh_shrink" in activations else 0.0


def of(kind, activation, other):
    """The arguments of a cell with these activations."""
    return {"activation": activation} | ({} if kind == "simple_rnn" else {"recurrent_activation": other})


@pytest.mark.covering
@pytest.mark.parametrize("activation", APART)
@pytest.mark.parametrize("where", ["cell", "gates", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_activations_whose_slopes_need_more_than_their_values_pass_through_every_walk(
    backend, dtype, rng, kind, where, activation
):
    """In the cell, in the gates, or another one in each; a row's activation over the units of each gate."""
    other, number = partner(activation, APART), 5 * APART.index(activation) + list(KINDS).index(kind)
    cell, gates = {"cell": (activation, "sigmoid"), "gates": ("tanh", activation), "both": (activation, other)}[where]
    for name, size, rows in [(list(FLAGS)[(number + i) % 10], SMALL[(number + i) % 5], (1, 33)[i % 2]) for i in (0, 3)]:
        units, features, steps = size
        steps = min(steps, 3) if "log_softmax" in (cell, gates) else steps  # which multiply without end
        net = cell_network(rng, kind, units, features, steps, **FLAGS[name], **of(kind, cell, gates))
        net.params /= 8
        xs, dys = cell_data(rng, net, rows, "masked" in FLAGS[name])
        least = left_of(cell, gates)
        beside_the_reference(backend, net, dtype, xs, dys, "masked" in FLAGS[name], least, **WHERE)


@pytest.mark.parametrize("kind", KINDS)
def test_activations_whose_slopes_follow_from_their_values_keep_no_numbers_more(rng, kind):
    def room(*activations):
        return cell_network(rng, kind, 8, 2, 5, **of(kind, *activations)).plan.workspace_size

    assert room("softsign", "hard_sigmoid") == room("tanh", "sigmoid")
    gates = bare(kind, 8).cell.n_gates
    assert room("gelu", "sigmoid") - room("tanh", "sigmoid") == 64 * 5 * 8 * gates


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("size", [(1, 1, 2), (17, 5, 3), (64, 7, 2), (65, 3, 3)])
def test_whole_numbers_give_equal_bits(backend, dtype, rng, size):
    for name in ("states", "zeros", "backwards", "flipped"):
        flags = FLAGS[name]
        net = cell_network(rng, "simple_rnn", *size, activation="linear", **flags)
        net.params[net.params != 0] = rng.integers(-1, 2, np.count_nonzero(net.params))
        xs, dys = ([np.round(x) for x in some] for some in cell_data(rng, net, 19, "masked" in flags))
        found, right = (
            smooth(GraphStage(one, net, kind).run(xs, dys), "masked" in flags)
            for one, kind in ((backend, dtype), (reference, DOUBLE))
        )
        assert max(np.abs(part).max() for part in right) < 2**24, "too large to be exact in float32"
        assert_bits(found, right)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("size", [(1, 1, 2), (17, 5, 3), (64, 7, 2)])
def test_whole_numbers_on_the_straight_parts_of_an_activation_give_equal_bits(backend, dtype, rng, size):
    """Hard swish is 0 up to -3 and the number itself from 3 on: of multiples of 3 it keeps whole what is whole."""
    net = cell_network(rng, "simple_rnn", *size, activation="hard_swish", return_sequences=True, started=True)
    net.params[net.params != 0] = 3 * rng.integers(-1, 2, np.count_nonzero(net.params))
    xs, dys = ([np.round(x) for x in some] for some in cell_data(rng, net, 19))
    found, right = (
        smooth(GraphStage(one, net, kind).run(xs, dys), False) for one, kind in ((backend, dtype), (reference, DOUBLE))
    )
    assert max(np.abs(part).max() for part in right) < 2**20, "too large to be exact in float32"
    assert_bits(found, right)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_cells_hand_gradients_on(backend, rng, kind):
    layer = bare(kind, 5, return_sequences=True)
    net = graph(rng, [layer], [(0, (0,))], shapes_of(layer, 3, 4), [1], frozen=(0,))
    xs, dys = cell_data(rng, net, 6)
    _, gradients, dx = beside_the_reference(backend, net, DOUBLE, xs, dys, False)
    assert not gradients.any()
    assert dx.any()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_that_are_there_are_added_to(backend, dtype, rng, kind):
    """Two layers read one sequence and one state, and one of them is called twice."""
    layer = bare(kind, 8)
    shapes = shapes_of(layer, 6, 3, started=True)
    inputs, two = tuple(range(len(shapes))), (len(shapes), len(shapes) + 1)
    nodes = [(0, inputs), (1, inputs), (2, two), (0, inputs), (2, (len(shapes) + 2, len(shapes) + 3))]
    net = graph(rng, [layer, bare(kind, 8), Add()], nodes, shapes, [len(shapes) + 4])
    xs, dys = cell_data(rng, net, 4)
    beside_the_reference(backend, net, dtype, xs, dys, False)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_blocks_are_added(backend, dtype, rng, kind):
    net = cell_network(rng, kind, 9, 3, 2)
    xs, dys = cell_data(rng, net, 40)
    stages = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for first in (0, 24):
        part, found = slice(first, first + 24), []
        for stage in stages:
            stage.push([x[part] for x in xs], training=True)
            stage.arenas.workspace[int(net.plan.outputs[0]["grad"]) :][: dys[0][part].size] = dys[0][part].ravel()
            found.append(stage.pull(first > 0)[0])
        assert_close(*found, dtype, 200)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activations", [("tanh", "sigmoid"), ("gelu", "softmax")])
def test_any_number_of_threads_and_any_stage_gives_the_same_bits(rng, dtype, kind, activations, monkeypatch):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native, found, before = _kernels.load("cython"), [], None
    flags = {"masked": True, "return_sequences": True, "recurrent_dropout": 0.3, **of(kind, *activations)}
    draws = rng.bit_generator.state
    try:
        before = native.flop_a_thread(1.0)
        for n, stage_bytes in ((1, 2**30), (2, 2**30), (5, 2**30), (1, 1), (2, 1)):
            monkeypatch.setattr(compiling, "STAGE_BYTES", stage_bytes)
            rng.bit_generator.state = draws
            net = cell_network(rng, kind, 19, 5, 6, compiled={"batch_size": 90}, **flags)
            xs, dys = cell_data(rng, net, 90, True)
            with threads.limited(n):
                found.append(smooth(GraphStage(native, net, dtype).run(xs, dys, **WHERE), True))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        assert_bits(results, found[0])


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["tanh", "silu", "softmax"])
def test_a_batch_has_the_bits_of_its_rows(compiled, dtype, rng, kind, activation):
    net = cell_network(rng, kind, 21, 4, 5, return_sequences=True, **of(kind, activation, activation))
    xs, _ = cell_data(rng, net, 29)
    stage = GraphStage(compiled, net, dtype)
    (whole,) = stage.push(xs)
    for begin, end in ((0, 1), (1, 4), (4, 29)):
        np.testing.assert_array_equal(stage.push([x[begin:end] for x in xs])[0], whole[begin:end])


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
def test_one_step_at_a_time_gives_the_bits_of_the_sequence(compiled, dtype, rng, kind):
    flags = {"return_sequences": True, "return_state": True, "started": True}
    net, one = (cell_network(rng, kind, 21, 4, steps, **flags) for steps in (5, 1))
    one.params[...] = net.params
    (x, *states), _ = cell_data(rng, net, 7)
    (whole,) = GraphStage(compiled, net, dtype).push([x, *states])
    stage = GraphStage(compiled, one, dtype)
    for step in range(5):
        (made,) = stage.push([x.reshape(7, 5, 4)[:, step], *states])
        np.testing.assert_array_equal(made[:, :21], whole[:, step * 21 :][:, :21])
        states = np.split(made[:, 21:], len(states), axis=1)
    np.testing.assert_array_equal(made[:, 21:], whole[:, 5 * 21 :])


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
def test_padded_sequences_have_the_bits_of_those_alone(compiled, dtype, rng, kind):
    flags = {"masked": True, "return_state": True}
    net, short = (cell_network(rng, kind, 13, 3, steps, **flags) for steps in (6, 4))
    short.params[...] = net.params
    (x, mask), _ = cell_data(rng, net, 9, True)
    mask[...] = np.arange(6) < 4
    (padded,) = GraphStage(compiled, net, dtype).push([x, mask])
    (alone,) = GraphStage(compiled, short, dtype).push([x[:, :12], mask[:, :4]])
    np.testing.assert_array_equal(padded, alone)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("kind", KINDS)
def test_activity_penalties_go_over_outputs_and_states(backend, dtype, rng, kind):
    net = cell_network(rng, kind, 6, 3, 4, return_state=True, activity_regularizer="l2")
    xs, dys = cell_data(rng, net, 5)
    found = []
    for stage in (GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)):
        stage.push(xs, training=True)
        stage.arenas.workspace[int(net.plan.outputs[0]["grad"]) :][: dys[0].size] = dys[0].ravel()
        stage.backend.backward(net.plan, stage.arenas, stage.xs, False, 0.2)
        found.append(stage.arenas.grads.astype(np.float64))
    assert_close(*found, dtype, net.depth)


class Edge(GraphStage):
    """A stage all of whose arrays end at a forbidden page."""

    def __init__(self, backend, net: Network, dtype):
        super().__init__(backend, net, dtype)
        edge = AtTheEdge()
        names = ("params", "slots", "states", "grads", "workspace")
        self.arenas = plan.Memory(*(edge.copy(getattr(self.arenas, name), dtype) for name in names))
        self.place = lambda values, shift=1: edge.copy(values, dtype)


@pytest.mark.covering
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("activations", [("tanh", "sigmoid"), ("softmax", "gelu")])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_behind_an_array_is_touched(backend, dtype, rng, kind, activations, size):
    flags = {"masked": True, "started": True, "recurrent_dropout": 0.2, **of(kind, *activations)}
    for rows in (1, 9):
        net = cell_network(rng, kind, *size, compiled={"batch_size": rows}, **flags)
        xs, dys = cell_data(rng, net, rows, True)
        assert killed_by(lambda net=net, a=(xs, dys): Edge(backend, net, dtype).run(*a, **WHERE)) == 0


def test_stacks_learn_as_the_reference_does(backend, dtype, rng):
    layers = [bare("lstm", 6), Dense(3)]
    net = graph(rng, layers, [(0, (0,)), (1, (1,))], [(4, 5)], [2])
    xs, dys = cell_data(rng, net, 17)
    beside_the_reference(backend, net, dtype, xs, dys, False)


@pytest.mark.covering
@pytest.mark.parametrize("name", ["masked", "zeros", "flipped", "dropped", "all"])
@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_other_lengths_beside_it_change_no_bit_of_a_sample(compiled, dtype, rng, kind, name):
    """Cells leave out the steps that none of the samples counts which go together, of few and of many in other ways."""
    net = cell_network(rng, kind, 17, 4, 6, **FLAGS[name])
    xs, dys = cell_data(rng, net, 60, True)
    xs[1][...] = np.arange(6) < rng.integers(0, 7, (60, 1))
    xs[1][:4] = [[0, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]]
    xs[1][40] = 1

    def first(n):
        stage = GraphStage(compiled, net, dtype)
        return smooth(stage.run([x[:n] for x in xs], [dy[:n] for dy in dys], training=True), True)

    beside, parameters = first(60), len(dys)
    for n in (1, 2, 3, 4, 50):
        for i, (all_rows, some) in enumerate(zip(beside, first(n), strict=True)):
            if i != parameters:
                np.testing.assert_array_equal(all_rows[:n], some)
        beside_the_reference(compiled, net, dtype, [x[:n] for x in xs], [dy[:n] for dy in dys], True)
