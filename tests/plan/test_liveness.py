"""Places that values share in plans for prediction: never while both live, and as few as there can be."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from reuse import MODELS, drawn, lives, pooled, residual

from fastnn import Sequential
from fastnn._plan import ALIGN, compile_plan, lay_out
from fastnn._plan.records import POOLED_BEFORE
from fastnn.layers import Dense, LayerNormalization
from fastnn.losses import MeanSquaredError

SEEDS = [pytest.param(seed, marks=() if seed < 60 else pytest.mark.long) for seed in range(1000)]
ROWS = 24


def check_places(plan):
    """Values that lie over each other do so row for row, one after the other; returns how many do."""
    rows, alive = int(plan.header["block_rows"]), lives(plan)
    over = 0
    for (u, life), (v, other) in itertools.combinations(alive.items(), 2):
        (at, _, size), (where, _, width) = plan.values[u].tolist(), plan.values[v].tolist()
        if at + rows * size <= where or where + rows * width <= at:
            continue
        assert (at, size) == (where, width), f"values {u} and {v} lie over each other, but not row for row"
        assert life[1] < other[0] or other[1] < life[0], f"values {u} and {v} live at once"
        over += 1
    return over


def most_alive(plan) -> int:
    """Numbers of workspace for the values that live at once, of each size apart."""
    rows, alive, most = int(plan.header["block_rows"]), lives(plan), Counter()
    for at in range(len(plan.ops)):
        now = Counter(int(plan.values[value]["size"]) for value, (born, last) in alive.items() if born <= at <= last)
        most |= now
    return sum(count * math.ceil(rows * size / ALIGN) * ALIGN for size, count in most.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_values_of_random_graphs_share_a_place_only_one_after_the_other(seed):
    plan = compile_plan(drawn(seed), batch_size=ROWS)
    check_places(plan)
    assert plan.workspace_size == most_alive(plan)


@pytest.mark.parametrize("name", MODELS)
def test_values_of_models_share_a_place_only_one_after_the_other(name):
    plan = compile_plan(MODELS[name]().layout, batch_size=ROWS)
    check_places(plan)
    assert plan.workspace_size == most_alive(plan)


def test_most_values_of_a_chain_share_two_places():
    plan = compile_plan(lay_out([Dense(9) for _ in range(10)], (9,)), batch_size=ROWS)
    assert [int(at) for at in plan.values["offset"][1:]] == [0, 224, 0, 224, 0, 224, 0, 224, 0, 224]
    assert check_places(plan) == 2 * math.comb(5, 2)


def test_the_maxima_of_a_convolution_never_stand_where_it_reads():
    """A backend may write them while the convolution reads its image."""
    plan = compile_plan(pooled().layout, batch_size=ROWS)
    ends = np.flatnonzero(plan.ops["pooled"] == POOLED_BEFORE)
    reads = plan.edges["value"][plan.ops["first_edge"][ends - 1]]
    sizes, places = plan.values["size"], plan.values["offset"]
    assert len(ends) == 2
    assert list(sizes[reads]) == list(sizes[plan.ops["output"][ends]])
    assert np.all(places[reads] != places[plan.ops["output"][ends]])


OF_DEPTH = {
    "residual": lambda depth: residual(depth).layout,
    "dense": lambda depth: lay_out([Dense(30, "relu") for _ in range(depth)], (30,)),
}


@pytest.mark.parametrize("name", OF_DEPTH)
def test_the_memory_of_a_prediction_does_not_grow_with_depth(name):
    plans = [compile_plan(OF_DEPTH[name](depth), batch_size=ROWS) for depth in (3, 12, 48)]
    assert len({plan.workspace_size for plan in plans}) == 1
    widest = int(plans[0].values["size"].max())
    assert plans[0].workspace_size < 5 * ROWS * widest


@pytest.mark.parametrize("trains", [True, False])
def test_values_of_plans_with_losses_have_places_of_their_own(trains):
    layout = lay_out([Dense(9) for _ in range(6)], (9,))
    plan = compile_plan(layout, batch_size=ROWS, losses=[MeanSquaredError()], drops=trains)
    assert len(set(plan.values["offset"].tolist())) == len(plan.values)


def test_values_that_are_all_outputs_have_places_of_their_own(rng):
    """As those that ``activations`` gives."""
    model = Sequential([Dense(9), LayerNormalization(), Dense(9), Dense(9)], seed=0)
    x = rng.normal(size=(5, 9)).astype(np.float32)
    found = list(model.activations(x).values())
    assert len(found) == 4
    before = x
    for layer, y in zip(model.layers, found, strict=True):
        alone = Sequential([layer])
        alone.build((9,))
        np.testing.assert_array_equal(alone.predict(before), y)
        before = y
