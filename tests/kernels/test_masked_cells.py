"""Cells that leave out steps which nobody counts: wherever they are, the others have the numbers that they had."""

from __future__ import annotations

import numpy as np
import pytest
from cells import KINDS, cell_data, cell_network
from forced import forced
from graphs import GraphStage
from test_recurrent_kernels import DOUBLE, assert_bits, smooth
from tolerance import assert_close

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference

STEPS = 23
SIZE = (17, 5, STEPS)
FLAGS = {
    "last": {},
    "sequences": {"return_sequences": True, "zero_output_for_mask": True},
    "repeated": {"return_sequences": True, "return_state": True, "started": True},
    "backwards": {"go_backwards": True, "started": True},
    "flipped": {"go_backwards": True, "flips": True, "return_sequences": True, "recurrent_dropout": 0.3},
}
WHERE = {"training": True, "step": 7, "first_row": 2}


def lengths(rng, rows):
    return np.arange(STEPS) < rng.integers(0, STEPS + 1, rows)[:, None]


def gaps(rng, rows):
    """Of 1 to 9 steps, between 1 to 3 that count."""
    at = np.arange(STEPS)
    return np.stack([(at + i) % (i % 9 + 1 + i % 3 + 1) <= i % 3 for i in range(rows)])


def shared(rng, rows):
    """Steps that nobody counts, few and many behind each other, in sequences of any length."""
    mask = lengths(rng, rows)
    mask[:, [2, 3, 4, 10, 11, 12, 13, 14, 15, 16]] = False
    return mask


MASKS = {
    "none": lambda rng, rows: np.zeros((rows, STEPS), bool),
    "one": lambda rng, rows: np.arange(STEPS) == rng.integers(0, STEPS, rows)[:, None],
    "all": lambda rng, rows: np.ones((rows, STEPS), bool),
    "lengths": lengths,
    "shorter": lambda rng, rows: lengths(rng, rows)[np.argsort(rng.random(rows))],
    "longest first": lambda rng, rows: np.arange(STEPS) < np.linspace(STEPS, 0, rows).astype(int)[:, None],
    "ahead": lambda rng, rows: lengths(rng, rows)[:, ::-1],
    "both": lambda rng, rows: lengths(rng, rows) & lengths(rng, rows)[:, ::-1],
    "gaps": gaps,
    "shared": shared,
    "mixed": lambda rng, rows: rng.random((rows, STEPS)) < 0.5,
}


def run(stage, xs, dys, **more):
    """All but the mask's gradient, in memory that holds no numbers yet."""
    stage.arenas.workspace[...] = np.nan
    return smooth(stage.run(xs, dys, **more), True)


def masked_data(rng, net, rows, mask):
    xs, dys = cell_data(rng, net, rows, True)
    xs[1][...] = mask
    return xs, dys


@pytest.mark.covering
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("rows", [1, 3, 37])
@pytest.mark.parametrize("kind", KINDS)
def test_masked_cells_give_what_the_reference_gives(backend, dtype, rng, kind, rows, name, mask):
    net = cell_network(rng, kind, *SIZE, masked=True, **FLAGS[name])
    xs, dys = masked_data(rng, net, rows, MASKS[mask](rng, rows))
    found = run(GraphStage(backend, net, dtype), xs, dys, **WHERE)
    right = smooth(GraphStage(reference, net, DOUBLE).run(xs, dys, **WHERE), True)
    for got, expected in zip(found, right, strict=True):
        assert_close(got, expected, dtype, net.depth + rows * STEPS, max(0.5, np.abs(expected).max()))


@pytest.fixture
def native():
    if reason := _kernels.why_not("cython"):
        pytest.skip(str(reason))
    return _kernels.load("cython")


@pytest.mark.covering
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_instruction_sets_leave_the_bits_of_masked_cells(native, dtype, rng, kind, name, mask):
    net = cell_network(rng, kind, *SIZE, masked=True, compiled={"batch_size": 53}, **FLAGS[name])
    xs, dys = masked_data(rng, net, 53, MASKS[mask](rng, 53))
    found, before = [], native.flop_a_thread(1.0)
    try:
        for isa in [isa for isa, _, runs in native.isas() if runs and isa != "portable"]:
            for n in (1, 2, 3):
                with forced(native, isa), threads.limited(n):
                    found.append(run(GraphStage(native, net, dtype), xs, dys, **WHERE))
    finally:
        native.flop_a_thread(before)
    for results in found[1:]:
        assert_bits(results, found[0])


PLACES = {
    "behind": np.arange(STEPS) < 14,
    "ahead": np.arange(STEPS) >= 9,
    "both": (np.arange(STEPS) >= 4) & (np.arange(STEPS) < 18),
    "short gap": (np.arange(STEPS) < 6) | (np.arange(STEPS) >= 9),
    "long gap": (np.arange(STEPS) < 6) | (np.arange(STEPS) >= 15),
    "every other": np.arange(STEPS) % 2 == 0,
}


@pytest.mark.covering
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("rows", [1, 37])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_padded_sequences_have_the_bits_of_those_alone(native, dtype, rng, kind, rows, backwards, place):
    """What is left out would have added zeros: no sum in another order, and no number of an absent step."""
    there = PLACES[place]
    flags = {"masked": True, "return_state": True, "started": True, "go_backwards": backwards}
    units, features, _ = SIZE
    net, alone = (cell_network(rng, kind, units, features, steps, **flags) for steps in (STEPS, int(there.sum())))
    alone.params[...] = net.params
    xs, dys = masked_data(rng, net, rows, there)
    kept = xs[0].reshape(rows, STEPS, features)[:, there].reshape(rows, -1)
    found = run(GraphStage(native, net, dtype), xs, dys)
    right = run(GraphStage(native, alone, dtype), [kept, np.ones((rows, there.sum())), *xs[2:]], dys)
    dx = found[2].reshape(rows, STEPS, features)
    assert not dx[:, ~there].any()
    found[2] = dx[:, there].reshape(rows, -1)
    assert_bits(found, right)


@pytest.mark.covering
@pytest.mark.parametrize("place", ["behind", "ahead", "long gap"])
@pytest.mark.parametrize("kind", KINDS)
def test_lost_numbers_of_steps_that_are_long_absent_spoil_nothing(native, dtype, rng, kind, place):
    net = cell_network(rng, kind, *SIZE, masked=True)
    xs, dys = masked_data(rng, net, 19, PLACES[place])
    right = run(GraphStage(native, net, dtype), xs, dys)
    xs[0].reshape(19, STEPS, -1)[:, ~PLACES[place]] = rng.choice([np.nan, np.inf], (19, (~PLACES[place]).sum(), 1))
    found = run(GraphStage(native, net, dtype), xs, dys)
    assert_bits(found, right)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_masked_cells_that_are_there_are_added_to(native, dtype, rng, kind):
    net = cell_network(rng, kind, *SIZE, masked=True, compiled={"batch_size": 40})
    mask = np.concatenate([lengths(rng, 20), np.zeros((20, STEPS), bool)])
    xs, dys = masked_data(rng, net, 40, mask)
    stage, right = GraphStage(native, net, dtype), GraphStage(reference, net, DOUBLE)
    for one in (stage, right):
        one.run(xs, dys, training=True)
        once = one.arenas.grads.copy()
        one.push(xs, training=True)
        one.arenas.workspace[int(net.plan.outputs[0]["grad"]) :][: dys[0].size] = dys[0].ravel()
        one.pull(True)
        assert_close(one.arenas.grads.astype(np.float64), 2.0 * once, dtype, 400)
